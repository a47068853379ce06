/* Switching a model or provider, and taking it back.
 *
 * A switch replaces the enabled rows of exactly one scope that have this
 * setting: rows that have nothing else go, rows with more settings only lose
 * this one.  What was there is kept as JSON in switch_history, in the same
 * transaction, so that undo brings back exactly those rows with their ids. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "log/routes.h"
#include "log/routes_row.h"
#include "log/sql.h"

/* More steps back than anybody remembers. */
#define HISTORY_MAX 100

#define SQL_SAME_SCOPE " session_id IS ?1 AND purpose IS ?2 AND model_glob IS ?3"
#define SQL_EMPTY " set_model IS NULL AND set_provider IS NULL AND params_json IS NULL"

/* The statements of one setting; its column cannot be bound. */
struct statements {
    const char *word;
    const char *none; /* how its absence is called */
    const char *look;
    const char *clear;
    const char *add;
    const char *drop_new;
    const char *put_back;
};

#define SQL_STATEMENTS(column, said, absent)                                                                           \
    {                                                                                                                  \
        .word = said, .none = absent,                                                                                  \
        .look = "SELECT count(*), max(" column "), json_group_array(" SQL_ROUTE_JSON "),"                              \
                " max(max_calls IS NOT NULL OR until_at IS NOT NULL)"                                                  \
                " FROM routes WHERE enabled AND " column " IS NOT NULL AND" SQL_SAME_SCOPE,                            \
        .clear = "UPDATE routes SET " column " = NULL WHERE enabled AND " column " IS NOT NULL AND" SQL_SAME_SCOPE,    \
        .add = "INSERT INTO routes(session_id, purpose, model_glob, " column ", max_calls, until_at)"                  \
               " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",                                                                      \
        .drop_new = "UPDATE routes SET " column " = NULL WHERE id = json_extract(?1, '$.new_id')",                     \
        .put_back = "UPDATE routes SET " column " = (SELECT " SQL_OLD(column) " FROM json_each(?1, '$.old')"           \
                    " WHERE " SQL_OLD("id") " = routes.id)"                                                            \
                    " WHERE id IN (SELECT " SQL_OLD("id") " FROM json_each(?1, '$.old'))",                             \
    }

static const struct statements SETTINGS[] = {
    [ROUTE_MODEL] = SQL_STATEMENTS("set_model", "model", "as asked"),
    [ROUTE_PROVIDER] = SQL_STATEMENTS("set_provider", "provider", "auto"),
};

/* Rows that a switch emptied, and the row an undo emptied. */
static const char SQL_DELETE_EMPTIED[] =
    "DELETE FROM routes WHERE" SQL_EMPTY " AND id IN (SELECT json_extract(?1, '$.new_id')"
    " UNION ALL SELECT " SQL_OLD("id") " FROM json_each(?1, '$.old'))";

/* Those still there are left to .put_back. */
static const char SQL_RESTORE[] =
    "INSERT OR IGNORE INTO routes(" SQL_ROUTE_COLUMNS ") SELECT " SQL_ROUTE_FROM_JSON " FROM json_each(?1, '$.old')";

static const char SQL_REMEMBER[] = "INSERT INTO switch_history(what, undo_json) VALUES(?1, ?2)";
static const char SQL_FORGET[] = "DELETE FROM switch_history WHERE id <= (SELECT max(id) FROM switch_history) - ?1";

static const char *or_null(const char *s)
{
    return s && *s ? s : NULL;
}

static sqlite3_stmt *prepare_scoped(sqlite3 *sq, const char *sql, const struct route_scope *scope, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(sq, sql, e);
    if (!st)
        return NULL;
    sql_bind_text(st, 1, or_null(scope->session_id));
    sql_bind_text(st, 2, or_null(scope->purpose));
    sql_bind_text(st, 3, or_null(scope->model_glob));
    return st;
}

int routes_finish(sqlite3 *sq, sqlite3_stmt *st, const char *what, struct err *e)
{
    if (!st)
        return -1;
    int rc = sqlite3_step(st) == SQLITE_DONE ? 0 : routes_fail(sq, what, e);
    sqlite3_finalize(st);
    return rc;
}

