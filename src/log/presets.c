/* Three things are kept: `preset` has the sets; the setting preset_used names the
 * one in use; the setting preset_before has the rows that were enabled when the
 * first was put to use.  An entry of the history has the rows and both settings
 * as they were. */
#include "log/presets.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "log/routes.h"
#include "log/routes_row.h"
#include "log/sql.h"

#define KEY_USED   "preset_used"
#define KEY_BEFORE "preset_before"

/* Make exactly these rows (?1, a JSON array) the enabled ones. */
static const char *const SQL_ENABLE_ONLY[] = {
    "DELETE FROM routes WHERE preset IS NOT NULL AND id NOT IN (SELECT " SQL_OLD("id") " FROM json_each(?1))",
    "UPDATE routes SET enabled = 0 WHERE enabled AND id NOT IN (SELECT " SQL_OLD("id") " FROM json_each(?1))",
    "INSERT OR IGNORE INTO routes(" SQL_ROUTE_COLUMNS ") SELECT " SQL_ROUTE_FROM_JSON " FROM json_each(?1)",
    "UPDATE routes SET enabled = 1 WHERE NOT enabled AND id IN (SELECT " SQL_OLD("id") " FROM json_each(?1))",
};

static const char SQL_ENABLED[] =
    "SELECT json_group_array(json(row)) FROM (SELECT " SQL_ROUTE_JSON " AS row FROM routes WHERE enabled ORDER BY id)";

static const char SQL_SAVE[] =
    "INSERT OR REPLACE INTO preset(name, routes_json) SELECT ?1, json_group_array(json(row)) FROM"
    " (SELECT " SQL_ROUTE_JSON " AS row FROM routes WHERE enabled AND until_at IS NULL"
    "  AND (max_calls IS NULL OR calls_taken < max_calls) ORDER BY id)";

static const char SQL_PUT[] =
    "INSERT INTO routes(session_id, model_glob, purpose, set_model, set_provider, params_json, note, max_calls, preset)"
    " SELECT " SQL_OLD("session_id") ", " SQL_OLD("model_glob") ", " SQL_OLD("purpose") ", " SQL_OLD("set_model") ", "
    SQL_OLD("set_provider") ", " SQL_OLD("params_json") ", " SQL_OLD("note") ", " SQL_OLD("max_calls") ", preset.name"
    " FROM preset, json_each(preset.routes_json) WHERE preset.name = ?1 ORDER BY key";

/* ---- Parts --------------------------------------------------------------------- */

