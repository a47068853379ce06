/* What the loop needs of a system: waiting for many descriptors.
 * One file implements it (loop_epoll.c); the build chooses. */
#ifndef SPANTOP_GATEWAY_LOOP_BACKEND_H
#define SPANTOP_GATEWAY_LOOP_BACKEND_H

#include <stddef.h>
#include <stdint.h>

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
/* From w->events to events (not 0) on fd. */
NODISCARD int backend_change(struct backend *b, struct watch *w, int fd, unsigned events, struct err *e);
/* Cannot fail: a descriptor that is closed already is as good as removed. */
void backend_remove(struct backend *b, struct watch *w);
/* wait_us INT64_MAX: without limit.  How many events, or -1. */
NODISCARD int backend_wait(struct backend *b, int64_t wait_us, struct loop_event *out, size_t max, struct err *e);

#endif
