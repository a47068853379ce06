/* Reading and editing the table `budgets`.  Its triggers count budgets_version up,
 * which is how the gateway notices. */
#include "log/budgets.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "log/budgets_row.h"
#include "log/sql.h"

static const char *const scopes[] = {"call", "session", "day", "month", "rate"};
static const char *const levels[] = {"warn", "block"};
#define SCOPE_COUNT (sizeof scopes / sizeof *scopes)

const char *budget_scope_name(enum budget_scope s)
{
    return scopes[s];
}

const char *budget_level_name(enum budget_level l)
{
    return levels[l];
}

bool budget_scope_parse(const char *name, enum budget_scope *s)
{
    for (size_t i = 0; name && i < SCOPE_COUNT; i++) {
        if (strcmp(name, scopes[i]) == 0) {
            *s = (enum budget_scope)i;
            return true;
        }
    }
    return false;
}

bool budget_is_lifted(const struct budget *b, int64_t now_ms)
{
    return b->lifted_until > now_ms;
}

bool budget_set_has(const struct budget_set *s, enum budget_scope scope)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->budgets[i].scope == scope)
            return true;
    return false;
}

void budget_amount(struct buf *out, enum budget_scope scope, int64_t amount)
{
    if (scope == BUDGET_RATE)
        buf_printf(out, "%lld %s", (long long)amount, amount == 1 ? "call" : "calls");
    else if (amount > 0 && amount < 100000) /* cents would round it away */
        buf_printf(out, "$%lld.%04lld", (long long)((amount + 50) / 1000000), (long long)((amount + 50) % 1000000 / 100));
    else
        buf_printf(out, "$%lld.%02lld", (long long)((amount + 5000) / 1000000), (long long)((amount + 5000) % 1000000 / 10000));
}

/* --- Reading ------------------------------------------------------------------ */

sqlite3_stmt *budgets_prepare_load(sqlite3 *sq, struct err *e)
{
    return sql_prepare(sq,
                       "SELECT id, scope, level, coalesce(limit_microusd, limit_calls), coalesce(lifted_until, 0)"
                       " FROM budgets WHERE enabled"
                       " ORDER BY instr('call session day month rate', scope), level DESC",
                       e);
}

int budgets_read(sqlite3_stmt *st, struct budget_set *s, struct err *e)
{
    int rc;
    s->count = 0;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct budget b = {.id = sqlite3_column_int64(st, 0),
                           .limit = sqlite3_column_int64(st, 3),
                           .lifted_until = sqlite3_column_int64(st, 4)};
        const char *level = (const char *)sqlite3_column_text(st, 2);
        b.level = level && strcmp(level, levels[BUDGET_WARN]) == 0 ? BUDGET_WARN : BUDGET_BLOCK;
        if (s->count < BUDGETS_MAX && budget_scope_parse((const char *)sqlite3_column_text(st, 1), &b.scope))
            s->budgets[s->count++] = b;
    }
    if (rc != SQLITE_DONE)
        err_set(e, "cannot read the budgets: %s", sqlite3_errmsg(sqlite3_db_handle(st)));
    sqlite3_reset(st);
    return rc == SQLITE_DONE ? 0 : -1;
}

int budgets_load(struct db *db, struct budget_set *s, struct err *e)
{
    *s = (struct budget_set){0};
    /* The version first: then the set is never older than its number. */
    if (sql_int64(db_sqlite(db), "SELECT value FROM meta WHERE key = 'budgets_version'", &s->version, e) < 0)
        return -1;
    sqlite3_stmt *st = budgets_prepare_load(db_sqlite(db), e);
    int rc = st ? budgets_read(st, s, e) : -1;
    sqlite3_finalize(st);
    return rc;
}

/* --- Editing ------------------------------------------------------------------- */

/* Steps and finalizes; how many rows changed, or -1. */
static int change(struct db *db, sqlite3_stmt *st, const char *what, struct err *e)
{
    int rc = sql_done(st, e);
    sqlite3_finalize(st);
    if (rc == 0)
        return sqlite3_changes(db_sqlite(db));
    db_explain(db, e);
    return err_prefix(e, "cannot %s", what);
}

int budgets_put(struct db *db, enum budget_scope scope, enum budget_level level, int64_t limit, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(db_sqlite(db),
                                   "INSERT INTO budgets(scope, level, limit_microusd, limit_calls) VALUES(?1, ?2, ?3, ?4)"
                                   " ON CONFLICT(scope, level) DO UPDATE SET enabled = 1, lifted_until = NULL,"
                                   " limit_microusd = excluded.limit_microusd, limit_calls = excluded.limit_calls",
                                   e);
    if (!st)
        return -1;
    sql_bind_text(st, 1, scopes[scope]);
    sql_bind_text(st, 2, levels[level]);
    sqlite3_bind_int64(st, scope == BUDGET_RATE ? 4 : 3, limit);
    return change(db, st, "set the budget", e) < 0 ? -1 : 0;
}

int budgets_remove(struct db *db, enum budget_scope scope, unsigned level_bits, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(db_sqlite(db),
                                   "DELETE FROM budgets WHERE scope = ?1 AND ((?2 AND level = 'warn') OR (?3 AND level = 'block'))", e);
    if (!st)
        return -1;
    sql_bind_text(st, 1, scopes[scope]);
    sqlite3_bind_int(st, 2, (level_bits >> BUDGET_WARN) & 1);
    sqlite3_bind_int(st, 3, (level_bits >> BUDGET_BLOCK) & 1);
    int changed = change(db, st, "remove the budget", e);
    return changed < 0 ? -1 : changed == 0;
}

int budgets_lift(struct db *db, const enum budget_scope *scope, int64_t until_ms, int *count, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(db_sqlite(db),
                                   "UPDATE budgets SET lifted_until = CASE WHEN ?2 > ?3 THEN ?2 END"
                                   " WHERE level = 'block' AND enabled AND (?1 IS NULL OR scope = ?1)",
                                   e);
    if (!st)
        return -1;
    sql_bind_text(st, 1, scope ? scopes[*scope] : NULL);
    sqlite3_bind_int64(st, 2, until_ms);
    sqlite3_bind_int64(st, 3, clock_wall_ms());
    int changed = change(db, st, "lift the budget", e);
    if (count)
        *count = changed > 0 ? changed : 0;
    return changed < 0 ? -1 : 0;
}
