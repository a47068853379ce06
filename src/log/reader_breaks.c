/* What broke the prompt cache, by reason. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/filter_sql.h"
#include "log/reader.h"
#include "log/reader_row.h"
#include "log/sql.h"

/* ?1 since, ?2 until, ?3 buckets.  The call that ended last before ?1 had begun
 * before it, so that every call begun later has a higher id: that bounds the walk
 * over the index of breaks. */
#define SQL_BREAKS                                                                                                     \
    "SELECT substr(cache_break, 1, instr(cache_break || ':', ':') - 1), count(*), sum(ifnull(cache_break_microusd, 0)),"  \
    " (started_at - ?1) * ?3 / (?2 - ?1) AS b FROM call c INDEXED BY call_break WHERE cache_break IS NOT NULL" \
    " AND id > ifnull((SELECT id FROM call WHERE finished_at < ?1 ORDER BY finished_at DESC LIMIT 1), 0)"  \
    " AND started_at >= ?1 AND started_at < ?2 AND %s GROUP BY 1, b"

static struct break_sum *row_of(struct break_sums *s, const char *kind)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->rows[i].kind, kind) == 0)
            return &s->rows[i];
    s->rows = xrealloc(s->rows, (s->count + 1) * sizeof *s->rows);
    s->rows[s->count] = (struct break_sum){.kind = xstrdup(kind)};
    return &s->rows[s->count++];
}

static void take_row(sqlite3_stmt *st, struct break_sums *s)
{
    const char *kind = (const char *)sqlite3_column_text(st, 0);
    struct break_sum *row = row_of(s, kind ? kind : "");
    int64_t cost = sqlite3_column_int64(st, 2), b = sqlite3_column_int64(st, 3);
    row->breaks += sqlite3_column_int64(st, 1);
    row->cost_microusd += cost;
    if (b >= 0 && b < BREAK_BUCKETS)
        row->buckets[b] += cost;
}

static int by_cost(const void *a, const void *b)
{
    const struct break_sum *x = a, *y = b;
    if (x->cost_microusd != y->cost_microusd)
        return x->cost_microusd > y->cost_microusd ? -1 : 1;
    if (x->breaks != y->breaks)
        return x->breaks > y->breaks ? -1 : 1;
    return strcmp(x->kind, y->kind);
}

static int sum_up(sqlite3 *sq, const struct filter *f, int64_t since_ms, int64_t until_ms, struct break_sums *s, struct err *e)
{
    if (filter_prepare(f, sq, e) != 0)
        return -1;
    const char *condition = filter_sql(f);
    char *sql = xasprintf(SQL_BREAKS, condition ? condition : "1");
    sqlite3_stmt *st = sql_prepare(sq, sql, e);
    free(sql);
    if (!st)
        return -1;
    filter_bind(f, st);
    sqlite3_bind_int64(st, 1, since_ms);
    sqlite3_bind_int64(st, 2, until_ms);
    sqlite3_bind_int(st, 3, BREAK_BUCKETS);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        take_row(st, s);
    if (rc != SQLITE_DONE) {
        reader_fail(sq, e);
        break_sums_done(s);
    }
    sqlite3_finalize(st);
    if (s->count > 1)
        qsort(s->rows, s->count, sizeof *s->rows, by_cost);
    return rc == SQLITE_DONE ? 0 : -1;
}

int reader_breaks_matching(struct db *db, const struct filter *f, int64_t since_ms, int64_t until_ms, struct break_sums *s,
                           struct err *e)
{
    sqlite3 *sq = db_sqlite(db);
    *s = (struct break_sums){0};
    if (until_ms <= since_ms)
        return 0;
    if (reader_begin(sq, e) != 0)
        return -1;
    int rc = sum_up(sq, f, since_ms, until_ms, s, e);
    reader_end(sq);
    return rc;
}

int reader_breaks(struct db *db, int64_t since_ms, int64_t until_ms, struct break_sums *s, struct err *e)
{
    return reader_breaks_matching(db, NULL, since_ms, until_ms, s, e);
}

void break_sums_done(struct break_sums *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->rows[i].kind);
    free(s->rows);
    *s = (struct break_sums){0};
}