int routes_run(sqlite3 *sq, const char *sql, const char *text, const char *what, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(sq, sql, e);
    if (st)
        sql_bind_text(st, 1, text);
    return routes_finish(sq, st, what, e);
}

int routes_begin(sqlite3 *sq, const char *what, struct err *e)
{
    struct err ignored;
    return sql_run(sq, "BEGIN IMMEDIATE", &ignored) == 0 ? 0 : routes_fail(sq, what, e);
}

int routes_commit(sqlite3 *sq, int rc, const char *what, struct err *e)
{
    struct err ignored;
    if (rc == 0 && sql_run(sq, "COMMIT", &ignored) != 0)
        rc = routes_fail(sq, what, e);
    if (rc < 0 && !sqlite3_get_autocommit(sq))
        sql_try(sq, "ROLLBACK");
    return rc;
}

int routes_remember(sqlite3 *sq, const char *told, const char *undo_json, const char *what, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(sq, SQL_REMEMBER, e);
    if (st) {
        sql_bind_text(st, 1, told);
        sql_bind_text(st, 2, undo_json);
    }
    if (routes_finish(sq, st, what, e) != 0)
        return -1;
    st = sql_prepare(sq, SQL_FORGET, e);
    if (st)
        sqlite3_bind_int(st, 1, HISTORY_MAX);
    return routes_finish(sq, st, what, e);
}

/* "model claude-sonnet-5 for session X, main calls, *opus* requests". */
static char *tell(const struct statements *s, const struct route_scope *scope, const char *value)
{
    struct buf out;
    buf_init(&out);
    buf_printf(&out, "%s %s for ", s->word, value ? value : s->none);
    const char *glue = "";
    if (or_null(scope->session_id)) {
        buf_printf(&out, "session %s", scope->session_id);
        glue = ", ";
    }
    if (or_null(scope->purpose)) {
        buf_printf(&out, "%s%s calls", glue, scope->purpose);
        glue = ", ";
    }
    if (or_null(scope->model_glob)) {
        buf_printf(&out, "%s%s requests", glue, scope->model_glob);
        glue = ", ";
    }
    if (!*glue)
        buf_puts(&out, "every session");
    char *text = buf_take(&out, NULL);
    buf_done(&out);
    return text;
}

/* The rows that are to be replaced as a JSON array (caller frees); NULL in *old
 * when there is nothing to do, because it already is as wanted. */
static int look(sqlite3 *sq, const struct statements *s, const struct route_scope *scope, const char *value,
                const struct route_limits *limits, char **old, struct err *e)
{
    *old = NULL;
    sqlite3_stmt *st = prepare_scoped(sq, s->look, scope, e);
    if (!st)
        return -1;
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        int count = sqlite3_column_int(st, 0);
        const char *now = (const char *)sqlite3_column_text(st, 1);
        bool is_limited = limits->max_calls > 0 || limits->until_at > 0 || sqlite3_column_int(st, 3) != 0;
        bool is_so = value ? count == 1 && !is_limited && now && strcmp(now, value) == 0 : count == 0;
        if (!is_so)
            *old = sql_text(st, 2);
    } else {
        routes_fail(sq, "read the routes", e);
    }
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 0 : -1;
}

static sqlite3_stmt *prepare_add(sqlite3 *sq, const struct statements *s, const struct route_scope *scope, const char *value,
                                 const struct route_limits *limits, struct err *e)
{
    sqlite3_stmt *st = prepare_scoped(sq, s->add, scope, e);
    if (!st)
        return NULL;
    sql_bind_text(st, 4, value);
    sql_bind_known(st, 5, limits->max_calls > 0 ? limits->max_calls : -1);
    sql_bind_known(st, 6, limits->until_at > 0 ? limits->until_at : -1);
    return st;
}

