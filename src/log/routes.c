/* Reading and editing the table `routes`.
 *
 * Whoever writes here (dashboard, command line, a hand with sqlite3) does it by
 * plain rows; triggers of the schema count routes_version up, which is how the
 * gateway notices.  What a row must be is checked before it is stored: the table
 * itself takes anything, since a hand-made row may be odd but must not break. */
#include "log/routes.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "log/routes_index.h"
#include "log/routes_row.h"
#include "log/sql.h"
#include "respan/params.h"

static const char SQL_LOAD[] = "SELECT id, enabled, session_id, model_glob, purpose, set_model, set_provider,"
                               " params_json, note, created_at, max_calls, calls_taken, until_at, preset,"
                               " recounts FROM routes ORDER BY id";

/* Names of models, providers and sessions are short; this only bounds nonsense. */
#define ROUTE_TEXT_MAX 512

static const char *or_null(const char *s)
{
    return s && *s ? s : NULL;
}

int routes_fail(sqlite3 *sq, const char *what, struct err *e)
{
    switch (sqlite3_errcode(sq) & 0xff) {
    case SQLITE_BUSY:
        return err_set(e, "cannot %s: another program holds the log locked; try again when it is done", what);
    case SQLITE_FULL:
        return err_set(e, "cannot %s: the disk of the log is full; make room and try again", what);
    case SQLITE_READONLY:
        return err_set(e, "cannot %s: the log is read-only for this user", what);
    default:
        return err_set(e, "cannot %s: %s", what, sqlite3_errmsg(sq));
    }
}

