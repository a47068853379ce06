/* Amendments that the next commit will write: Respan's figures for calls that
 * have ended, in their rows and in all that was summed up from them.
 *
 * A call whose own row is not committed yet is amended in memory and so counted
 * once; any other is read back, and the sums change by the difference.
 * Thread: the journal's. */
#ifndef SPANTOP_LOG_JOURNAL_AMENDS_H
#define SPANTOP_LOG_JOURNAL_AMENDS_H

#include <sqlite3.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/journal_queue.h"
#include "log/journal_rows.h"
#include "log/journal_sums.h"

struct amends;
struct amends *amends_open(sqlite3 *sq, struct rows *rows, struct sums *sums, struct err *e);
void amends_free(struct amends *a);

/* Takes op (QUEUE_AMEND). */
void amends_take(struct amends *a, struct queue_op *op);
size_t amends_count(const struct amends *a);
/* Inside a transaction, after the rows.  A call that is no longer there is no error. */
NODISCARD int amends_write(struct amends *a, struct err *e);
/* It was committed.  Returns the bytes to release. */
size_t amends_written(struct amends *a);

#endif
