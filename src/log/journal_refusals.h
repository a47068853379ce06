/* What calls do to routes.  One that the upstream refused is disabled, with its
 * words as the note; one that holds for a number of calls counts them and is
 * disabled after the last; one whose time is over is disabled.
 * Thread: the journal's. */
#ifndef SPANTOP_LOG_JOURNAL_REFUSALS_H
#define SPANTOP_LOG_JOURNAL_REFUSALS_H

#include <sqlite3.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/journal_queue.h"

struct refusals;
struct refusals *refusals_open(sqlite3 *sq, struct err *e);
void refusals_free(struct refusals *r);

/* Takes op: its call.id is the route's, of a refusal its call.route_note the words. */
void refusals_take(struct refusals *r, struct queue_op *op);
/* Inside a transaction.  A route that is gone or disabled already is no error. */
NODISCARD int refusals_write(struct refusals *r, struct err *e);
/* It was committed.  Returns the bytes to release. */
size_t refusals_written(struct refusals *r);

#endif
