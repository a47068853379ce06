/* How long the credits last.
 *
 * Respan tells the organisation's credits with each log row; what is spent comes
 * from our own minutes, so another machine's spending shows only in what is left. */
#include <inttypes.h>
#include <stdio.h>

#include "log/reader.h"
#include "log/reader_row.h"
#include "log/sql.h"

#define HOUR_MS   ((int64_t)3600000)
#define MINUTE_MS ((int64_t)60000)
/* A first call at 9:00:05 is no pace for the day at 9:00:10. */
#define SPAN_MIN_MS (10 * MINUTE_MS)
#define LASTS_MAX_MS (1000 * 24 * HOUR_MS) /* beyond, it says nothing and the product could overflow */

static bool read_setting(sqlite3_stmt *st, int column, int64_t *n)
{
    const char *text = (const char *)sqlite3_column_text(st, column);
    return text && sscanf(text, "%" SCNd64, n) == 1;
}

static void set_pace(struct credits *c, int64_t spent, int64_t span_ms)
{
    if (span_ms < SPAN_MIN_MS)
        span_ms = SPAN_MIN_MS;
    double per_ms = (double)spent / (double)span_ms;
    c->per_hour_microusd = (int64_t)(per_ms * (double)HOUR_MS + 0.5);
    if (spent <= 0 || c->left_microusd <= 0)
        return;
    double lasts = (double)c->left_microusd / per_ms;
    c->lasts_ms = lasts < (double)LASTS_MAX_MS ? (int64_t)lasts : -1;
}

int reader_credits(struct db *db, int64_t now_ms, struct credits *c, struct err *e)
{
    static const char sql[] = "SELECT (SELECT value FROM setting WHERE key = 'credits_left_microusd'),"
                              " (SELECT value FROM setting WHERE key = 'credits_left_at'),"
                              " ifnull(sum(cost_microusd), 0), min(minute) FROM minute_sum"
                              " WHERE minute > ?1 AND cost_microusd > 0";
    sqlite3 *sq = db_sqlite(db);
    sqlite3_stmt *st = sql_prepare(sq, sql, e);
    *c = (struct credits){.lasts_ms = -1};
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, (now_ms - HOUR_MS) / MINUTE_MS);
    int rc = sqlite3_step(st) == SQLITE_ROW ? 0 : reader_fail(sq, e);
    if (rc == 0 && (!read_setting(st, 0, &c->left_microusd) || !read_setting(st, 1, &c->at)))
        rc = 1;
    if (rc == 0)
        set_pace(c, sqlite3_column_int64(st, 2), now_ms - sqlite3_column_int64(st, 3) * MINUTE_MS);
    sqlite3_finalize(st);
    return rc;
}
