/* Small numbers in few bytes: seven bits a byte, least first. */
#ifndef SPANTOP_LOG_VARINT_H
#define SPANTOP_LOG_VARINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

static inline int varint_put(struct buf *out, uint64_t n)
{
    char bytes[10];
    size_t len = 0;
    for (; n >= 0x80; n >>= 7)
        bytes[len++] = (char)(n | 0x80);
    bytes[len++] = (char)n;
    return buf_put(out, bytes, len);
}

/* Take one from the front; false at the end or above 64 bits. */
static inline bool varint_get(struct bytes *in, uint64_t *n)
{
    *n = 0;
    for (unsigned shift = 0; shift < 64 && in->len > 0; shift += 7) {
        unsigned char byte = (unsigned char)*in->data++;
        in->len--;
        if (shift == 63 && byte > 1)
            return false;
        *n |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* Signed: 0, -1, 1, -2 … become 0, 1, 2, 3 … */
static inline uint64_t zigzag(int64_t n)
{
    return ((uint64_t)n << 1) ^ (n < 0 ? UINT64_MAX : 0);
}

static inline int64_t unzigzag(uint64_t n)
{
    return (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
}

#endif
