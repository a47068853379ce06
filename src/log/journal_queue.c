#include "log/journal_queue.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sys.h"

#define LIVE_BUCKETS 256

/* Progress of a running call, newest figures only. */
struct live {
    struct live *next;
    struct queue_progress p;
    bool is_dirty;
};

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool is_waiting; /* spare the signal when the journal works anyway, or looks by itself */
    bool was_busy;   /* the journal was given ops the last time */
    bool is_stopping;
    struct queue_op *first;
    struct queue_op **last;
    size_t bytes;
    size_t max_bytes;
    int64_t next_id;
    int64_t limit_id;
    struct live *live[LIVE_BUCKETS];
    size_t dirty_count;
    int64_t progress_at_us; /* the next time progress may be given out */
    int64_t *dropped_ids;   /* begun without a row; their ends are dropped, too */
    size_t dropped_count;
    size_t dropped_cap;
    int64_t watched[QUEUE_WATCHED_MAX];
    size_t watched_count;
    struct journal_stats stats;
    _Atomic int64_t logs;
};

struct queue *queue_new(size_t max_bytes)
{
    struct queue *q = xcalloc(1, sizeof *q);
    sys_cond_init(&q->wake);
    pthread_mutex_init(&q->lock, NULL);
    q->last = &q->first;
    q->max_bytes = max_bytes;
    return q;
}

