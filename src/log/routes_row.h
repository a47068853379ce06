/* What routes.c, routes_switch.c and routes_watch.c share.  Private to them. */
#ifndef SPANTOP_LOG_ROUTES_ROW_H
#define SPANTOP_LOG_ROUTES_ROW_H

#include <sqlite3.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/routes.h"

/* Rows as JSON and back: undo and presets keep them so. */
#define SQL_ROUTE_COLUMNS                                                                                              \
    "id, enabled, session_id, model_glob, purpose, set_model, set_provider, params_json, created_at, note,"            \
    " max_calls, calls_taken, until_at, preset"
#define SQL_ROUTE_JSON                                                                                                 \
    "json_object('id', id, 'enabled', enabled, 'session_id', session_id, 'model_glob', model_glob,"                    \
    " 'purpose', purpose, 'set_model', set_model, 'set_provider', set_provider, 'params_json', params_json,"           \
    " 'created_at', created_at, 'note', note, 'max_calls', max_calls, 'calls_taken', calls_taken,"                     \
    " 'until_at', until_at, 'preset', preset)"
/* A member of the row that `value` holds, where json_each gave it. */
#define SQL_OLD(column) "json_extract(value, '$." column "')"
/* In the order of SQL_ROUTE_COLUMNS. */
#define SQL_ROUTE_FROM_JSON                                                                                            \
    SQL_OLD("id") ", " SQL_OLD("enabled") ", " SQL_OLD("session_id") ", " SQL_OLD("model_glob") ", "                   \
    SQL_OLD("purpose") ", " SQL_OLD("set_model") ", " SQL_OLD("set_provider") ", " SQL_OLD("params_json") ", "         \
    SQL_OLD("created_at") ", " SQL_OLD("note") ", " SQL_OLD("max_calls") ", coalesce(" SQL_OLD("calls_taken") ", 0), " \
    SQL_OLD("until_at") ", " SQL_OLD("preset")

/* e: "cannot WHAT: …", told for people.  Always -1. */
int routes_fail(sqlite3 *sq, const char *what, struct err *e);
NODISCARD int routes_check_text(const char *name, const char *value, struct err *e);
NODISCARD int routes_check_scope(const struct route_scope *scope, struct err *e);

/* Parts of a change: a short transaction, and one entry of the history that
 * routes_undo() takes back.  what: for "cannot WHAT: …". */
NODISCARD int routes_begin(sqlite3 *sq, const char *what, struct err *e);
/* rc below 0 rolls back. */
NODISCARD int routes_commit(sqlite3 *sq, int rc, const char *what, struct err *e);
/* Step and finalize; st NULL: it could not be prepared, e says why. */
NODISCARD int routes_finish(sqlite3 *sq, sqlite3_stmt *st, const char *what, struct err *e);
NODISCARD int routes_run(sqlite3 *sq, const char *sql, const char *text, const char *what, struct err *e);
NODISCARD int routes_remember(sqlite3 *sq, const char *told, const char *undo_json, const char *what, struct err *e);

/* Undo of an entry that presets.c wrote. */
NODISCARD int presets_take_back(sqlite3 *sq, const char *undo_json, struct err *e);

/* The statement that reads all routes by id, and running it into an empty *s;
 * the statement is reset after. */
sqlite3_stmt *routes_prepare_load(sqlite3 *sq, struct err *e);
NODISCARD int routes_read(sqlite3_stmt *st, struct route_set *s, struct err *e);

#endif
