#include "log/journal_batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "log/agents.h"
#include "log/bodies.h"
#include "log/breaks.h"
#include "log/journal_alarms.h"
#include "log/journal_amends.h"
#include "log/journal_begin.h"
#include "log/journal_lost.h"
#include "log/journal_refusals.h"
#include "log/live_bodies.h"
#include "log/journal_rows.h"
#include "log/journal_sums.h"
#include "log/redact.h"
#include "log/retention.h"
#include "log/search_index.h"
#include "log/sql.h"

#define BATCH_CALLS ((size_t)200)
/* Every commit writes the last page of each table and index anew, a dozen: with 256 KB
 * a burst of 8 KB answers spent more on these than on its rows. */
#define BATCH_BYTES ((size_t)1 << 20)
#define FAILED_KEPT 256 /* calls that did not come through: their repeats are retries */

struct title {
    struct title *next;
    char *session_id;
    char text[256];
};

struct batch {
    sqlite3 *sq;
    struct queue *queue;
    const struct catalog *catalog;
    bool keep_bodies;
    struct redact *redact; /* NULL: nothing is taken out */
    struct bodies *bodies;
    struct rows *rows;
    struct sums *sums;
    struct amends *amends;
    struct refusals *refusals;
    struct live_bodies *live; /* NULL: what is to be taken out of bodies can lie across its parts */
    struct retention *retention;
    struct search_index *search;
    struct breaks *breaks;
    struct agents *agents;
    struct journal_alarms *alarms;
    sqlite3_stmt *end_progress;
    sqlite3_stmt *add_meta;
    int64_t next_call; /* above every call that began */
    struct title *titles;
    struct title **last_title;
    int64_t failed[FAILED_KEPT];
    size_t failed_at;
};

/* ---- Opening ---------------------------------------------------------------------- */

static int prepare(struct batch *b, struct err *e)
{
    b->end_progress = sql_prepare(b->sq, "DELETE FROM progress WHERE call_id = ?", e);
    b->add_meta = sql_prepare(b->sq, "UPDATE meta SET value = value + ?2 WHERE key = ?1", e);
    if (!b->end_progress || !b->add_meta)
        return -1;
    return sql_int64(b->sq, "SELECT coalesce(max(id), 0) + 1 FROM call", &b->next_call, e) == 0 ? 0 : -1;
}

static int mark_lost(struct batch *b, struct err *e)
{
    if (sql_run(b->sq, "BEGIN IMMEDIATE", e) != 0)
        return -1;
    if (sql_run(b->sq, "INSERT OR IGNORE INTO search_todo SELECT id FROM call WHERE state = 'open'", e) == 0 &&
        lost_mark(b->sq, b->sums, e) == 0 && sql_run(b->sq, "COMMIT", e) == 0)
        return 0;
    sql_try(b->sq, "ROLLBACK");
    return -1;
}

struct batch *batch_open(sqlite3 *sq, const struct journal_options *o, struct queue *q, struct err *e)
{
    struct batch *b = xcalloc(1, sizeof *b);
    b->sq = sq;
    b->queue = q;
    b->catalog = o->catalog;
    b->keep_bodies = o->keep_bodies;
    b->last_title = &b->titles;
    b->redact = o->redact && o->redact[0] ? redact_new(o->redact, e) : NULL;
    if (o->redact && o->redact[0] && !b->redact)
        goto fail;
    b->sums = sums_open(sq, o->catalog, e);
    b->rows = b->sums ? rows_open(sq, e) : NULL;
    b->amends = b->rows ? amends_open(sq, b->rows, b->sums, e) : NULL;
    b->refusals = b->amends ? refusals_open(sq, e) : NULL;
    b->live = b->refusals && !b->redact ? live_bodies_open(sq, e) : NULL;
    if (!b->refusals || (!b->live && !b->redact) || prepare(b, e) != 0 || mark_lost(b, e) != 0)
        goto fail;
    b->bodies = bodies_open(sq, e);
    b->retention = b->bodies ? retention_open(sq, b->bodies, o->max_log_bytes, o->keep_days, e) : NULL;
    struct search_index_options search = {.is_off = o->no_search, .is_bounded = o->max_log_bytes > 0 || o->keep_days > 0};
    b->search = b->retention ? search_index_open(sq, &search, e) : NULL;
    b->agents = b->search ? agents_open(sq, e) : NULL;
    b->alarms = b->agents ? journal_alarms_open(sq, o, e) : NULL;
    if (!b->alarms)
        goto fail;
    b->breaks = breaks_new(sq, b->next_call, o->catalog);
    return b;
fail:
    batch_free(b);
    return NULL;
}

