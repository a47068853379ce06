/* Pages of calls: by key, never by OFFSET, so that the last page of a million
 * calls costs what the first one does.
 *
 * The order is (value, id), both in the direction asked for; calls whose value
 * is unknown come last, whatever the direction.  A page is found in up to three
 * steps: the rest of the calls with the value of the last one, those with a
 * further value, those with none.  The ids are found first, in whatever index
 * serves; then the rows are read, all in one moment of the log.
 *
 * Which index serves: id, session, model, provider, status and purpose have one
 * of their own and are walked, unless a filter could reject nearly all of them;
 * everything else is a scan that keeps the best, over the index `call_scan`
 * where it has all that is asked for.  On a large log a scan is halved by a
 * guess: a sample of a thousand calls tells a value that a page will hardly
 * reach, and what lies beyond it is only looked at when the page is not full.
 * Who cannot wait for a filter has the log looked through in slices
 * (reader_slices.c). */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "log/filter_sql.h"
#include "log/reader.h"
#include "log/reader_paging.h"
#include "log/reader_row.h"
#include "log/sql.h"

#define INPUT \
    "(c.tokens_in + ifnull(c.tokens_cache_read, 0) + ifnull(c.tokens_cache_write_5m, 0) + ifnull(c.tokens_cache_write_1h, 0))"

static const struct sort SORTS[SORT_COUNT_] = {
    [SORT_ID] = {"c.id", true},
    [SORT_SESSION] = {"c.session_id", true},
    [SORT_PURPOSE] = {"c.purpose", true},
    [SORT_MODEL] = {"coalesce(c.model_served, c.model_sent, c.model_asked)", true},
    [SORT_PROVIDER] = {"coalesce(c.provider_served, c.provider_pinned)", true},
    [SORT_STATUS] = {"c.status", true},
    [SORT_IN] = {INPUT, false},
    [SORT_CACHE] = {"(c.tokens_cache_read * 1.0 / " INPUT ")", false},
    [SORT_OUT] = {"c.tokens_out", false},
    [SORT_TTFT] = {"c.ttft_ms", false},
    [SORT_DURATION] = {"c.duration_ms", false},
    [SORT_RATE] = {"(c.tokens_out * 1000.0 / (c.duration_ms - c.ttft_ms))", false},
    [SORT_COST] = {"c.cost_microusd", false},
};

#define SAMPLE_SIZE 1000

/* ---- Conditions ---- */

bool paging_is_narrowed(const struct call_query *q)
{
    return q->session_id || q->errors_only || filter_sql(q->filter);
}

static void put_conditions(struct buf *sql, const struct call_query *q)
{
    if (q->session_id)
        buf_printf(sql, " AND c.session_id = ?%d", PARAM_SESSION);
    if (q->errors_only)
        buf_puts(sql, " AND c.state = 'error'");
    if (filter_sql(q->filter))
        buf_printf(sql, " AND %s", filter_sql(q->filter));
}

static void bind_conditions(sqlite3_stmt *st, const struct call_query *q)
{
    if (q->session_id)
        sql_bind_text(st, PARAM_SESSION, q->session_id);
    filter_bind(q->filter, st);
}

void paging_put_pattern(struct buf *sql, const struct paging *p, const char *pattern)
{
    bool descending = p->query->descending;
    for (const char *c = pattern; *c; c++) {
        if (*c != '%') {
            buf_putc(sql, *c);
            continue;
        }
        switch (*++c) {
        case 'X':
            buf_puts(sql, p->sort->expr);
            break;
        case 'D':
            buf_puts(sql, descending ? "DESC" : "ASC");
            break;
        default:
            buf_putc(sql, (*c == '<') == descending ? '<' : '>');
        }
    }
}

static void bind_keys(sqlite3_stmt *st, const struct paging *p)
{
    if (p->after)
        sqlite3_bind_value(st, PARAM_VALUE, p->after);
    sqlite3_bind_int64(st, PARAM_ID, p->query->after_id);
    if (p->guess)
        sqlite3_bind_value(st, PARAM_GUESS, p->guess);
    sqlite3_bind_int64(st, PARAM_GUESS_ID, p->guess_id);
    sqlite3_bind_int64(st, PARAM_LOW, p->low);
    sqlite3_bind_int64(st, PARAM_HIGH, p->high);
}

