/* One batch after the other.
 *
 * Bodies are taken at once, while they are warm (left cold for 100 ms they cost
 * 100-200 us more at 1 MB); only the commit waits, so that the write lock is
 * held for one short transaction and never while more is awaited.
 *
 * A commit comes soon after the first call of a batch, but no sooner than
 * SPACING after the last one: a lone call is seen at once, a burst is
 * gathered.  At the latest it comes by the guarantee: what ended 200 ms ago survives
 * kill -9.
 *
 * When a commit fails, nothing of the batch is given up: it stays as it is,
 * nothing more is taken from the queue (whose bound then holds), and the same
 * batch is tried again until it goes through or the gateway ends. */
#include "log/journal_writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/mem.h"
#include "log/bodies.h"
#include "log/journal_begin.h"
#include "log/journal_lost.h"
#include "log/journal_rows.h"
#include "log/journal_sums.h"
#include "log/retention.h"
#include "log/sql.h"
#include "log/wal.h"

#define BATCH_CALLS   ((size_t)200)
#define BATCH_BYTES   ((size_t)256 << 10)
#define GATHER_US     ((int64_t)5000)  /* after the first call of a batch */
#define SPACING_US    ((int64_t)80000) /* after the last commit */
#define BUSY_MS       100              /* another program's write; then the batch is tried again */
#define RETRY_US      ((int64_t)200000)
#define LAST_TRIES_US ((int64_t)3000000) /* at the end, before what cannot be written is given up */

struct title {
    struct title *next;
    char *session_id;
    char text[256];
};

#define FAILED_KEPT 256 /* calls that did not come through: their repeats are retries */

struct writer {
    struct queue *queue;
    struct db *db;
    sqlite3 *sq;
    const struct catalog *catalog;
    bool keep_bodies;
    struct bodies *bodies;
    struct rows *rows;
    struct sums *sums;
    struct retention *retention;
    struct wal *wal;
    sqlite3_stmt *put_progress;
    sqlite3_stmt *end_progress;
    sqlite3_stmt *add_meta;
    sqlite3_stmt *set_meta;
    int64_t ids_limit;
    int64_t next_call; /* above every call that began */
    struct title *titles;
    int64_t failed[FAILED_KEPT];
    size_t failed_at;
    /* the batch beside its rows */
    struct queue_op *ops; /* taken, not yet looked at */
    struct queue_take progress;
    bool wants_ids;
    int64_t first_at_us; /* 0: the batch is empty */
    int64_t last_commit_us;
    int64_t failing_since_us; /* 0: all is well */
};

/* ---- Opening ------------------------------------------------------------------ */

static int prepare(struct writer *w, struct err *e)
{
    w->put_progress = sql_prepare(w->sq,
                                  "INSERT OR REPLACE INTO progress(call_id, tokens_out, is_estimate, bytes_out, at)"
                                  " VALUES(?,?,?,?,?)",
                                  e);
    w->end_progress = sql_prepare(w->sq, "DELETE FROM progress WHERE call_id = ?", e);
    w->add_meta = sql_prepare(w->sq, "UPDATE meta SET value = value + ?2 WHERE key = ?1", e);
    w->set_meta = sql_prepare(w->sq, "UPDATE meta SET value = ?2 WHERE key = ?1", e);
    return w->put_progress && w->end_progress && w->add_meta && w->set_meta ? 0 : -1;
}

static int set_meta(sqlite3_stmt *st, const char *key, int64_t value, struct err *e)
{
    sql_bind_text(st, 1, key);
    sqlite3_bind_int64(st, 2, value);
    return sql_done(st, e);
}

/* Ids that may have been handed out before are never used again: the new block
 * starts where the last reserved one ended. */
