/* What the loop needs of a system: waiting for many descriptors.
 * Two files implement it, loop_epoll.c and loop_poll.c; the build chooses (LOOP=). */
#ifndef SPANTOP_GATEWAY_LOOP_BACKEND_H
#define SPANTOP_GATEWAY_LOOP_BACKEND_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "gateway/loop.h"

#define LOOP_BATCH_MAX 128

struct loop_event {
    struct watch *watch; /* NULL: its watch was cleared in this turn */
    unsigned events;
};

struct backend;

struct backend *backend_new(struct err *e);
void backend_free(struct backend *b);
/* w->fd and w->events (not 0) are as they shall be; before: the events until now,
 * 0 when w was not watched. */
NODISCARD int backend_change(struct backend *b, struct watch *w, unsigned before, struct err *e);
/* w->fd and w->events are as they were.  Cannot fail: a descriptor that is closed
 * already is as good as removed. */
void backend_remove(struct backend *b, struct watch *w);
/* wait_ms -1: without limit.  How many events, or -1. */
NODISCARD int backend_wait(struct backend *b, int wait_ms, struct loop_event *out, size_t max, struct err *e);

#endif