/* ---- Steps ---- */

int paging_take_ids(struct paging *p, const char *where, const char *order, struct err *e)
{
    struct buf sql;
    if (p->count >= p->limit)
        return 0;
    buf_init(&sql);
    buf_printf(&sql, "SELECT c.id FROM call c %s WHERE ", p->index);
    paging_put_pattern(&sql, p, where);
    put_conditions(&sql, p->query);
    buf_puts(&sql, " ORDER BY ");
    paging_put_pattern(&sql, p, order);
    buf_printf(&sql, " LIMIT ?%d", PARAM_LIMIT);
    sqlite3_stmt *st = sql_prepare(p->sq, sql.data, e);
    buf_done(&sql);
    if (!st)
        return -1;
    bind_keys(st, p);
    sqlite3_bind_int64(st, PARAM_LIMIT, (int64_t)(p->limit - p->count));
    bind_conditions(st, p->query);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && p->count < p->limit)
        p->ids[p->count++] = sqlite3_column_int64(st, 0);
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        reader_fail(p->sq, e);
    sqlite3_finalize(st);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -1;
}

/* ---- Guessing ---- */

#define UP_TO_GUESS "%X %>= ?5 AND (%X != ?5 OR c.id %>= ?6)"
#define BEYOND_GUESS "%X %<= ?5 AND (%X != ?5 OR c.id %< ?6)"
#define BETWEEN_BOTH(low, high) "%X BETWEEN " low " AND " high " AND (%X != ?5 OR c.id %>= ?6) AND (%X != ?1 OR c.id %< ?2)"

int paging_id_range(sqlite3 *sq, int64_t *first, int64_t *last, struct err *e)
{
    *first = *last = 0;
    if (sql_int64(sq, "SELECT min(id) FROM call", first, e) < 0 || sql_int64(sq, "SELECT max(id) FROM call", last, e) < 0)
        return -1;
    return 0;
}

static sqlite3_stmt *prepare_guess(struct paging *p, struct err *e)
{
    struct buf sql;
    buf_init(&sql);
    buf_puts(&sql, "WITH RECURSIVE s(id) AS (SELECT ?7 UNION ALL SELECT id + ?8 FROM s WHERE id + ?8 <= ?9)"
                   " SELECT ");
    paging_put_pattern(&sql, p, "%X, c.id FROM s CROSS JOIN call c INDEXED BY call_scan ON c.id = s.id WHERE ");
    paging_put_pattern(&sql, p, p->after ? PAGING_BEHIND_LAST : "%X IS NOT NULL");
    put_conditions(&sql, p->query);
    paging_put_pattern(&sql, p, " ORDER BY %X %D, c.id %D LIMIT 1 OFFSET ?4");
    sqlite3_stmt *st = sql_prepare(p->sq, sql.data, e);
    buf_done(&sql);
    return st;
}

/* The k-th best of a sample, so chosen that hardly ever fewer calls than a page
 * are better.  A wrong guess costs time, nothing else. */
static int make_guess(struct paging *p, struct err *e)
{
    int64_t first, last;
    if (paging_id_range(p->sq, &first, &last, e) != 0)
        return -1;
    int64_t calls = last - first + 1;
    if (calls < PAGING_LARGE || p->query->session_id || p->query->errors_only)
        return 0;
    sqlite3_stmt *st = prepare_guess(p, e);
    if (!st)
        return -1;
    /* So many calls of the sample belong to the page, on average. */
    int64_t expected = (int64_t)p->limit * SAMPLE_SIZE / calls;
    bind_keys(st, p);
    bind_conditions(st, p->query);
    sqlite3_bind_int64(st, PARAM_LIMIT, 3 + 3 * (expected + 1));
    sqlite3_bind_int64(st, PARAM_FIRST, first);
    sqlite3_bind_int64(st, PARAM_STEP, calls / SAMPLE_SIZE);
    sqlite3_bind_int64(st, PARAM_LAST, last);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        p->guess = sqlite3_value_dup(sqlite3_column_value(st, 0));
        p->guess_id = sqlite3_column_int64(st, 1);
    } else if (rc != SQLITE_DONE) {
        reader_fail(p->sq, e);
    }
    sqlite3_finalize(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}

