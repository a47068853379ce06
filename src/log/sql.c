#include "log/sql.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

sqlite3_stmt *sql_prepare(sqlite3 *sq, const char *sql, struct err *e)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v3(sq, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) == SQLITE_OK)
        return st;
    err_set(e, "the log cannot be asked: %s", sqlite3_errmsg(sq));
    return NULL;
}

int sql_run(sqlite3 *sq, const char *sql, struct err *e)
{
    if (sqlite3_exec(sq, sql, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    return err_set(e, "%s", sqlite3_errmsg(sq));
}

void sql_try(sqlite3 *sq, const char *sql)
{
    sqlite3_exec(sq, sql, NULL, NULL, NULL);
}

int sql_done(sqlite3_stmt *st, struct err *e)
{
    int rc = sqlite3_step(st);
    /* Before the reset, which could replace the message. */
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        err_set(e, "%s", sqlite3_errmsg(sqlite3_db_handle(st)));
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -1;
}

int sql_int64(sqlite3 *sq, const char *sql, int64_t *n, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(sq, sql, e);
    if (st == NULL)
        return -1;
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *n = sqlite3_column_int64(st, 0);
    else if (rc != SQLITE_DONE)
        err_set(e, "%s", sqlite3_errmsg(sq));
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

void sql_bind_text(sqlite3_stmt *st, int at, const char *s)
{
    size_t len = s ? strlen(s) : 0;
    if (s == NULL) {
        sqlite3_bind_null(st, at);
    } else if (text_is_utf8(s, len)) {
        sqlite3_bind_text(st, at, s, (int)len, SQLITE_STATIC);
    } else {
        /* A header may hold any bytes, but who reads the log may take a text at its
         * word (Python's sqlite3 fails on the whole row). */
        struct buf clean;
        buf_init(&clean);
        text_clean(&clean, s, len, false, false);
        sqlite3_bind_text(st, at, clean.data, (int)clean.len, SQLITE_TRANSIENT);
        buf_done(&clean);
    }
}

void sql_bind_known(sqlite3_stmt *st, int at, int64_t n)
{
    if (n < 0)
        sqlite3_bind_null(st, at);
    else
        sqlite3_bind_int64(st, at, n);
}

void sql_bind_blob(sqlite3_stmt *st, int at, struct bytes b)
{
    if (b.data == NULL)
        sqlite3_bind_null(st, at);
    else
        sqlite3_bind_blob64(st, at, b.data, b.len, SQLITE_STATIC);
}

char *sql_text(sqlite3_stmt *st, int column)
{
    return xstrdup((const char *)sqlite3_column_text(st, column));
}

int64_t sql_known(sqlite3_stmt *st, int column)
{
    return sqlite3_column_type(st, column) == SQLITE_NULL ? -1 : sqlite3_column_int64(st, column);
}