static void drop_titles(struct batch *b)
{
    for (struct title *next; b->titles; b->titles = next) {
        next = b->titles->next;
        free(b->titles->session_id);
        free(b->titles);
    }
    b->last_title = &b->titles;
}

void batch_free(struct batch *b)
{
    if (!b)
        return;
    retention_free(b->retention);
    search_index_free(b->search);
    breaks_free(b->breaks);
    agents_free(b->agents);
    journal_alarms_free(b->alarms);
    bodies_free(b->bodies);
    amends_free(b->amends);
    refusals_free(b->refusals);
    live_bodies_free(b->live);
    rows_free(b->rows);
    sums_free(b->sums);
    redact_free(b->redact);
    sqlite3_finalize(b->end_progress);
    sqlite3_finalize(b->add_meta);
    drop_titles(b);
    free(b);
}

void batch_take_over(struct batch *b, struct batch *old)
{
    queue_count_dropped(b->queue, 0, (int64_t)rows_move(b->rows, old->rows));
    if (old->titles) {
        b->titles = old->titles;
        b->last_title = old->last_title;
        old->titles = NULL;
        old->last_title = &old->titles;
    }
    journal_alarms_take_over(b->alarms, old->alarms);
    memcpy(b->failed, old->failed, sizeof b->failed);
    b->failed_at = old->failed_at;
    if (b->next_call < old->next_call)
        b->next_call = old->next_call;
    queue_release(b->queue, amends_written(old->amends) + refusals_written(old->refusals) +
                                (old->live ? live_bodies_written(old->live) : 0), 0);
}

/* ---- Taking calls --------------------------------------------------------------- */

