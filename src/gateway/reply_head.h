/* The head of an upstream's answer, read line by line as it comes.
 *
 * Pure but for its memory.  Strict where leniency would let two parties read one
 * answer differently: no folded lines, no bytes that are none of a header's, one
 * length. */
#ifndef SPANTOP_GATEWAY_REPLY_HEAD_H
#define SPANTOP_GATEWAY_REPLY_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/headers.h"

/* What still fits into microhttpd's pool beside a request's own 64 KiB. */
#define REPLY_HEAD_MAX ((size_t)20 << 10)

struct reply_head {
    int status;
    struct headers headers;
    bool is_bad;   /* malformed or too large; stays until the next reset */
    bool is_whole; /* the blank line of a status >= 200 was read; later lines are trailers */
};

void reply_head_init(struct reply_head *h);
void reply_head_done(struct reply_head *h);
void reply_head_reset(struct reply_head *h);

/* One line with its end.  true: that was the last one, the head is whole.  Heads of
 * 1xx are read and forgotten. */
bool reply_head_line(struct reply_head *h, const char *line, size_t len);

#endif
