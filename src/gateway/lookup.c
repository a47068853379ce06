/* One worker that asks Respan's log.
 *
 * A single row is asked for by GET; when more than BATCH_ABOVE are due, up to
 * BATCH_ROWS of them by one POST to the list.  That the list can be filtered by
 * id is documented only in general: a list that finds nothing is checked by
 * asking for one of its rows alone, and if such rows are there again and again,
 * no list is asked for any more.
 *
 * Trouble (no connection, 5xx, 429) makes the worker wait, ever longer; calls
 * that came meanwhile wait in the list.  A refused key (401, 403) is not asked
 * with again. */
#include "gateway/lookup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/mem.h"
#include "gateway/api.h"
#include "gateway/lookup_keys.h"
#include "gateway/lookup_list.h"
#include "gateway/target.h"
#include "gateway/upstream.h"
#include "log/amend_waiting.h"
#include "respan/loglist.h"

#define BATCH_ABOVE 20
#define BATCH_ROWS  50
/* One may have landed between page and row; several in a row have not. */
#define PAGE_MISSES_MAX 3
/* A row holds the prompt and the answer; a page of them at worst all of these. */
#define ANSWER_MAX ((size_t)32 << 20)
/* Kept between requests; more is given back. */
#define ANSWER_KEEP ((size_t)256 << 10)
#define SECOND_US   ((int64_t)1000000)
/* Unless told, Respan looks back an hour.  A day: for calls from before a
 * restart, and for clocks that are wrong. */
#define LOOK_BACK_MS ((int64_t)86400000)
#define PAUSE_MIN_US (2 * SECOND_US)
#define PAUSE_MAX_US (60 * SECOND_US)
/* However much waits, the thread that carries the calls is left alone for this
 * long after each request: 50 a second, and 50 rows in each. */
#define REST_US      20000
#define IDLE_MS      30000
#define RESUME_MS    ((int64_t)3600000) /* older ones are for `spantop reconcile` to find */
#define CONNECT_MS   10000

struct lookup {
    struct loop *loop;
    struct journal *journal;
    struct upstream_base base;
    struct upstream *upstream;
    struct lookup_keys keys;
    struct lookup_list list;
    struct timer timer;
    /* The request that runs. */
    struct transfer *transfer; /* NULL: none */
    int key;
    bool is_page;
    int status;
    int64_t retry_after_us;
    struct buf answer;
    size_t found; /* rows of it */
    /* What earlier ones taught. */
    int64_t pause_us;       /* after trouble; 0: all is well */
    int64_t paused_until_us;
    int64_t rest_until_us;  /* between two requests */
    bool is_page_doubtful;  /* the last page found nothing */
    int page_misses;        /* rows that were there and on no page */
    bool has_no_pages;
};

static void on_timer(void *arg);

/* --- When ------------------------------------------------------------------------ */

/* When a row that is due then may be asked for. */
static int64_t allowed_us(const struct lookup *k, int64_t due_us)
{
    int64_t after_us = k->paused_until_us > k->rest_until_us ? k->paused_until_us : k->rest_until_us;
    return due_us > after_us ? due_us : after_us;
}

static void plan(struct lookup *k)
{
    int64_t due_us = lookup_list_next_us(&k->list);
    if (k->transfer || due_us == INT64_MAX) {
        loop_timer_clear(k->loop, &k->timer);
        return;
    }
    loop_timer_set(k->loop, &k->timer, allowed_us(k, due_us));
}

/* The first time says nothing: a kept connection that the other side has closed
 * ends so, too. */
static void pause_asking(struct lookup *k, const char *why)
{
    if (k->pause_us == PAUSE_MIN_US)
        diag_line("Respan's log cannot be asked for costs (%s); it is tried again, until then they come from the catalog",
                  why);
    k->pause_us = k->pause_us == 0 ? PAUSE_MIN_US : 2 * k->pause_us > PAUSE_MAX_US ? PAUSE_MAX_US : 2 * k->pause_us;
    int64_t wait_us = k->retry_after_us > k->pause_us ? k->retry_after_us : k->pause_us;
    k->paused_until_us = loop_now_us(k->loop) + wait_us;
}

static void be_well(struct lookup *k)
{
    if (k->pause_us > PAUSE_MIN_US)
        diag_line("Respan's log answers again");
    k->pause_us = k->paused_until_us = 0;
}

/* --- What came ------------------------------------------------------------------- */

static void take_row(struct lookup *k, struct lookup_item *i, const struct logrow *row)
{
    struct amend a;
    amend_from_row(&a, row);
    journal_amend(k->journal, i->call_id, &a);
    amend_done(&a);
    lookup_list_remove(&k->list, i);
    k->found++;
}

static struct lookup_item *first_asked(const struct lookup *k)
{
    struct lookup_item *i = k->list.first;
    while (i && !i->is_asked)
        i = i->next;
    return i;
}

