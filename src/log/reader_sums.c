/* Sums over many calls, from the rollup tables wherever they can serve.
 *
 * The tables know whole local days and whole minutes.  A span that begins
 * within a day takes that day's rest from the calls themselves, so that a sum
 * over "since 15:20" is exact; spans over pruned calls are right from the first
 * midnight on. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "log/reader.h"
#include "log/reader_row.h"
#include "log/sql.h"

/* Sessions of many months; callers show far fewer. */
#define GROUPS_MAX 1000
#define MINUTE_MS 60000

int reader_day_totals(struct db *db, int from_day, int to_day, struct totals *t, struct err *e)
{
    sqlite3 *sq = db_sqlite(db);
    sqlite3_stmt *st = sql_prepare(sq, "SELECT " READER_TOTALS " FROM day_sum WHERE day BETWEEN ?1 AND ?2", e);
    if (!st)
        return -1;
    sqlite3_bind_int(st, 1, from_day);
    sqlite3_bind_int(st, 2, to_day);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *t = reader_totals(st, 0);
    else
        reader_fail(sq, e);
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 0 : -1;
}

/* ---- Groups ---- */

/* The key of a group in day_sum and in `call c`; '' in the table is unknown.
 * ?3 is the day that the first, partial day of the span is. */
static const struct {
    const char *of_day;
    const char *of_call;
} KEYS[] = {
    [GROUP_MODEL] = {"model", "coalesce(c.model_served, c.model_sent, c.model_asked, '')"},
    [GROUP_PROVIDER] = {"provider", "ifnull(c.provider_served, '')"},
    [GROUP_SESSION] = {"session_id", "ifnull(c.session_id, '')"},
    [GROUP_DAY] = {"CAST(day AS TEXT)", "CAST(?3 AS TEXT)"},
    [GROUP_PURPOSE] = {"purpose", "ifnull(c.purpose, '')"},
    [GROUP_FOLDER] = {"ifnull((SELECT f.work_dir FROM session f WHERE f.session_id = day_sum.session_id), '')",
                      "ifnull((SELECT f.work_dir FROM session f WHERE f.session_id = c.session_id), '')"},
};

/* ?1 and ?2 bound the partial day.  A call ends after it starts and within a day
 * of it, which is what the index on finished_at can narrow; one that was lost has
 * no end. */
#define SQL_PARTIAL_DAY                                                                                                \
    " FROM call c WHERE ((c.finished_at >= ?1 AND c.finished_at < ?2 + 86400000) OR c.finished_at IS NULL)"            \
    " AND c.started_at >= ?1 AND c.started_at < ?2 AND c.state != 'open'"

static char *groups_sql(enum group_by by)
{
    return xasprintf("SELECT k, " READER_TOTALS ", sum(ttft_count), sum(ttft_sum_ms),"
                     " (SELECT title FROM session WHERE %d AND session_id = k) FROM ("
                     "SELECT %s AS k, calls, errors, retries, tokens_in, tokens_cache_read, tokens_cache_write_5m,"
                     " tokens_cache_write_1h, tokens_out, cost_microusd, unpriced_calls, cache_breaks, cache_break_microusd,"
                     " ttft_count, ttft_sum_ms FROM day_sum WHERE day >= ?4"
                     " UNION ALL SELECT %s AS k, " READER_ENDED_FIGURES SQL_PARTIAL_DAY
                     ") GROUP BY k ORDER BY sum(cost_microusd) DESC,"
                     " sum(tokens_in + tokens_cache_read + tokens_cache_write_5m + tokens_cache_write_1h + tokens_out) DESC, k"
                     " LIMIT %d",
                     by == GROUP_SESSION, KEYS[by].of_day, KEYS[by].of_call, GROUPS_MAX);
}

static int64_t next_midnight(int64_t ms)
{
    int64_t start = clock_day_start_ms(ms);
    /* 26 h on is the next day even when an hour is put in, and not yet the one after. */
    return clock_day_start_ms(start + (int64_t)26 * 3600 * 1000);
}

static void bind_span(sqlite3_stmt *st, int64_t since_ms)
{
    if (since_ms < 0)
        since_ms = 0;
    bool is_whole = since_ms == 0 || clock_day_start_ms(since_ms) == since_ms;
    int64_t days_from_ms = is_whole ? since_ms : next_midnight(since_ms);
    sqlite3_bind_int64(st, 1, since_ms);
    sqlite3_bind_int64(st, 2, is_whole ? 0 : days_from_ms);
    sqlite3_bind_int(st, 3, clock_day_number(since_ms));
    sqlite3_bind_int(st, 4, since_ms == 0 ? 0 : clock_day_number(days_from_ms));
}

static struct group_row read_group(sqlite3_stmt *st)
{
    struct group_row row = {.totals = reader_totals(st, 1), .ttft_ms_mean = -1};
    int64_t timed = sqlite3_column_int64(st, 1 + READER_TOTALS_COUNT);
    if (sqlite3_column_bytes(st, 0) > 0)
        row.key = sql_text(st, 0);
    if (timed > 0)
        row.ttft_ms_mean = (sqlite3_column_int64(st, 2 + READER_TOTALS_COUNT) + timed / 2) / timed;
    row.label = sql_text(st, 3 + READER_TOTALS_COUNT);
    return row;
}

int reader_groups(struct db *db, int64_t since_ms, enum group_by by, struct group_page *page, struct err *e)
{
    sqlite3 *sq = db_sqlite(db);
    char *sql = groups_sql(by);
    *page = (struct group_page){0};
    sqlite3_stmt *st = sql_prepare(sq, sql, e);
    free(sql);
    if (!st)
        return -1;
    bind_span(st, since_ms);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        page->rows = xrealloc(page->rows, (page->count + 1) * sizeof *page->rows);
        page->rows[page->count++] = read_group(st);
    }
    if (rc != SQLITE_DONE) {
        reader_fail(sq, e);
        group_page_done(page);
    }
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : -1;
}

