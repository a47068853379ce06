#include "log/sums_rebuild.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "log/reader_row.h"
#include "log/sql.h"

#define STEP_ROWS     100 /* corrections a commit: some 3 ms */
#define STEP_SESSIONS 50
#define HOUR_MS       INT64_C(3600000)
#define MINUTE_MS     INT64_C(60000)

static const char *const figures[] = {
    "calls", "errors", "retries", "tokens_in", "tokens_cache_read", "tokens_cache_write_5m", "tokens_cache_write_1h",
    "tokens_out", "cost_microusd", "unpriced_calls", "cache_breaks", "cache_break_microusd", "ttft_count", "ttft_sum_ms",
};
#define FIGURES (sizeof figures / sizeof *figures)

/* ?1 and ?2 bound the part that is looked at. */
struct rollup {
    const char *table;
    const char *keys;      /* of its primary key */
    const char *of_calls;  /* the same, of `call c` */
    const char *calls;     /* which calls are in this part */
    const char *rows;      /* which rows */
    const char *more;      /* columns that a row which is missing altogether needs */
    const char *more_of_calls;
    const char *more_of_rows;
    const char *more_of_group;
    const char *drop;      /* rows that nothing is counted under any more; NULL: they stay */
};

static const struct rollup days = {
    .table = "day_sum",
    .keys = "day, session_id, model, provider, purpose",
    .of_calls = "?3 AS day, ifnull(c.session_id, '') AS session_id,"
                " coalesce(c.model_served, c.model_sent, c.model_asked, '') AS model,"
                " ifnull(c.provider_served, '') AS provider, ifnull(c.purpose, '') AS purpose",
    /* A call ends after it starts and within a day of it, which the index on
     * finished_at narrows; one that was lost has no end. */
    .calls = "((c.finished_at >= ?1 AND c.finished_at < ?2 + 86400000) OR c.finished_at IS NULL)"
             " AND c.started_at >= ?1 AND c.started_at < ?2",
    .rows = "day = ?3",
    .more = "", .more_of_calls = "", .more_of_rows = "", .more_of_group = "",
    .drop = "(day, session_id, model, provider, purpose)",
};

static const struct rollup minutes = {
    .table = "minute_sum",
    .keys = "minute, model, provider",
    .of_calls = "c.finished_at / 60000 AS minute, coalesce(c.model_served, c.model_sent, c.model_asked, '') AS model,"
                " ifnull(c.provider_served, '') AS provider",
    .calls = "c.finished_at >= ?1 AND c.finished_at < ?2",
    .rows = "minute >= ?1 / 60000 AND minute < ?2 / 60000",
    .more = "", .more_of_calls = "", .more_of_rows = "", .more_of_group = "",
    .drop = "(minute, model, provider)",
};

/* ?1, ?2: behind this session up to that one; ?3: sessions that began later than this
 * moment have all their calls. */
static const struct rollup sessions = {
    .table = "session",
    .keys = "session_id",
    .of_calls = "c.session_id AS session_id",
    .calls = "c.session_id > ?1 AND c.session_id <= ?2"
             " AND NOT EXISTS (SELECT 1 FROM session s WHERE s.session_id = c.session_id AND s.first_at <= ?3)",
    .rows = "session_id > ?1 AND session_id <= ?2 AND first_at > ?3",
    .more = ", first_at, last_at",
    .more_of_calls = ", c.started_at AS first_at, max(c.started_at, ifnull(c.finished_at, 0)) AS last_at",
    .more_of_rows = ", NULL, NULL",
    .more_of_group = ", ifnull(min(first_at), 0), ifnull(max(last_at), 0)",
};

struct rebuild {
    struct db *db;
    sqlite3 *sq;
    struct sums_rebuilt *result;
    int64_t gone_at; /* no call that was deleted started or ended later */
};

/* --- Finding what is off ------------------------------------------------------- */

static void put_figures(struct buf *sql, const char *before, const char *behind)
{
    for (size_t i = 0; i < FIGURES; i++)
        buf_printf(sql, ", %s%s%s", before, figures[i], behind);
}

/* temp.off gets a row for each sum that is not what its calls make it. */
static void put_find(struct buf *sql, const struct rollup *r)
{
    buf_printf(sql, "INSERT INTO temp.off_%s(%s%s", r->table, r->keys, r->more);
    put_figures(sql, "", "");
    buf_printf(sql, ") SELECT %s%s", r->keys, r->more_of_group);
    put_figures(sql, "sum(", ")");
    buf_printf(sql, " FROM (SELECT %s%s, " READER_ENDED_FIGURES " FROM call c WHERE c.state != 'open' AND %s", r->of_calls,
               r->more_of_calls, r->calls);
    buf_printf(sql, " UNION ALL SELECT %s%s", r->keys, r->more_of_rows);
    put_figures(sql, "-", "");
    buf_printf(sql, " FROM %s WHERE %s) GROUP BY %s HAVING ", r->table, r->rows, r->keys);
    for (size_t i = 0; i < FIGURES; i++)
        buf_printf(sql, "%ssum(%s)", i ? " OR " : "", figures[i]);
}

