/* A log of its own for each test, and hands to write into it. */
#ifndef SPANTOP_TESTS_LOG_TMPLOG_H
#define SPANTOP_TESTS_LOG_TMPLOG_H

#include "tests/unit/tmpdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "log/db.h"
#include "log/sql.h"

static char tmplog_path[96];
static struct db *tmplog; /* DB_CREATE, open for the length of the test */

static int tmplog_open(void **state)
{
    (void)state;
    struct err e = {""};
    tmpdir_make(tmplog_path, sizeof tmplog_path, "log.db");
    tmplog = db_open(tmplog_path, DB_CREATE, &e);
    if (!tmplog)
        fail_msg("%s", e.text);
    return 0;
}

static int tmplog_close(void **state)
{
    (void)state;
    db_close(tmplog);
    tmplog = NULL;
    return tmpdir_remove(state);
}

/* SQL as a person would type it. */
static UNUSED void tmplog_run(const char *sql)
{
    struct err e = {""};
    if (sql_run(db_sqlite(tmplog), sql, &e) != 0)
        fail_msg("%s in: %s", e.text, sql);
}

static UNUSED int64_t tmplog_int(const char *sql)
{
    struct err e = {""};
    int64_t n = INT64_MIN;
    int rc = sql_int64(db_sqlite(tmplog), sql, &n, &e);
    if (rc < 0)
        fail_msg("%s in: %s", e.text, sql);
    return n;
}

/* Rows as "a|b;c|d", NULL as "-"; lent until the next call. */
static UNUSED const char *tmplog_rows(const char *sql)
{
    static char out[8192];
    struct err e = {""};
    size_t len = 0;
    sqlite3_stmt *st = sql_prepare(db_sqlite(tmplog), sql, &e);
    if (!st)
        fail_msg("%s in: %s", e.text, sql);
    out[0] = 0;
    while (sqlite3_step(st) == SQLITE_ROW && len < sizeof out - 512) {
        if (len > 0)
            out[len++] = ';';
        for (int i = 0; i < sqlite3_column_count(st); i++) {
            const char *text = (const char *)sqlite3_column_text(st, i);
            len += (size_t)snprintf(out + len, sizeof out - len, "%s%.200s", i ? "|" : "", text ? text : "-");
        }
    }
    sqlite3_finalize(st);
    return out;
}

#endif
