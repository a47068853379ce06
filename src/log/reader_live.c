/* The answer so far of a call that runs (see live_bodies.h). */
#include "base/clock.h"
#include "log/reader.h"
#include "log/reader_row.h"
#include "log/sql.h"

int reader_watch(struct db *db, int64_t id, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(db_sqlite(db), "INSERT OR REPLACE INTO watch(call_id, at) VALUES(?1, ?2)", e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, id);
    sqlite3_bind_int64(st, 2, clock_wall_ms());
    int rc = sql_done(st, e);
    sqlite3_finalize(st);
    return rc;
}

int reader_live_body(struct db *db, int64_t id, struct buf *out, struct err *e)
{
    sqlite3 *sq = db_sqlite(db);
    sqlite3_stmt *st =
        sql_prepare(sq, "SELECT from_byte, data FROM live_body WHERE call_id = ?1 ORDER BY from_byte", e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, id);
    int rc;
    /* Up to the first gap: what lies behind one cannot be read. */
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && sqlite3_column_int64(st, 0) == (int64_t)out->len)
        buf_put(out, sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1));
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        reader_fail(sq, e);
    sqlite3_finalize(st);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return -1;
    return out->len ? 0 : 1;
}
