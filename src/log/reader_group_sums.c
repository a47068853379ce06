/* Sums by group of the calls that match a filter, gathered from slices of ids: the rollup
 * tables cannot tell which calls are in them. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/filter_sql.h"
#include "log/reader_paging.h"
#include "log/reader_row.h"
#include "log/sql.h"

#define TITLES_MAX 1000 /* more rows nobody looks at */

static const char *const KEYS[] = {
    [GROUP_MODEL] = "coalesce(c.model_served, c.model_sent, c.model_asked, '')",
    [GROUP_PROVIDER] = "ifnull(c.provider_served, '')",
    [GROUP_SESSION] = "ifnull(c.session_id, '')",
    [GROUP_DAY] = "strftime('%Y%m%d', c.started_at / 1000, 'unixepoch', 'localtime')",
    [GROUP_PURPOSE] = "ifnull(c.purpose, '')",
    [GROUP_FOLDER] = "ifnull((SELECT f.work_dir FROM session f WHERE f.session_id = c.session_id), '')",
};

/* ---- Rows ---- */

static const char *key_of(const struct group_row *row)
{
    return row->key ? row->key : "";
}

static int by_key(const void *a, const void *b)
{
    return strcmp(key_of(a), key_of(b));
}

static int64_t tokens_of(const struct totals *t)
{
    return t->tokens_in + t->tokens_cache_read + t->tokens_cache_write_5m + t->tokens_cache_write_1h + t->tokens_out;
}

static int by_cost(const void *a, const void *b)
{
    const struct totals *x = &((const struct group_row *)a)->totals, *y = &((const struct group_row *)b)->totals;
    if (x->cost_microusd != y->cost_microusd)
        return x->cost_microusd > y->cost_microusd ? -1 : 1;
    if (tokens_of(x) != tokens_of(y))
        return tokens_of(x) > tokens_of(y) ? -1 : 1;
    return by_key(a, b);
}

static void sort(struct group_page *page, int (*by)(const void *, const void *))
{
    if (page->count > 1)
        qsort(page->rows, page->count, sizeof *page->rows, by);
}

static void add_totals(struct totals *to, const struct totals *t)
{
    to->calls += t->calls;
    to->errors += t->errors;
    to->retries += t->retries;
    to->tokens_in += t->tokens_in;
    to->tokens_cache_read += t->tokens_cache_read;
    to->tokens_cache_write_5m += t->tokens_cache_write_5m;
    to->tokens_cache_write_1h += t->tokens_cache_write_1h;
    to->tokens_out += t->tokens_out;
    to->cost_microusd += t->cost_microusd;
    to->unpriced_calls += t->unpriced_calls;
    to->cache_breaks += t->cache_breaks;
    to->cache_break_microusd += t->cache_break_microusd;
}

