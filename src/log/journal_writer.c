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

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/mem.h"
#include "log/carry.h"
#include "log/journal_batch.h"
#include "log/reserve.h"
#include "log/sql.h"
#include "log/wal.h"

#define GATHER_US     ((int64_t)5000)  /* after the first call of a batch */
#define SPACING_US    ((int64_t)80000) /* after the last commit */
#define BUSY_MS       100              /* another program's write; then the batch is tried again */
#define RETRY_US      ((int64_t)200000)
#define LOOK_US       ((int64_t)1000000) /* how soon a log that was moved away is noticed */
#define LAST_TRIES_US ((int64_t)3000000) /* at the end, before what cannot be written is given up */

struct writer {
    const struct journal_options *options;
    struct queue *queue;
    struct db *db;
    sqlite3 *sq;
    struct batch *batch;
    struct wal *wal;
    struct reserve *reserve;
    sqlite3_stmt *put_progress;
    sqlite3_stmt *set_next_id;
    sqlite3_stmt *read_any;
    int64_t ids_limit;
    struct queue_op *ops; /* taken from the queue, not yet looked at */
    /* for the next commit, beside the batch */
    struct queue_take progress;
    bool wants_ids;
    bool is_stopping;
    int64_t first_at_us; /* 0: the batch is empty */
    int64_t last_commit_us;
    int64_t failing_since_us; /* 0: all is well */
    bool must_hand_over;      /* somebody else has the log before open still */
    bool has_begun;           /* a new log, where the old one was, that could not be used so far */
    int64_t look_us;          /* when to look around next */
    char problem[ERR_TEXT_MAX]; /* what was seen then and told; "": nothing */
};

/* ---- Opening ------------------------------------------------------------------ */

static int prepare(struct writer *w, struct err *e)
{
    w->put_progress = sql_prepare(w->sq,
                                  "INSERT OR REPLACE INTO progress(call_id, tokens_out, is_estimate, bytes_out, at)"
                                  " VALUES(?,?,?,?,?)",
                                  e);
    w->set_next_id = sql_prepare(w->sq, "UPDATE meta SET value = ? WHERE key = 'next_call_id'", e);
    w->read_any = sql_prepare(w->sq, "SELECT value FROM meta WHERE key = 'next_call_id'", e);
    return w->put_progress && w->set_next_id && w->read_any ? 0 : -1;
}

static int set_next_id(struct writer *w, int64_t id, struct err *e)
{
    sqlite3_bind_int64(w->set_next_id, 1, id);
    return sql_done(w->set_next_id, e);
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
    int64_t unused = queue_unused_ids(w->queue); /* another log, the same gateway */
    if (next < unused)
        next = unused;
    w->ids_limit = next + QUEUE_IDS;
    if (set_next_id(w, w->ids_limit, e) != 0)
        return -1;
    queue_set_ids(w->queue, next, w->ids_limit);
    return 0;
}

static int open_parts(struct writer *w, struct err *e)
{
    if (prepare(w, e) != 0 || start_ids(w, e) != 0)
        return -1;
    w->batch = batch_open(w->sq, w->options, w->queue, e);
    w->wal = w->batch ? wal_open(w->db, e) : NULL;
    return w->wal ? 0 : -1;
}

static int open_log(struct writer *w, struct err *e)
{
    w->db = db_open(w->options->path, DB_CREATE, e);
    if (!w->db)
        return -1;
    w->sq = db_sqlite(w->db);
    if (open_parts(w, e) != 0) {
        db_explain(w->db, e);
        return -1;
    }
    sqlite3_busy_timeout(w->sq, BUSY_MS);
    return 0;
}

static void close_log(struct writer *w)
{
    wal_close(w->wal);
    batch_free(w->batch);
    sqlite3_finalize(w->put_progress);
    sqlite3_finalize(w->set_next_id);
    sqlite3_finalize(w->read_any);
    db_close(w->db);
}

static void tell_where(struct writer *w)
{
    struct err warning;
    if (!db_is_remote(w->options->path, &warning))
        return;
    diag_line("%s", warning.text);
    queue_set_notice(w->queue, warning.text);
}

struct writer *writer_open(const struct journal_options *o, struct queue *q, struct err *e)
{
    struct writer *w = xcalloc(1, sizeof *w);
    w->options = o;
    w->queue = q;
    if (open_log(w, e) != 0) {
        writer_free(w);
        return NULL;
    }
    tell_where(w);
    w->look_us = clock_mono_us() + LOOK_US;
    w->reserve = reserve_open(o->path);
    return w;
}

void writer_free(struct writer *w)
{
    if (!w)
        return;
    close_log(w);
    reserve_free(w->reserve);
    for (struct queue_op *next; w->ops; w->ops = next) {
        next = w->ops->next;
        queue_op_free(w->ops);
    }
    free(w->progress.progress);
    free(w);
}

/* ---- Another log --------------------------------------------------------------- */

