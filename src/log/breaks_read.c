#include "log/breaks_read.h"

#include <stdio.h>

#include "log/sql.h"

static const char SQL_KINDS[] =
    "SELECT substr(cache_break, 1, instr(cache_break || ':', ':') - 1) AS kind, count(*),"
    " ifnull(sum(cache_break_microusd), 0) AS cost, sum(cache_break_microusd IS NULL), max(id)"
    " FROM call INDEXED BY call_break WHERE cache_break IS NOT NULL AND started_at >= ?1"
    " AND (?2 IS NULL OR session_id = ?2) GROUP BY kind ORDER BY cost DESC, count(*) DESC, kind LIMIT ?3";

int break_kinds(struct db *db, int64_t since_ms, const char *session_id, struct break_kind kinds[BREAK_KINDS_MAX],
                size_t *count, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(db_sqlite(db), SQL_KINDS, e);
    int rc;
    *count = 0;
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, since_ms);
    sql_bind_text(st, 2, session_id);
    sqlite3_bind_int(st, 3, BREAK_KINDS_MAX);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct break_kind *k = &kinds[(*count)++];
        const char *name = (const char *)sqlite3_column_text(st, 0);
        snprintf(k->kind, sizeof k->kind, "%s", name ? name : "");
        k->count = sqlite3_column_int64(st, 1);
        k->cost_microusd = sqlite3_column_int64(st, 2);
        k->unpriced = sqlite3_column_int64(st, 3);
        k->newest_call = sqlite3_column_int64(st, 4);
    }
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : err_set(e, "the log cannot be read: %s", sqlite3_errmsg(db_sqlite(db)));
}
