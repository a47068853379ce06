/* Bounded byte queue between one sender and one slower reader.
 *
 * Thread: one thread only; there is no lock.
 * Memory: the queue owns its bytes; bufq_peek() lends them until the next call.
 * Bound:  bufq_put() refuses once len >= high, so a queue never holds more than
 *         high plus one put. */
#ifndef SPANTOP_BASE_BUFQ_H
#define SPANTOP_BASE_BUFQ_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/span.h"

struct bufq {
    char *data;
    size_t off; /* first byte not yet read */
    size_t len; /* bytes waiting */
    size_t cap;
    size_t high;
    size_t low;
};

void bufq_init(struct bufq *q, size_t high, size_t low);
void bufq_done(struct bufq *q);
/* 0, or -1 with the queue unchanged: at its high mark (flow control, not an
 * error: pause the sender) or out of memory. */
NODISCARD int bufq_put(struct bufq *q, const void *data, size_t len);
struct bytes bufq_peek(const struct bufq *q);
void bufq_drop(struct bufq *q, size_t len);
static inline bool bufq_is_full(const struct bufq *q) { return q->len >= q->high; }
static inline bool bufq_is_low(const struct bufq *q) { return q->len <= q->low; }

#endif