int routes_check_text(const char *name, const char *value, struct err *e)
{
    if (!value)
        return 0;
    if (strlen(value) > ROUTE_TEXT_MAX)
        return err_set(e, "the %s of a route is longer than %d characters", name, ROUTE_TEXT_MAX);
    for (const char *c = value; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return err_set(e, "the %s of a route holds a control character, which no header or body can carry", name);
    return 0;
}

int routes_check_scope(const struct route_scope *scope, struct err *e)
{
    if (routes_check_text("session", scope->session_id, e) != 0 || routes_check_text("glob", scope->model_glob, e) != 0)
        return -1;
    if (or_null(scope->purpose) && !route_purpose_is_known(scope->purpose))
        return err_set(e, "no calls of the kind \"%.40s\"; it is one of main, subagent, side, fork, title, count_tokens, other", scope->purpose);
    return 0;
}

static int check(const struct route *r, struct err *e)
{
    struct route_scope scope = {r->session_id, r->purpose, r->model_glob};
    if (routes_check_scope(&scope, e) != 0)
        return -1;
    if (routes_check_text("model", r->set_model, e) != 0 || routes_check_text("provider", r->set_provider, e) != 0)
        return -1;
    if (or_null(r->params_json) && params_check(r->params_json, e) != 0)
        return -1;
    if (!or_null(r->set_model) && !or_null(r->set_provider) && !or_null(r->params_json))
        return err_set(e, "the route sets nothing; give it a model, a provider or parameters");
    return 0;
}

static void bind_route(sqlite3_stmt *st, const struct route *r)
{
    sqlite3_bind_int(st, 1, r->enabled);
    sql_bind_text(st, 2, or_null(r->session_id));
    sql_bind_text(st, 3, or_null(r->model_glob));
    sql_bind_text(st, 4, or_null(r->purpose));
    sql_bind_text(st, 5, or_null(r->set_model));
    sql_bind_text(st, 6, or_null(r->set_provider));
    sql_bind_text(st, 7, or_null(r->params_json));
    sql_bind_text(st, 8, or_null(r->note));
    sql_bind_known(st, 9, r->max_calls > 0 ? r->max_calls : -1);
    sql_bind_known(st, 10, r->until_at > 0 ? r->until_at : -1);
}

/* Run a prepared change and finalize it.  `id` names the route that must be there, 0: none must. */
static int change(sqlite3 *sq, sqlite3_stmt *st, const char *what, int64_t id, struct err *e)
{
    int rc = sqlite3_step(st);
    if (rc != SQLITE_DONE)
        routes_fail(sq, what, e);
    sqlite3_finalize(st);
    if (rc != SQLITE_DONE)
        return -1;
    if (id && sqlite3_changes(sq) == 0)
        return err_set(e, "there is no route #%lld; spantop routes lists them", (long long)id);
    return 0;
}

int routes_add(struct db *db, const struct route *r, int64_t *id, struct err *e)
{
    if (check(r, e) != 0)
        return -1;
    sqlite3 *sq = db_sqlite(db);
    sqlite3_stmt *st = sql_prepare(sq,
        "INSERT INTO routes(enabled, session_id, model_glob, purpose, set_model, set_provider, params_json, note,"
        " max_calls, until_at) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)", e);
    if (!st)
        return -1;
    bind_route(st, r);
    if (change(sq, st, "add the route", 0, e) != 0)
        return -1;
    if (id)
        *id = sqlite3_last_insert_rowid(sq);
    return 0;
}

int routes_update(struct db *db, const struct route *r, struct err *e)
{
    if (check(r, e) != 0)
        return -1;
    sqlite3 *sq = db_sqlite(db);
    sqlite3_stmt *st = sql_prepare(sq,
        "UPDATE routes SET enabled = ?1, session_id = ?2, model_glob = ?3, purpose = ?4, set_model = ?5,"
        " set_provider = ?6, params_json = ?7, note = ?8, max_calls = ?9, until_at = ?10,"
        " calls_taken = CASE WHEN ?11 THEN 0 ELSE calls_taken END WHERE id = ?12", e);
    if (!st)
        return -1;
    bind_route(st, r);
    sqlite3_bind_int(st, 11, r->calls_taken == 0);
    sqlite3_bind_int64(st, 12, r->id);
    return change(sq, st, "change the route", r->id, e);
}

static int check_not_over(sqlite3 *sq, int64_t id, struct err *e)
{
    int64_t until_at = 0;
    sqlite3_stmt *st = sql_prepare(sq, "SELECT coalesce(until_at, 0) FROM routes WHERE id = ?1", e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, id);
    if (sqlite3_step(st) == SQLITE_ROW)
        until_at = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    if (until_at > 0 && until_at <= clock_wall_ms())
        return err_set(e, "the time of route #%lld is over; spantop route edit %lld --until TIME gives it another",
                       (long long)id, (long long)id);
    return 0;
}

int routes_enable(struct db *db, int64_t id, bool enabled, struct err *e)
{
    sqlite3 *sq = db_sqlite(db);
    if (enabled && check_not_over(sq, id, e) != 0)
        return -1;
    sqlite3_stmt *st = sql_prepare(sq,
        "UPDATE routes SET enabled = ?1,"
        " calls_taken = CASE WHEN ?1 AND calls_taken >= max_calls THEN 0 ELSE calls_taken END WHERE id = ?2", e);
    if (!st)
        return -1;
    sqlite3_bind_int(st, 1, enabled);
    sqlite3_bind_int64(st, 2, id);
    return change(sq, st, enabled ? "enable the route" : "disable the route", id, e);
}

/* Its id is its place, so it moves to a new one. */
int routes_raise(struct db *db, int64_t id, int64_t *new_id, struct err *e)
{
    static const char what[] = "raise the route";
    sqlite3 *sq = db_sqlite(db);
    if (routes_begin(sq, what, e) != 0)
        return -1;
    sqlite3_stmt *st = sql_prepare(sq,
        "INSERT INTO routes(enabled, session_id, model_glob, purpose, set_model, set_provider, params_json, created_at,"
        " note, max_calls, calls_taken, until_at, preset)"
        " SELECT enabled, session_id, model_glob, purpose, set_model, set_provider, params_json, created_at,"
        " note, max_calls, calls_taken, until_at, preset FROM routes WHERE id = ?1", e);
    if (st)
        sqlite3_bind_int64(st, 1, id);
    int rc = st ? change(sq, st, what, id, e) : -1;
    *new_id = sqlite3_last_insert_rowid(sq);
    if (rc == 0)
        rc = routes_delete(db, id, e);
    return routes_commit(sq, rc, what, e);
}

int routes_delete(struct db *db, int64_t id, struct err *e)
{
    sqlite3 *sq = db_sqlite(db);
    sqlite3_stmt *st = sql_prepare(sq, "DELETE FROM routes WHERE id = ?1", e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, id);
    return change(sq, st, "delete the route", id, e);
}

int routes_version(struct db *db, int64_t *version, struct err *e)
{
    int got = sql_int64(db_sqlite(db), "SELECT value FROM meta WHERE key = 'routes_version'", version, e);
    return got == 1 ? err_set(e, "%s has no routes_version; it is damaged", db_path(db)) : got;
}

static struct route read_row(sqlite3_stmt *st)
{
    return (struct route){
        .id = sqlite3_column_int64(st, 0),
        .enabled = sqlite3_column_int(st, 1) != 0,
        .session_id = sql_text(st, 2),
        .model_glob = sql_text(st, 3),
        .purpose = sql_text(st, 4),
        .set_model = sql_text(st, 5),
        .set_provider = sql_text(st, 6),
        .params_json = sql_text(st, 7),
        .note = sql_text(st, 8),
        .created_at = sqlite3_column_int64(st, 9),
        .max_calls = sqlite3_column_int64(st, 10),
        .calls_taken = sqlite3_column_int64(st, 11),
        .until_at = sqlite3_column_int64(st, 12),
        .preset = sql_text(st, 13),
        .recounts = sqlite3_column_int64(st, 14),
    };
}

int routes_read(sqlite3_stmt *st, struct route_set *s, struct err *e)
{
    size_t room = 0;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        if (s->count == room) {
            room = room ? room * 2 : 8;
            s->routes = xrealloc(s->routes, room * sizeof *s->routes);
        }
        s->routes[s->count++] = read_row(st);
    }
    if (rc != SQLITE_DONE)
        routes_fail(sqlite3_db_handle(st), "read the routes", e);
    sqlite3_reset(st);
    if (rc != SQLITE_DONE) {
        route_set_done(s);
        return -1;
    }
    s->index = route_index_new(s);
    return 0;
}

sqlite3_stmt *routes_prepare_load(sqlite3 *sq, struct err *e)
{
    return sql_prepare(sq, SQL_LOAD, e);
}

int routes_load(struct db *db, struct route_set *s, struct err *e)
{
    *s = (struct route_set){0};
    /* The version first: rows that come in between make the set newer than its
     * number, never older, and the next look finds the number moved. */
    int64_t version = 0;
    if (routes_version(db, &version, e) != 0)
        return -1;
    sqlite3_stmt *st = routes_prepare_load(db_sqlite(db), e);
    if (!st)
        return -1;
    int rc = routes_read(st, s, e);
    sqlite3_finalize(st);
    s->version = version;
    return rc;
}
