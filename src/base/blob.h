/* Bytes shared between threads by counting references.
 *
 * A blob is filled by one owner, then shared read-only; the last blob_unref()
 * frees it.  The count is atomic; the bytes must not change once shared.
 * Capacities are rounded up to size classes: bodies grow with each turn, and a
 * freed buffer that is a little too small never fits the next call
 * (measured: 25-45 us a call at 88 KB, more than logging costs). */
#ifndef SPANTOP_BASE_BLOB_H
#define SPANTOP_BASE_BLOB_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/span.h"

struct blob {
    atomic_uint refs;
    size_t len;
    size_t cap;
    char data[]; /* data[len] is NUL when blob_put was used */
};

/* NULL when memory is short (the size comes from a peer). */
NODISCARD struct blob *blob_new(size_t cap);
NODISCARD struct blob *blob_copy(const void *data, size_t len);
/* Append; may move the blob, so only while nobody shares it.  -1: above max or
 * out of memory, and *b is unchanged. */
NODISCARD int blob_put(struct blob **b, const void *data, size_t len, size_t max);
struct blob *blob_ref(struct blob *b);
void blob_unref(struct blob *b); /* NULL is fine */
static inline struct bytes blob_bytes(const struct blob *b) { return b ? (struct bytes){b->data, b->len} : (struct bytes){NULL, 0}; }

#endif
