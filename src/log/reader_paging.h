/* A page of calls in the making: between reader_calls.c and reader_slices.c, private
 * to them. */
#ifndef SPANTOP_LOG_READER_PAGING_H
#define SPANTOP_LOG_READER_PAGING_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "log/reader.h"

/* A smaller log is scanned in a few milliseconds. */
#define PAGING_LARGE 50000

/* ?1 and ?2: the value and id the page goes on behind; ?5 and ?6: those of the
 * guess; ?10 and ?11: the slice. */
enum {
    PARAM_VALUE = 1, PARAM_ID, PARAM_SESSION, PARAM_LIMIT, PARAM_GUESS, PARAM_GUESS_ID, PARAM_FIRST, PARAM_STEP, PARAM_LAST,
    PARAM_LOW, PARAM_HIGH,
};

struct sort {
    const char *expr;
    bool has_index;
};

struct paging {
    sqlite3 *sq;
    const struct call_query *query;
    const struct sort *sort;
    const char *index;                /* INDEXED BY …, where the planner would guess wrong; else "" */
    size_t limit;                     /* one more than the page, to know whether it goes on */
    int64_t ids[READER_PAGE_MAX + 1];
    size_t count;
    sqlite3_value *after;             /* the value of call after_id; NULL: from the start */
    bool after_is_null;
    sqlite3_value *guess;             /* NULL: none */
    int64_t guess_id;
    int64_t low, high;                /* the slice */
};

/* The first part decides for nearly all calls and evaluates %X once; the others
 * tell equals apart. */
#define PAGING_BEHIND_LAST "%X %<= ?1 AND (%X != ?1 OR c.id %< ?2)"
#define PAGING_OR_UNKNOWN(condition) "((" condition ") OR %X IS NULL)"

/* Is there a condition beside the order? */
bool paging_is_narrowed(const struct call_query *q);
NODISCARD int paging_id_range(sqlite3 *sq, int64_t *first, int64_t *last, struct err *e);
/* Append a pattern: %X is the sort's expression, %< what comes further in the
 * order, %> what comes before, %D the direction. */
void paging_put_pattern(struct buf *sql, const struct paging *p, const char *pattern);
/* Append the ids that `where` gives, in `order` (both patterns), as far as the page has room. */
NODISCARD int paging_take_ids(struct paging *p, const char *where, const char *order, struct err *e);
NODISCARD int paging_count_slice(sqlite3 *sq, const struct call_query *q, int64_t low, int64_t high, int64_t *n, struct err *e);

/* reader_slices.c.  Is the log so large, and the filter such, that the look should stop
 * and go on?  It is closed when not. */
NODISCARD int paging_wants_slices(const struct paging *p, bool *wants, struct err *e);
NODISCARD int paging_by_slices(struct paging *p, struct err *e);
/* Begin a look at all calls; it stays closed where they can be looked at in one go. */
NODISCARD int paging_begin_look(sqlite3 *sq, const struct call_query *q, struct err *e);
/* Go on with an open look, the newest first, for the time it has. */
typedef int paging_slice_fn(sqlite3 *sq, const struct call_query *q, int64_t low, int64_t high, void *arg, struct err *e);
NODISCARD int paging_each_slice(sqlite3 *sq, const struct call_query *q, paging_slice_fn *look_at, void *arg, struct err *e);

#endif
