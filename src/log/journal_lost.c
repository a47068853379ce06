#include "log/journal_lost.h"

#include <stdlib.h>

#include "base/mem.h"
#include "log/sql.h"

struct lost {
    struct call *calls;
    size_t count;
    size_t cap;
};

static void read_row(sqlite3_stmt *st, struct call *c)
{
    call_init(c);
    c->state = CALL_LOST;
    c->id = sqlite3_column_int64(st, 0);
    c->started_at = sqlite3_column_int64(st, 1);
    c->session_id = sql_text(st, 2);
    c->model_asked = sql_text(st, 3);
    c->model_sent = sql_text(st, 4);
    c->provider_served = sql_text(st, 5);
    const char *purpose = (const char *)sqlite3_column_text(st, 6);
    c->has_purpose = purpose && purpose_parse(purpose, &c->purpose);
    c->usage.out = sql_known(st, 7);
    c->bytes_out = sql_known(st, 8);
    c->attempt = sql_known(st, 9); /* only counted: a repeat of another call is one try more */
}

static int read_open(sqlite3 *sq, struct lost *l, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(sq,
                                   "SELECT c.id, c.started_at, c.session_id, c.model_asked, c.model_sent,"
                                   " c.provider_served, c.purpose,"
                                   " CASE WHEN p.is_estimate THEN NULL ELSE p.tokens_out END, p.bytes_out,"
                                   " ifnull(c.attempt, 1) + c.is_retry"
                                   " FROM call c LEFT JOIN progress p ON p.call_id = c.id"
                                   " WHERE c.state = 'open' ORDER BY c.id",
                                   e);
    if (!st)
        return -1;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        if (l->count == l->cap) {
            l->cap = l->cap ? l->cap * 2 : 64;
            l->calls = xrealloc(l->calls, l->cap * sizeof *l->calls);
        }
        read_row(st, &l->calls[l->count++]);
    }
    if (rc != SQLITE_DONE)
        err_set(e, "%s", sqlite3_errmsg(sq));
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : -1;
}

static int mark(sqlite3_stmt *st, struct sums *sums, const struct call *c, struct err *e)
{
    sqlite3_bind_int64(st, 1, c->id);
    sql_bind_known(st, 2, c->usage.out);
    sql_bind_known(st, 3, c->bytes_out);
    sums_end(sums, c, false);
    return sql_done(st, e);
}

int lost_mark(sqlite3 *sq, struct sums *sums, struct err *e)
{
    struct lost l = {0};
    int rc = -1;
    sqlite3_stmt *st =
        sql_prepare(sq, "UPDATE call SET state = 'lost', tokens_out = ?2, bytes_out = ?3 WHERE id = ?1", e);
    if (!st || read_open(sq, &l, e) != 0)
        goto out;
    for (size_t i = 0; i < l.count; i++)
        if (mark(st, sums, &l.calls[i], e) != 0)
            goto out;
    rc = sums_write(sums, e) != 0 ? -1 : sql_run(sq, "DELETE FROM progress", e);
out:
    sums_forget(sums); /* its calls go */
    for (size_t i = 0; i < l.count; i++)
        call_done(&l.calls[i]);
    free(l.calls);
    sqlite3_finalize(st);
    return rc;
}
