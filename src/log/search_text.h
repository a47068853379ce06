/* What a person would read in a piece of a body: its texts, one after the other.
 *
 * Strings are unescaped, an answer's events joined; names of members, types, ids,
 * signatures and pictures are left out.  Pure; takes any bytes.  The same piece
 * always gives the same parts. */
#ifndef SPANTOP_LOG_SEARCH_TEXT_H
#define SPANTOP_LOG_SEARCH_TEXT_H

#include <stddef.h>

#include "base/buf.h"
#include "base/span.h"
#include "log/pieces.h"

/* Of one piece no more than this (and 4,096 blocks) is searched: 25 ms of work. */
#define SEARCH_TEXT_MAX  ((size_t)1 << 20)
#define SEARCH_WHERE_MAX 64

/* A block of a message or an answer, a tool, a system block. */
struct search_part {
    char where[SEARCH_WHERE_MAX]; /* "user", "user tool_result", "tool Bash", "answer thinking" */
    struct span at;               /* in text */
};
struct search_text {
    struct buf text; /* the parts, a newline behind each */
    struct search_part *parts;
    size_t count;
    size_t cap;
};

void search_text_init(struct search_text *t);
void search_text_done(struct search_text *t);
/* Replaces what t held. */
void search_text_read(struct search_text *t, enum piece_kind kind, struct bytes piece);
static inline struct bytes search_part_text(const struct search_text *t, size_t part)
{
    return bytes_at(t->text.data, t->parts[part].at);
}

#endif