static int make_list(struct rebuild *b, const struct rollup *r, struct err *e)
{
    struct buf sql;
    buf_init(&sql);
    buf_printf(&sql, "DROP TABLE IF EXISTS temp.off_%s; CREATE TEMP TABLE off_%s(n INTEGER PRIMARY KEY, %s%s", r->table, r->table,
               r->keys, r->more);
    put_figures(&sql, "", "");
    buf_puts(&sql, ")");
    int rc = sql_run(b->sq, sql.data, e);
    buf_done(&sql);
    return rc;
}

static sqlite3_stmt *prepare_find(struct rebuild *b, const struct rollup *r, struct err *e)
{
    struct buf sql;
    buf_init(&sql);
    put_find(&sql, r);
    sqlite3_stmt *st = sql_prepare(b->sq, sql.data, e);
    buf_done(&sql);
    return st;
}

/* --- Putting it right ------------------------------------------------------------ */

static void put_mend(struct buf *sql, const struct rollup *r)
{
    buf_printf(sql, "INSERT INTO main.%s(%s%s", r->table, r->keys, r->more);
    put_figures(sql, "", "");
    buf_printf(sql, ") SELECT %s%s", r->keys, r->more);
    put_figures(sql, "", "");
    buf_printf(sql, " FROM temp.off_%s WHERE n > ?1 AND n <= ?2 ON CONFLICT DO UPDATE SET ", r->table);
    for (size_t i = 0; i < FIGURES; i++)
        buf_printf(sql, "%s%s = %s + excluded.%s", i ? ", " : "", figures[i], figures[i], figures[i]);
}

static int run_span(sqlite3 *sq, const char *text, int64_t from, int64_t to, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(sq, text, e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, from);
    sqlite3_bind_int64(st, 2, to);
    int rc = sql_done(st, e);
    sqlite3_finalize(st);
    return rc;
}

static int mend_span(struct rebuild *b, const struct rollup *r, int64_t from, int64_t to, struct err *e)
{
    struct buf mend, drop;
    buf_init(&mend);
    buf_init(&drop);
    put_mend(&mend, r);
    if (r->drop)
        buf_printf(&drop, "DELETE FROM main.%s WHERE calls = 0 AND %s IN (SELECT %s FROM temp.off_%s WHERE n > ?1 AND n <= ?2)",
                   r->table, r->drop, r->keys, r->table);
    int rc = sql_run(b->sq, "BEGIN IMMEDIATE", e);
    if (rc == 0) {
        rc = run_span(b->sq, mend.data, from, to, e);
        if (rc == 0 && r->drop)
            rc = run_span(b->sq, drop.data, from, to, e);
        if (rc == 0)
            rc = sql_run(b->sq, "COMMIT", e);
        if (rc != 0)
            sql_try(b->sq, "ROLLBACK");
    }
    buf_done(&mend);
    buf_done(&drop);
    return rc;
}

static int mend(struct rebuild *b, const struct rollup *r, struct err *e)
{
    char sql[120];
    int64_t count = 0;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM temp.off_%s", r->table);
    if (sql_int64(b->sq, sql, &count, e) < 0)
        return -1;
    for (int64_t n = 0; n < count; n += STEP_ROWS)
        if (mend_span(b, r, n, n + STEP_ROWS, e) != 0)
            return -1;
    b->result->mended += count;
    return 0;
}

/* --- Days and minutes -------------------------------------------------------------- */

static int64_t next_day(int64_t start_ms)
{
    /* 26 h on is the next day even when an hour is put in, and not yet the one after. */
    return clock_day_start_ms(start_ms + 26 * HOUR_MS);
}

/* The first moment from which every call is there. */
static int64_t first_whole_day(const struct rebuild *b)
{
    return b->gone_at > 0 ? next_day(clock_day_start_ms(b->gone_at)) : 0;
}

static int first_day(struct rebuild *b, int64_t *start_ms, struct err *e)
{
    int64_t first_ms = clock_wall_ms();
    if (sql_int64(b->sq, "SELECT ifnull(min(started_at), unixepoch() * 1000) FROM call", &first_ms, e) < 0)
        return -1;
    *start_ms = clock_day_start_ms(first_ms);
    if (*start_ms < first_whole_day(b))
        *start_ms = first_whole_day(b);
    return 0;
}

static int find(sqlite3_stmt *st, int64_t from_ms, int64_t to_ms, struct err *e)
{
    sqlite3_bind_int64(st, 1, from_ms);
    sqlite3_bind_int64(st, 2, to_ms);
    if (sqlite3_bind_parameter_count(st) >= 3)
        sqlite3_bind_int(st, 3, clock_day_number(from_ms));
    return sql_done(st, e);
}

