#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* What an empty buffer points at, so that data is always text. Never written:
 * cap is 0 while it is in use. */
static char empty_text[1] = "";

#define BUF_FIRST_CAP 64

void buf_init(struct buf *b)
{
    buf_init_max(b, BUF_MAX_DEFAULT);
}

void buf_init_max(struct buf *b, size_t max)
{
    *b = (struct buf){.data = empty_text, .max = max};
}

void buf_done(struct buf *b)
{
    if (b->cap)
        free(b->data);
    buf_init_max(b, b->max);
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->cap)
        b->data[0] = '\0';
}

static int fail(struct buf *b)
{
    b->failed = true;
    return -1;
}

int buf_reserve(struct buf *b, size_t more)
{
    if (more > b->max - b->len)
        return fail(b);
    size_t need = b->len + more + 1;
    if (need <= b->cap)
        return 0;
    size_t cap = b->cap ? b->cap : BUF_FIRST_CAP;
    while (cap < need)
        cap *= 2;
    char *data = realloc(b->cap ? b->data : NULL, cap);
    if (!data)
        return fail(b);
    if (!b->cap)
        data[0] = '\0';
    b->data = data;
    b->cap = cap;
    return 0;
}

int buf_put(struct buf *b, const void *data, size_t len)
{
    if (len == 0)
        return 0;
    if (buf_reserve(b, len) != 0)
        return -1;
    memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return 0;
}

int buf_puts(struct buf *b, const char *s)
{
    return buf_put(b, s, strlen(s));
}

int buf_putc(struct buf *b, char c)
{
    return buf_put(b, &c, 1);
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int r = buf_vprintf(b, fmt, args);
    va_end(args);
    return r;
}

int buf_vprintf(struct buf *b, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0)
        return fail(b);
    if (buf_reserve(b, (size_t)n) != 0)
        return -1;
    if (n > 0)
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, args);
    b->len += (size_t)n;
    return 0;
}

void buf_drop_front(struct buf *b, size_t len)
{
    if (len >= b->len) {
        bool failed = b->failed;
        buf_reset(b);
        b->failed = failed;
        return;
    }
    memmove(b->data, b->data + len, b->len - len + 1);
    b->len -= len;
}

char *buf_take(struct buf *b, size_t *len)
{
    char *data = b->cap ? b->data : xstrdup("");
    if (len)
        *len = b->len;
    buf_init_max(b, b->max);
    return data;
}
