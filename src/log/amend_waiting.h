/* Calls whose row at Respan was still to be looked up when their gateway ended.
 * Thread: the db's.  Memory: the caller frees with amend_waiting_done(). */
#ifndef SPANTOP_LOG_AMEND_WAITING_H
#define SPANTOP_LOG_AMEND_WAITING_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/db.h"

#define AMEND_WAITING_MAX 500

struct amend_waiting {
    struct amend_wait {
        int64_t call_id;
        char *respan_log_id;
    } *items; /* oldest first */
    size_t count;
};

/* The newest AMEND_WAITING_MAX of those that ended at since_ms or later. */
NODISCARD int amend_waiting_read(struct db *db, int64_t since_ms, struct amend_waiting *w, struct err *e);
void amend_waiting_done(struct amend_waiting *w);

#endif
