#include "log/journal_refusals.h"

#include <stdlib.h>

#include "base/mem.h"
#include "log/sql.h"

struct refusals {
    sqlite3_stmt *disable;
    struct queue_op *first;
    struct queue_op **last;
};

struct refusals *refusals_open(sqlite3 *sq, struct err *e)
{
    struct refusals *r = xcalloc(1, sizeof *r);
    r->last = &r->first;
    r->disable = sql_prepare(sq, "UPDATE routes SET enabled = 0, note = ?2 WHERE id = ?1 AND enabled", e);
    if (r->disable)
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
    free(r);
}

void refusals_take(struct refusals *r, struct queue_op *op)
{
    op->next = NULL;
    *r->last = op;
    r->last = &op->next;
}

int refusals_write(struct refusals *r, struct err *e)
{
    for (const struct queue_op *op = r->first; op; op = op->next) {
        sqlite3_bind_int64(r->disable, 1, op->call.id);
        sql_bind_text(r->disable, 2, op->call.route_note);
        if (sql_done(r->disable, e) != 0)
            return -1;
    }
    return 0;
}

size_t refusals_written(struct refusals *r)
{
    return drop_all(r);
}
