#include "log/live_bodies.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "log/sql.h"

struct live_bodies {
    struct queue_op *first;
    struct queue_op **last;
    sqlite3_stmt *watched;
    sqlite3_stmt *put;
    sqlite3_stmt *end;
};

struct live_bodies *live_bodies_open(sqlite3 *sq, struct err *e)
{
    struct live_bodies *l = xcalloc(1, sizeof *l);
    l->last = &l->first;
    if (sql_run(sq, "DELETE FROM watch; DELETE FROM live_body", e) != 0)
        goto fail;
    l->watched = sql_prepare(sq, "SELECT call_id FROM watch WHERE at > ?1 ORDER BY at DESC LIMIT ?2", e);
    l->put = sql_prepare(sq, "INSERT OR REPLACE INTO live_body(call_id, from_byte, data) VALUES(?1, ?2, ?3)", e);
    l->end = sql_prepare(sq, "DELETE FROM live_body WHERE call_id = ?1", e);
    if (l->watched && l->put && l->end)
        return l;
fail:
    live_bodies_free(l);
    return NULL;
}

static size_t drop_all(struct live_bodies *l)
{
    size_t bytes = 0;
    for (struct queue_op *op = l->first, *next; op; op = next) {
        next = op->next;
        bytes += op->bytes;
        queue_op_free(op);
    }
    l->first = NULL;
    l->last = &l->first;
    return bytes;
}

void live_bodies_free(struct live_bodies *l)
{
    if (!l)
        return;
    drop_all(l);
    sqlite3_finalize(l->watched);
    sqlite3_finalize(l->put);
    sqlite3_finalize(l->end);
    free(l);
}

void live_bodies_look(struct live_bodies *l, struct queue *q)
{
    int64_t ids[QUEUE_WATCHED_MAX];
    size_t count = 0;
    sqlite3_bind_int64(l->watched, 1, clock_wall_ms() - WATCH_LASTS_MS);
    sqlite3_bind_int(l->watched, 2, QUEUE_WATCHED_MAX);
    while (count < QUEUE_WATCHED_MAX && sqlite3_step(l->watched) == SQLITE_ROW)
        ids[count++] = sqlite3_column_int64(l->watched, 0);
    sqlite3_reset(l->watched);
    queue_set_watched(q, ids, count);
}

void live_bodies_take(struct live_bodies *l, struct queue_op *op)
{
    op->next = NULL;
    *l->last = op;
    l->last = &op->next;
}

int live_bodies_write(struct live_bodies *l, struct err *e)
{
    for (const struct queue_op *op = l->first; op; op = op->next) {
        sqlite3_bind_int64(l->put, 1, op->call.id);
        sqlite3_bind_int64(l->put, 2, op->call.bytes_out);
        sqlite3_bind_blob64(l->put, 3, op->body->data, op->body->len, SQLITE_STATIC);
        if (sql_done(l->put, e) != 0)
            return -1;
    }
    return 0;
}

int live_bodies_end(struct live_bodies *l, int64_t call_id, struct err *e)
{
    sqlite3_bind_int64(l->end, 1, call_id);
    return sql_done(l->end, e);
}

size_t live_bodies_written(struct live_bodies *l)
{
    return drop_all(l);
}