/* ---- Ways ---- */

static int page_by_id(struct paging *p, struct err *e)
{
    return paging_take_ids(p, p->query->after_id ? "c.id %< ?2" : "1", "c.id %D", e);
}

/* In an index (value, id): three ranges, each read in order. */
static int page_by_walk(struct paging *p, struct err *e)
{
    int rc = 0;
    if (p->after && !p->after_is_null)
        rc = paging_take_ids(p, "%X = ?1 AND c.id %< ?2", "c.id %D", e);
    if (rc == 0 && !p->after_is_null)
        rc = paging_take_ids(p, p->after ? "%X %< ?1" : "%X IS NOT NULL", "%X %D, c.id %D", e);
    if (rc == 0)
        rc = paging_take_ids(p, p->after_is_null ? "%X IS NULL AND c.id %< ?2" : "%X IS NULL", "c.id %D", e);
    return rc;
}

/* The calls up to the guess; then, if the page is not full, all others. */
static int page_by_scan(struct paging *p, struct err *e)
{
    const char *up_to_guess = !p->after                ? UP_TO_GUESS
                              : p->query->descending ? BETWEEN_BOTH("?5", "?1")
                                                     : BETWEEN_BOTH("?1", "?5");
    if (p->after_is_null)
        return paging_take_ids(p, "%X IS NULL AND c.id %< ?2", "c.id %D", e);
    if (make_guess(p, e) != 0 || (p->guess && paging_take_ids(p, up_to_guess, "%X %D, c.id %D", e) != 0))
        return -1;
    const char *rest = p->guess ? PAGING_OR_UNKNOWN(BEYOND_GUESS) : p->after ? PAGING_OR_UNKNOWN(PAGING_BEHIND_LAST) : "1";
    return paging_take_ids(p, rest, "%X IS NULL, %X %D, c.id %D", e);
}

/* The value that the page goes on behind. */
static int find_after(struct paging *p, struct err *e)
{
    char *sql = xasprintf("SELECT %s FROM call c WHERE c.id = ?1", p->sort->expr);
    sqlite3_stmt *st = sql_prepare(p->sq, sql, e);
    free(sql);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, p->query->after_id);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        p->after = sqlite3_value_dup(sqlite3_column_value(st, 0));
        p->after_is_null = sqlite3_column_type(st, 0) == SQLITE_NULL;
    } else if (rc == SQLITE_DONE) {
        err_set(e, "call %lld, behind which to go on, is no longer in the log; start from the top", (long long)p->query->after_id);
    } else {
        reader_fail(p->sq, e);
    }
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 0 : -1;
}

static int find_ids(struct paging *p, struct err *e)
{
    const struct call_query *q = p->query;
    bool in_slices = false;
    if (q->look && paging_wants_slices(p, &in_slices, e) != 0)
        return -1;
    if (q->sort != SORT_ID && q->after_id && find_after(p, e) != 0)
        return -1;
    if (in_slices)
        return paging_by_slices(p, e);
    if (q->sort == SORT_ID)
        return page_by_id(p, e);
    return p->sort->has_index && !paging_is_narrowed(q) ? page_by_walk(p, e) : page_by_scan(p, e);
}

/* ---- Rows ---- */

static int read_rows(struct paging *p, struct call_page *page, struct err *e)
{
    size_t count = p->count < p->limit ? p->count : p->limit - 1;
    sqlite3_stmt *st = reader_prepare_row(p->sq, e);
    if (!st)
        return -1;
    page->has_more = p->count == p->limit;
    page->calls = xcalloc(count + 1, sizeof *page->calls);
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = reader_read_row(st, p->ids[i], &page->calls[page->count], e);
        page->count += rc == 0;
        if (rc == 1 && p->query->look)
            rc = 0; /* it was deleted since it was found */
    }
    sqlite3_finalize(st);
    if (rc == 1)
        return err_set(e, "the log is damaged: an index names a call that is not there");
    return rc;
}

