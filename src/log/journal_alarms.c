#include "log/journal_alarms.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/alarm_hook.h"
#include "log/alarms.h"
#include "log/sql.h"

struct journal_alarms {
    struct alarms *rules;
    struct alarm_hook *hook; /* NULL: the user has none */
    sqlite3 *sq;
    sqlite3_stmt *insert;
    sqlite3_stmt *end;
    sqlite3_stmt *trim;
    sqlite3_stmt *title;
    struct alarm *written; /* in the transaction that runs, for the command */
    size_t written_count;
};

/* ---- Learning from the log ------------------------------------------------------------ */

static const char SQL_PAST[] =
    "SELECT id, state, started_at, finished_at, session_id, agent_id, purpose, status, error_type, model_asked, "
    "model_sent,"
    " model_served, provider_served, tokens_in, tokens_cache_read, tokens_cache_write_5m, tokens_cache_write_1h, "
    "respan_cache,"
    " ttft_ms, attempt, cache_break, cache_break_microusd, is_retry"
    " FROM call WHERE id >= (SELECT min(id) FROM (SELECT id FROM call ORDER BY id DESC LIMIT ?1)) ORDER BY id";

static enum call_state read_state(const char *name)
{
    for (int s = CALL_OPEN; s <= CALL_LOST; s++)
        if (name && strcmp(name, call_state_name((enum call_state)s)) == 0)
            return (enum call_state)s;
    return CALL_LOST;
}

static void read_past(sqlite3_stmt *st, struct call *c)
{
    const char *purpose = (const char *)sqlite3_column_text(st, 6), *cache = (const char *)sqlite3_column_text(st, 17);
    call_init(c);
    c->id = sqlite3_column_int64(st, 0);
    c->state = read_state((const char *)sqlite3_column_text(st, 1));
    c->started_at = sql_known(st, 2);
    c->finished_at = sql_known(st, 3);
    c->session_id = sql_text(st, 4);
    c->agent_id = sql_text(st, 5);
    c->has_purpose = purpose && purpose_parse(purpose, &c->purpose);
    c->status = sql_known(st, 7);
    c->error_type = sql_text(st, 8);
    c->model_asked = sql_text(st, 9);
    c->model_sent = sql_text(st, 10);
    c->model_served = sql_text(st, 11);
    c->provider_served = sql_text(st, 12);
    c->usage.in = sql_known(st, 13);
    c->usage.cache_read = sql_known(st, 14);
    c->usage.cache_write_5m = sql_known(st, 15);
    c->usage.cache_write_1h = sql_known(st, 16);
    c->respan_cache = cache ? strcmp(cache, "hit") == 0 : -1;
    c->ttft_ms = sql_known(st, 18);
    c->attempt = sql_known(st, 19);
    c->cache_break = sql_text(st, 20);
    c->cache_break_microusd = sql_known(st, 21);
}

static int learn(struct journal_alarms *j, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(j->sq, SQL_PAST, e);
    int rc = SQLITE_DONE;
    if (!st)
        return -1;
    sqlite3_bind_int(st, 1, ALARMS_LEARNED);
    alarms_set_quiet(j->rules, true);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct call c;
        bool is_retry = sqlite3_column_int(st, 22) != 0;
        read_past(st, &c);
        alarms_begin(j->rules, &c, is_retry);
        if (c.finished_at >= 0)
            alarms_end(j->rules, &c, is_retry);
        call_done(&c);
    }
    alarms_set_quiet(j->rules, false);
    if (rc != SQLITE_DONE)
        err_set(e, "%s", sqlite3_errmsg(j->sq));
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : -1;
}

/* ---- Opening -------------------------------------------------------------------------- */

