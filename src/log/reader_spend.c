/* What was spent over time, by model: hours from the minute table (a call counts
 * when it ended), days and weeks from the day table (the day it started on). */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "log/reader.h"
#include "log/reader_row.h"
#include "log/sql.h"

#define HOUR_MS    ((int64_t)3600000)
#define DAY_MS     (24 * HOUR_MS)
#define DAYS       30
#define WEEKS      12
#define MODELS_MAX (SPEND_SERIES_MAX - 1) /* one is left for all others */

/* Both give: model, bar, cost; the most expensive models first.  ?1 and ?2 bound the time. */
#define SQL_BY_MODEL                                                                                                   \
    " t AS MATERIALIZED (SELECT model, sum(cost) AS total FROM m GROUP BY model)"                                      \
    " SELECT m.model, m.bar, m.cost FROM m JOIN t ON t.model = m.model ORDER BY t.total DESC, m.model, m.bar"
static const char SQL_HOURS[] =
    "WITH m AS MATERIALIZED (SELECT model, (minute * 60000 - ?1) / 3600000 AS bar, sum(cost_microusd) AS cost"
    " FROM minute_sum WHERE minute >= ?1 / 60000 AND minute < ?2 / 60000 GROUP BY 1, 2)," SQL_BY_MODEL;
static const char SQL_DAYS[] =
    "WITH m AS MATERIALIZED (SELECT model, day AS bar, sum(cost_microusd) AS cost FROM day_sum"
    " WHERE day >= ?1 AND day <= ?2 GROUP BY 1, 2)," SQL_BY_MODEL;

/* The day n days before the one that starts at ms; noon keeps clear of hours put in or left out. */
static int64_t days_before(int64_t day_start_ms, int64_t n)
{
    return clock_day_start_ms(day_start_ms + 12 * HOUR_MS - n * DAY_MS);
}

static void set_bars(struct spend_chart *c, enum spend_unit unit, int64_t now_ms)
{
    int64_t today = clock_day_start_ms(now_ms);
    c->bars = unit == SPEND_HOURS ? 24 : unit == SPEND_DAYS ? DAYS : WEEKS;
    for (size_t i = 0; i < c->bars; i++) {
        int64_t back = (int64_t)(c->bars - 1 - i);
        c->starts_ms[i] = unit == SPEND_HOURS  ? today + (int64_t)i * HOUR_MS
                          : unit == SPEND_DAYS ? days_before(today, back)
                                               : days_before(today, back * 7 + 6);
    }
}

/* The bar of a calendar day. */
static size_t bar_of_day(const struct spend_chart *c, int64_t day)
{
    size_t bar = c->bars;
    for (size_t i = 0; i < c->bars; i++)
        if (clock_day_number(c->starts_ms[i]) <= day)
            bar = i;
    return bar;
}

static struct spend_series *series_of(struct spend_chart *c, const char *model)
{
    for (size_t i = 0; i < c->series_count; i++)
        if (c->series[i].model && strcmp(c->series[i].model, model) == 0)
            return &c->series[i];
    bool is_rest = c->series_count >= MODELS_MAX;
    if (is_rest && c->series_count == SPEND_SERIES_MAX)
        return &c->series[MODELS_MAX];
    struct spend_series *s = &c->series[c->series_count++];
    s->model = is_rest ? NULL : xstrdup(model);
    return s;
}

static void take_row(sqlite3_stmt *st, enum spend_unit unit, struct spend_chart *c)
{
    const char *model = (const char *)sqlite3_column_text(st, 0);
    int64_t at = sqlite3_column_int64(st, 1), cost = sqlite3_column_int64(st, 2);
    size_t bar = unit != SPEND_HOURS ? bar_of_day(c, at) : at >= 0 && at < (int64_t)c->bars ? (size_t)at : c->bars;
    if (bar < c->bars && cost > 0)
        series_of(c, model ? model : "")->cost_microusd[bar] += cost;
}

int reader_spend(struct db *db, enum spend_unit unit, int64_t now_ms, struct spend_chart *c, struct err *e)
{
    sqlite3 *sq = db_sqlite(db);
    memset(c, 0, sizeof *c);
    set_bars(c, unit, now_ms);
    sqlite3_stmt *st = sql_prepare(sq, unit == SPEND_HOURS ? SQL_HOURS : SQL_DAYS, e);
    if (!st)
        return -1;
    bool is_hours = unit == SPEND_HOURS;
    sqlite3_bind_int64(st, 1, is_hours ? c->starts_ms[0] : clock_day_number(c->starts_ms[0]));
    sqlite3_bind_int64(st, 2, is_hours ? c->starts_ms[0] + DAY_MS : clock_day_number(now_ms));
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        take_row(st, unit, c);
    if (rc != SQLITE_DONE) {
        reader_fail(sq, e);
        spend_chart_done(c);
    }
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : -1;
}

void spend_chart_done(struct spend_chart *c)
{
    for (size_t i = 0; i < c->series_count; i++)
        free(c->series[i].model);
    memset(c, 0, sizeof *c);
}