static size_t page_limit(size_t wanted)
{
    return wanted == 0 || wanted > READER_PAGE_MAX ? READER_PAGE_MAX : wanted;
}

int reader_calls(struct db *db, const struct call_query *q, struct call_page *page, struct err *e)
{
    struct paging p = {.sq = db_sqlite(db), .query = q, .sort = &SORTS[q->sort], .index = "", .limit = page_limit(q->limit) + 1};
    *page = (struct call_page){0};
    if (reader_begin(p.sq, e) != 0)
        return -1;
    int rc = filter_prepare(q->filter, p.sq, e);
    if (rc == 0)
        rc = find_ids(&p, e);
    if (rc == 0)
        rc = read_rows(&p, page, e);
    reader_end(p.sq);
    sqlite3_value_free(p.after);
    sqlite3_value_free(p.guess);
    if (rc != 0)
        call_page_done(page);
    return rc;
}

int reader_open_calls(struct db *db, struct call_page *page, struct err *e)
{
    struct call_query all = {.sort = SORT_ID};
    struct paging p = {.sq = db_sqlite(db), .query = &all, .sort = &SORTS[SORT_ID], .index = "INDEXED BY call_open",
                       .limit = READER_PAGE_MAX + 1};
    *page = (struct call_page){0};
    if (reader_begin(p.sq, e) != 0)
        return -1;
    int rc = paging_take_ids(&p, "c.state = 'open'", "c.id", e);
    if (rc == 0)
        rc = read_rows(&p, page, e);
    reader_end(p.sq);
    if (rc != 0)
        call_page_done(page);
    return rc;
}

int reader_call(struct db *db, int64_t id, struct call *c, struct err *e)
{
    call_init(c);
    sqlite3_stmt *st = reader_prepare_row(db_sqlite(db), e);
    if (!st)
        return -1;
    int rc = reader_read_row(st, id, c, e);
    sqlite3_finalize(st);
    if (rc == 1)
        err_set(e, "there is no call %lld in the log", (long long)id);
    return rc;
}

/* Calls of the slice `where` allows (a pattern without %). */
static int count_inside(sqlite3 *sq, const struct call_query *q, const char *where, int64_t low, int64_t high, int64_t *n, struct err *e)
{
    struct buf sql;
    if (filter_prepare(q->filter, sq, e) != 0)
        return -1;
    buf_init(&sql);
    buf_printf(&sql, "SELECT count(*) FROM call c%s", where);
    put_conditions(&sql, q);
    sqlite3_stmt *st = sql_prepare(sq, sql.data, e);
    buf_done(&sql);
    if (!st)
        return -1;
    bind_conditions(st, q);
    sqlite3_bind_int64(st, PARAM_LOW, low);
    sqlite3_bind_int64(st, PARAM_HIGH, high);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *n = sqlite3_column_int64(st, 0);
    else
        reader_fail(sq, e);
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 0 : -1;
}

static int count(sqlite3 *sq, const struct call_query *q, const char *where, int64_t low, int64_t high, int64_t *n, struct err *e)
{
    if (reader_begin(sq, e) != 0)
        return -1;
    int rc = count_inside(sq, q, where, low, high, n, e);
    reader_end(sq);
    return rc;
}

int paging_count_slice(sqlite3 *sq, const struct call_query *q, int64_t low, int64_t high, int64_t *n, struct err *e)
{
    return count(sq, q, " WHERE c.id > ?10 AND c.id <= ?11", low, high, n, e);
}

int reader_count(struct db *db, const struct call_query *q, int64_t *n, struct err *e)
{
    return count(db_sqlite(db), q, paging_is_narrowed(q) ? " WHERE 1" : "", 0, 0, n, e);
}

void call_page_done(struct call_page *p)
{
    for (size_t i = 0; i < p->count; i++)
        call_done(&p->calls[i]);
    free(p->calls);
    *p = (struct call_page){0};
}
