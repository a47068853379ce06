/* A growing byte buffer with a bound.
 *
 * Memory: owns its bytes; buf_take() gives them away.  data is always followed
 * by a NUL that does not count in len, so text can be printed (data is "" and
 * never NULL after buf_init).
 * Bound:  a put that would pass max fails and leaves the buffer unchanged;
 *         once one failed, `failed` stays set until buf_reset(). */
#ifndef SPANTOP_BASE_BUF_H
#define SPANTOP_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/span.h"

struct buf {
    char *data;
    size_t len;
    size_t cap; /* 0 while data is the shared empty string */
    size_t max;
    bool failed;
};

#define BUF_MAX_DEFAULT ((size_t)256 << 20)

void buf_init(struct buf *b);                  /* bound: BUF_MAX_DEFAULT */
void buf_init_max(struct buf *b, size_t max);
void buf_done(struct buf *b);
void buf_reset(struct buf *b);                 /* empty; keeps its memory */
int buf_reserve(struct buf *b, size_t more);   /* room for more bytes */
int buf_put(struct buf *b, const void *data, size_t len);
int buf_puts(struct buf *b, const char *s);
int buf_putc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
int buf_vprintf(struct buf *b, const char *fmt, va_list args) PRINTF_LIKE(2, 0);
void buf_drop_front(struct buf *b, size_t len);
char *buf_take(struct buf *b, size_t *len);    /* caller frees; b is empty after */
static inline struct bytes buf_bytes(const struct buf *b) { return (struct bytes){b->data, b->len}; }

#endif