/* ---- What the cache has saved ---- */

static char *savings_sql(enum group_by by)
{
    return xasprintf("SELECT k, model, d, sum(r), sum(s), sum(l) FROM ("
                     "SELECT %s AS k, model, day AS d, tokens_cache_read AS r, tokens_cache_write_5m AS s,"
                     " tokens_cache_write_1h AS l FROM day_sum WHERE day >= ?4"
                     " UNION ALL SELECT %s AS k, coalesce(c.model_served, c.model_sent, c.model_asked, '') AS model, ?3 AS d,"
                     " ifnull(c.tokens_cache_read, 0) AS r, ifnull(c.tokens_cache_write_5m, 0) AS s,"
                     " ifnull(c.tokens_cache_write_1h, 0) AS l" SQL_PARTIAL_DAY ") GROUP BY k, model, d",
                     KEYS[by].of_day, KEYS[by].of_call);
}

/* Micro-dollars for count tokens that cost that much instead of the input price. */
static double saved_by(int64_t count, int64_t price, int64_t in)
{
    return price < 0 || in < 0 ? 0 : (double)count * (double)(in - price) / 1e6;
}

static double savings_of(sqlite3_stmt *st, const struct catalog *catalog)
{
    const struct model *m = catalog_find(catalog, (const char *)sqlite3_column_text(st, 1));
    const struct price *p = m ? model_price_on(m, sqlite3_column_int(st, 2)) : NULL;
    if (!p)
        return 0;
    return saved_by(sqlite3_column_int64(st, 3), p->cache_read, p->in) + saved_by(sqlite3_column_int64(st, 4), p->cache_write_5m, p->in) +
           saved_by(sqlite3_column_int64(st, 5), p->cache_write_1h, p->in);
}

static struct group_row *find_row(struct group_page *page, const char *key)
{
    for (size_t i = 0; i < page->count; i++)
        if (strcmp(page->rows[i].key ? page->rows[i].key : "", key) == 0)
            return &page->rows[i];
    return NULL;
}

/* The rows of one group come together. */
int reader_group_savings(struct db *db, int64_t since_ms, enum group_by by, const struct catalog *catalog,
                         struct group_page *page, struct err *e)
{
    sqlite3 *sq = db_sqlite(db);
    char *sql = savings_sql(by);
    struct group_row *row = NULL;
    double saved = 0;
    sqlite3_stmt *st = sql_prepare(sq, sql, e);
    free(sql);
    if (!st)
        return -1;
    bind_span(st, since_ms);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        const char *key = (const char *)sqlite3_column_text(st, 0);
        if (!row || strcmp(row->key ? row->key : "", key ? key : "") != 0) {
            row = find_row(page, key ? key : "");
            saved = 0;
        }
        saved += savings_of(st, catalog);
        if (row)
            row->cache_saved_microusd = (int64_t)llround(saved);
    }
    if (rc != SQLITE_DONE)
        reader_fail(sq, e);
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : -1;
}

void group_page_done(struct group_page *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->rows[i].key);
        free(p->rows[i].label);
    }
    free(p->rows);
    *p = (struct group_page){0};
}

/* ---- Buckets ---- */

/* Both give: bucket number, tokens in, tokens out, cost. */
static const char SQL_BUCKETS_OF_MINUTES[] =
    "SELECT (minute * 60000 - ?1) / ?2 AS b, sum(tokens_in + tokens_cache_read + tokens_cache_write_5m + tokens_cache_write_1h),"
    " sum(tokens_out), sum(cost_microusd) FROM minute_sum WHERE minute >= ?1 / 60000 AND minute < ?3 / 60000 GROUP BY b";
static const char SQL_BUCKETS_OF_CALLS[] =
    "SELECT (finished_at - ?1) / ?2 AS b, sum(ifnull(tokens_in, 0) + ifnull(tokens_cache_read, 0) +"
    " ifnull(tokens_cache_write_5m, 0) + ifnull(tokens_cache_write_1h, 0)), sum(ifnull(tokens_out, 0)),"
    " sum(ifnull(cost_microusd, 0)) FROM call WHERE finished_at >= ?1 AND finished_at < ?3 AND state != 'open' GROUP BY b";

int reader_buckets(struct db *db, int64_t from_ms, int64_t width_ms, struct bucket *out, size_t count, struct err *e)
{
    sqlite3 *sq = db_sqlite(db);
    bool of_minutes = from_ms % MINUTE_MS == 0 && width_ms % MINUTE_MS == 0;
    for (size_t i = 0; i < count; i++)
        out[i] = (struct bucket){0};
    if (count == 0 || width_ms <= 0)
        return 0;
    sqlite3_stmt *st = sql_prepare(sq, of_minutes ? SQL_BUCKETS_OF_MINUTES : SQL_BUCKETS_OF_CALLS, e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, from_ms);
    sqlite3_bind_int64(st, 2, width_ms);
    sqlite3_bind_int64(st, 3, from_ms + width_ms * (int64_t)count);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        int64_t b = sqlite3_column_int64(st, 0);
        if (b >= 0 && (size_t)b < count)
            out[b] = (struct bucket){sqlite3_column_int64(st, 1), sqlite3_column_int64(st, 2), sqlite3_column_int64(st, 3)};
    }
    if (rc != SQLITE_DONE)
        reader_fail(sq, e);
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : -1;
}
