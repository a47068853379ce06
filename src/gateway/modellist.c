#include "gateway/modellist.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/file.h"
#include "base/mem.h"
#include "gateway/api.h"
#include "gateway/upstream.h"

#define SECOND_US  INT64_C(1000000)
#define FIRST_US   SECOND_US            /* the first calls of a session come first */
#define AGAIN_US   (3600 * SECOND_US)   /* after a failure, and to look how old the list is */
#define FRESH_MS   INT64_C(86400000)
#define LOOK_US    (SECOND_US / 10)     /* is the writing done? */
#define LIST_MAX   ((size_t)16 << 20)   /* Respan's some hundred models have about 100 KB */
#define IDLE_MS    30000
#define CONNECT_MS 10000

struct modellist {
    struct loop *loop;
    struct modellist_options o;
    struct upstream_base base;
    struct upstream *upstream;
    struct timer timer;
    bool is_needed; /* there is no list that could be used */
    /* The question that runs. */
    struct transfer *transfer;
    int status;
    struct buf answer;
    /* The thread that stores the answer: owns answer, fresh and why while it runs. */
    pthread_t thread;
    bool has_thread;
    atomic_bool is_stored;
    struct catalog *fresh; /* NULL: it could not be used, why says why */
    struct err why;
};

static void on_timer(void *arg);

static void plan(struct modellist *m, int64_t in_us)
{
    loop_timer_set(m->loop, &m->timer, loop_now_us(m->loop) + in_us);
}

static bool is_fresh(const char *path)
{
    struct stat st;
    int64_t age_ms = stat(path, &st) == 0 ? clock_wall_ms() - (int64_t)st.st_mtime * 1000 : FRESH_MS;
    return age_ms >= 0 && age_ms < FRESH_MS;
}

static bool is_usable(const char *path)
{
    struct buf text;
    struct err e;
    buf_init_max(&text, LIST_MAX);
    bool usable = file_read(path, LIST_MAX, &text, &e) == 0 && catalog_check_list(text.data, text.len, &e) == 0;
    buf_done(&text);
    return usable;
}

/* --- Storing: a thread of its own, since disks stall ------------------------------- */

static int store(struct modellist *m)
{
    struct err warning;
    char *dir = file_dir_of(m->o.cache_path);
    int rc = catalog_check_list(m->answer.data, m->answer.len, &m->why);
    if (rc == 0)
        rc = file_make_dir(dir, &m->why);
    if (rc == 0)
        rc = file_write(m->o.cache_path, m->answer.data, m->answer.len, 0600, &m->why);
    free(dir);
    if (rc == 0)
        m->fresh = catalog_load(m->o.cache_path, m->o.own_path, &warning);
    return rc;
}

static void *run(void *arg)
{
    struct modellist *m = arg;
    (void)store(m);
    atomic_store_explicit(&m->is_stored, true, memory_order_release);
    return NULL;
}

static void start_storing(struct modellist *m)
{
    m->fresh = NULL;
    m->why.text[0] = '\0';
    atomic_store(&m->is_stored, false);
    m->has_thread = pthread_create(&m->thread, NULL, run, m) == 0;
    plan(m, m->has_thread ? LOOK_US : AGAIN_US);
}

static void join(struct modellist *m)
{
    pthread_join(m->thread, NULL);
    m->has_thread = false;
    buf_done(&m->answer);
    if (m->fresh)
        catalog_replace(m->o.catalog, m->fresh);
    else
        diag_line("Respan's model list could not be used: %s", m->why.text);
    m->is_needed = m->is_needed && !m->fresh;
    m->fresh = NULL;
}

/* --- Asking -------------------------------------------------------------------------- */

static void on_head(void *owner, int status, const struct headers *h)
{
    struct modellist *m = owner;
    (void)h;
    m->status = status;
}

static bool on_body(void *owner, const void *data, size_t len)
{
    struct modellist *m = owner;
    if (!m->answer.failed)
        buf_put(&m->answer, data, len);
    return true;
}

static void on_end(void *owner, enum transfer_end how, const char *text)
{
    struct modellist *m = owner;
    m->transfer = NULL;
    if (how == TRANSFER_WHOLE && m->status == 200 && !m->answer.failed) {
        start_storing(m);
        return;
    }
    if (how == TRANSFER_WHOLE)
        diag_line("Respan's model list could not be fetched: status %d", m->status);
    else
        diag_line("Respan's model list could not be fetched: %s", text);
    buf_done(&m->answer);
    plan(m, AGAIN_US);
}

static void ask(struct modellist *m)
{
    struct headers h;
    struct err e;
    char *target = upstream_base_join(&m->base, "models/public");
    struct transfer_request r = {
        .method = "GET", .target = target, .headers = &h, .events = {m, on_head, on_body, on_end}};
    m->status = 0;
    buf_init_max(&m->answer, LIST_MAX);
    headers_init(&h);
    if (api_put_headers(&h, NULL, false) == 0)
        m->transfer = upstream_send(m->upstream, &r, &e);
    headers_done(&h);
    free(target);
    if (!m->transfer)
        plan(m, AGAIN_US);
}

static void on_timer(void *arg)
{
    struct modellist *m = arg;
    if (m->has_thread) {
        if (!atomic_load_explicit(&m->is_stored, memory_order_acquire)) {
            plan(m, LOOK_US);
            return;
        }
        join(m);
        plan(m, AGAIN_US);
    } else if (m->is_needed || !is_fresh(m->o.cache_path)) {
        ask(m);
    } else {
        plan(m, AGAIN_US);
    }
}

/* --- Its life -------------------------------------------------------------------------- */

struct modellist *modellist_new(struct loop *l, const struct modellist_options *o, struct err *e)
{
    struct modellist *m = xcalloc(1, sizeof *m);
    struct upstream_options u = {&m->base, o->ca_file, IDLE_MS, CONNECT_MS};
    m->loop = l;
    m->o = *o;
    m->timer = (struct timer){.fn = on_timer, .arg = m};
    m->is_needed = !is_usable(o->cache_path);
    if (upstream_base_parse(&m->base, o->api_base, e) == 0)
        m->upstream = upstream_new(l, &u, e);
    if (m->upstream) {
        plan(m, FIRST_US);
        return m;
    }
    modellist_free(m);
    return NULL;
}

void modellist_free(struct modellist *m)
{
    if (!m)
        return;
    loop_timer_clear(m->loop, &m->timer);
    upstream_free(m->upstream); /* no event comes after this */
    if (m->has_thread)
        join(m);
    buf_done(&m->answer);
    upstream_base_done(&m->base);
    free(m);
}
