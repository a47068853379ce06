#include "gateway/timers.h"

#include <stdlib.h>

#include "base/mem.h"

void timers_init(struct timers *t)
{
    *t = (struct timers){0};
}

void timers_done(struct timers *t)
{
    free(t->heap);
    timers_init(t);
}

static void put_at(struct timers *t, size_t i, struct timer *timer)
{
    t->heap[i] = timer;
    timer->place = i + 1;
}

static void sift_up(struct timers *t, size_t i)
{
    struct timer *timer = t->heap[i];
    while (i > 0 && t->heap[(i - 1) / 2]->due_us > timer->due_us) {
        put_at(t, i, t->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put_at(t, i, timer);
}

static void sift_down(struct timers *t, size_t i)
{
    struct timer *timer = t->heap[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= t->count)
            break;
        if (child + 1 < t->count && t->heap[child + 1]->due_us < t->heap[child]->due_us)
            child++;
        if (t->heap[child]->due_us >= timer->due_us)
            break;
        put_at(t, i, t->heap[child]);
        i = child;
    }
    put_at(t, i, timer);
}

void timers_set(struct timers *t, struct timer *timer, int64_t due_us)
{
    timer->due_us = due_us;
    if (!timer->place) {
        if (t->count == t->cap) {
            t->cap = t->cap ? 2 * t->cap : 64;
            t->heap = xrealloc(t->heap, t->cap * sizeof *t->heap);
        }
        put_at(t, t->count++, timer);
    }
    sift_up(t, timer->place - 1);
    sift_down(t, timer->place - 1);
}

void timers_clear(struct timers *t, struct timer *timer)
{
    if (!timer->place)
        return;
    size_t i = timer->place - 1;
    timer->place = 0;
    struct timer *last = t->heap[--t->count];
    if (last == timer)
        return;
    put_at(t, i, last);
    sift_up(t, i);
    sift_down(t, last->place - 1);
}

int64_t timers_next_us(const struct timers *t)
{
    return t->count ? t->heap[0]->due_us : INT64_MAX;
}

struct timer *timers_pop(struct timers *t, int64_t now_us)
{
    if (t->count == 0 || t->heap[0]->due_us > now_us)
        return NULL;
    struct timer *first = t->heap[0];
    timers_clear(t, first);
    return first;
}