/* The first column of the first row, caller frees; NULL with rc 0 when there is none. */
static int ask_text(sqlite3 *sq, const char *sql, const char *bound, char **text, struct err *e)
{
    *text = NULL;
    sqlite3_stmt *st = sql_prepare(sq, sql, e);
    if (!st)
        return -1;
    if (bound)
        sql_bind_text(st, 1, bound);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *text = sql_text(st, 0);
    else if (rc != SQLITE_DONE)
        routes_fail(sq, "read the presets", e);
    sqlite3_finalize(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}

static int get(sqlite3 *sq, const char *key, char **value, struct err *e)
{
    return ask_text(sq, "SELECT value FROM setting WHERE key = ?1", key, value, e);
}

/* value NULL takes it out. */
static int set(sqlite3 *sq, const char *key, const char *value, const char *what, struct err *e)
{
    if (!value)
        return routes_run(sq, "DELETE FROM setting WHERE key = ?1", key, what, e);
    sqlite3_stmt *st = sql_prepare(sq, "INSERT OR REPLACE INTO setting(key, value) VALUES(?1, ?2)", e);
    if (st) {
        sql_bind_text(st, 1, key);
        sql_bind_text(st, 2, value);
    }
    return routes_finish(sq, st, what, e);
}

static int enable_only(sqlite3 *sq, const char *rows, const char *what, struct err *e)
{
    for (size_t i = 0; i < sizeof SQL_ENABLE_ONLY / sizeof *SQL_ENABLE_ONLY; i++)
        if (routes_run(sq, SQL_ENABLE_ONLY[i], rows, what, e) != 0)
            return -1;
    return 0;
}

/* As things stand. */
struct state {
    char *rows; /* enabled, as JSON */
    char *used;
    char *before;
};

static void state_done(struct state *s)
{
    free(s->rows);
    free(s->used);
    free(s->before);
}

static int state_read(sqlite3 *sq, struct state *s, struct err *e)
{
    *s = (struct state){0};
    if (ask_text(sq, SQL_ENABLED, NULL, &s->rows, e) != 0 || get(sq, KEY_USED, &s->used, e) != 0)
        return -1;
    return get(sq, KEY_BEFORE, &s->before, e);
}

static void put_member(struct buf *out, const char *key, const char *text)
{
    buf_printf(out, ",\"%s\":", key);
    if (text)
        json_quote(out, text, strlen(text));
    else
        buf_puts(out, "null");
}

static int remember(sqlite3 *sq, const struct state *s, const char *told, const char *what, struct err *e)
{
    struct buf undo;
    buf_init(&undo);
    buf_puts(&undo, "{\"setting\":\"preset\"");
    put_member(&undo, "used", s->used);
    put_member(&undo, "before", s->before);
    buf_printf(&undo, ",\"rows\":%s}", s->rows);
    int rc = routes_remember(sq, told, undo.data, what, e);
    buf_done(&undo);
    return rc;
}

int presets_take_back(sqlite3 *sq, const char *undo_json, struct err *e)
{
    char *rows = NULL;
    char *used = NULL;
    char *before = NULL;
    int rc = -1;
    if (ask_text(sq, "SELECT json_extract(?1, '$.rows')", undo_json, &rows, e) != 0 ||
        ask_text(sq, "SELECT json_extract(?1, '$.used')", undo_json, &used, e) != 0 ||
        ask_text(sq, "SELECT json_extract(?1, '$.before')", undo_json, &before, e) != 0)
        goto out;
    if (enable_only(sq, rows, "undo", e) == 0 && set(sq, KEY_USED, used, "undo", e) == 0 &&
        set(sq, KEY_BEFORE, before, "undo", e) == 0)
        rc = 0;
out:
    free(rows);
    free(used);
    free(before);
    return rc;
}

static int check_name(const char *name, struct err *e)
{
    size_t len = name ? strlen(name) : 0;
    bool is_bad = len == 0 || len > PRESET_NAME_MAX;
    for (size_t i = 0; !is_bad && i < len; i++)
        is_bad = (unsigned char)name[i] <= ' ' || name[i] == 0x7f;
    return is_bad ? err_set(e, "a preset's name is one word of at most %d characters", PRESET_NAME_MAX) : 0;
}

static int check_known(sqlite3 *sq, const char *name, struct err *e)
{
    char *found = NULL;
    int rc = ask_text(sq, "SELECT name FROM preset WHERE name = ?1", name, &found, e);
    if (rc == 0 && !found)
        rc = err_set(e, "there is no preset %.40s; spantop preset list shows them", name);
    free(found);
    return rc;
}

/* ---- Using ---------------------------------------------------------------------- */

static int use_in_transaction(sqlite3 *sq, const char *name, const char *what, struct err *e)
{
    struct state now;
    char *told = xasprintf("preset %s", name);
    int rc = -1;
    if (state_read(sq, &now, e) != 0 || check_known(sq, name, e) != 0)
        goto out;
    if (!now.used && set(sq, KEY_BEFORE, now.rows, what, e) != 0)
        goto out;
    if (enable_only(sq, "[]", what, e) != 0 || routes_run(sq, SQL_PUT, name, what, e) != 0 ||
        set(sq, KEY_USED, name, what, e) != 0)
        goto out;
    rc = remember(sq, &now, told, what, e);
out:
    state_done(&now);
    free(told);
    return rc;
}

int preset_use(struct db *db, const char *name, struct err *e)
{
    const char *what = "use the preset";
    sqlite3 *sq = db_sqlite(db);
    if (check_name(name, e) != 0 || routes_begin(sq, what, e) != 0)
        return -1;
    return routes_commit(sq, use_in_transaction(sq, name, what, e), what, e);
}

static int off_in_transaction(sqlite3 *sq, const char *what, struct err *e)
{
    struct state now;
    int rc = -1;
    if (state_read(sq, &now, e) != 0)
        goto out;
    if (!now.used) {
        rc = 1;
        goto out;
    }
    if (enable_only(sq, now.before ? now.before : "[]", what, e) == 0 && set(sq, KEY_USED, NULL, what, e) == 0 &&
        set(sq, KEY_BEFORE, NULL, what, e) == 0)
        rc = remember(sq, &now, "preset off", what, e);
out:
    state_done(&now);
    return rc;
}

int preset_off(struct db *db, struct err *e)
{
    const char *what = "leave the preset";
    sqlite3 *sq = db_sqlite(db);
    if (routes_begin(sq, what, e) != 0)
        return -1;
    int rc = off_in_transaction(sq, what, e);
    if (rc == 1) {
        sql_try(sq, "ROLLBACK");
        return 1;
    }
    return routes_commit(sq, rc, what, e);
}

int preset_cycle(struct db *db, char **now, struct err *e)
{
    struct preset_list list;
    size_t next = 0;
    *now = NULL;
    if (presets_load(db, &list, e) != 0)
        return -1;
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i].is_used)
            next = i + 1;
    int rc = list.count == 0 ? 1 : 0;
    if (rc == 0 && next < list.count) {
        *now = xstrdup(list.items[next].name);
        rc = preset_use(db, *now, e);
    } else if (rc == 0) {
        rc = preset_off(db, e);
    }
    presets_done(&list);
    return rc;
}