static int start_ids(struct writer *w, struct err *e)
{
    int64_t next = 0;
    if (sql_int64(w->sq,
                  "SELECT max(m.value, coalesce((SELECT max(id) + 1 FROM call), 1)) FROM meta m"
                  " WHERE m.key = 'next_call_id'",
                  &next, e) != 0)
        return -1;
    w->next_call = next;
    w->ids_limit = next + QUEUE_IDS;
    if (set_meta(w->set_meta, "next_call_id", w->ids_limit, e) != 0)
        return -1;
    queue_set_ids(w->queue, next, w->ids_limit);
    return 0;
}

static int start_log(struct writer *w, struct err *e)
{
    if (sql_run(w->sq, "BEGIN IMMEDIATE", e) != 0)
        return -1;
    if (lost_mark(w->sq, w->sums, e) == 0 && start_ids(w, e) == 0 && sql_run(w->sq, "COMMIT", e) == 0)
        return 0;
    sql_try(w->sq, "ROLLBACK");
    return -1;
}

struct writer *writer_open(const struct journal_options *o, struct queue *q, struct err *e)
{
    struct writer *w = xcalloc(1, sizeof *w);
    w->queue = q;
    w->catalog = o->catalog;
    w->keep_bodies = o->keep_bodies;
    w->db = db_open(o->path, DB_CREATE, e);
    if (!w->db)
        goto fail;
    w->sq = db_sqlite(w->db);
    w->sums = sums_open(w->sq, o->catalog, e);
    w->rows = w->sums ? rows_open(w->sq, e) : NULL;
    if (!w->rows || prepare(w, e) != 0 || start_log(w, e) != 0)
        goto explain;
    w->bodies = bodies_open(w->sq, e);
    if (!w->bodies)
        goto explain;
    w->retention = retention_open(w->sq, w->bodies, o->max_log_bytes, o->keep_days, e);
    if (!w->retention)
        goto explain;
    w->wal = wal_open(w->db, e);
    if (!w->wal)
        goto explain;
    sqlite3_busy_timeout(w->sq, BUSY_MS);
    return w;
explain:
    err_prefix(e, "the log %s cannot be written", o->path);
fail:
    writer_free(w);
    return NULL;
}

void writer_free(struct writer *w)
{
    if (!w)
        return;
    wal_close(w->wal);
    retention_free(w->retention);
    bodies_free(w->bodies);
    rows_free(w->rows);
    sums_free(w->sums);
    sqlite3_finalize(w->put_progress);
    sqlite3_finalize(w->end_progress);
    sqlite3_finalize(w->add_meta);
    sqlite3_finalize(w->set_meta);
    db_close(w->db);
    for (struct title *next; w->titles; w->titles = next) {
        next = w->titles->next;
        free(w->titles->session_id);
        free(w->titles);
    }
    for (struct queue_op *next; w->ops; w->ops = next) {
        next = w->ops->next;
        queue_op_free(w->ops);
    }
    free(w->progress.progress);
    free(w);
}

/* ---- Taking calls --------------------------------------------------------------- */

static bool is_repeat_of_failed(const struct writer *w, int64_t id)
{
    for (size_t i = 0; id != 0 && i < FAILED_KEPT; i++)
        if (w->failed[i] == id)
            return true;
    return false;
}

/* Calls of one agent in one session repeat each other; what went upstream is
 * compared with what went upstream. */
static char *conversation_of(const struct call *c, bool is_sent)
{
    return xasprintf("%s\n%s\n%s", c->session_id ? c->session_id : "", c->agent_id ? c->agent_id : "",
                     is_sent ? "sent" : "");
}

static void keep_body(struct writer *w, struct row *row, enum body_kind kind, struct blob *body)
{
    struct buf list;
    int64_t repeat_of = 0;
    int rc;
    if (!body || !w->keep_bodies)
        return;
    buf_init(&list);
    if (kind == BODY_RESPONSE) {
        rc = bodies_put_answer(w->bodies, blob_bytes(body), &list);
    } else {
        char *conversation = conversation_of(&row->call, kind == BODY_SENT);
        struct body_origin from = {conversation, row->call.id};
        rc = bodies_put_request(w->bodies, &from, body, &list, &repeat_of);
        free(conversation);
        if (kind == BODY_REQUEST)
            row->is_retry = is_repeat_of_failed(w, repeat_of);
    }
    if (rc == 0) {
        row_set_list(row, kind, list.data, list.len);
        row->raw_bytes += (int64_t)body->len;
    } else {
        row->call.body_state = BODY_DROPPED;
        queue_count_dropped(w->queue, 0, 1);
    }
    buf_done(&list);
}

