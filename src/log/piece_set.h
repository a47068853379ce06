/* A set of piece ids, a bit each: 1.2 MB for ten million pieces. */
#ifndef SPANTOP_LOG_PIECE_SET_H
#define SPANTOP_LOG_PIECE_SET_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Ids beyond are no pieces' (a damaged log must not take all memory). */
#define PIECE_SET_MAX ((int64_t)1 << 34)

struct piece_set {
    unsigned char *bits;
    size_t bytes;
};

static inline void piece_set_done(struct piece_set *s)
{
    free(s->bits);
    *s = (struct piece_set){NULL, 0};
}

static inline bool piece_set_has(const struct piece_set *s, int64_t id)
{
    size_t byte = (size_t)id / CHAR_BIT;
    return byte < s->bytes && (s->bits[byte] >> (id % CHAR_BIT) & 1);
}

/* 0 < id < PIECE_SET_MAX */
static inline void piece_set_add(struct piece_set *s, int64_t id)
{
    size_t byte = (size_t)id / CHAR_BIT;
    if (byte >= s->bytes) {
        size_t bytes = byte + byte / 2 + 1024;
        s->bits = xrealloc(s->bits, bytes);
        memset(s->bits + s->bytes, 0, bytes - s->bytes);
        s->bytes = bytes;
    }
    s->bits[byte] |= (unsigned char)(1 << (id % CHAR_BIT));
}

#endif