/* Rows of days that no call that is there can belong to, and none that is gone. */
static int find_strays(struct rebuild *b, int64_t first_ms, int64_t end_ms, struct err *e)
{
    struct buf sql;
    buf_init(&sql);
    buf_printf(&sql, "INSERT INTO temp.off_day_sum(%s", days.keys);
    put_figures(&sql, "", "");
    buf_printf(&sql, ") SELECT %s", days.keys);
    put_figures(&sql, "-", "");
    buf_printf(&sql, " FROM day_sum WHERE day >= ?1 OR (%d AND day < ?2)", b->gone_at == 0);
    int rc = run_span(b->sq, sql.data, clock_day_number(end_ms), clock_day_number(first_ms), e);
    buf_done(&sql);
    return rc;
}

static int count_days(struct rebuild *b, int64_t first_ms, struct err *e)
{
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM call WHERE state != 'open' AND started_at >= %lld", (long long)first_ms);
    if (sql_int64(b->sq, sql, &b->result->calls, e) < 0 ||
        sql_int64(b->sq, "SELECT ifnull(sum(abs(cost_microusd)), 0) FROM temp.off_day_sum", &b->result->off_microusd, e) < 0)
        return -1;
    snprintf(sql, sizeof sql, "SELECT count(DISTINCT day) FROM day_sum WHERE day < %d", clock_day_number(first_ms));
    return b->gone_at == 0 ? 0 : sql_int64(b->sq, sql, &b->result->kept_days, e);
}

static int rebuild_days(struct rebuild *b, struct err *e)
{
    int64_t first_ms = 0, at_ms, end_ms = next_day(clock_day_start_ms(clock_wall_ms()));
    int rc = -1;
    if (first_day(b, &first_ms, e) != 0 || make_list(b, &days, e) != 0 || make_list(b, &minutes, e) != 0)
        return -1;
    sqlite3_stmt *day = prepare_find(b, &days, e);
    sqlite3_stmt *minute = day ? prepare_find(b, &minutes, e) : NULL;
    if (!minute)
        goto out;
    for (at_ms = first_ms; at_ms < end_ms; at_ms = next_day(at_ms))
        if (find(day, at_ms, next_day(at_ms), e) != 0 || find(minute, at_ms, next_day(at_ms), e) != 0)
            goto out;
    if (find_strays(b, first_ms, at_ms, e) != 0 || count_days(b, first_ms, e) != 0)
        goto out;
    rc = mend(b, &days, e) != 0 ? -1 : mend(b, &minutes, e);
out:
    sqlite3_finalize(day);
    sqlite3_finalize(minute);
    return rc;
}

/* --- Sessions ---------------------------------------------------------------------- */

/* The last session of the part behind *from; NULL: it reaches to the end. */
static char *end_of_part(sqlite3_stmt *st, const char *from)
{
    sql_bind_text(st, 1, from);
    sqlite3_bind_int(st, 2, STEP_SESSIONS);
    char *end = sqlite3_step(st) == SQLITE_ROW ? sql_text(st, 0) : NULL;
    sqlite3_reset(st);
    return end;
}

static int find_sessions(struct rebuild *b, sqlite3_stmt *ends, sqlite3_stmt *st, struct err *e)
{
    static const char behind_all[] = "\xf4\x8f\xbf\xbf"; /* no text sorts behind it */
    char *from = NULL;
    int rc;
    do {
        char *to = end_of_part(ends, from ? from : "");
        sql_bind_text(st, 1, from ? from : "");
        sql_bind_text(st, 2, to ? to : behind_all);
        sqlite3_bind_int64(st, 3, b->gone_at);
        rc = sql_done(st, e);
        free(from);
        from = to;
    } while (rc == 0 && from);
    free(from);
    return rc;
}

static int rebuild_sessions(struct rebuild *b, struct err *e)
{
    int rc = -1;
    if (make_list(b, &sessions, e) != 0)
        return -1;
    sqlite3_stmt *ends = sql_prepare(b->sq, "SELECT session_id FROM session WHERE session_id > ?1 ORDER BY session_id LIMIT 1 OFFSET ?2", e);
    sqlite3_stmt *st = ends ? prepare_find(b, &sessions, e) : NULL;
    if (st && find_sessions(b, ends, st, e) == 0)
        rc = mend(b, &sessions, e);
    sqlite3_finalize(ends);
    sqlite3_finalize(st);
    return rc;
}

int sums_rebuild(struct db *db, struct sums_rebuilt *r, struct err *e)
{
    struct rebuild b = {.db = db, .sq = db_sqlite(db), .result = r};
    *r = (struct sums_rebuilt){0};
    int rc = sql_int64(b.sq, "SELECT value FROM meta WHERE key = 'calls_gone_at'", &b.gone_at, e);
    if (rc > 0)
        err_set(e, "the log does not tell which calls were deleted");
    if (rc == 0 && rebuild_days(&b, e) == 0 && rebuild_sessions(&b, e) == 0)
        return 0;
    return err_prefix(e, "the sums cannot be rebuilt");
}
