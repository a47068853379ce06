/* What cache breaks cost, by kind of reason.  Thread: the db's. */
#ifndef SPANTOP_LOG_BREAKS_READ_H
#define SPANTOP_LOG_BREAKS_READ_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/db.h"

#define BREAK_KINDS_MAX 16 /* ten are known */

struct break_kind {
    char kind[16]; /* "tool", "expired" … : what stands before the colon */
    int64_t count;
    int64_t cost_microusd; /* sum of what is known */
    int64_t unpriced;      /* breaks without a known cost */
    int64_t newest_call;
};
/* Calls that started at since_ms or later (0: all in the log), and, when given, of one
 * session; the dearest kind first.  Reads breaks only, by index. */
NODISCARD int break_kinds(struct db *db, int64_t since_ms, const char *session_id,
                          struct break_kind kinds[BREAK_KINDS_MAX], size_t *count, struct err *e);

#endif
