/* A stretch of bytes inside a buffer that somebody else owns. */
#ifndef SPANTOP_BASE_SPAN_H
#define SPANTOP_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Offsets into the buffer the span was found in; off + len <= its length.
 * A span that was not found has len 0 and off 0. */
struct span {
    size_t off;
    size_t len;
};

/* Borrowed bytes with their length; never NUL-terminated by promise. */
struct bytes {
    const char *data;
    size_t len;
};

static inline struct bytes bytes_of(const char *s) { return (struct bytes){s, s ? strlen(s) : 0}; }
static inline struct bytes bytes_at(const char *base, struct span s) { return (struct bytes){base + s.off, s.len}; }
static inline bool bytes_eq(struct bytes a, struct bytes b) { return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0); }
static inline bool bytes_is(struct bytes a, const char *s) { return bytes_eq(a, bytes_of(s)); }

#endif
