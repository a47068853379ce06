/* What is used of each budget, as the log alone tells it: for people, who look at a
 * dashboard or ask the command line.  The gateway decides by budgets_watch.c. */
#include "log/budgets.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "log/sql.h"

#define DAY_MS    INT64_C(86400000)
#define MINUTE_MS INT64_C(60000)

/* ?1: a day (YYYYMMDD) or a time (Unix ms).  Each gives what is used and, for a
 * session, its name. */
static const char *const used_sql[] = {
    [BUDGET_CALL] = "SELECT max(cost_microusd), NULL FROM call WHERE finished_at >= ?1",
    [BUDGET_SESSION] = "SELECT cost_microusd, coalesce(title, session_id) FROM session WHERE last_at >= ?1"
                       " ORDER BY cost_microusd DESC LIMIT 1",
    [BUDGET_DAY] = "SELECT sum(cost_microusd), NULL FROM day_sum WHERE day = ?1",
    [BUDGET_MONTH] = "SELECT sum(cost_microusd), NULL FROM day_sum WHERE day BETWEEN ?1 / 100 * 100 AND ?1",
    /* Ids rise with time: the last ten thousand hold every call of a minute that
     * a rate worth watching has. */
    [BUDGET_RATE] = "SELECT count(*), NULL FROM call WHERE id > (SELECT max(id) FROM call) - 10000 AND started_at > ?1"
                    " AND path LIKE '/v1/messages%' AND path NOT LIKE '/v1/messages/%'"
                    " AND (error_type IS NULL OR error_type != 'billing_error')",
};

static int64_t argument_of(enum budget_scope scope, int64_t now_ms)
{
    switch (scope) {
    case BUDGET_DAY:
    case BUDGET_MONTH:
        return clock_day_number(now_ms);
    case BUDGET_RATE:
        return now_ms - MINUTE_MS;
    default:
        return now_ms - DAY_MS;
    }
}

static enum budget_mood mood_of(const struct budget_state *s, int64_t now_ms)
{
    if (budget_is_lifted(&s->budget, now_ms))
        return BUDGET_LIFTED;
    if (s->used < s->budget.limit)
        return BUDGET_FINE;
    /* A call that is over has passed; only the next one's estimate can be blocked. */
    return s->budget.level == BUDGET_WARN || s->budget.scope == BUDGET_CALL ? BUDGET_WARNS : BUDGET_BLOCKS;
}

static int look(struct db *db, int64_t now_ms, struct budget_state *s, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(db_sqlite(db), used_sql[s->budget.scope], e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, argument_of(s->budget.scope, now_ms));
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        s->used = sqlite3_column_int64(st, 0);
        s->who = sql_text(st, 1);
    } else if (rc != SQLITE_DONE) {
        err_set(e, "cannot read what the budgets have used: %s", sqlite3_errmsg(db_sqlite(db)));
    }
    sqlite3_finalize(st);
    s->mood = mood_of(s, now_ms);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}

int budgets_status(struct db *db, int64_t now_ms, struct budget_page *p, struct err *e)
{
    struct budget_set set;
    *p = (struct budget_page){0};
    if (budgets_load(db, &set, e) != 0)
        return -1;
    for (size_t i = 0; i < set.count; i++) {
        p->states[i].budget = set.budgets[i];
        p->count++;
        if (look(db, now_ms, &p->states[i], e) != 0) {
            budget_page_done(p);
            return -1;
        }
    }
    return 0;
}

void budget_page_done(struct budget_page *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->states[i].who);
    *p = (struct budget_page){0};
}

static const struct budget_state *most_pressing(const struct budget_page *p)
{
    static const int weight[] = {[BUDGET_FINE] = 0, [BUDGET_LIFTED] = 1, [BUDGET_WARNS] = 2, [BUDGET_BLOCKS] = 3};
    const struct budget_state *found = NULL;
    for (size_t i = 0; i < p->count; i++)
        if (weight[p->states[i].mood] > (found ? weight[found->mood] : 0))
            found = &p->states[i];
    return found;
}

bool budget_page_line(const struct budget_page *p, struct buf *out)
{
    const struct budget_state *s = most_pressing(p);
    if (!s)
        return false;
    buf_printf(out, "%s budget ", budget_scope_name(s->budget.scope));
    if (s->mood != BUDGET_WARNS) {
        buf_puts(out, "of ");
        budget_amount(out, s->budget.scope, s->budget.limit);
        buf_puts(out, s->mood == BUDGET_LIFTED ? " lifted" : " reached, calls are blocked");
        return true;
    }
    budget_amount(out, s->budget.scope, s->used);
    buf_puts(out, " of ");
    budget_amount(out, s->budget.scope, s->budget.limit);
    buf_puts(out, " used");
    return true;
}
