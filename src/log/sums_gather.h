/* Adding up calls that are committed together, before the sums are written.
 *
 * A burst is of few sessions, one or two models and one minute: looking through the
 * sums in hand, the one used last first, costs less than anything cleverer.
 * Thread: the journal's. */
#ifndef SPANTOP_LOG_SUMS_GATHER_H
#define SPANTOP_LOG_SUMS_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/call.h"

#define SUM_COLUMNS 14

struct sum {
    const struct call *call; /* the first of them: it has the key; borrowed */
    int64_t n[SUM_COLUMNS];
    /* of a session */
    int64_t first_at, last_at;
    const char *work_dir;           /* the newest that is known; borrowed */
    const struct call *newest_main; /* the newest main call with usage; NULL: none */
};

struct gathered {
    struct sum *all;
    size_t count, cap;
};
void gathered_done(struct gathered *g);

void sum_init(struct sum *s, const struct call *c);
void sum_add(struct sum *s, const struct call *c, const int64_t n[SUM_COLUMNS]);

/* Do both count in the same row of the table? */
typedef bool is_same_fn(const struct call *a, const struct call *b);
bool is_same_session(const struct call *a, const struct call *b);
bool is_same_day(const struct call *a, const struct call *b);
bool is_same_minute(const struct call *a, const struct call *b);
bool is_same_series(const struct call *a, const struct call *b); /* model and provider */

/* Add n to the sum that c counts in.  c lives until the sums are written. */
void gather(struct gathered *g, is_same_fn *is_same, const struct call *c, const int64_t n[SUM_COLUMNS]);

#endif