static void take_one(struct lookup *k)
{
    struct logrow row;
    struct err e;
    struct lookup_item *i = first_asked(k);
    if (i && loglist_row(k->answer.data, k->answer.len, &row, &e) == 0)
        take_row(k, i, &row);
    if (k->found && k->is_page_doubtful && ++k->page_misses >= PAGE_MISSES_MAX)
        k->has_no_pages = true;
    k->is_page_doubtful = false;
}

static void on_row(void *arg, const struct logrow *row)
{
    struct lookup *k = arg;
    for (struct lookup_item *i = k->list.first; i; i = i->next) {
        if (i->is_asked && strcmp(i->log_id, row->unique_id) == 0) {
            take_row(k, i, row);
            return;
        }
    }
}

static void take_page(struct lookup *k)
{
    bool has_more;
    struct err e;
    if (loglist_page(k->answer.data, k->answer.len, on_row, k, &has_more, &e) != 0)
        k->has_no_pages = true;
    k->is_page_doubtful = k->found == 0;
    if (k->found)
        k->page_misses = 0;
}

/* The rows asked for that did not come: later, or (with this key) never. */
static void settle_rest(struct lookup *k, bool is_counted)
{
    int64_t now_us = loop_now_us(k->loop);
    for (struct lookup_item *i = k->list.first, *next; i; i = next) {
        next = i->next;
        if (!i->is_asked)
            continue;
        i->is_asked = false;
        if (is_counted)
            lookup_list_again(&k->list, i, now_us);
    }
}

static void refuse_key(struct lookup *k)
{
    lookup_keys_refuse(&k->keys, k->key);
    lookup_list_drop_key(&k->list, k->key);
    diag_line("Respan does not open its log to %s (status %d); what those calls cost is told by the catalog alone",
              k->key == LOOKUP_KEY_OWN ? "the gateway's own key" : "a key that calls came with", k->status);
}

/* An answer to the question itself; whatever else it says, Respan is there. */
static void take_answer(struct lookup *k)
{
    be_well(k);
    if (k->status == 401 || k->status == 403) {
        refuse_key(k);
    } else if (k->status == 200) {
        if (k->is_page)
            take_page(k);
        else
            take_one(k);
    } else if (k->is_page) {
        k->has_no_pages = true;
    }
    /* Of a page that is not served nothing was learned about its rows. */
    settle_rest(k, !(k->is_page && k->has_no_pages));
}

static bool is_trouble(const struct lookup *k, enum transfer_end how)
{
    return how != TRANSFER_WHOLE || k->status >= 500 || k->status == 429 || k->status == 408 || k->status < 200 ||
           (k->status >= 300 && k->status < 400);
}

static void on_end(void *owner, enum transfer_end how, const char *text)
{
    struct lookup *k = owner;
    char status[32];
    k->transfer = NULL;
    k->rest_until_us = loop_now_us(k->loop) + REST_US;
    if (k->answer.failed) { /* too large for anybody; told like a row that is not there */
        k->has_no_pages = k->has_no_pages || k->is_page;
        settle_rest(k, !k->is_page);
    } else if (is_trouble(k, how)) {
        snprintf(status, sizeof status, "status %d", k->status);
        pause_asking(k, how == TRANSFER_WHOLE ? status : text);
        settle_rest(k, true);
    } else {
        take_answer(k);
    }
    if (k->answer.cap > ANSWER_KEEP)
        buf_done(&k->answer);
    plan(k);
}

static void on_head(void *owner, int status, const struct headers *h)
{
    struct lookup *k = owner;
    const char *after = headers_get(h, "Retry-After");
    k->status = status;
    long seconds = after ? strtol(after, NULL, 10) : 0;
    k->retry_after_us = seconds > 0 && seconds <= 600 ? seconds * SECOND_US : 0;
}

/* What is too much is read to its end and thrown away: the connection is kept. */
static bool on_body(void *owner, const void *data, size_t len)
{
    struct lookup *k = owner;
    if (!k->answer.failed)
        buf_put(&k->answer, data, len);
    return true;
}

/* --- Asking ------------------------------------------------------------------------ */

static void ask(struct lookup *k, const char *rest, struct blob *body)
{
    struct headers h;
    struct err e = {"its key is too long"};
    char *target = upstream_base_join(&k->base, rest);
    struct transfer_request r = {
        .method = body ? "POST" : "GET",
        .target = target,
        .headers = &h,
        .body = body,
        .events = {k, on_head, on_body, on_end},
    };
    buf_reset(&k->answer);
    k->status = 0;
    k->retry_after_us = 0;
    k->found = 0;
    headers_init(&h);
    if (api_put_headers(&h, lookup_keys_peek(&k->keys, k->key), body != NULL) == 0)
        k->transfer = upstream_send(k->upstream, &r, &e);
    headers_done(&h);
    free(target);
    if (k->transfer)
        return;
    pause_asking(k, e.text);
    settle_rest(k, true);
}

