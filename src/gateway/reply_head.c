#include "gateway/reply_head.h"

#include <stdlib.h>
#include <string.h>

void reply_head_init(struct reply_head *h)
{
    *h = (struct reply_head){0};
    headers_init(&h->headers);
}

void reply_head_done(struct reply_head *h)
{
    headers_done(&h->headers);
}

void reply_head_reset(struct reply_head *h)
{
    headers_reset(&h->headers);
    h->status = 0;
    h->is_bad = h->is_whole = false;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : -1;
}

/* HTTP/1.1 200 Reason: three digits behind the first space. */
static void take_status_line(struct reply_head *h, const char *line, size_t len)
{
    const char *space = memchr(line, ' ', len);
    size_t left = space ? len - (size_t)(space + 1 - line) : 0;
    headers_reset(&h->headers);
    h->status = 0;
    if (left < 3 || digit(space[1]) < 1 || digit(space[2]) < 0 || digit(space[3]) < 0)
        return;
    if (left > 3 && digit(space[4]) >= 0)
        return;
    h->status = digit(space[1]) * 100 + digit(space[2]) * 10 + digit(space[3]);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* No blank in it, nor before the colon: some would read "Content-Length : 5" as a
 * length and some would not. */
static bool is_token(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c <= ' ' || c >= 127 || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    return len > 0;
}

static void take_header_line(struct reply_head *h, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    if (!colon || colon == line || is_blank(*line)) {
        h->is_bad = true; /* folded, or no header at all */
        return;
    }
    size_t name_len = (size_t)(colon - line);
    if (!is_token(line, name_len)) {
        h->is_bad = true;
        return;
    }
    const char *value = colon + 1;
    size_t value_len = len - name_len - 1;
    for (; value_len && is_blank(*value); value_len--)
        value++;
    while (value_len && is_blank(value[value_len - 1]))
        value_len--;
    if (memchr(line, '\0', len) || memchr(value, '\r', value_len) || h->headers.text.len + len > REPLY_HEAD_MAX ||
        headers_add(&h->headers, line, name_len, value, value_len) != 0)
        h->is_bad = true;
}

/* Two lengths that disagree: nobody can know where the answer ends. */
static bool has_two_lengths(const struct headers *h)
{
    size_t first = headers_find(h, "Content-Length", 0);
    for (size_t i = first; i != HEADERS_NONE; i = headers_find(h, "Content-Length", i + 1))
        if (strcmp(headers_value(h, i), headers_value(h, first)) != 0)
            return true;
    return false;
}

bool reply_head_line(struct reply_head *h, const char *line, size_t len)
{
    if (h->is_whole)
        return false; /* trailers: they end here, as hop-by-hop headers do */
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        take_status_line(h, line, len);
        return false;
    }
    if (len > 0 && line[0] != '\r' && line[0] != '\n') {
        take_header_line(h, line, len);
        return false;
    }
    /* 101 was never asked for: what follows it is no HTTP. */
    if (h->status >= 100 && h->status < 200 && h->status != 101)
        return false;
    h->is_bad = h->is_bad || h->status < 200 || has_two_lengths(&h->headers);
    h->is_whole = !h->is_bad;
    return h->is_whole;
}
