/* The rollups (day_sum, minute_sum, the figures of session) held against the calls
 * they were counted from, and put right where they differ.
 *
 * Calls that were deleted stay in the sums: days, minutes and sessions that reach back
 * to one are left as they are.  Days are those of this process's time zone.
 *
 * The gateway may write meanwhile: what a sum is off by is found in one moment of the
 * log and added to it in another; the journal's own additions commute with that.  The
 * write lock is held for a few milliseconds at a time. */
#ifndef SPANTOP_LOG_SUMS_REBUILD_H
#define SPANTOP_LOG_SUMS_REBUILD_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/db.h"

struct sums_rebuilt {
    int64_t calls;        /* compared with the sums of days */
    int64_t mended;       /* rows of all three tables that were off */
    int64_t off_microusd; /* by what the days were off, signs ignored */
    int64_t kept_days;    /* left as they are, since calls of theirs are deleted */
};

/* db: DB_WRITE. */
NODISCARD int sums_rebuild(struct db *db, struct sums_rebuilt *r, struct err *e);

#endif