void queue_op_free(struct queue_op *op)
{
    if (!op)
        return;
    call_done(&op->call);
    amend_done(&op->amend);
    blob_unref(op->body);
    blob_unref(op->sent);
    free(op);
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    for (struct queue_op *op = q->first, *next; op; op = next) {
        next = op->next;
        queue_op_free(op);
    }
    for (size_t i = 0; i < LIVE_BUCKETS; i++) {
        for (struct live *l = q->live[i], *next; l; l = next) {
            next = l->next;
            free(l);
        }
    }
    free(q->dropped_ids);
    pthread_cond_destroy(&q->wake);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

static void wake(struct queue *q)
{
    if (q->is_waiting)
        pthread_cond_signal(&q->wake);
}

/* ---- Ids ------------------------------------------------------------------ */

int64_t queue_next_id(struct queue *q)
{
    int64_t id = 0;
    pthread_mutex_lock(&q->lock);
    if (q->next_id < q->limit_id)
        id = q->next_id++;
    if (q->limit_id - q->next_id == QUEUE_IDS_LEAST || id == 0)
        wake(q);
    pthread_mutex_unlock(&q->lock);
    return id;
}

void queue_set_ids(struct queue *q, int64_t next, int64_t limit)
{
    pthread_mutex_lock(&q->lock);
    if (next > q->next_id)
        q->next_id = next;
    q->limit_id = limit;
    pthread_mutex_unlock(&q->lock);
}

int64_t queue_unused_ids(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    int64_t next = q->next_id;
    pthread_mutex_unlock(&q->lock);
    return next;
}

/* ---- Progress (lock held unless said otherwise) ------------------------------ */

static struct live **live_slot(struct queue *q, int64_t id)
{
    struct live **slot = &q->live[(uint64_t)id % LIVE_BUCKETS];
    while (*slot && (*slot)->p.id != id)
        slot = &(*slot)->next;
    return slot;
}

static void live_add(struct queue *q, int64_t id)
{
    struct live **slot = live_slot(q, id);
    if (*slot)
        return;
    *slot = xcalloc(1, sizeof **slot);
    (*slot)->p.id = id;
}

static void live_remove(struct queue *q, int64_t id)
{
    struct live **slot = live_slot(q, id);
    struct live *gone = *slot;
    if (!gone)
        return;
    *slot = gone->next;
    if (gone->is_dirty)
        q->dirty_count--;
    free(gone);
}

void queue_put_progress(struct queue *q, const struct queue_progress *p)
{
    pthread_mutex_lock(&q->lock);
    struct live *l = *live_slot(q, p->id);
    if (l) { /* a call without a row has no progress either */
        l->p = *p;
        if (!l->is_dirty && q->dirty_count++ == 0)
            wake(q);
        l->is_dirty = true;
    }
    pthread_mutex_unlock(&q->lock);
}

static void take_progress(struct queue *q, struct queue_take *t, int64_t now_us)
{
    if (q->dirty_count == 0 || now_us < q->progress_at_us)
        return;
    t->progress = xcalloc(q->dirty_count, sizeof *t->progress);
    for (size_t i = 0; i < LIVE_BUCKETS; i++) {
        for (struct live *l = q->live[i]; l; l = l->next) {
            if (!l->is_dirty)
                continue;
            t->progress[t->progress_count++] = l->p;
            l->is_dirty = false;
        }
    }
    q->dirty_count = 0;
    q->progress_at_us = now_us + QUEUE_PROGRESS_US;
}

/* ---- Putting ---------------------------------------------------------------- */

static size_t text_size(const char *s)
{
    return s ? strlen(s) + 1 : 0;
}

static size_t call_size(const struct call *c)
{
    return text_size(c->path) + text_size(c->request_headers) + text_size(c->sent_headers) +
           text_size(c->response_headers) + text_size(c->error_message) + text_size(c->changes) + 512;
}

static size_t blob_size(const struct blob *b)
{
    return b ? sizeof *b + b->cap : 0;
}

static struct queue_op *op_new(enum queue_op_kind kind, struct call *c, struct blob *body, struct blob *sent)
{
    struct queue_op *op = xcalloc(1, sizeof *op);
    op->kind = kind;
    amend_init(&op->amend);
    op->call = *c;
    call_init(c);
    op->body = blob_ref(body);
    op->sent = blob_ref(sent);
    op->bytes = sizeof *op + call_size(&op->call) + blob_size(body) + blob_size(sent);
    return op;
}

static void drop_bodies(struct queue *q, struct queue_op *op)
{
    op->bytes -= blob_size(op->body) + blob_size(op->sent);
    q->stats.dropped_bodies += (op->body != NULL) + (op->sent != NULL);
    op->is_body_dropped = true;
    blob_unref(op->body);
    blob_unref(op->sent);
    op->body = op->sent = NULL;
}

static void append(struct queue *q, struct queue_op *op)
{
    if (q->bytes + op->bytes > q->max_bytes && (op->body || op->sent))
        drop_bodies(q, op);
    q->bytes += op->bytes;
    *q->last = op;
    q->last = &op->next;
    wake(q);
}

static void remember_dropped(struct queue *q, int64_t id)
{
    q->stats.dropped_rows++;
    if (id == 0) /* counted here, once: its end says nothing more */
        return;
    if (q->dropped_count == q->dropped_cap) {
        q->dropped_cap = q->dropped_cap ? q->dropped_cap * 2 : 64;
        q->dropped_ids = xrealloc(q->dropped_ids, q->dropped_cap * sizeof *q->dropped_ids);
    }
    q->dropped_ids[q->dropped_count++] = id;
}

static bool forget_dropped(struct queue *q, int64_t id)
{
    for (size_t i = 0; i < q->dropped_count; i++) {
        if (q->dropped_ids[i] != id)
            continue;
        q->dropped_ids[i] = q->dropped_ids[--q->dropped_count];
        return true;
    }
    return id == 0;
}

void queue_put_begin(struct queue *q, struct call *c, struct blob *body, struct blob *sent)
{
    struct queue_op *op = op_new(QUEUE_BEGIN, c, body, sent);
    pthread_mutex_lock(&q->lock);
    if (op->call.id == 0 || q->bytes > q->max_bytes + QUEUE_ROWS_BYTES) {
        remember_dropped(q, op->call.id);
    } else {
        live_add(q, op->call.id);
        append(q, op);
        op = NULL;
    }
    pthread_mutex_unlock(&q->lock);
    queue_op_free(op);
}

void queue_put_end(struct queue *q, struct call *c, struct blob *answer, struct blob *sent)
{
    struct queue_op *op = op_new(QUEUE_END, c, answer, sent);
    pthread_mutex_lock(&q->lock);
    if (!forget_dropped(q, op->call.id)) {
        live_remove(q, op->call.id);
        append(q, op);
        op = NULL;
    }
    pthread_mutex_unlock(&q->lock);
    queue_op_free(op);
}

void queue_put_amend(struct queue *q, int64_t id, struct amend *a)
{
    struct call c;
    call_init(&c);
    c.id = id;
    struct queue_op *op = op_new(QUEUE_AMEND, &c, NULL, NULL);
    op->amend = *a;
    amend_init(a);
    pthread_mutex_lock(&q->lock);
    if (id > 0 && q->bytes <= q->max_bytes + QUEUE_ROWS_BYTES) {
        append(q, op);
        op = NULL;
    }
    pthread_mutex_unlock(&q->lock);
    queue_op_free(op);
}

/* Only worth its room while there is plenty. */
void queue_put_live(struct queue *q, int64_t id, int64_t from_byte, struct blob *data)
{
    struct call c;
    call_init(&c);
    c.id = id;
    c.bytes_out = from_byte;
    struct queue_op *op = op_new(QUEUE_LIVE, &c, data, NULL);
    blob_unref(data); /* the op has one of its own */
    pthread_mutex_lock(&q->lock);
    bool has_room = q->bytes + op->bytes <= q->max_bytes / 2;
    if (has_room)
        append(q, op);
    pthread_mutex_unlock(&q->lock);
    if (!has_room)
        queue_op_free(op);
}

bool queue_is_watched(struct queue *q, int64_t id)
{
    bool is = false;
    pthread_mutex_lock(&q->lock);
    for (size_t i = 0; i < q->watched_count; i++)
        is |= q->watched[i] == id;
    pthread_mutex_unlock(&q->lock);
    return is;
}

void queue_set_watched(struct queue *q, const int64_t *ids, size_t count)
{
    pthread_mutex_lock(&q->lock);
    q->watched_count = count;
    for (size_t i = 0; i < count; i++)
        q->watched[i] = ids[i];
    pthread_mutex_unlock(&q->lock);
}

void queue_put_route(struct queue *q, enum queue_op_kind kind, int64_t route_id, const char *note)
{
    struct call c;
    call_init(&c);
    c.id = route_id;
    c.route_note = xstrdup(note);
    struct queue_op *op = op_new(kind, &c, NULL, NULL);
    pthread_mutex_lock(&q->lock);
    append(q, op);
    pthread_mutex_unlock(&q->lock);
}

void queue_stop(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->is_stopping = true;
    pthread_cond_signal(&q->wake);
    pthread_mutex_unlock(&q->lock);
}

void queue_stats(struct queue *q, struct journal_stats *s)
{
    pthread_mutex_lock(&q->lock);
    *s = q->stats;
    s->queue_bytes = (int64_t)q->bytes;
    s->logs = q->logs;
    pthread_mutex_unlock(&q->lock);
}

/* ---- Taking ----------------------------------------------------------------- */

static bool wants_ids(const struct queue *q)
{
    return q->limit_id - q->next_id <= QUEUE_IDS_LEAST;
}

static void sleep_until(struct queue *q, int64_t until_us)
{
    if (until_us == INT64_MAX) {
        pthread_cond_wait(&q->wake, &q->lock);
        return;
    }
    sys_cond_wait_until(&q->wake, &q->lock, until_us);
}

/* After work, without being signalled. */
static void rest(struct queue *q, int64_t deadline_us)
{
    int64_t until_us = clock_mono_us() + QUEUE_REST_US;
    if (deadline_us < until_us)
        until_us = deadline_us;
    while (!q->is_stopping && clock_mono_us() < until_us)
        sleep_until(q, until_us);
}

void queue_wait(struct queue *q, int64_t deadline_us, bool take_ops, struct queue_take *t)
{
    int64_t deadline = deadline_us ? deadline_us : INT64_MAX;
    *t = (struct queue_take){0};
    pthread_mutex_lock(&q->lock);
    if (q->was_busy)
        rest(q, deadline);
    for (;;) {
        int64_t now = clock_mono_us();
        take_progress(q, t, now);
        bool has_work = (take_ops && (q->first || wants_ids(q))) || t->progress_count > 0;
        if (has_work || now >= deadline || (q->is_stopping && take_ops))
            break;
        int64_t progress_at = q->dirty_count ? q->progress_at_us : INT64_MAX;
        q->is_waiting = true;
        sleep_until(q, progress_at < deadline ? progress_at : deadline);
        q->is_waiting = false;
    }
    t->wants_ids = wants_ids(q);
    t->is_stopping = q->is_stopping;
    if (take_ops) {
        q->was_busy = q->first != NULL;
        t->ops = q->first;
        q->first = NULL;
        q->last = &q->first;
    }
    pthread_mutex_unlock(&q->lock);
}

void queue_release(struct queue *q, size_t bytes, int64_t calls_written)
{
    pthread_mutex_lock(&q->lock);
    q->bytes -= bytes;
    q->stats.written_calls += calls_written;
    pthread_mutex_unlock(&q->lock);
}

void queue_set_error(struct queue *q, const char *text)
{
    pthread_mutex_lock(&q->lock);
    snprintf(q->stats.error, sizeof q->stats.error, "%s", text);
    pthread_mutex_unlock(&q->lock);
}

void queue_set_notice(struct queue *q, const char *text)
{
    pthread_mutex_lock(&q->lock);
    snprintf(q->stats.notice, sizeof q->stats.notice, "%s", text);
    pthread_mutex_unlock(&q->lock);
}

void queue_count_log(struct queue *q)
{
    q->logs++;
}

int64_t queue_logs(const struct queue *q)
{
    return q->logs;
}

void queue_count_dropped(struct queue *q, int64_t rows, int64_t bodies)
{
    pthread_mutex_lock(&q->lock);
    q->stats.dropped_rows += rows;
    q->stats.dropped_bodies += bodies;
    pthread_mutex_unlock(&q->lock);
}
