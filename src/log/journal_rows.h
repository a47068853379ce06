/* The rows of calls in flight, in memory and in the table `call`.
 *
 * A row lives here from its begin until the commit of its end.  It is written
 * whole when it begins and again when it ends; a call that does both within one
 * batch is written once.
 * Thread: the journal's. */
#ifndef SPANTOP_LOG_JOURNAL_ROWS_H
#define SPANTOP_LOG_JOURNAL_ROWS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/call.h"
#include "log/reader.h"

#define ROW_BODIES 3 /* by enum body_kind */

struct row {
    struct row *next;       /* in its bucket */
    struct row *next_dirty; /* in the batch */
    struct call call;
    char *lists[ROW_BODIES]; /* piece lists not yet written; owned */
    size_t list_lens[ROW_BODIES];
    int64_t raw_bytes; /* what these lists stand for */
    bool is_retry;
    bool is_redacted;   /* something was taken out of a body */
    bool is_dirty;
    bool is_ended;
    bool is_inserted;   /* committed at least once */
    bool is_announced;  /* its session knows of its begin */
    size_t queue_bytes; /* to be released with the commit */
};

struct rows;
struct rows *rows_open(sqlite3 *sq, struct err *e);
void rows_free(struct rows *r);

/* Take c (empty after) as a new row, or the one of that id. */
struct row *rows_begin(struct rows *r, struct call *c);
/* Merge what an end says into the row and mark it ended.  A call whose begin was
 * never seen gets a row as well. */
struct row *rows_end(struct rows *r, struct call *c);
/* The row of that id, or NULL when its end is committed. */
struct row *rows_find(struct rows *r, int64_t id);
void rows_mark_dirty(struct rows *r, struct row *row);
/* The batch, in the order it was marked. */
struct row *rows_dirty(struct rows *r);
size_t rows_dirty_count(const struct rows *r);
/* Give the row a piece list (copied). */
void row_set_list(struct row *row, enum body_kind kind, const char *list, size_t len);

/* Another log takes the place of this one: all rows pass to it, as if none had been
 * written, and are in its batch.  Their request bodies are not (their pieces lie in
 * the old log): returns how many rows lose them. */
size_t rows_move(struct rows *to, struct rows *from);

/* Inside a transaction: write one row. */
NODISCARD int rows_write(struct rows *r, const struct row *row, struct err *e);
/* The batch is committed: forget what ended.  Returns the bytes to release. */
size_t rows_written(struct rows *r, int64_t *ended);

#endif