static bool is_repeat_of_failed(const struct batch *b, int64_t id)
{
    for (size_t i = 0; id != 0 && i < FAILED_KEPT; i++)
        if (b->failed[i] == id)
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

/* Without bodies in the log cache breaks are found all the same. */
static void see_unkept(struct batch *b, const struct row *row, enum body_kind kind, const struct blob *body)
{
    if (kind == BODY_RESPONSE)
        return;
    struct image *image = image_of(blob_bytes(body));
    breaks_begin(b->breaks, row->call.id, image);
    image_unref(image);
}

static void keep_body(struct batch *b, struct row *row, enum body_kind kind, struct blob *body)
{
    struct buf list;
    int64_t repeat_of = 0;
    int rc;
    if (!body)
        return;
    if (!b->keep_bodies) {
        see_unkept(b, row, kind, body);
        return;
    }
    buf_init(&list);
    if (kind == BODY_RESPONSE) {
        rc = bodies_put_answer(b->bodies, blob_bytes(body), &list);
    } else {
        char *conversation = conversation_of(&row->call, kind == BODY_SENT);
        struct body_origin from = {conversation, row->call.id};
        rc = bodies_put_request(b->bodies, &from, body, &list, &repeat_of);
        free(conversation);
        if (kind == BODY_REQUEST)
            row->is_retry = is_repeat_of_failed(b, repeat_of);
        breaks_begin(b->breaks, row->call.id, bodies_last_image(b->bodies));
    }
    if (rc == 0) {
        row_set_list(row, kind, list.data, list.len);
        row->raw_bytes += (int64_t)body->len;
    } else {
        row->call.body_state = BODY_DROPPED;
        queue_count_dropped(b->queue, 0, 1);
    }
    buf_done(&list);
}

/* Without the client's header the session stands in the body alone; and without
 * bodies in the log there is no last one to take facts from. */
static bool must_read_whole(const struct batch *b, const struct queue_op *op)
{
    return !op->body || !b->keep_bodies || !op->call.session_id;
}

static void read_whole(struct queue_op *op, const struct blob *body)
{
    struct request_facts f;
    const struct call *c = &op->call;
    struct bytes text = body ? blob_bytes(body) : (struct bytes){"", 0};
    request_read_facts(c->path ? c->path : "", c->agent_id, c->session_id, text.data, text.len, &f);
    call_take_facts(&op->call, &f, op->sent);
}

/* From here on nobody sees what --redact takes out: not the body store, not what
 * is read from a body for the row (the title, the folder). */
static enum redacted redact_one(struct batch *b, struct blob **body)
{
    struct blob *clean;
    enum redacted verdict = *body ? redact_body(b->redact, *body, &clean) : REDACT_CLEAN;
    if (verdict == REDACT_CLEAN)
        return verdict;
    blob_unref(*body);
    *body = clean; /* NULL when it could not be searched */
    if (verdict == REDACT_FAILED)
        queue_count_dropped(b->queue, 0, 1);
    return verdict;
}

static bool redact(struct batch *b, struct queue_op *op)
{
    if (!b->redact)
        return false;
    /* Whose call it is and what model it asks for is told in any case. */
    struct blob *original = op->kind == QUEUE_BEGIN && op->body ? blob_ref(op->body) : NULL;
    enum redacted body = redact_one(b, &op->body);
    enum redacted sent = redact_one(b, &op->sent);
    if (body == REDACT_FAILED && original) {
        read_whole(op, original);
        redact_text(b->redact, &op->call.work_dir);
    }
    blob_unref(original);
    redact_text(b->redact, &op->call.error_message);
    op->is_body_dropped |= body == REDACT_FAILED || sent == REDACT_FAILED;
    return body == REDACT_CHANGED || sent == REDACT_CHANGED;
}

static void read_kept(struct batch *b, struct call *c, const struct queue_op *op)
{
    struct request_facts f;
    struct facts_asker asker = {c->path ? c->path : "", c->agent_id, c->session_id};
    bodies_read_facts(b->bodies, &asker, op->body, &f);
    call_take_facts(c, &f, op->sent);
}

static enum body_state body_state_of(const struct batch *b, bool is_dropped, bool is_redacted)
{
    if (!b->keep_bodies)
        return BODY_OFF;
    return is_dropped ? BODY_DROPPED : is_redacted ? BODY_REDACTED : BODY_KEPT;
}

static void take_begin(struct batch *b, struct queue_op *op)
{
    if (op->body && op->call.bytes_in == CALL_UNKNOWN)
        op->call.bytes_in = (int64_t)op->body->len;
    bool had_body = op->body != NULL;
    bool is_redacted = redact(b, op);
    bool is_read = must_read_whole(b, op);
    if (is_read && (op->body || !had_body))
        read_whole(op, op->body);
    op->call.body_state = body_state_of(b, op->is_body_dropped, is_redacted);
    if (op->call.id >= b->next_call)
        b->next_call = op->call.id + 1;
    struct row *row = rows_begin(b->rows, &op->call);
    row->queue_bytes += op->bytes;
    row->is_redacted = is_redacted;
    keep_body(b, row, BODY_REQUEST, op->body);
    if (!is_read)
        read_kept(b, &row->call, op);
    keep_body(b, row, BODY_SENT, op->sent);
    agents_begin(b->agents, &row->call, op->body);
    journal_alarms_begin(b->alarms, &row->call, row->is_retry);
    rows_mark_dirty(b->rows, row);
}

static void take_title(struct batch *b, const struct call *c, const struct blob *answer)
{
    char text[sizeof b->titles->text];
    if (!call_read_title(c, answer, text, sizeof text))
        return;
    struct title *t = xcalloc(1, sizeof *t);
    t->session_id = xstrdup(c->session_id);
    memcpy(t->text, text, sizeof text);
    *b->last_title = t;
    b->last_title = &t->next;
}

static void take_end(struct batch *b, struct queue_op *op)
{
    bool is_redacted = redact(b, op);
    if (op->sent)
        call_read_sent(&op->call, op->sent);
    /* By the queue, or by the gateway: an answer beyond what it keeps. */
    bool is_body_dropped = op->is_body_dropped || op->call.body_state == BODY_DROPPED;
    struct row *row = rows_end(b->rows, &op->call);
    struct call *c = &row->call;
    row->is_redacted |= is_redacted;
    row->queue_bytes += op->bytes;
    if (c->started_at < 0)
        c->started_at = c->finished_at;
    if (c->duration_ms < 0 && c->finished_at >= c->started_at)
        c->duration_ms = c->finished_at - c->started_at;
    if (c->body_state != BODY_DROPPED || !b->keep_bodies)
        c->body_state = body_state_of(b, is_body_dropped, row->is_redacted);
    call_price(c, b->catalog);
    if (c->state == CALL_ERROR || c->state == CALL_ABORTED)
        b->failed[b->failed_at++ % FAILED_KEPT] = c->id;
    keep_body(b, row, BODY_SENT, op->sent);
    keep_body(b, row, BODY_RESPONSE, op->body);
    breaks_end(b->breaks, c);
    take_title(b, c, op->body);
    agents_end(b->agents, c, op->body);
    journal_alarms_end(b->alarms, c, row->is_retry);
    rows_mark_dirty(b->rows, row);
}

void batch_take(struct batch *b, struct queue_op *op)
{
    if (op->kind == QUEUE_AMEND) {
        if (op->amend.provider_served)
            op->amend.cache_break = breaks_amend(b->breaks, op->call.id, op->amend.provider_served);
        amends_take(b->amends, op);
        return;
    }
    if (op->kind == QUEUE_REFUSE || op->kind == QUEUE_COUNT_ROUTE || op->kind == QUEUE_END_ROUTES) {
        refusals_take(b->refusals, op);
        return;
    }
    if (op->kind == QUEUE_LIVE) {
        live_bodies_take(b->live, op); /* there is one, else nobody was told to send it */
        return;
    }
    if (op->call.started_at < 0 && op->kind == QUEUE_BEGIN)
        op->call.started_at = clock_wall_ms();
    if (op->call.finished_at < 0 && op->kind == QUEUE_END)
        op->call.finished_at = clock_wall_ms();
    if (op->kind == QUEUE_BEGIN)
        take_begin(b, op);
    else
        take_end(b, op);
    queue_op_free(op);
}

void batch_look(struct batch *b)
{
    if (b->live)
        live_bodies_look(b->live, b->queue);
}

bool batch_is_full(const struct batch *b)
{
    return rows_dirty_count(b->rows) + amends_count(b->amends) >= BATCH_CALLS || bodies_pending_bytes(b->bodies) >= BATCH_BYTES;
}

size_t batch_count(const struct batch *b)
{
    return rows_dirty_count(b->rows);
}

/* ---- Writing ---------------------------------------------------------------------- */

static int add_meta(struct batch *b, const char *key, int64_t more, struct err *e)
{
    if (more == 0)
        return 0;
    sql_bind_text(b->add_meta, 1, key);
    sqlite3_bind_int64(b->add_meta, 2, more);
    return sql_done(b->add_meta, e);
}

static int write_bodies(struct batch *b, struct err *e)
{
    int64_t stored = 0;
    int64_t raw = 0;
    for (const struct row *row = rows_dirty(b->rows); row; row = row->next_dirty)
        raw += row->raw_bytes;
    if (bodies_write(b->bodies, &stored, e) != 0 || retention_write(b->retention, stored, b->next_call, e) != 0)
        return -1;
    return add_meta(b, "raw_body_bytes", raw, e) != 0 ? -1 : add_meta(b, "stored_body_bytes", stored, e);
}

static int write_row(struct batch *b, const struct row *row, struct err *e)
{
    if (rows_write(b->rows, row, e) != 0)
        return -1;
    if (!row->is_ended) {
        if (!row->is_announced)
            sums_begin(b->sums, &row->call);
        return 0;
    }
    sums_end(b->sums, &row->call, row->is_retry);
    sqlite3_bind_int64(b->end_progress, 1, row->call.id);
    if (sql_done(b->end_progress, e) != 0)
        return -1;
    if (b->live && live_bodies_end(b->live, row->call.id, e) != 0)
        return -1;
    return b->keep_bodies ? search_index_add(b->search, row->call.id, e) : 0;
}

int batch_write(struct batch *b, struct err *e)
{
    sums_forget(b->sums); /* of a try that failed */
    if (write_bodies(b, e) != 0 || (b->live && live_bodies_write(b->live, e) != 0))
        return -1;
    for (const struct row *row = rows_dirty(b->rows); row; row = row->next_dirty)
        if (write_row(b, row, e) != 0)
            return -1;
    if (sums_write(b->sums, e) != 0)
        return -1;
    if (amends_write(b->amends, e) != 0 || refusals_write(b->refusals, e) != 0 || agents_write(b->agents, e) != 0)
        return -1;
    for (const struct title *t = b->titles; t; t = t->next)
        if (sums_title(b->sums, t->session_id, t->text, e) != 0)
            return -1;
    return journal_alarms_write(b->alarms, e);
}

size_t batch_written(struct batch *b, int64_t *ended)
{
    bodies_written(b->bodies);
    retention_written(b->retention);
    agents_written(b->agents);
    journal_alarms_written(b->alarms);
    search_index_added(b->search);
    drop_titles(b);
    return rows_written(b->rows, ended) + amends_written(b->amends) +
           refusals_written(b->refusals) + (b->live ? live_bodies_written(b->live) : 0);
}

/* What an old index is about to give back is not to be taken from younger bodies. */
int64_t batch_retention_due_us(const struct batch *b)
{
    return search_index_is_dropping(b->search) ? INT64_MAX : retention_due_us(b->retention);
}

void batch_step_retention(struct batch *b)
{
    retention_step(b->retention);
    search_index_look(b->search);
}

bool batch_search_gives_room(const struct batch *b)
{
    return search_index_is_dropping(b->search);
}

int64_t batch_search_due_us(const struct batch *b)
{
    return search_index_due_us(b->search);
}

void batch_step_search(struct batch *b)
{
    search_index_step(b->search);
    retention_notice(b->retention);
}

void batch_step_alarms(struct batch *b)
{
    journal_alarms_step(b->alarms);
}