static void ask_one(struct lookup *k, struct lookup_item *i)
{
    char *rest = xasprintf("request-logs/%s/", i->log_id);
    k->is_page = false;
    i->is_asked = true;
    ask(k, rest, NULL);
    free(rest);
}

/* {"filters":{"unique_id":{"operator":"in","value":["a","b"]}}} */
static struct blob *filter_of(struct lookup *k, int64_t now_us, int64_t *oldest_us)
{
    struct buf b;
    size_t rows = 0;
    buf_init(&b);
    buf_puts(&b, "{\"filters\":{\"unique_id\":{\"operator\":\"in\",\"value\":[");
    for (struct lookup_item *i = k->list.first; i && rows < BATCH_ROWS; i = i->next) {
        if (i->key != k->key || i->due_us > now_us)
            continue;
        buf_printf(&b, "%s\"%s\"", rows++ ? "," : "", i->log_id);
        i->is_asked = true;
        *oldest_us = i->since_us < *oldest_us ? i->since_us : *oldest_us;
    }
    buf_puts(&b, "]}}}");
    struct blob *body = blob_copy(b.data, b.len);
    buf_done(&b);
    return body;
}

static void ask_page(struct lookup *k, int64_t now_us)
{
    char since[CLOCK_ISO_MAX];
    int64_t oldest_us = now_us;
    struct blob *body = filter_of(k, now_us, &oldest_us);
    clock_to_iso(since, clock_wall_ms() - (now_us - oldest_us) / 1000 - LOOK_BACK_MS);
    char *rest = xasprintf("request-logs/list/?page=1&page_size=%d&sort_by=-id&all_envs=true&fetch_filters=false"
                           "&start_time=%s&include_fields=" LOGLIST_FIELDS,
                           BATCH_ROWS, since);
    k->is_page = true;
    ask(k, rest, body);
    blob_unref(body);
    free(rest);
}

static void on_timer(void *arg)
{
    struct lookup *k = arg;
    int64_t now_us = loop_now_us(k->loop);
    struct lookup_item *i = now_us >= allowed_us(k, 0) ? lookup_list_due(&k->list, now_us) : NULL;
    if (i && !k->transfer) {
        k->key = i->key;
        bool may_page = !k->has_no_pages && !k->is_page_doubtful;
        if (may_page && lookup_list_count_due(&k->list, i->key, now_us) > BATCH_ABOVE)
            ask_page(k, now_us);
        else
            ask_one(k, i);
    }
    plan(k);
}

void lookup_call(struct lookup *k, int64_t call_id, const char *log_id, const struct headers *sent)
{
    if (!k || call_id <= 0 || !log_id || !lookup_id_is_plain(log_id))
        return;
    int key = lookup_keys_choose(&k->keys, sent);
    if (key == LOOKUP_KEY_NONE)
        return;
    const struct lookup_item *i = lookup_list_add(&k->list, call_id, log_id, key, loop_now_us(k->loop));
    if (!k->transfer && (!timer_is_set(&k->timer) || k->timer.due_us > allowed_us(k, i->due_us)))
        plan(k);
}

void lookup_resume(struct lookup *k, const char *log_path)
{
    struct amend_waiting w = {0};
    struct err e = {""};
    struct db *db = db_open(log_path, DB_READ, &e);
    if (!db || amend_waiting_read(db, clock_wall_ms() - RESUME_MS, &w, &e) != 0)
        diag_line("costs that an earlier gateway did not look up stay as they are: %s", e.text);
    for (size_t i = 0; i < w.count; i++)
        lookup_call(k, w.items[i].call_id, w.items[i].respan_log_id, NULL);
    amend_waiting_done(&w);
    db_close(db);
}

/* --- Its life ------------------------------------------------------------------------ */

struct lookup *lookup_new(struct loop *l, const struct lookup_options *o, struct err *e)
{
    struct lookup *k = xcalloc(1, sizeof *k);
    k->loop = l;
    k->journal = o->journal;
    k->timer = (struct timer){.fn = on_timer, .arg = k};
    buf_init_max(&k->answer, ANSWER_MAX);
    lookup_keys_init(&k->keys, o->key);
    struct upstream_options u = {&k->base, o->ca_file, IDLE_MS, CONNECT_MS};
    if (upstream_base_parse(&k->base, o->api_base, e) == 0)
        k->upstream = upstream_new(l, &u, e);
    if (k->upstream)
        return k;
    lookup_free(k);
    return NULL;
}

void lookup_free(struct lookup *k)
{
    if (!k)
        return;
    loop_timer_clear(k->loop, &k->timer);
    upstream_free(k->upstream); /* no event comes after this */
    upstream_base_done(&k->base);
    lookup_keys_done(&k->keys);
    lookup_list_done(&k->list);
    buf_done(&k->answer);
    free(k);
}
