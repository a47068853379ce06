/* The proxy thread's event loop: sockets, timers, deferred work, one waker.
 *
 * A turn: wait → what the sockets say → timers due → the hook (microhttpd wants
 * to run every turn) → deferred work → wait again.  Deferred work exists because
 * neither curl nor microhttpd may be called back from inside their own callbacks.
 *
 * How the sockets are waited for is in loop_epoll.c or loop_poll.c behind
 * loop_backend.h.
 *
 * Thread: one; only loop_wake() may be called from another thread or a signal
 *         handler.
 * Memory: watches, timers and tasks are embedded in their owners, who clear
 *         them before they go; clearing one in mid-turn also takes out what was
 *         already reported for it. */
#ifndef SPANTOP_GATEWAY_LOOP_H
#define SPANTOP_GATEWAY_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "gateway/timers.h"

enum loop_events {
    LOOP_READ = 1,
    LOOP_WRITE = 2,
    LOOP_GONE = 4, /* the peer closed or reset; alone: told once, not again and again */
};

struct watch {
    int fd;
    unsigned events; /* 0: not watched */
    void (*fn)(void *arg, unsigned events);
    void *arg;
    struct watch *next; /* the backend's own */
};

struct task {
    void (*fn)(void *arg);
    void *arg;
    struct task *prev, *next; /* NULL: not queued */
};

/* Called once a turn.  wait_us: how long the loop may wait at most (INT64_MAX:
 * as long as it likes).  run: after sockets and timers. */
struct loop_hook {
    int64_t (*wait_us)(void *arg);
    void (*run)(void *arg);
    void *arg;
};

struct loop;

struct loop *loop_new(struct err *e);
void loop_free(struct loop *l);

/* Watch fd for events (replaces what w watched before on the same fd). */
NODISCARD int loop_watch(struct loop *l, struct watch *w, int fd, unsigned events, struct err *e);
void loop_unwatch(struct loop *l, struct watch *w);

void loop_timer_set(struct loop *l, struct timer *t, int64_t due_us);
void loop_timer_clear(struct loop *l, struct timer *t);

/* Run t->fn once at the end of this turn; a second call before then changes nothing. */
void loop_defer(struct loop *l, struct task *t);
void loop_undefer(struct loop *l, struct task *t);

void loop_set_hook(struct loop *l, const struct loop_hook *hook);
/* End the wait; on_wake then runs on the loop's thread.  Safe in a signal handler. */
void loop_wake(struct loop *l);
void loop_set_on_wake(struct loop *l, void (*fn)(void *arg), void *arg);

/* Monotonic microseconds when this turn began: one clock read for all its events. */
int64_t loop_now_us(const struct loop *l);

/* One turn that waits at most max_wait_us.  -1 when the loop itself is broken. */
NODISCARD int loop_turn(struct loop *l, int64_t max_wait_us, struct err *e);
/* Turns until loop_stop(). */
NODISCARD int loop_run(struct loop *l, struct err *e);
void loop_stop(struct loop *l);

#endif