/* Where the key stands in rows sorted by it, or would. */
static size_t place_of(const struct group_page *page, const char *key)
{
    size_t low = 0, high = page->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(key_of(&page->rows[middle]), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void add(struct group_sums *g, const char *key, const struct totals *t)
{
    struct group_page *page = &g->page;
    size_t at = place_of(page, key);
    add_totals(&g->totals, t);
    if (at == page->count || strcmp(key_of(&page->rows[at]), key) != 0) {
        page->rows = xrealloc(page->rows, (page->count + 1) * sizeof *page->rows);
        memmove(page->rows + at + 1, page->rows + at, (page->count - at) * sizeof *page->rows);
        page->rows[at] = (struct group_row){.key = *key ? xstrdup(key) : NULL, .ttft_ms_mean = -1};
        page->count++;
    }
    add_totals(&page->rows[at].totals, t);
}

/* ---- Slices ---- */

struct gathering {
    struct group_sums *sums;
    enum group_by by;
};

static sqlite3_stmt *prepare(sqlite3 *sq, const struct filter *f, enum group_by by, struct err *e)
{
    struct buf sql;
    const char *condition = filter_sql(f);
    buf_init(&sql);
    buf_puts(&sql, "SELECT k, " READER_TOTALS " FROM (SELECT ");
    buf_puts(&sql, KEYS[by]);
    buf_printf(&sql, " AS k, " READER_ENDED_FIGURES " FROM call c WHERE c.id > ?%d AND c.id <= ?%d AND +c.started_at >= ?%d"
                     " AND +c.state != 'open' AND %s) GROUP BY k",
               PARAM_LOW, PARAM_HIGH, PARAM_FIRST, condition ? condition : "1");
    sqlite3_stmt *st = sql_prepare(sq, sql.data, e);
    buf_done(&sql);
    return st;
}

static int take_rows(sqlite3 *sq, const struct filter *f, int64_t low, int64_t high, struct gathering *g, struct err *e)
{
    if (filter_prepare(f, sq, e) != 0)
        return -1;
    sqlite3_stmt *st = prepare(sq, f, g->by, e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, PARAM_LOW, low);
    sqlite3_bind_int64(st, PARAM_HIGH, high);
    sqlite3_bind_int64(st, PARAM_FIRST, g->sums->since_ms);
    filter_bind(f, st);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct totals t = reader_totals(st, 1);
        const char *key = (const char *)sqlite3_column_text(st, 0);
        add(g->sums, key ? key : "", &t);
    }
    if (rc != SQLITE_DONE)
        reader_fail(sq, e);
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : -1;
}

static int look_at_slice(sqlite3 *sq, const struct call_query *q, int64_t low, int64_t high, void *arg, struct err *e)
{
    if (reader_begin(sq, e) != 0)
        return -1;
    int rc = take_rows(sq, q->filter, low, high, arg, e);
    reader_end(sq);
    return rc;
}

static int find_titles(sqlite3 *sq, struct group_page *page, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(sq, "SELECT title FROM session WHERE session_id = ?1", e);
    if (!st)
        return -1;
    for (size_t i = 0; i < page->count && i < TITLES_MAX; i++) {
        if (page->rows[i].label || !page->rows[i].key)
            continue;
        sql_bind_text(st, 1, page->rows[i].key);
        if (sqlite3_step(st) == SQLITE_ROW)
            page->rows[i].label = sql_text(st, 0);
        sqlite3_reset(st);
    }
    sqlite3_finalize(st);
    return 0;
}

/* All calls since then have higher ids than the one that ended last before; where none
 * is told the look is longer, not wrong. */
static int begin(sqlite3 *sq, const struct call_query *q, int64_t since_ms, struct group_sums *g, struct err *e)
{
    int64_t before = 0;
    struct call_look *l = &g->look;
    group_page_done(&g->page);
    g->totals = (struct totals){0};
    g->since_ms = since_ms;
    if (paging_begin_look(sq, q, e) != 0)
        return -1;
    sqlite3_stmt *st = sql_prepare(sq, "SELECT id FROM call WHERE finished_at < ?1 ORDER BY finished_at DESC LIMIT 1", e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, since_ms);
    if (sqlite3_step(st) == SQLITE_ROW)
        before = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    if (before > l->low)
        l->low = before < l->high ? before : l->high;
    l->all = l->high - l->low;
    l->is_open = l->is_open && l->all >= PAGING_LARGE;
    return 0;
}

static int gather(sqlite3 *sq, const struct call_query *q, int64_t since_ms, struct gathering *g, struct err *e)
{
    struct call_look *l = &g->sums->look;
    if (l->is_open)
        return paging_each_slice(sq, q, look_at_slice, g, e);
    if (begin(sq, q, since_ms, g->sums, e) != 0)
        return -1;
    return l->is_open ? paging_each_slice(sq, q, look_at_slice, g, e) : look_at_slice(sq, q, l->low, l->high, g, e);
}

int reader_group_sums_on(struct db *db, const struct filter *f, int64_t since_ms, enum group_by by, struct group_sums *g,
                         struct err *e)
{
    struct call_query q = {.filter = f, .look = &g->look};
    struct gathering all = {g, by};
    sort(&g->page, by_key);
    int rc = gather(db_sqlite(db), &q, since_ms, &all, e);
    sort(&g->page, by_cost);
    return rc == 0 && by == GROUP_SESSION ? find_titles(db_sqlite(db), &g->page, e) : rc;
}

void group_sums_done(struct group_sums *g)
{
    group_page_done(&g->page);
    *g = (struct group_sums){0};
}