static void tell_other_log(struct writer *w, bool is_new, bool is_carried)
{
    char at[CLOCK_ISO_MAX];
    struct err e;
    clock_to_iso(at, clock_wall_ms());
    if (!is_new)
        err_set(&e, "another log was put in the place of %s: it is written on since %s, and its routes hold", w->options->path, at);
    else if (is_carried)
        err_set(&e, "the log %s was deleted, moved or emptied: a new one was begun at %s, with the routes, presets, "
                "budgets and settings of the old; calls before that are not in it", w->options->path, at);
    else
        err_set(&e, "the log %s was emptied: a new one was begun at %s; its calls, presets, budgets and settings are "
                "gone, the routes hold until the next switch", w->options->path, at);
    queue_set_notice(w->queue, e.text);
    diag_line("%s", e.text);
}

/* Who else has the log open is told of the other one until all is well. */
static int hand_over(struct writer *w, struct err *e)
{
    const struct journal_options *o = w->options;
    int rc = w->must_hand_over && o->on_other_log ? o->on_other_log(o->on_other_log_arg, queue_logs(w->queue), e) : 0;
    w->must_hand_over = rc != 0;
    return rc < 0 ? -1 : 0;
}

/* The log is no longer at its path: begin a new one there, or go on with the one that
 * was put in its place.  -1: that is no log; all stays as it was and is tried again. */
static int change_log(struct writer *w, struct err *e)
{
    struct writer fresh = {.options = w->options, .queue = w->queue};
    struct err why = {""};
    bool is_vacant = db_is_vacant(w->db);
    db_vacate(w->db);
    if (open_log(&fresh, &why) != 0) {
        close_log(&fresh);
        w->has_begun = w->has_begun || is_vacant;
        return err_set(e, "the log %s was replaced under the gateway: %s; or move away what lies there, and a new log is begun",
                       w->options->path, why.text);
    }
    bool is_new = is_vacant || (w->has_begun && carry_is_blank(fresh.sq));
    w->has_begun = false;
    bool is_carried = is_new && carry_over(w->sq, fresh.sq, &why) == 0;
    batch_take_over(fresh.batch, w->batch);
    close_log(w);
    w->db = fresh.db;
    w->sq = fresh.sq;
    w->batch = fresh.batch;
    w->wal = fresh.wal;
    w->put_progress = fresh.put_progress;
    w->set_next_id = fresh.set_next_id;
    w->read_any = fresh.read_any;
    w->ids_limit = fresh.ids_limit;
    queue_count_log(w->queue);
    w->must_hand_over = true;
    (void)hand_over(w, &why); /* told when it fails again, at the next look */
    tell_other_log(w, is_new, is_carried);
    return 0;
}

/* ---- Writing ---------------------------------------------------------------------- */

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
    return w->wants_ids ? set_next_id(w, w->ids_limit + QUEUE_IDS, e) : 0;
}

/* Progress first: a call that ends in this batch takes its progress away again. */
static int write_all(struct writer *w, struct err *e)
{
    return write_progress(w, e) != 0 || batch_write(w->batch, e) != 0 || write_ids(w, e) != 0 ? -1 : 0;
}

static void settle(struct writer *w)
{
    int64_t ended = 0;
    size_t bytes = batch_written(w->batch, &ended);
    if (w->wants_ids) {
        w->ids_limit += QUEUE_IDS;
        queue_set_ids(w->queue, 0, w->ids_limit);
        w->wants_ids = false;
    }
    queue_release(w->queue, bytes, ended);
    if (w->failing_since_us) {
        diag_line("the log %s is written again", db_path(w->db));
        queue_set_error(w->queue, "");
        w->problem[0] = '\0'; /* said again if it is so */
    }
    w->failing_since_us = 0;
    w->first_at_us = 0;
}

/* SQLite calls it an I/O error when the file beside the log cannot grow, or a quota is used up. */
static bool is_full(struct writer *w, int rc)
{
    int why = sqlite3_system_errno(w->sq);
    return (rc & 0xff) == SQLITE_FULL || ((rc & 0xff) == SQLITE_IOERR && (why == ENOSPC || why == EDQUOT));
}

static void fail(struct writer *w, const struct err *e)
{
    queue_set_error(w->queue, e->text);
    if (w->failing_since_us)
        return;
    diag_line("%s", e->text);
    w->failing_since_us = clock_mono_us();
}

