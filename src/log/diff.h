/* What changed between two requests: by element, then by line inside an element.
 *
 * Elements are the parameters, the tools, the system blocks and the messages, in
 * the order of the prompt cache.  cache_control is no change of an element (it
 * wanders with every turn) and is told apart.  Nothing but the two bodies
 * is needed.  Pure, but for diff_find_before().
 *
 * To show a call:  diff_find_before() → reader_body(BODY_SENT) of both →
 * diff_requests() → for what is to be unfolded diff_element_lines(). */
#ifndef SPANTOP_LOG_DIFF_H
#define SPANTOP_LOG_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "log/db.h"

enum diff_change {
    DIFF_SAME,
    DIFF_CHANGED,
    DIFF_ADDED,
    DIFF_REMOVED,
    DIFF_MOVED, /* a tool at another place among the tools */
};
enum diff_part { DIFF_PARAMS, DIFF_TOOLS, DIFF_SYSTEM, DIFF_MESSAGES, DIFF_PARTS };

struct diff_element {
    enum diff_change change;
    enum diff_part part;
    char label[160];    /* "tool Bash", "system[2]", "message[4] (user)", "model"; clean for a terminal */
    struct span before; /* in the body before; length 0 when added */
    struct span after;  /* in the new body; length 0 when removed */
    bool had_mark;      /* a breakpoint stands in it */
    bool has_mark;
};
struct diff {
    struct diff_element *elements;
    size_t count;
    size_t changes; /* elements that are not DIFF_SAME */
};
/* Bodies that are no requests differ as a whole, in one element "body". */
void diff_requests(struct bytes before, struct bytes after, struct diff *d);
void diff_done(struct diff *d);

/* The lines of one element, laid out for people: a member a line, texts by their
 * own lines, with DIFF_CONTEXT equal lines around each change. */
#define DIFF_CONTEXT 3
struct diff_line {
    char mark;         /* ' ' equal, '-' before, '+' after, '@' some equal lines left out (no text) */
    struct bytes text; /* lent by the struct; from outside: clean it before a terminal sees it */
};
struct diff_lines {
    struct diff_line *lines;
    size_t count;
    struct buf before; /* the layouts */
    struct buf after;
};
void diff_element_lines(struct bytes before, struct bytes after, const struct diff_element *el, struct diff_lines *l);
void diff_lines_done(struct diff_lines *l);

/* JSON laid out by lines; what is no JSON as it stands. */
void diff_layout(struct bytes json, struct buf *out);

/* The call that this one is compared with: the newest earlier one of the same session
 * and agent that has its body, and is of its kind (forks go on from main calls).
 * 1: there is none; e says why. */
NODISCARD int diff_find_before(struct db *db, int64_t call_id, int64_t *before_id, struct err *e);

#endif
