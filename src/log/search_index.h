/* Putting the texts of ended calls into the search index.
 *
 * Works as retention does: in steps of 10 ms, between two batches, when no call has ended
 * for a moment; calls that keep coming are let wait for ten seconds, for in a burst the
 * streams want the processor, but no longer.  Dropping an old index does not wait.
 * What a step did is committed; after a crash it goes on with search_todo.
 *
 * Thread: the journal's (or that of `doctor --rebuild`, on a connection of its own). */
#ifndef SPANTOP_LOG_SEARCH_INDEX_H
#define SPANTOP_LOG_SEARCH_INDEX_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/db.h"

struct search_index_options {
    bool is_off;     /* calls are only noted in search_todo, while they have bodies */
    bool is_bounded; /* the log has a bound of size or age: see search_schema.h */
};

struct search_index;
struct search_index *search_index_open(sqlite3 *sq, const struct search_index_options *o, struct err *e);
void search_index_free(struct search_index *x);

/* Inside a batch's transaction: this call ended and has bodies. */
NODISCARD int search_index_add(struct search_index *x, int64_t call_id, struct err *e);
/* The batch was committed. */
void search_index_added(struct search_index *x);
/* Retention may have taken bodies away. */
void search_index_look(struct search_index *x);

/* When to step next (monotonic); steps before are free to skip. */
int64_t search_index_due_us(const struct search_index *x);
/* Is an old generation being dropped?  Until it is, the log looks larger than it will be;
 * the steps up to then give back room and take none. */
bool search_index_is_dropping(const struct search_index *x);
/* One step.  An error is no harm: it is tried again later. */
void search_index_step(struct search_index *x);
/* The same for who wants to know. */
NODISCARD int search_index_work(struct search_index *x, bool *has_more, struct err *e);

/* All that is still to do, at once; a gateway may do the same meanwhile.  *calls is
 * how many there were.  db: DB_WRITE. */
NODISCARD int search_index_all(struct db *db, bool is_bounded, int64_t *calls, struct err *e);

#endif
