/* Timers in a binary heap: each is embedded in whatever it belongs to.
 *
 * Thread: none; the loop's.  Memory: the heap holds pointers only, so a timer
 * must be cleared before its owner goes. */
#ifndef SPANTOP_GATEWAY_TIMERS_H
#define SPANTOP_GATEWAY_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer {
    int64_t due_us;
    size_t place; /* 0: not set; else index in the heap plus one */
    void (*fn)(void *arg);
    void *arg;
};

struct timers {
    struct timer **heap;
    size_t count;
    size_t cap;
};

void timers_init(struct timers *t);
void timers_done(struct timers *t);
static inline bool timer_is_set(const struct timer *timer) { return timer->place != 0; }
/* Set or move; clear is fine on one that is not set. */
void timers_set(struct timers *t, struct timer *timer, int64_t due_us);
void timers_clear(struct timers *t, struct timer *timer);
/* When the first is due; INT64_MAX when none is set. */
int64_t timers_next_us(const struct timers *t);
/* Take out and return the first one due at now_us, or NULL. */
struct timer *timers_pop(struct timers *t, int64_t now_us);

#endif