static int prepare(struct journal_alarms *j, struct err *e)
{
    j->insert = sql_prepare(j->sq,
                            "INSERT INTO alarm(kind, subject, at, until_at, session_id, call_id, text)"
                            " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                            e);
    j->end = sql_prepare(j->sq, "UPDATE alarm SET until_at = ?4 WHERE kind = ?1 AND subject = ?2 AND until_at > ?4", e);
    j->trim = sql_prepare(j->sq, "DELETE FROM alarm WHERE id <= ?1", e);
    j->title = sql_prepare(j->sq, "SELECT title FROM session WHERE session_id = ?1", e);
    return j->insert && j->end && j->trim && j->title ? 0 : -1;
}

struct journal_alarms *journal_alarms_open(sqlite3 *sq, const struct journal_options *o, struct err *e)
{
    struct journal_alarms *j = xcalloc(1, sizeof *j);
    j->sq = sq;
    j->rules = alarms_new(&o->alarms, o->catalog);
    if (prepare(j, e) == 0 && learn(j, e) == 0) {
        j->hook = alarm_hook_new(o->on_alarm, HOOK_LIMIT_MS);
        return j;
    }
    journal_alarms_free(j);
    return NULL;
}

static void forget_written(struct journal_alarms *j)
{
    for (size_t i = 0; i < j->written_count; i++)
        alarm_done(&j->written[i]);
    free(j->written);
    j->written = NULL;
    j->written_count = 0;
}

void journal_alarms_free(struct journal_alarms *j)
{
    if (!j)
        return;
    forget_written(j);
    alarm_hook_free(j->hook);
    sqlite3_finalize(j->insert);
    sqlite3_finalize(j->end);
    sqlite3_finalize(j->trim);
    sqlite3_finalize(j->title);
    alarms_free(j->rules);
    free(j);
}

/* What was learned from the other log is less than what the gateway saw itself. */
void journal_alarms_take_over(struct journal_alarms *j, struct journal_alarms *old)
{
    struct alarms *rules = j->rules;
    struct alarm_hook *hook = j->hook;
    j->rules = old->rules;
    j->hook = old->hook;
    old->rules = rules;
    old->hook = hook;
}

void journal_alarms_begin(struct journal_alarms *j, const struct call *c, bool is_retry)
{
    alarms_begin(j->rules, c, is_retry);
}

void journal_alarms_end(struct journal_alarms *j, const struct call *c, bool is_retry)
{
    alarms_end(j->rules, c, is_retry);
}

/* ---- Writing -------------------------------------------------------------------------- */

static char *title_of(struct journal_alarms *j, const char *session_id)
{
    sql_bind_text(j->title, 1, session_id);
    char *title = sqlite3_step(j->title) == SQLITE_ROW ? sql_text(j->title, 0) : NULL;
    sqlite3_reset(j->title);
    return title;
}

static int put(struct journal_alarms *j, const struct alarm *a, struct err *e)
{
    sqlite3_stmt *st = a->id < 0 ? j->end : j->insert;
    sql_bind_text(st, 1, alarm_kind_name(a->kind));
    sql_bind_text(st, 2, a->subject);
    sqlite3_bind_int64(st, 4, a->until_at);
    if (a->id < 0)
        return sql_done(st, e);
    sqlite3_bind_int64(st, 3, a->at);
    sql_bind_text(st, 5, a->session_id);
    sql_bind_known(st, 6, a->call_id);
    sql_bind_text(st, 7, a->text);
    if (sql_done(st, e) != 0)
        return -1;
    int64_t id = sqlite3_last_insert_rowid(j->sq);
    struct alarm *copy = &j->written[j->written_count++];
    *copy = *a;
    copy->id = id;
    copy->subject = NULL;
    copy->session_id = xstrdup(a->session_id);
    copy->session_title = title_of(j, a->session_id);
    sqlite3_bind_int64(j->trim, 1, id - ALARMS_KEPT);
    return sql_done(j->trim, e);
}

int journal_alarms_write(struct journal_alarms *j, struct err *e)
{
    size_t count;
    const struct alarm *raised = alarms_peek(j->rules, &count);
    forget_written(j); /* of a commit that failed */
    if (count == 0)
        return 0;
    j->written = xcalloc(count, sizeof *j->written);
    for (size_t i = 0; i < count; i++)
        if (put(j, &raised[i], e) != 0)
            return -1;
    return 0;
}

void journal_alarms_written(struct journal_alarms *j)
{
    for (size_t i = 0; i < j->written_count; i++)
        alarm_hook_give(j->hook, &j->written[i]);
    forget_written(j);
    alarms_forget(j->rules);
}

void journal_alarms_step(struct journal_alarms *j)
{
    alarm_hook_step(j->hook);
}
