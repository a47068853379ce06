#include "log/journal_refusals.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "log/sql.h"

struct refusals {
    sqlite3_stmt *disable;
    sqlite3_stmt *count;
    sqlite3_stmt *end;
    struct queue_op *first;
    struct queue_op **last;
};

struct refusals *refusals_open(sqlite3 *sq, struct err *e)
{
    struct refusals *r = xcalloc(1, sizeof *r);
    r->last = &r->first;
    r->disable = sql_prepare(sq, "UPDATE routes SET enabled = 0, note = ?2 WHERE id = ?1 AND enabled", e);
    r->count = sql_prepare(sq,
                           "UPDATE routes SET calls_taken = calls_taken + 1,"
                           " enabled = CASE WHEN calls_taken + 1 >= max_calls THEN 0 ELSE enabled END"
                           " WHERE id = ?1 AND max_calls IS NOT NULL",
                           e);
    r->end = sql_prepare(sq, "UPDATE routes SET enabled = 0 WHERE enabled AND until_at <= ?1", e);
    if (r->disable && r->count && r->end)
        return r;
    refusals_free(r);
    return NULL;
}

static size_t drop_all(struct refusals *r)
{
    size_t bytes = 0;
    for (struct queue_op *op = r->first, *next; op; op = next) {
        next = op->next;
        bytes += op->bytes;
        queue_op_free(op);
    }
    r->first = NULL;
    r->last = &r->first;
    return bytes;
}

void refusals_free(struct refusals *r)
{
    if (!r)
        return;
    drop_all(r);
    sqlite3_finalize(r->disable);
    sqlite3_finalize(r->count);
    sqlite3_finalize(r->end);
    free(r);
}

void refusals_take(struct refusals *r, struct queue_op *op)
{
    op->next = NULL;
    *r->last = op;
    r->last = &op->next;
}

static int write_one(struct refusals *r, const struct queue_op *op, struct err *e)
{
    switch (op->kind) {
    case QUEUE_COUNT_ROUTE:
        sqlite3_bind_int64(r->count, 1, op->call.id);
        return sql_done(r->count, e);
    case QUEUE_END_ROUTES:
        sqlite3_bind_int64(r->end, 1, clock_wall_ms());
        return sql_done(r->end, e);
    default:
        sqlite3_bind_int64(r->disable, 1, op->call.id);
        sql_bind_text(r->disable, 2, op->call.route_note);
        return sql_done(r->disable, e);
    }
}

int refusals_write(struct refusals *r, struct err *e)
{
    for (const struct queue_op *op = r->first; op; op = op->next)
        if (write_one(r, op, e) != 0)
            return -1;
    return 0;
}

size_t refusals_written(struct refusals *r)
{
    return drop_all(r);
}
