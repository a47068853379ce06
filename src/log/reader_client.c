/* What the newest call tells of the client that sent it. */
#include "log/reader.h"
#include "log/sql.h"

/* The local token as a bearer is as good as a key (gateway/headers.c tells it apart). */
static const char SQL_BEARER[] =
    "SELECT status, EXISTS(SELECT 1 FROM json_each(c.request_headers) h"
    "   WHERE lower(h.value ->> 0) = 'authorization' AND h.value ->> 1 <> '(local token)'),"
    "  EXISTS(SELECT 1 FROM json_each(c.request_headers) h WHERE lower(h.value ->> 0) = 'x-api-key')"
    " FROM calls c WHERE id > (SELECT max(id) - 100 FROM call) AND path LIKE '/v1/messages%' AND started_at >= ?1"
    " ORDER BY id DESC LIMIT 1";

int reader_bearer(struct db *db, int64_t since_ms, enum bearer *bearer, struct err *e)
{
    *bearer = BEARER_NONE;
    sqlite3_stmt *st = sql_prepare(db_sqlite(db), SQL_BEARER, e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, since_ms);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW && sqlite3_column_int(st, 1)) {
        int status = sqlite3_column_int(st, 0);
        bool has_key = sqlite3_column_int(st, 2) != 0;
        *bearer = status == 401 || status == 403 ? BEARER_REFUSED : has_key ? BEARER_BESIDE_KEY : BEARER_ALONE;
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        err_set(e, "cannot read the calls: %s", sqlite3_errmsg(db_sqlite(db)));
    sqlite3_finalize(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}
