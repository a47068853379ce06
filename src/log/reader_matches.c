/* Which sessions have calls that match a filter: gathered from slices of ids, since no
 * order of the sessions tells where in a large log their calls stand. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/filter_sql.h"
#include "log/reader_paging.h"
#include "log/reader_row.h"
#include "log/sql.h"

/* Where the session stands, or would. */
static size_t place_of(const struct session_matches *m, const char *session_id)
{
    size_t low = 0, high = m->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(m->rows[middle].session_id, session_id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void add(struct session_matches *m, const char *session_id, int64_t calls)
{
    size_t at = place_of(m, session_id);
    m->calls += calls;
    if (at < m->count && strcmp(m->rows[at].session_id, session_id) == 0) {
        m->rows[at].calls += calls;
        return;
    }
    m->rows = xrealloc(m->rows, (m->count + 1) * sizeof *m->rows);
    memmove(m->rows + at + 1, m->rows + at, (m->count - at) * sizeof *m->rows);
    m->rows[at] = (struct session_match){.session_id = xstrdup(session_id), .calls = calls};
    m->count++;
}

/* The plus signs keep the planner from walking all sessions' calls for one slice. */
static sqlite3_stmt *prepare(sqlite3 *sq, const struct filter *f, struct err *e)
{
    const char *condition = filter_sql(f);
    char *sql = xasprintf("SELECT c.session_id, count(*) FROM call c WHERE c.id > ?%d AND c.id <= ?%d"
                          " AND +c.session_id IS NOT NULL AND %s GROUP BY +c.session_id",
                          PARAM_LOW, PARAM_HIGH, condition ? condition : "1");
    sqlite3_stmt *st = sql_prepare(sq, sql, e);
    free(sql);
    return st;
}

static int take_rows(sqlite3 *sq, const struct call_query *q, int64_t low, int64_t high, struct session_matches *m,
                     struct err *e)
{
    if (filter_prepare(q->filter, sq, e) != 0)
        return -1;
    sqlite3_stmt *st = prepare(sq, q->filter, e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, PARAM_LOW, low);
    sqlite3_bind_int64(st, PARAM_HIGH, high);
    filter_bind(q->filter, st);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        add(m, (const char *)sqlite3_column_text(st, 0), sqlite3_column_int64(st, 1));
    if (rc != SQLITE_DONE)
        reader_fail(sq, e);
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : -1;
}

static int look_at_slice(sqlite3 *sq, const struct call_query *q, int64_t low, int64_t high, void *arg, struct err *e)
{
    if (reader_begin(sq, e) != 0)
        return -1;
    int rc = take_rows(sq, q, low, high, arg, e);
    reader_end(sq);
    return rc;
}

static void drop_rows(struct session_matches *m)
{
    for (size_t i = 0; i < m->count; i++)
        free(m->rows[i].session_id);
    free(m->rows);
    m->rows = NULL;
    m->count = 0;
    m->calls = 0;
}

int reader_matches_on(struct db *db, const struct filter *f, struct session_matches *m, struct err *e)
{
    sqlite3 *sq = db_sqlite(db);
    struct call_query q = {.filter = f, .look = &m->look};
    if (!m->look.is_open) {
        drop_rows(m);
        if (paging_begin_look(sq, &q, e) != 0)
            return -1;
        if (!m->look.is_open)
            return look_at_slice(sq, &q, m->look.low, m->look.high, m, e);
    }
    return paging_each_slice(sq, &q, look_at_slice, m, e);
}

void session_matches_done(struct session_matches *m)
{
    drop_rows(m);
    *m = (struct session_matches){0};
}
