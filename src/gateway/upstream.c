/* libcurl's multi interface on our loop: its sockets and its timer.
 *
 * CALLBACKS.  A transfer may not be removed from inside its own callbacks, and
 * unpausing may call back before it returns: both are deferred to the end of the
 * loop's turn.  The timer callback only arms our timer. */
#include "gateway/upstream.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/mem.h"
#include "gateway/upstream_parts.h"

#define IDLE_MS_DEFAULT    600000 /* above the client's own 300 s */
#define CONNECT_MS_DEFAULT 10000

/* --- Sockets and the timer ---------------------------------------------------- */

static void on_sent(CURL *easy)
{
    struct transfer *t = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
    if (t && t->tries > 0) /* else it waits for the connection */
        transfer_drop_sent_body(t);
}

static void on_socket_ready(void *arg, unsigned events)
{
    struct socket_watch *w = arg;
    struct upstream *u = w->upstream;
    int mask = (events & LOOP_READ ? CURL_CSELECT_IN : 0) | (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0);
    int running;
    if (events & LOOP_GONE)
        mask |= CURL_CSELECT_IN | CURL_CSELECT_ERR;
    curl_multi_socket_action(u->multi, w->fd, mask, &running);
    upstream_read_messages(u);
}

static void forget_socket(struct upstream *u, struct socket_watch *w)
{
    struct socket_watch **at = &u->sockets;
    while (*at && *at != w)
        at = &(*at)->next;
    if (*at)
        *at = w->next;
    loop_unwatch(u->loop, &w->watch);
    free(w);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct upstream *u = arg;
    struct socket_watch *w = socket_arg;
    struct err e;
    if (what == CURL_POLL_IN) /* nothing more to be sent */
        on_sent(easy);
    if (what == CURL_POLL_REMOVE) {
        if (w)
            forget_socket(u, w);
        curl_multi_assign(u->multi, fd, NULL);
        return 0;
    }
    if (!w) {
        w = xcalloc(1, sizeof *w);
        *w = (struct socket_watch){.upstream = u, .fd = fd, .next = u->sockets};
        w->watch = (struct watch){.fn = on_socket_ready, .arg = w};
        u->sockets = w;
        curl_multi_assign(u->multi, fd, w);
    }
    unsigned events = (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
    if (loop_watch(u->loop, &w->watch, fd, events, &e) != 0) {
        diag_line("upstream: %s", e.text);
        return -1;
    }
    return 0;
}

static void on_timer_due(void *arg)
{
    struct upstream *u = arg;
    int running;
    curl_multi_socket_action(u->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    upstream_read_messages(u);
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct upstream *u = arg;
    (void)multi;
    if (timeout_ms < 0)
        loop_timer_clear(u->loop, &u->timer);
    else
        loop_timer_set(u->loop, &u->timer, clock_mono_us() + (int64_t)timeout_ms * 1000);
    return 0;
}

/* --- The upstream's life ---------------------------------------------------------------- */

struct upstream *upstream_new(struct loop *l, const struct upstream_options *o, struct err *e)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        err_set(e, "libcurl cannot be initialised");
        return NULL;
    }
    struct upstream *u = xcalloc(1, sizeof *u);
    u->loop = l;
    u->base = o->base;
    u->ca_file = xstrdup(o->ca_file);
    u->idle_ms = o->idle_ms > 0 ? o->idle_ms : IDLE_MS_DEFAULT;
    u->connect_ms = o->connect_ms > 0 ? o->connect_ms : CONNECT_MS_DEFAULT;
    u->slept_us = clock_slept_us();
    u->timer = (struct timer){.fn = on_timer_due, .arg = u};
    u->multi = curl_multi_init();
    u->share = curl_share_init();
    if (!u->multi || !u->share) {
        err_set(e, "no memory for libcurl");
        upstream_free(u);
        return NULL;
    }
    /* One thread: no locks.  Sessions are shared so that a new connection resumes TLS. */
    curl_share_setopt(u->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    curl_multi_setopt(u->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(u->multi, CURLMOPT_SOCKETDATA, u);
    curl_multi_setopt(u->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(u->multi, CURLMOPT_TIMERDATA, u);
    curl_multi_setopt(u->multi, CURLMOPT_MAXCONNECTS, KEEP_CONNECTIONS);
    curl_multi_setopt(u->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    return u;
}

void upstream_free(struct upstream *u)
{
    if (!u)
        return;
    while (u->running)
        transfer_retire(u->running); /* NOLINT(clang-analyzer-unix.Malloc): it moves u->running on */
    while (u->spare) {
        struct transfer *t = u->spare;
        u->spare = t->next;
        transfer_free(t);
    }
    if (u->multi)
        curl_multi_cleanup(u->multi);
    if (u->share)
        curl_share_cleanup(u->share);
    while (u->sockets)
        forget_socket(u, u->sockets);
    loop_timer_clear(u->loop, &u->timer);
    free(u->ca_file);
    free(u);
    curl_global_cleanup();
}