static int replace(sqlite3 *sq, const struct statements *s, const struct route_scope *scope, const char *value,
                   const struct route_limits *limits, const char *old, const char *what, struct err *e)
{
    char *undo = NULL;
    char *told = NULL;
    int64_t new_id = 0;
    int rc = routes_finish(sq, prepare_scoped(sq, s->clear, scope, e), what, e);
    if (rc != 0)
        goto out;
    if (value) {
        if ((rc = routes_finish(sq, prepare_add(sq, s, scope, value, limits, e), what, e)) != 0)
            goto out;
        new_id = sqlite3_last_insert_rowid(sq);
    }
    undo = xasprintf("{\"setting\":\"%s\",\"new_id\":%" PRId64 ",\"old\":%s}", s->word, new_id, old);
    if ((rc = routes_run(sq, SQL_DELETE_EMPTIED, undo, what, e)) != 0)
        goto out;
    told = tell(s, scope, value);
    rc = routes_remember(sq, told, undo, what, e);
out:
    free(undo);
    free(told);
    return rc;
}

int routes_switch_limited(struct db *db, enum route_setting setting, const struct route_scope *scope, const char *value,
                          const struct route_limits *limits, struct err *e)
{
    const struct statements *s = &SETTINGS[setting];
    const char *what = setting == ROUTE_MODEL ? "switch the model" : "pin the provider";
    sqlite3 *sq = db_sqlite(db);
    char *old = NULL;
    value = or_null(value);
    if (routes_check_scope(scope, e) != 0 || routes_check_text(s->word, value, e) != 0)
        return -1;
    if (routes_begin(sq, what, e) != 0)
        return -1;
    int rc = look(sq, s, scope, value, limits, &old, e);
    if (rc == 0 && old)
        rc = replace(sq, s, scope, value, limits, old, what, e);
    free(old);
    return routes_commit(sq, rc, what, e);
}

int routes_switch(struct db *db, enum route_setting setting, const struct route_scope *scope, const char *value, struct err *e)
{
    static const struct route_limits none = {0};
    return routes_switch_limited(db, setting, scope, value, &none, e);
}

/* The newest switch not yet taken back. 1: there is none. */
static int newest(sqlite3 *sq, int64_t *id, char **what, char **undo, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(sq, "SELECT id, what, undo_json FROM switch_history WHERE NOT undone ORDER BY id DESC LIMIT 1", e);
    if (!st)
        return -1;
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        *id = sqlite3_column_int64(st, 0);
        *what = sql_text(st, 1);
        *undo = sql_text(st, 2);
    } else if (rc != SQLITE_DONE) {
        routes_fail(sq, "undo", e);
    }
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

static int take_back_switch(sqlite3 *sq, const char *undo, struct err *e)
{
    bool is_provider = strstr(undo, "\"setting\":\"provider\"") == undo + 1;
    const struct statements *s = &SETTINGS[is_provider ? ROUTE_PROVIDER : ROUTE_MODEL];
    const char *const steps[] = {s->drop_new, SQL_DELETE_EMPTIED, s->put_back, SQL_RESTORE};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (routes_run(sq, steps[i], undo, "undo", e) != 0)
            return -1;
    return 0;
}

static int take_back(sqlite3 *sq, int64_t id, const char *undo, struct err *e)
{
    bool is_preset = strstr(undo, "\"setting\":\"preset\"") == undo + 1;
    if ((is_preset ? presets_take_back(sq, undo, e) : take_back_switch(sq, undo, e)) != 0)
        return -1;
    sqlite3_stmt *st = sql_prepare(sq, "UPDATE switch_history SET undone = 1 WHERE id = ?1", e);
    if (st)
        sqlite3_bind_int64(st, 1, id);
    return routes_finish(sq, st, "undo", e);
}

int routes_undo(struct db *db, char *what, size_t size, struct err *e)
{
    sqlite3 *sq = db_sqlite(db);
    int64_t id = 0;
    char *told = NULL;
    char *undo = NULL;
    if (routes_begin(sq, "undo", e) != 0)
        return -1;
    int rc = newest(sq, &id, &told, &undo, e);
    if (rc == 0)
        rc = take_back(sq, id, undo, e);
    if (rc == 0 && what && size > 0)
        snprintf(what, size, "%s", told);
    free(told);
    free(undo);
    if (rc == 1) {
        sql_try(sq, "ROLLBACK");
        return 1;
    }
    return routes_commit(sq, rc, "undo", e);
}
