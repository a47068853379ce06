/* The answer so far of calls that somebody looks at while they run.
 *
 * A reader asks for a call by a row in `watch`; while that is fresh the proxy thread
 * gives a copy of what came since the last time, at most five times a second, and
 * it is appended to `live_body`.  Nobody asks: nothing is copied or written.  Rows
 * go when the call ends, and all of them at the start; the tables are made then,
 * as they hold nothing that outlives a gateway.
 * Thread: the journal's. */
#ifndef SPANTOP_LOG_LIVE_BODIES_H
#define SPANTOP_LOG_LIVE_BODIES_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/journal_queue.h"

#define WATCH_LASTS_MS ((int64_t)5000) /* readers renew it about once a second */

struct live_bodies;
struct live_bodies *live_bodies_open(sqlite3 *sq, struct err *e);
void live_bodies_free(struct live_bodies *l);
/* Who is asked for now; outside of a transaction. */
void live_bodies_look(struct live_bodies *l, struct queue *q);
/* Takes op. */
void live_bodies_take(struct live_bodies *l, struct queue_op *op);
/* Inside a transaction. */
NODISCARD int live_bodies_write(struct live_bodies *l, struct err *e);
NODISCARD int live_bodies_end(struct live_bodies *l, int64_t call_id, struct err *e);
/* It was committed.  Returns the bytes to release. */
size_t live_bodies_written(struct live_bodies *l);

#endif
