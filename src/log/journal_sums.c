#include "log/journal_sums.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "log/sql.h"
#include "log/sums_gather.h"

static const char *const columns[] = {
    "calls",
    "errors",
    "retries",
    "tokens_in",
    "tokens_cache_read",
    "tokens_cache_write_5m",
    "tokens_cache_write_1h",
    "tokens_out",
    "cost_microusd",
    "unpriced_calls",
    "cache_breaks",
    "cache_break_microusd",
    "ttft_count",
    "ttft_sum_ms",
};
#define COLUMNS SUM_COLUMNS
_Static_assert(sizeof columns / sizeof *columns == COLUMNS, "a name for each figure");

struct sums {
    const struct catalog *catalog;
    sqlite3_stmt *session;
    sqlite3_stmt *day;
    sqlite3_stmt *minute;
    sqlite3_stmt *newest_main;
    sqlite3_stmt *amend_main;
    sqlite3_stmt *empty_day;
    sqlite3_stmt *empty_minute;
    sqlite3_stmt *title;
    struct gathered sessions, days, minutes; /* of the calls that wait for sums_write() */
};

/* ---- Statements -------------------------------------------------------------- */

/* INSERT INTO table(keys, sums) … ON CONFLICT(conflict) DO UPDATE SET more sums. */
static sqlite3_stmt *prepare_upsert(sqlite3 *sq, const char *table, const char *keys, int key_count,
                                    const char *conflict, const char *more, struct err *e)
{
    struct buf sql;
    buf_init(&sql);
    buf_printf(&sql, "INSERT INTO %s(%s", table, keys);
    for (int i = 0; i < COLUMNS; i++)
        buf_printf(&sql, ", %s", columns[i]);
    buf_puts(&sql, ") VALUES(?");
    for (int i = 1; i < key_count + COLUMNS; i++)
        buf_puts(&sql, ", ?");
    buf_printf(&sql, ") ON CONFLICT(%s) DO UPDATE SET %s", conflict, more);
    for (int i = 0; i < COLUMNS; i++)
        buf_printf(&sql, "%s%s = %s + excluded.%s", i ? ", " : "", columns[i], columns[i], columns[i]);
    sqlite3_stmt *st = sql_prepare(sq, sql.data, e);
    buf_done(&sql);
    return st;
}

static int prepare(struct sums *s, sqlite3 *sq, struct err *e)
{
    s->session = prepare_upsert(sq, "session", "session_id, first_at, last_at, work_dir", 4, "session_id",
                                "first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at),"
                                " work_dir = coalesce(excluded.work_dir, work_dir), ",
                                e);
    s->day = prepare_upsert(sq, "day_sum", "day, session_id, model, provider, purpose", 5,
                            "day, session_id, model, provider, purpose", "", e);
    s->minute = prepare_upsert(sq, "minute_sum", "minute, model, provider", 3, "minute, model, provider", "", e);
    s->newest_main = sql_prepare(sq,
                                 "UPDATE session SET main_call_id = ?2, context_tokens = ?3, context_limit = ?4,"
                                 " model = ?5, provider = ?6"
                                 " WHERE session_id = ?1 AND coalesce(main_call_id, 0) < ?2",
                                 e);
    s->title = sql_prepare(sq, "UPDATE session SET title = ?2 WHERE session_id = ?1", e);
    s->amend_main = sql_prepare(sq,
                                "UPDATE session SET model = ?3, provider = ?4 WHERE session_id = ?1 AND main_call_id = ?2",
                                e);
    s->empty_day = sql_prepare(sq,
                               "DELETE FROM day_sum WHERE day = ?1 AND session_id = ?2 AND model = ?3 AND provider = ?4"
                               " AND purpose = ?5 AND calls = 0",
                               e);
    s->empty_minute = sql_prepare(
        sq, "DELETE FROM minute_sum WHERE minute = ?1 AND model = ?2 AND provider = ?3 AND calls = 0", e);
    return s->session && s->day && s->minute && s->newest_main && s->title && s->amend_main && s->empty_day &&
                   s->empty_minute
               ? 0
               : -1;
}

