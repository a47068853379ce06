/* --redact: what must not be kept is taken out of the log's copy of a body.
 *
 * Each match of a pattern (POSIX extended, ASCII bytes) becomes "[redacted]".
 * Matches are looked for inside lines and inside JSON strings, never across the
 * end of one, so that a redacted body keeps its shape; a match is at most
 * REDACT_MATCH_MAX bytes long, longer ones are taken out in part or not at all.
 * What a stream of events splits over two of them is not joined.
 *
 * Cost: conversations repeat themselves, so a stretch that was found clean once is
 * known again by its keyed hash and not searched again.  What is new is searched in
 * windows, and the clock is looked at between them: a body that takes longer than
 * REDACT_BODY_US is not kept at all.  Nothing is ever kept unsearched.
 *
 * Thread: the journal's.  The wire is never touched. */
#ifndef SPANTOP_LOG_REDACT_H
#define SPANTOP_LOG_REDACT_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/blob.h"
#include "base/err.h"

#define REDACT_PATTERNS_MAX ((size_t)16)
#define REDACT_PATTERN_MAX  ((size_t)512)
#define REDACT_MATCH_MAX    ((size_t)4096) /* a PEM key of 4096 bits has 3,300 */
#define REDACT_BODY_US      ((int64_t)500000) /* a queue of 128 MiB outlasts many such bodies */

struct redact;

/* patterns: NULL-terminated.  NULL, and e says why, when one is no such expression. */
struct redact *redact_new(const char *const *patterns, struct err *e);
void redact_free(struct redact *r);

/* How long a body may take, instead of REDACT_BODY_US: a reader of the log may wait
 * where the journal may not. */
void redact_set_patience(struct redact *r, int64_t body_us);

enum redacted {
    REDACT_CLEAN,   /* nothing matched; keep the body as it is */
    REDACT_CHANGED, /* *out is what may be kept (caller unrefs) */
    REDACT_FAILED,  /* too slow, or out of memory: keep nothing */
};
enum redacted redact_body(struct redact *r, const struct blob *body, struct blob **out);
/* The same for a text of a row: NULL stays, a changed one is replaced. */
void redact_text(struct redact *r, char **text);

#endif
