#include "log/amend_waiting.h"

#include <stdlib.h>

#include "base/mem.h"
#include "log/sql.h"

static int read_all(sqlite3_stmt *st, struct amend_waiting *w, struct err *e)
{
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && w->count < AMEND_WAITING_MAX) {
        w->items[w->count].call_id = sqlite3_column_int64(st, 0);
        w->items[w->count++].respan_log_id = sql_text(st, 1);
    }
    return rc == SQLITE_DONE ? 0 : err_set(e, "the log cannot be read: %s", sqlite3_errmsg(sqlite3_db_handle(st)));
}

int amend_waiting_read(struct db *db, int64_t since_ms, struct amend_waiting *w, struct err *e)
{
    *w = (struct amend_waiting){xcalloc(AMEND_WAITING_MAX, sizeof *w->items), 0};
    sqlite3_stmt *st = sql_prepare(db_sqlite(db),
                                   "SELECT * FROM (SELECT id, respan_log_id FROM call WHERE finished_at >= ?1"
                                   " AND respan_log_id IS NOT NULL AND ifnull(cost_source, '') <> 'respan'"
                                   " ORDER BY id DESC LIMIT ?2) ORDER BY id",
                                   e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, since_ms);
    sqlite3_bind_int(st, 2, AMEND_WAITING_MAX);
    int rc = read_all(st, w, e);
    sqlite3_finalize(st);
    return rc;
}

void amend_waiting_done(struct amend_waiting *w)
{
    for (size_t i = 0; i < w->count; i++)
        free(w->items[i].respan_log_id);
    free(w->items);
    *w = (struct amend_waiting){0};
}