struct sums *sums_open(sqlite3 *sq, const struct catalog *catalog, struct err *e)
{
    struct sums *s = xcalloc(1, sizeof *s);
    s->catalog = catalog;
    if (prepare(s, sq, e) == 0)
        return s;
    sums_free(s);
    return NULL;
}

void sums_free(struct sums *s)
{
    if (!s)
        return;
    sqlite3_finalize(s->session);
    sqlite3_finalize(s->day);
    sqlite3_finalize(s->minute);
    sqlite3_finalize(s->newest_main);
    sqlite3_finalize(s->amend_main);
    sqlite3_finalize(s->empty_day);
    sqlite3_finalize(s->empty_minute);
    sqlite3_finalize(s->title);
    gathered_done(&s->sessions);
    gathered_done(&s->days);
    gathered_done(&s->minutes);
    free(s);
}

/* ---- Counting ---------------------------------------------------------------- */

static int64_t known(int64_t n)
{
    return n > 0 ? n : 0;
}

static void count(const struct call *c, bool is_retry, int64_t n[COLUMNS])
{
    bool has_usage = c->usage.in >= 0 || c->usage.out >= 0;
    const int64_t figures[] = {
        1,
        c->state == CALL_ERROR,
        is_retry + (c->attempt > 1 ? c->attempt - 1 : 0),
        known(c->usage.in),
        known(c->usage.cache_read),
        known(c->usage.cache_write_5m),
        known(c->usage.cache_write_1h),
        known(c->usage.out),
        known(c->cost_microusd),
        has_usage && c->cost_microusd < 0,
        c->cache_break != NULL,
        known(c->cache_break_microusd),
        c->ttft_ms >= 0,
        known(c->ttft_ms),
    };
    _Static_assert(sizeof figures / sizeof *figures == sizeof columns / sizeof *columns, "one figure a column");
    for (int i = 0; i < COLUMNS; i++)
        n[i] = figures[i];
}

static void bind_sums(sqlite3_stmt *st, int at, const int64_t n[COLUMNS])
{
    for (int i = 0; i < COLUMNS; i++)
        sqlite3_bind_int64(st, at + i, n[i]);
}

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

static int write_session(struct sums *s, const struct sum *sum, struct err *e)
{
    sql_bind_text(s->session, 1, sum->call->session_id);
    sqlite3_bind_int64(s->session, 2, sum->first_at);
    sqlite3_bind_int64(s->session, 3, sum->last_at);
    sql_bind_text(s->session, 4, sum->work_dir);
    bind_sums(s->session, 5, sum->n);
    return sql_done(s->session, e);
}

static int add_to_session(struct sums *s, const struct call *c, const int64_t n[COLUMNS], struct err *e)
{
    struct sum sum;
    if (!c->session_id)
        return 0;
    sum_init(&sum, c);
    sum_add(&sum, c, n);
    return write_session(s, &sum, e);
}

static void bind_day(sqlite3_stmt *st, const struct call *c)
{
    sqlite3_bind_int(st, 1, clock_day_number(c->started_at));
    sql_bind_text(st, 2, or_empty(c->session_id));
    sql_bind_text(st, 3, or_empty(call_counted_model(c)));
    sql_bind_text(st, 4, or_empty(c->provider_served));
    sql_bind_text(st, 5, c->has_purpose ? purpose_name(c->purpose) : "");
}

static void bind_minute(sqlite3_stmt *st, const struct call *c)
{
    sqlite3_bind_int64(st, 1, c->finished_at / 60000);
    sql_bind_text(st, 2, or_empty(call_counted_model(c)));
    sql_bind_text(st, 3, or_empty(c->provider_served));
}

static int add_to_day(struct sums *s, const struct call *c, const int64_t n[COLUMNS], struct err *e)
{
    bind_day(s->day, c);
    bind_sums(s->day, 6, n);
    return sql_done(s->day, e);
}

static int add_to_minute(struct sums *s, const struct call *c, const int64_t n[COLUMNS], struct err *e)
{
    if (c->finished_at < 0)
        return 0;
    bind_minute(s->minute, c);
    bind_sums(s->minute, 4, n);
    return sql_done(s->minute, e);
}

