#include "log/carry.h"

#include <stdio.h>

#include "log/sql.h"

/* Both logs are of one version, so their columns are the same.  The versions come
 * last: the triggers of the rows before have counted them up. */
static const struct {
    const char *table;
    const char *which;
} carried[] = {
    {"setting", "key <> 'ui.alarms_seen'"}, /* the new log's alarms begin at 1, and nobody has seen those */
    {"routes", "1"},
    {"preset", "1"},
    {"budgets", "1"},
    {"switch_history", "1"},
    {"meta", "key IN ('routes_version', 'budgets_version')"},
};

static sqlite3_stmt *prepare_insert(sqlite3 *to, const char *table, int columns, struct err *e)
{
    char *sql = sqlite3_mprintf("INSERT OR REPLACE INTO %s VALUES(?1", table);
    for (int i = 2; sql && i <= columns; i++)
        sql = sqlite3_mprintf("%z, ?%d", sql, i);
    sql = sql ? sqlite3_mprintf("%z)", sql) : NULL;
    sqlite3_stmt *st = sql ? sql_prepare(to, sql, e) : NULL;
    sqlite3_free(sql);
    return st;
}

static int copy_rows(sqlite3_stmt *rows, sqlite3_stmt *insert, struct err *e)
{
    int rc;
    while ((rc = sqlite3_step(rows)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(rows); i++)
            sqlite3_bind_value(insert, i + 1, sqlite3_column_value(rows, i));
        if (sql_done(insert, e) != 0)
            return -1;
    }
    return rc == SQLITE_DONE ? 0 : err_set(e, "%s", sqlite3_errmsg(sqlite3_db_handle(rows)));
}

static int copy_table(sqlite3 *from, sqlite3 *to, const char *table, const char *which, struct err *e)
{
    char *sql = sqlite3_mprintf("SELECT * FROM %s WHERE %s", table, which);
    sqlite3_stmt *rows = sql ? sql_prepare(from, sql, e) : NULL;
    sqlite3_stmt *insert = rows ? prepare_insert(to, table, sqlite3_column_count(rows), e) : NULL;
    int rc = insert ? copy_rows(rows, insert, e) : -1;
    sqlite3_finalize(rows);
    sqlite3_finalize(insert);
    sqlite3_free(sql);
    return rc;
}

int carry_over(sqlite3 *from, sqlite3 *to, struct err *e)
{
    int rc = sql_run(to, "BEGIN IMMEDIATE", e);
    for (size_t i = 0; rc == 0 && i < sizeof carried / sizeof *carried; i++)
        rc = copy_table(from, to, carried[i].table, carried[i].which, e);
    if (rc == 0 && sql_run(to, "COMMIT", e) == 0)
        return 0;
    sql_try(to, "ROLLBACK");
    return -1;
}

bool carry_is_blank(sqlite3 *sq)
{
    int64_t is_blank = 0;
    struct err ignored;
    return sql_int64(sq,
                     "SELECT NOT EXISTS(SELECT 1 FROM call) AND NOT EXISTS(SELECT 1 FROM routes)"
                     " AND NOT EXISTS(SELECT 1 FROM budgets) AND NOT EXISTS(SELECT 1 FROM preset)",
                     &is_blank, &ignored) == 0 &&
           is_blank;
}
