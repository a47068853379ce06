#include <inttypes.h>

#include "log/diff.h"
#include "log/sql.h"

/* Among the session's last rows before it: a session of ten thousand calls of other
 * agents must not be read whole. */
static const char SQL_BEFORE[] =
    "SELECT b.id FROM call c, call b WHERE c.id = ?1 AND b.id IN (SELECT id FROM call WHERE session_id ="
    "  (SELECT session_id FROM call WHERE id = ?1) AND id < ?1 ORDER BY id DESC LIMIT 2000)"
    " AND b.agent_id IS c.agent_id AND b.request_body IS NOT NULL"
    " AND (b.purpose = c.purpose OR (c.purpose = 'fork' AND b.purpose IN ('main', 'subagent')))"
    " ORDER BY b.id DESC LIMIT 1";

int diff_find_before(struct db *db, int64_t call_id, int64_t *before_id, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(db_sqlite(db), SQL_BEFORE, e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, call_id);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *before_id = sqlite3_column_int64(st, 0);
    else if (rc == SQLITE_DONE)
        err_set(e, "call %" PRId64 " is the first of its agent in the log that has a body: nothing to compare it with",
                call_id);
    else
        err_set(e, "the log cannot be read: %s", sqlite3_errmsg(db_sqlite(db)));
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}