static void take_begin(struct writer *w, struct queue_op *op)
{
    call_read_request(&op->call, op->body, op->sent);
    op->call.body_state = !w->keep_bodies ? BODY_OFF : op->is_body_dropped ? BODY_DROPPED : BODY_KEPT;
    if (op->call.id >= w->next_call)
        w->next_call = op->call.id + 1;
    struct row *row = rows_begin(w->rows, &op->call);
    row->queue_bytes += op->bytes;
    keep_body(w, row, BODY_REQUEST, op->body);
    keep_body(w, row, BODY_SENT, op->sent);
    rows_mark_dirty(w->rows, row);
}

static void take_title(struct writer *w, const struct call *c, const struct blob *answer)
{
    char text[sizeof w->titles->text];
    if (!call_read_title(c, answer, text, sizeof text))
        return;
    struct title *t = xcalloc(1, sizeof *t);
    t->session_id = xstrdup(c->session_id);
    memcpy(t->text, text, sizeof text);
    t->next = w->titles;
    w->titles = t;
}

static void take_end(struct writer *w, struct queue_op *op)
{
    if (op->sent)
        call_read_sent(&op->call, op->sent);
    struct row *row = rows_end(w->rows, &op->call);
    struct call *c = &row->call;
    row->queue_bytes += op->bytes;
    if (c->started_at < 0)
        c->started_at = c->finished_at;
    if (c->duration_ms < 0 && c->finished_at >= c->started_at)
        c->duration_ms = c->finished_at - c->started_at;
    if (!w->keep_bodies)
        c->body_state = BODY_OFF;
    else if (op->is_body_dropped)
        c->body_state = BODY_DROPPED;
    call_price(c, w->catalog);
    if (c->state == CALL_ERROR || c->state == CALL_ABORTED)
        w->failed[w->failed_at++ % FAILED_KEPT] = c->id;
    keep_body(w, row, BODY_SENT, op->sent);
    keep_body(w, row, BODY_RESPONSE, op->body);
    take_title(w, c, op->body);
    rows_mark_dirty(w->rows, row);
}

static void take_op(struct writer *w, struct queue_op *op)
{
    if (op->call.started_at < 0 && op->kind == QUEUE_BEGIN)
        op->call.started_at = clock_wall_ms();
    if (op->call.finished_at < 0 && op->kind == QUEUE_END)
        op->call.finished_at = clock_wall_ms();
    if (op->kind == QUEUE_BEGIN)
        take_begin(w, op);
    else
        take_end(w, op);
    queue_op_free(op);
    if (w->first_at_us == 0)
        w->first_at_us = clock_mono_us();
}

/* ---- Writing ---------------------------------------------------------------------- */

static int write_row(struct writer *w, const struct row *row, struct err *e)
{
    if (rows_write(w->rows, row, e) != 0)
        return -1;
    if (!row->is_ended)
        return row->is_announced ? 0 : sums_begin(w->sums, &row->call, e);
    sqlite3_bind_int64(w->end_progress, 1, row->call.id);
    if (sql_done(w->end_progress, e) != 0)
        return -1;
    return sums_end(w->sums, &row->call, row->is_retry, e);
}

static int write_progress(struct writer *w, struct err *e)
{
    for (size_t i = 0; i < w->progress.progress_count; i++) {
        const struct queue_progress *p = &w->progress.progress[i];
        sqlite3_bind_int64(w->put_progress, 1, p->id);
        sql_bind_known(w->put_progress, 2, p->tokens_out);
        sqlite3_bind_int(w->put_progress, 3, p->is_estimate);
        sql_bind_known(w->put_progress, 4, p->bytes_out);
        sqlite3_bind_int64(w->put_progress, 5, clock_wall_ms());
        if (sql_done(w->put_progress, e) != 0)
            return -1;
    }
    return 0;
}

