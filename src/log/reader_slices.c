/* Looking through a large log a slice of ids at a time.
 *
 * By id the slices come in the order of the page, which is done as soon as it is full.
 * In any other order the newest come first, and what is best so far is kept: true
 * only when all slices were looked at.  A slice is as long as it may be without being
 * noticed; between two the caller looks at the clock, at keys and at what it has. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "log/filter_sql.h"
#include "log/reader_paging.h"
#include "log/reader_row.h"
#include "log/sql.h"

#define SLICE_US   ((int64_t)25000)
#define LEAST_STEP ((int64_t)16384) /* a condition on sessions looks for all of them in every slice: 5 ms for 5,000 */
#define LEAST_READ ((int64_t)256)   /* where bodies are read: a call may have 100 pieces to read, 20 us each */
#define MOST_STEP  ((int64_t)1 << 18)

static bool may_take_long(const struct call_query *q)
{
    return filter_sql(q->filter) && !q->session_id && !q->errors_only;
}

/* Of the ids there are now; what arrives meanwhile is for the next look. */
static int open_look(sqlite3 *sq, const struct call_query *q, struct call_look *l, struct err *e)
{
    int64_t first, last;
    if (paging_id_range(sq, &first, &last, e) != 0)
        return -1;
    l->low = first - 1;
    l->high = last;
    if (q->sort == SORT_ID && q->after_id && q->descending && q->after_id <= last)
        l->high = q->after_id - 1;
    if (q->sort == SORT_ID && q->after_id && !q->descending && q->after_id > l->low)
        l->low = q->after_id;
    l->all = l->high > l->low ? l->high - l->low : 0;
    l->looked = 0;
    l->least = filter_reads_bodies(q->filter) ? LEAST_READ : LEAST_STEP;
    l->step = l->least;
    l->count = 0;
    l->is_open = may_take_long(q) && l->all >= PAGING_LARGE;
    return 0;
}

int paging_wants_slices(const struct paging *p, bool *wants, struct err *e)
{
    struct call_look *l = p->query->look;
    if (!l->is_open && open_look(p->sq, p->query, l, e) != 0)
        return -1;
    *wants = l->is_open;
    return 0;
}

/* The next slice, from the end that the order begins with. */
static void cut_slice(struct call_look *l, bool upwards, int64_t *low, int64_t *high)
{
    int64_t step = l->high - l->low < l->step ? l->high - l->low : l->step;
    *low = upwards ? l->low : l->high - step;
    *high = *low + step;
    if (upwards)
        l->low += step;
    else
        l->high -= step;
    l->looked += step;
}

static void adapt_step(struct call_look *l, int64_t took_us)
{
    if (took_us < SLICE_US / 2 && l->step < MOST_STEP)
        l->step *= 2;
    else if (took_us > SLICE_US * 2 && l->step > l->least)
        l->step /= 2;
}

/* ---- Pages ---- */

/* Keep the best of what the page and the slice hold. */
static int merge(struct paging *p, const struct paging *slice, struct err *e)
{
    struct buf sql;
    if (slice->count == 0)
        return 0;
    buf_init(&sql);
    buf_puts(&sql, "SELECT c.id FROM call c WHERE c.id IN (0");
    for (size_t i = 0; i < p->count; i++)
        buf_printf(&sql, ",%" PRId64, p->ids[i]);
    for (size_t i = 0; i < slice->count; i++)
        buf_printf(&sql, ",%" PRId64, slice->ids[i]);
    paging_put_pattern(&sql, p, ") ORDER BY %X IS NULL, %X %D, c.id %D");
    sqlite3_stmt *st = sql_prepare(p->sq, sql.data, e);
    buf_done(&sql);
    if (!st)
        return -1;
    int rc;
    p->count = 0;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && p->count < p->limit)
        p->ids[p->count++] = sqlite3_column_int64(st, 0);
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        reader_fail(p->sq, e);
    sqlite3_finalize(st);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -1;
}

#define IN_SLICE "c.id > ?10 AND c.id <= ?11"

static int look_at_slice(struct paging *p, struct err *e)
{
    if (p->query->sort == SORT_ID)
        return paging_take_ids(p, IN_SLICE, "c.id %D", e);
    struct paging slice = *p;
    slice.count = 0;
    const char *where = p->after_is_null ? IN_SLICE " AND %X IS NULL AND c.id %< ?2"
                        : p->after       ? IN_SLICE " AND " PAGING_OR_UNKNOWN(PAGING_BEHIND_LAST)
                                         : IN_SLICE;
    if (paging_take_ids(&slice, where, "%X IS NULL, %X %D, c.id %D", e) != 0)
        return -1;
    return merge(p, &slice, e);
}

int paging_by_slices(struct paging *p, struct err *e)
{
    struct call_look *l = p->query->look;
    bool by_id = p->query->sort == SORT_ID;
    int64_t at = clock_mono_us(), end = at + l->us;
    int rc = 0;
    memcpy(p->ids, l->ids, l->count * sizeof *l->ids);
    p->count = l->count;
    while (rc == 0 && l->is_open && at < end) {
        int64_t began = at;
        cut_slice(l, by_id && !p->query->descending, &p->low, &p->high);
        rc = look_at_slice(p, e);
        l->is_open = l->high > l->low && !(by_id && p->count >= p->limit);
        at = clock_mono_us();
        adapt_step(l, at - began);
    }
    memcpy(l->ids, p->ids, p->count * sizeof *l->ids);
    l->count = p->count;
    return rc;
}

/* ---- Counting, and whatever else is gathered ---- */

/* What a filter looks for in texts is looked up first: it tells how long a slice may be. */
int paging_begin_look(sqlite3 *sq, const struct call_query *q, struct err *e)
{
    if (reader_begin(sq, e) != 0)
        return -1;
    int rc = filter_prepare(q->filter, sq, e);
    if (rc == 0)
        rc = open_look(sq, q, q->look, e);
    reader_end(sq);
    return rc;
}

int paging_each_slice(sqlite3 *sq, const struct call_query *q, paging_slice_fn *look_at, void *arg, struct err *e)
{
    struct call_look *l = q->look;
    for (int64_t at = clock_mono_us(), end = at + l->us; l->is_open && at < end;) {
        int64_t began = at, low, high;
        cut_slice(l, false, &low, &high);
        if (look_at(sq, q, low, high, arg, e) != 0)
            return -1;
        l->is_open = l->high > l->low;
        at = clock_mono_us();
        adapt_step(l, at - began);
    }
    return 0;
}

static int count_slice(sqlite3 *sq, const struct call_query *q, int64_t low, int64_t high, void *arg, struct err *e)
{
    int64_t *n = arg, more = 0;
    if (paging_count_slice(sq, q, low, high, &more, e) != 0)
        return -1;
    *n += more;
    return 0;
}

int reader_count_on(struct db *db, const struct call_query *q, int64_t *n, struct err *e)
{
    sqlite3 *sq = db_sqlite(db);
    struct call_look *l = q->look;
    if (!l->is_open) {
        *n = 0;
        if (paging_begin_look(sq, q, e) != 0)
            return -1;
        if (!l->is_open)
            return reader_count(db, q, n, e);
    }
    return paging_each_slice(sq, q, count_slice, n, e);
}
