/* Routes that the upstream refused: the next commit disables them, with the
 * upstream's words as their note.
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

/* Takes op (QUEUE_REFUSE): its call.id is the route's, its call.route_note the words. */
void refusals_take(struct refusals *r, struct queue_op *op);
/* Inside a transaction.  A route that is gone or disabled already is no error. */
NODISCARD int refusals_write(struct refusals *r, struct err *e);
/* It was committed.  Returns the bytes to release. */
size_t refusals_written(struct refusals *r);

#endif