static int write_ids(struct writer *w, struct err *e)
{
    return w->wants_ids ? set_meta(w->set_meta, "next_call_id", w->ids_limit + QUEUE_IDS, e) : 0;
}

static int write_bodies(struct writer *w, struct err *e)
{
    int64_t stored = 0;
    int64_t raw = 0;
    for (const struct row *row = rows_dirty(w->rows); row; row = row->next_dirty)
        raw += row->raw_bytes;
    if (bodies_write(w->bodies, &stored, e) != 0)
        return -1;
    if (retention_write(w->retention, stored, w->next_call, e) != 0)
        return -1;
    if (raw > 0 && set_meta(w->add_meta, "raw_body_bytes", raw, e) != 0)
        return -1;
    return stored > 0 ? set_meta(w->add_meta, "stored_body_bytes", stored, e) : 0;
}

static int write_batch(struct writer *w, struct err *e)
{
    if (write_bodies(w, e) != 0)
        return -1;
    /* Progress first: a call that ends in this batch takes its progress away again. */
    if (write_progress(w, e) != 0)
        return -1;
    for (const struct row *row = rows_dirty(w->rows); row; row = row->next_dirty)
        if (write_row(w, row, e) != 0)
            return -1;
    for (const struct title *t = w->titles; t; t = t->next)
        if (sums_title(w->sums, t->session_id, t->text, e) != 0)
            return -1;
    return write_ids(w, e);
}

static void settle(struct writer *w)
{
    int64_t ended = 0;
    size_t bytes = rows_written(w->rows, &ended);
    bodies_written(w->bodies);
    retention_written(w->retention);
    for (struct title *next; w->titles; w->titles = next) {
        next = w->titles->next;
        free(w->titles->session_id);
        free(w->titles);
    }
    if (w->wants_ids) {
        w->ids_limit += QUEUE_IDS;
        queue_set_ids(w->queue, 0, w->ids_limit);
        w->wants_ids = false;
    }
    queue_release(w->queue, bytes, ended);
    if (w->failing_since_us)
        diag_line("the log %s is written again", db_path(w->db));
    w->failing_since_us = 0;
    w->first_at_us = 0;
}

static void explain(struct writer *w, int rc, const struct err *why)
{
    struct err e;
    const char *path = db_path(w->db);
    switch (rc & 0xff) {
    case SQLITE_FULL:
        err_set(&e, "the disk that holds the log %s is full; calls wait in memory until there is room", path);
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        err_set(&e, "another program holds the log %s locked; calls wait in memory until it lets go", path);
        break;
    case SQLITE_READONLY:
        err_set(&e, "the log %s has become read-only; calls wait in memory until it can be written", path);
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        err_set(&e, "the log %s is damaged; stop the gateway, move the log away and start again", path);
        break;
    default:
        err_set(&e, "the log %s cannot be written: %s; calls wait in memory", path, why->text);
    }
    queue_set_error(w->queue, e.text);
    if (!w->failing_since_us)
        diag_line("%s", e.text);
}

/* 0, or -1: nothing was written and everything is still there. */
static int commit(struct writer *w)
{
    struct err e = {""};
    int rc = SQLITE_OK;
    if (sql_run(w->sq, "BEGIN IMMEDIATE", &e) != 0) {
        rc = sqlite3_extended_errcode(w->sq);
    } else if (write_batch(w, &e) != 0 || sql_run(w->sq, "COMMIT", &e) != 0) {
        rc = sqlite3_extended_errcode(w->sq);
        sql_try(w->sq, "ROLLBACK"); /* an error may have done so already */
    }
    if (rc == SQLITE_OK && e.text[0] == '\0') {
        settle(w);
        wal_step(w->wal);
    } else {
        explain(w, rc, &e);
        if (!w->failing_since_us)
            w->failing_since_us = clock_mono_us();
    }
    w->last_commit_us = clock_mono_us();
    return w->failing_since_us ? -1 : 0;
}

