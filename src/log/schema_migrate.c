/* From version to version.
 *
 * 1 → 2: the header lists leave `call`.  SQLite can drop a column, but rewrites the
 * whole table for each and leaves its pages two thirds empty, as a scan would
 * notice; so the rows are copied once into a new table, and the indexes made after. */
#include <stdlib.h>

#include "base/mem.h"
#include "log/schema.h"
#include "log/schema_parts.h"
#include "log/sql.h"

/* Copy all columns that the new table has. */
static int copy_calls(sqlite3 *sq, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(sq, "SELECT group_concat(name) FROM pragma_table_info('call')", e);
    if (!st)
        return -1;
    char *columns = sqlite3_step(st) == SQLITE_ROW ? sql_text(st, 0) : NULL;
    sqlite3_finalize(st);
    if (!columns)
        return err_set(e, "%s", sqlite3_errmsg(sq));
    char *copy = xasprintf("INSERT INTO call(%s) SELECT %s FROM call_1 ORDER BY id", columns, columns);
    int rc = sql_run(sq, copy, e);
    free(copy);
    free(columns);
    return rc;
}

static const char copy_headers[] =
    "INSERT INTO headers SELECT id, request_headers, sent_headers, response_headers FROM call"
    " WHERE coalesce(request_headers, sent_headers, response_headers) IS NOT NULL ORDER BY id";

static int to_2(sqlite3 *sq, struct err *e)
{
    const char *const before[] = {
        "DROP VIEW calls",
        "DROP VIEW sessions",
        schema_headers,
        copy_headers,
        "ALTER TABLE call RENAME TO call_1",
        schema_call,
        NULL,
    };
    if (schema_run(sq, before, e) != 0 || copy_calls(sq, e) != 0 || sql_run(sq, "DROP TABLE call_1", e) != 0)
        return -1;
    if (schema_run(sq, schema_call_parts, e) != 0 || schema_run(sq, schema_views, e) != 0)
        return -1;
    return sql_run(sq, "PRAGMA user_version = 2", e);
}

static int migrate(sqlite3 *sq, int from, struct err *e)
{
    int64_t now = 0;
    if (sql_run(sq, "BEGIN IMMEDIATE", e) != 0)
        return -1;
    /* Under the lock, since somebody else may have been at it. */
    int rc = sql_int64(sq, "PRAGMA user_version", &now, e);
    if (rc == 0 && now == from && from == 1)
        rc = to_2(sq, e);
    else if (rc == 0 && now != SCHEMA_VERSION)
        rc = err_set(e, "its version %lld is unknown", (long long)now);
    if (rc == 0 && sql_run(sq, "COMMIT", e) == 0)
        return 0;
    sql_try(sq, "ROLLBACK");
    return -1;
}

int schema_migrate(sqlite3 *sq, int from, struct err *e)
{
    /* 64 MiB instead of SQLite's 2: else most of the time goes into writing pages
     * that change again. */
    sql_try(sq, "PRAGMA cache_size = -65536");
    /* A view that somebody made of his own names what is gone for a moment. */
    sqlite3_db_config(sq, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 1, NULL);
    int rc = migrate(sq, from, e);
    sqlite3_db_config(sq, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 0, NULL);
    sql_try(sq, "PRAGMA cache_size = -2000");
    if (rc == 0)
        sql_try(sq, "PRAGMA wal_checkpoint(TRUNCATE)"); /* it holds the whole log once more */
    return rc;
}