static void explain(struct writer *w, int rc, const struct err *why)
{
    struct err e;
    const char *path = db_path(w->db);
    switch (is_full(w, rc) ? SQLITE_FULL : rc & 0xff) {
    case SQLITE_FULL:
        reserve_give_up(w->reserve);
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
    fail(w, &e);
}

/* 0, or -1: nothing was written and everything is still there. */
static int write_batch(struct writer *w)
{
    struct err e = {""};
    int rc = SQLITE_OK;
    /* At the end there is nothing to save the reserve's room for but these calls. */
    if (!w->is_stopping && !reserve_lets_write(w->reserve)) {
        rc = SQLITE_FULL;
    } else if (sql_run(w->sq, "BEGIN IMMEDIATE", &e) != 0) {
        rc = sqlite3_extended_errcode(w->sq);
    } else if (write_all(w, &e) != 0 || sql_run(w->sq, "COMMIT", &e) != 0) {
        rc = sqlite3_extended_errcode(w->sq);
        sql_try(w->sq, "ROLLBACK"); /* an error may have done so already */
    }
    if (rc == SQLITE_OK && e.text[0] == '\0') {
        settle(w);
        wal_step(w->wal);
    } else {
        explain(w, rc, &e);
    }
    return w->failing_since_us ? -1 : 0;
}

/* The same, into the log that is at its path. */
static int commit(struct writer *w)
{
    struct err e;
    int rc = db_is_replaced(w->db) ? change_log(w, &e) : 0;
    if (rc != 0)
        fail(w, &e);
    else
        rc = write_batch(w);
    w->last_commit_us = clock_mono_us();
    return rc;
}

/* ---- The thread -------------------------------------------------------------------- */

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
        batch_take(w->batch, op);
        if (w->first_at_us == 0)
            w->first_at_us = clock_mono_us();
        if (batch_is_full(w->batch))
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
    int64_t rows = (int64_t)batch_count(w->batch);
    for (const struct queue_op *op = w->ops; op; op = op->next)
        rows += op->kind == QUEUE_END;
    if (rows > 0)
        diag_line("%" PRId64 " calls could not be written to the log %s", rows, db_path(w->db));
    queue_count_dropped(w->queue, rows, 0);
}

/* When the disk is full the index stands back as the calls do; but dropping an old one
 * makes room, and retention waits for it. */
static int64_t search_due_us(const struct writer *w)
{
    bool may_step = batch_search_gives_room(w->batch) || reserve_lets_write(w->reserve);
    return may_step ? batch_search_due_us(w->batch) : INT64_MAX;
}

/* When to wake without a call.  After a failure some ops are still in hand: then
 * there is nothing to wait for. */
static int64_t wait_until_us(const struct writer *w)
{
    if (w->ops && !w->failing_since_us)
        return 1;
    int64_t due = commit_due_us(w);
    int64_t idle = batch_retention_due_us(w->batch);
    int64_t search = search_due_us(w);
    if (search < idle)
        idle = search;
    if (w->look_us < idle)
        idle = w->look_us;
    return due != 0 ? due : idle;
}

/* What nobody would notice by a write that fails: a write-ahead log of 500 MB costs
 * seconds at the next start. */
static void find_problem(struct writer *w, struct err *e)
{
    if (wal_is_too_long(w->wal))
        err_set(e,
                "the write-ahead log %s-wal has grown above 64 MB because a program keeps reading the log without a "
                "pause; end that program",
                db_path(w->db));
}

static void look_around(struct writer *w)
{
    struct err e = {""};
    if (clock_mono_us() < w->look_us)
        return;
    w->look_us = clock_mono_us() + LOOK_US;
    batch_step_alarms(w->batch);
    reserve_look(w->reserve);
    wal_rest(w->wal);
    if (!w->failing_since_us && db_is_replaced(w->db))
        commit(w); /* notices it, and changes to the log that is there */
    int rc = hand_over(w, &e);
    if (w->failing_since_us)
        return;
    if (rc == 0)
        find_problem(w, &e);
    if (strcmp(e.text, w->problem) == 0)
        return;
    snprintf(w->problem, sizeof w->problem, "%s", e.text);
    queue_set_error(w->queue, e.text);
    diag_line("%s", e.text[0] ? e.text : "the log is as it should be again");
}

/* Between two batches only: see retention.h and search_index.h. */
static void step_others(struct writer *w)
{
    int64_t now = clock_mono_us();
    if (w->ops || w->first_at_us != 0 || w->failing_since_us)
        return;
    if (batch_retention_due_us(w->batch) <= now)
        batch_step_retention(w->batch);
    else if (search_due_us(w) <= now)
        batch_step_search(w->batch);
    else
        return;
    wal_step(w->wal); /* giving back much room writes as much, with no call in between */
}

static void give_ids_back(struct writer *w)
{
    struct err e;
    if (set_next_id(w, queue_unused_ids(w->queue), &e) != 0)
        diag_line("the log %s: %s", db_path(w->db), e.text);
}

/* The first to read after a commit writes into the -shm how far it reads, and when the
 * disk stands still a page of that file may stand still, too.  So the first is
 * this thread and never the proxy's, which looks at the routes at every call. */
static void leave_read_mark(struct writer *w)
{
    if (!wal_was_written(w->wal))
        return;
    (void)sqlite3_step(w->read_any);
    sqlite3_reset(w->read_any);
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
    w->is_stopping = t.is_stopping;
    take_ops(w);
    commit_if_due(w, t.is_stopping);
    if (t.progress_count > 0) /* something streams */
        batch_look(w->batch);
    look_around(w);
    free(w->progress.progress);
    w->progress = (struct queue_take){0};
    if (!t.is_stopping) {
        step_others(w);
        leave_read_mark(w);
        return true;
    }
    if (*stopping_since_us == 0)
        *stopping_since_us = clock_mono_us();
    if (w->failing_since_us)
        return clock_mono_us() - *stopping_since_us <= LAST_TRIES_US;
    /* What could not be taken while nothing could be written is still in the queue. */
    return w->ops || w->first_at_us || !may_take;
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