/* ---- The thread -------------------------------------------------------------------- */

static bool is_batch_full(const struct writer *w)
{
    return rows_dirty_count(w->rows) >= BATCH_CALLS || bodies_pending_bytes(w->bodies) >= BATCH_BYTES;
}

/* 0: nothing waits to be written. */
static int64_t commit_due_us(const struct writer *w)
{
    if (w->failing_since_us)
        return w->last_commit_us + RETRY_US;
    if (w->first_at_us == 0)
        return 0;
    int64_t gathered = w->first_at_us + GATHER_US;
    int64_t spaced = w->last_commit_us + SPACING_US;
    return gathered > spaced ? gathered : spaced;
}

/* Look at what was taken; commits whenever a batch is full. */
static void take_ops(struct writer *w)
{
    while (w->ops && !w->failing_since_us) {
        struct queue_op *op = w->ops;
        w->ops = op->next;
        take_op(w, op);
        if (is_batch_full(w))
            commit(w);
    }
}

/* Progress and ids do not wait: they are wanted at most a few times a second. */
static void commit_if_due(struct writer *w, bool is_stopping)
{
    bool is_urgent = (w->progress.progress_count > 0 || w->wants_ids || is_stopping) && !w->failing_since_us;
    bool has_work = is_urgent || w->first_at_us != 0 || w->failing_since_us;
    if (has_work && (is_urgent || commit_due_us(w) <= clock_mono_us()))
        commit(w);
}

static void give_up(struct writer *w)
{
    int64_t rows = (int64_t)rows_dirty_count(w->rows);
    for (const struct queue_op *op = w->ops; op; op = op->next)
        rows += op->kind == QUEUE_END;
    if (rows > 0)
        diag_line("%" PRId64 " calls could not be written to the log %s", rows, db_path(w->db));
    queue_count_dropped(w->queue, rows, 0);
}

/* When to wake without a call.  After a failure some ops are still in hand: then
 * there is nothing to wait for. */
static int64_t wait_until_us(const struct writer *w)
{
    if (w->ops && !w->failing_since_us)
        return 1;
    int64_t due = commit_due_us(w);
    return due != 0 ? due : retention_due_us(w->retention);
}

/* Between two batches only: see retention.h. */
static void step_retention(struct writer *w)
{
    if (!w->ops && w->first_at_us == 0 && !w->failing_since_us && retention_due_us(w->retention) <= clock_mono_us())
        retention_step(w->retention);
}

static void give_ids_back(struct writer *w)
{
    struct err e;
    if (set_meta(w->set_meta, "next_call_id", queue_unused_ids(w->queue), &e) != 0)
        diag_line("the log %s: %s", db_path(w->db), e.text);
}

/* One round; false when the queue was stopped and nothing is left to write. */
static bool work(struct writer *w, int64_t *stopping_since_us)
{
    struct queue_take t;
    bool may_take = !w->failing_since_us && !w->ops;
    queue_wait(w->queue, wait_until_us(w), may_take, &t);
    if (may_take)
        w->ops = t.ops;
    w->progress = t;
    w->wants_ids = t.wants_ids;
    take_ops(w);
    commit_if_due(w, t.is_stopping);
    free(w->progress.progress);
    w->progress = (struct queue_take){0};
    if (!t.is_stopping) {
        step_retention(w);
        return true;
    }
    if (*stopping_since_us == 0)
        *stopping_since_us = clock_mono_us();
    if (w->failing_since_us)
        return clock_mono_us() - *stopping_since_us <= LAST_TRIES_US;
    return w->ops || w->first_at_us;
}

void writer_run(struct writer *w)
{
    int64_t stopping_since_us = 0;
    while (work(w, &stopping_since_us)) {
    }
    if (w->failing_since_us)
        give_up(w);
    else
        give_ids_back(w); /* nobody can be handed one any more */
}
