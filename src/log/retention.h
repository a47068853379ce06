/* Keeping the log within its bounds: oldest bodies first, rows later.
 *
 * Time is cut into epochs (a day, or a thirty-second part of the log's bound).
 * Each piece knows the last epoch it was used in, each epoch the first call that
 * began in it.  When an epoch expires, the bodies of its calls are given up, then
 * every piece not used since.  Sums stay: they are counted when calls end, not from
 * rows.
 *
 * Thread: the journal's.  Each step holds the write lock for 20 ms at most and
 * runs only while no batch is being gathered (a batch may count on pieces that are
 * not renewed on the disk yet). */
#ifndef SPANTOP_LOG_RETENTION_H
#define SPANTOP_LOG_RETENTION_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/bodies.h"

struct retention;
/* max_bytes 0: no bound; keep_days 0: for ever. */
struct retention *retention_open(sqlite3 *sq, struct bodies *bodies, int64_t max_bytes, int keep_days, struct err *e);
void retention_free(struct retention *r);

/* Inside a batch's transaction: so many bytes of bodies were stored; next_call is above
 * every call that began. */
NODISCARD int retention_write(struct retention *r, int64_t stored, int64_t next_call, struct err *e);
void retention_written(struct retention *r);
/* The log has grown by something else than a batch. */
void retention_notice(struct retention *r);

/* When to step next (monotonic); steps before are free to skip. */
int64_t retention_due_us(const struct retention *r);
/* One step.  An error is no harm: it is tried again later. */
void retention_step(struct retention *r);

#endif