/* ---- The sets -------------------------------------------------------------------- */

int preset_save(struct db *db, const char *name, int64_t *count, struct err *e)
{
    sqlite3 *sq = db_sqlite(db);
    char *text = NULL;
    if (check_name(name, e) != 0 || routes_run(sq, SQL_SAVE, name, "save the preset", e) != 0)
        return -1;
    if (ask_text(sq, "SELECT json_array_length(routes_json) FROM preset WHERE name = ?1", name, &text, e) != 0)
        return -1;
    if (count)
        *count = text ? strtoll(text, NULL, 10) : 0;
    free(text);
    return 0;
}

int preset_delete(struct db *db, const char *name, struct err *e)
{
    sqlite3 *sq = db_sqlite(db);
    if (check_name(name, e) != 0 || check_known(sq, name, e) != 0)
        return -1;
    return routes_run(sq, "DELETE FROM preset WHERE name = ?1", name, "remove the preset", e);
}

char *preset_used(struct db *db)
{
    return db_setting(db, KEY_USED);
}

int presets_load(struct db *db, struct preset_list *list, struct err *e)
{
    sqlite3 *sq = db_sqlite(db);
    *list = (struct preset_list){0};
    sqlite3_stmt *st = sql_prepare(sq,
        "SELECT name, json_array_length(routes_json), saved_at,"
        " name IS (SELECT value FROM setting WHERE key = '" KEY_USED "') FROM preset ORDER BY name", e);
    if (!st)
        return -1;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        list->items = xrealloc(list->items, (list->count + 1) * sizeof *list->items);
        list->items[list->count++] = (struct preset){
            sql_text(st, 0), sqlite3_column_int64(st, 1), sqlite3_column_int64(st, 2), sqlite3_column_int(st, 3) != 0};
    }
    if (rc != SQLITE_DONE)
        routes_fail(sq, "read the presets", e);
    sqlite3_finalize(st);
    if (rc == SQLITE_DONE)
        return 0;
    presets_done(list);
    return -1;
}

void presets_done(struct preset_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].name);
    free(list->items);
    *list = (struct preset_list){0};
}
