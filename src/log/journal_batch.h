/* The calls that the next commit will write, with all that belongs to them:
 * rows, bodies, sums, titles.
 *
 * Taking a call is done once, writing as often as it takes: batch_write() in a
 * transaction that fails leaves the batch as it is.
 * Thread: the journal's. */
#ifndef SPANTOP_LOG_JOURNAL_BATCH_H
#define SPANTOP_LOG_JOURNAL_BATCH_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/journal.h"
#include "log/journal_queue.h"

struct batch;
/* Opens rows, sums, bodies and retention on sq; marks what a dead gateway left open. */
struct batch *batch_open(sqlite3 *sq, const struct journal_options *o, struct queue *q, struct err *e);
void batch_free(struct batch *b);

/* b writes another log from now on: the calls in flight, and those that were not
 * committed, pass over from the old one.  What is about calls of the old log goes. */
void batch_take_over(struct batch *b, struct batch *old);

/* Take a call's begin, end or amendment (frees op). */
void batch_take(struct batch *b, struct queue_op *op);
/* Learn whose answers are looked at while they come. */
void batch_look(struct batch *b);
bool batch_is_full(const struct batch *b);
size_t batch_count(const struct batch *b);
/* Inside a transaction. */
NODISCARD int batch_write(struct batch *b, struct err *e);
/* It was committed: the batch is empty.  Returns the bytes to release. */
size_t batch_written(struct batch *b, int64_t *ended);

/* Old calls go between two batches; see retention.h. */
int64_t batch_retention_due_us(const struct batch *b);
void batch_step_retention(struct batch *b);
/* Texts go into the search index then, too; see search_index.h. */
int64_t batch_search_due_us(const struct batch *b);
/* The next step drops an old index; retention waits for that. */
bool batch_search_gives_room(const struct batch *b);
void batch_step_search(struct batch *b);
/* Once a second; see journal_alarms.h. */
void batch_step_alarms(struct batch *b);

#endif