/* The context a session stands at is that of its newest main call. */
static int set_newest_main(struct sums *s, const struct call *c, struct err *e)
{
    const char *name = call_counted_model(c);
    const struct model *model = s->catalog && name ? catalog_find(s->catalog, name) : NULL;
    sql_bind_text(s->newest_main, 1, c->session_id);
    sqlite3_bind_int64(s->newest_main, 2, c->id);
    sqlite3_bind_int64(s->newest_main, 3, usage_context(&c->usage));
    sql_bind_known(s->newest_main, 4, model ? model->context_tokens : -1);
    sql_bind_text(s->newest_main, 5, name);
    sql_bind_text(s->newest_main, 6, c->provider_served);
    return sql_done(s->newest_main, e);
}

void sums_begin(struct sums *s, const struct call *c)
{
    static const int64_t nothing[COLUMNS] = {0};
    if (c->session_id)
        gather(&s->sessions, is_same_session, c, nothing);
}

void sums_end(struct sums *s, const struct call *c, bool is_retry)
{
    int64_t n[COLUMNS];
    count(c, is_retry, n);
    if (c->session_id)
        gather(&s->sessions, is_same_session, c, n);
    gather(&s->days, is_same_day, c, n);
    if (c->finished_at >= 0)
        gather(&s->minutes, is_same_minute, c, n);
}

void sums_forget(struct sums *s)
{
    s->sessions.count = s->days.count = s->minutes.count = 0;
}

int sums_write(struct sums *s, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; i < s->sessions.count && rc == 0; i++) {
        const struct sum *sum = &s->sessions.all[i];
        rc = write_session(s, sum, e);
        if (rc == 0 && sum->newest_main)
            rc = set_newest_main(s, sum->newest_main, e);
    }
    for (size_t i = 0; i < s->days.count && rc == 0; i++)
        rc = add_to_day(s, s->days.all[i].call, s->days.all[i].n, e);
    for (size_t i = 0; i < s->minutes.count && rc == 0; i++)
        rc = add_to_minute(s, s->minutes.all[i].call, s->minutes.all[i].n, e);
    sums_forget(s);
    return rc;
}

static int add_to_rollups(struct sums *s, const struct call *c, const int64_t n[COLUMNS], struct err *e)
{
    return add_to_day(s, c, n, e) != 0 ? -1 : add_to_minute(s, c, n, e);
}

/* A row that nothing is counted under any more would show as an empty group. */
static int drop_empty(struct sums *s, const struct call *c, struct err *e)
{
    bind_day(s->empty_day, c);
    if (sql_done(s->empty_day, e) != 0)
        return -1;
    bind_minute(s->empty_minute, c);
    return sql_done(s->empty_minute, e);
}

static int amend_main(struct sums *s, const struct call *c, struct err *e)
{
    sql_bind_text(s->amend_main, 1, c->session_id);
    sqlite3_bind_int64(s->amend_main, 2, c->id);
    sql_bind_text(s->amend_main, 3, call_counted_model(c));
    sql_bind_text(s->amend_main, 4, c->provider_served);
    return sql_done(s->amend_main, e);
}

int sums_amend(struct sums *s, const struct call *before, const struct call *after, bool is_retry, struct err *e)
{
    int64_t old[COLUMNS];
    int64_t new[COLUMNS];
    int64_t change[COLUMNS];
    count(before, is_retry, old);
    count(after, is_retry, new);
    for (int i = 0; i < COLUMNS; i++) {
        change[i] = new[i] - old[i];
        old[i] = -old[i];
    }
    if (add_to_session(s, after, change, e) != 0)
        return -1;
    if (is_same_series(before, after))
        return add_to_rollups(s, after, change, e);
    if (add_to_rollups(s, before, old, e) != 0 || drop_empty(s, before, e) != 0)
        return -1;
    return add_to_rollups(s, after, new, e) != 0 ? -1 : amend_main(s, after, e);
}

int sums_title(struct sums *s, const char *session_id, const char *title, struct err *e)
{
    sql_bind_text(s->title, 1, session_id);
    sql_bind_text(s->title, 2, title);
    return sql_done(s->title, e);
}
