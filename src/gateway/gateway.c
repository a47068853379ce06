/* Start, signals, drain, stop.
 *
 * Order of the start: the port first (so that "in use" is said before anything is
 * touched), then the log's lock (one gateway a log, and only that one may mark
 * calls as lost), the journal, the routes, the upstream; only then clients are
 * accepted, though the kernel already queues them.
 *
 * Signals set a flag and wake the loop: the rest happens on its thread.  They are
 * blocked in the journal's thread, which is made while they are. */
#include "gateway/gateway.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/sys.h"
#include "gateway/api.h"
#include "gateway/budget.h"
#include "gateway/core.h"
#include "gateway/exchange.h"
#include "gateway/holder.h"
#include "gateway/listen.h"
#include "gateway/other_log.h"

#define BODY_MAX_DEFAULT ((size_t)64 << 20)
#define HELD_MAX_DEFAULT ((size_t)1 << 30) /* a thousand agents with a megabyte of context each */
#define DRAIN_US         30000000

/* --- Signals ------------------------------------------------------------------- */

static struct loop *signalled_loop;
static volatile sig_atomic_t drain_signals;
static volatile sig_atomic_t end_signals;

static void on_signal(int number)
{
    if (number == SIGINT)
        end_signals = 1;
    else
        drain_signals++;
    if (signalled_loop)
        loop_wake(signalled_loop);
}

static const int watched_signals[] = {SIGTERM, SIGINT, SIGHUP};
#define WATCHED_SIGNALS (sizeof watched_signals / sizeof *watched_signals)

static void catch_signals(struct loop *l, struct sigaction before[WATCHED_SIGNALS + 1])
{
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    drain_signals = end_signals = 0;
    signalled_loop = l;
    for (size_t i = 0; i < WATCHED_SIGNALS; i++)
        sigaction(watched_signals[i], &act, &before[i]);
    sigaction(SIGPIPE, &ignore, &before[WATCHED_SIGNALS]);
}

static void release_signals(const struct sigaction before[WATCHED_SIGNALS + 1])
{
    for (size_t i = 0; i < WATCHED_SIGNALS; i++)
        sigaction(watched_signals[i], &before[i], NULL);
    sigaction(SIGPIPE, &before[WATCHED_SIGNALS], NULL);
    signalled_loop = NULL;
}

const struct route_set *gateway_routes(struct gateway *g)
{
    other_log_take(g->other_log, g->routes, g->budgets);
    const struct route_set *routes = route_watch_poll(g->routes, &g->routes_problem);
    if (routes)
        g->routes_version = routes->version;
    return routes;
}

void gateway_routes_taken(struct gateway *g, const struct routed *r, bool is_counted)
{
    const struct route_set *routes = route_watch_peek(g->routes);
    for (size_t i = 0; is_counted && i < r->limited_count; i++) {
        route_watch_count(g->routes, r->limited[i]);
        journal_count_route(g->journal, r->limited[i]);
    }
    if (g->routes_ended_version == routes->version || clock_wall_ms() < route_set_ends_at(routes))
        return;
    g->routes_ended_version = routes->version;
    journal_end_routes(g->journal);
}

/* --- Stopping -------------------------------------------------------------------- */

void gateway_call_ended(struct gateway *g)
{
    if (g->is_stopping && g->in_flight == 0)
        loop_stop(g->loop);
}

static void on_drained_long_enough(void *arg)
{
    struct gateway *g = arg;
    diag_line("stopping: %lld calls did not end within 30 s and are broken off", (long long)g->in_flight);
    loop_stop(g->loop);
}

static void on_woken(void *arg)
{
    struct gateway *g = arg;
    if (end_signals || drain_signals > 1) {
        g->is_stopping = true;
        loop_stop(g->loop);
    } else if (drain_signals && !g->is_stopping) {
        g->is_stopping = true;
        loop_timer_set(g->loop, &g->drain_timer, loop_now_us(g->loop) + DRAIN_US);
        gateway_call_ended(g);
    }
}

/* Who started us has gone, however it ended. */
static void on_parent_gone(void *arg, unsigned events)
{
    struct gateway *g = arg;
    (void)events;
    loop_unwatch(g->loop, &g->parent);
    on_signal(SIGTERM);
}

static void stop_calls(struct gateway *g)
{
    for (struct exchange *x = g->exchanges; x; x = x->next)
        exchange_stop(x);
}

/* --- Starting ---------------------------------------------------------------------- */

/* The port before anything else: that it is taken is known before the log is opened. */
static int bind_port(struct gateway *g, struct err *e)
{
    char who[500];
    char address[80];
    int port;
    if (listen_parse(g->options->listen, g->listen_host, sizeof g->listen_host, &port, e) != 0)
        return -1;
    g->needs_key = !host_is_loopback(g->listen_host);
    int fd = listen_bind(g->listen_host, port, g->peer.address, e);
    if (fd >= 0 || errno != EADDRINUSE)
        return fd;
    snprintf(address, sizeof address, strchr(g->listen_host, ':') ? "[%s]:%d" : "%s:%d", g->listen_host, port);
    holder_describe(address, port, who, sizeof who);
    return err_set(e, "%s is in use by %s; stop it, or choose another port with --listen", address, who);
}

static int open_log(struct gateway *g, struct err *e)
{
    const struct gateway_options *o = g->options;
    struct journal_options journal = {
        .path = o->log_path,
        .queue_max_bytes = o->queue_max_bytes,
        .keep_bodies = o->keep_bodies,
        .no_search = o->no_search,
        .redact = o->redact,
        .max_log_bytes = o->max_log_bytes,
        .keep_days = o->keep_days,
        .catalog = o->catalog,
        .alarms = o->alarms,
        .on_alarm = o->on_alarm,
        .on_other_log = other_log_step,
    };
    sigset_t blocked, before;
    g->lock = peer_lock_take(o->log_path, e);
    if (!g->lock)
        return -1;
    g->other_log = journal.on_other_log_arg = other_log_new(o->log_path);
    sigemptyset(&blocked);
    for (size_t i = 0; i < WATCHED_SIGNALS; i++)
        sigaddset(&blocked, watched_signals[i]);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    g->journal = journal_open(&journal, e);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!g->journal || local_token_load(o->log_path, g->local_token, e) != 0)
        return -1;
    g->pins = pins_new(&o->pins);
    g->routes = route_watch_open(o->log_path, e);
    if (!g->routes)
        return -1;
    g->budgets = budgets_new(o->log_path, o->catalog);
    (void)gateway_routes(g);
    return 0;
}

/* Without it everything else works, so nothing of it stops the start. */
static void start_lookup(struct gateway *g)
{
    const struct gateway_options *o = g->options;
    char *derived = api_base_of(o->upstream);
    struct lookup_options lookup = {derived ? derived : o->api_base, o->respan_key, o->ca_file, g->journal};
    struct err e;
    if (lookup.api_base && !(g->lookup = lookup_new(g->loop, &lookup, &e)))
        diag_line("costs are not looked up at Respan: %s", e.text);
    /* Whose key the other calls came with nobody knows any more. */
    if (g->lookup && o->respan_key)
        lookup_resume(g->lookup, o->log_path);
    free(derived);
}

/* The same holds for the list of models. */
static void start_modellist(struct gateway *g)
{
    const struct gateway_options *o = g->options;
    char *derived = api_base_of(o->upstream);
    struct modellist_options list = {derived ? derived : o->api_base, o->ca_file, o->catalog_cache, o->catalog_own, o->catalog};
    struct err e;
    if (list.api_base && list.cache_path && !(g->modellist = modellist_new(g->loop, &list, &e)))
        diag_line("Respan's model list is not fetched: %s", e.text);
    free(derived);
}

static int announce(struct gateway *g, struct err *e)
{
    unsigned char random[32];
    random_bytes(random, sizeof random);
    encode_hex(random, sizeof random, g->peer.token);
    g->peer.pid = getpid();
    g->peer.started_at = clock_wall_ms();
    snprintf(g->peer.upstream, sizeof g->peer.upstream, "%s%s/", g->base.origin, g->base.path);
    snprintf(g->peer.version, sizeof g->peer.version, "%s", SPANTOP_VERSION);
    g->peer.files = log_files_at(g->options->log_path);
    if (peer_lock_announce(g->lock, &g->peer, e) != 0)
        return -1;
    other_log_announced(g->other_log, g->lock, &g->peer);
    return 0;
}

static int start(struct gateway *g, struct err *e)
{
    const struct gateway_options *o = g->options;
    struct server_options server = {
        .host = g->listen_host,
        .body_max_bytes = g->body_max_bytes,
        .held_max_bytes = g->held_max_bytes,
        .events = {g, exchange_head, exchange_request, exchange_drained, exchange_gone, exchange_closed},
    };
    struct upstream_options upstream = {&g->base, o->ca_file, o->upstream_idle_ms, o->connect_timeout_ms};
    int fd = -1;
    if (upstream_base_parse(&g->base, o->upstream, e) != 0)
        goto fail;
    fd = bind_port(g, e);
    if (fd < 0)
        goto fail;
    if (open_log(g, e) != 0)
        goto fail;
    g->upstream = upstream_new(g->loop, &upstream, e);
    if (!g->upstream)
        goto fail;
    start_lookup(g);
    start_modellist(g);
    if (announce(g, e) != 0)
        goto fail;
    g->server = server_new(g->loop, &server, fd, e);
    return g->server ? 0 : -1;
fail:
    if (fd >= 0)
        close(fd);
    return -1;
}

static void stop(struct gateway *g)
{
    stop_calls(g);
    server_free(g->server);
    lookup_free(g->lookup);
    modellist_free(g->modellist);
    upstream_free(g->upstream);
    route_watch_close(g->routes);
    budgets_free(g->budgets);
    pins_free(g->pins);
    journal_close(g->journal);
    other_log_free(g->other_log);
    peer_lock_free(g->lock);
    loop_timer_clear(g->loop, &g->drain_timer);
    upstream_base_done(&g->base);
}

static void tell_parent(int fd, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void tell_parent(int fd, const char *fmt, ...)
{
    va_list args;
    if (fd < 0)
        return;
    va_start(args, fmt);
    vdprintf(fd, fmt, args);
    va_end(args);
    close(fd);
}

int gateway_run(const struct gateway_options *o, struct err *e)
{
    struct gateway g = {.options = o, .body_max_bytes = o->body_max_bytes ? o->body_max_bytes : BODY_MAX_DEFAULT,
                        .held_max_bytes = o->held_max_bytes ? o->held_max_bytes : HELD_MAX_DEFAULT};
    struct sigaction before[WATCHED_SIGNALS + 1];
    int rc = -1;
    sys_keep_memory();
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* a dump would hold the keys */
    umask(077); /* whatever is made here, SQLite's own files too, is the user's alone */
    g.drain_timer = (struct timer){.fn = on_drained_long_enough, .arg = &g};
    g.loop = loop_new(e);
    if (!g.loop) {
        tell_parent(o->ready_fd, "error %s\n", e->text);
        return -1;
    }
    catch_signals(g.loop, before);
    loop_set_on_wake(g.loop, on_woken, &g);
    if (start(&g, e) != 0) {
        tell_parent(o->ready_fd, "error %s\n", e->text);
        goto out;
    }
    g.parent = (struct watch){.fn = on_parent_gone, .arg = &g};
    if (o->parent_fd > 0 && loop_watch(g.loop, &g.parent, o->parent_fd, LOOP_READ, e) != 0)
        diag_line("this gateway will not notice that its parent ends: %s", e->text);
    tell_parent(o->ready_fd, "ok %s\n", g.peer.address);
    if (o->print_ready) {
        printf("spantop listening on http://%s\n", g.peer.address);
        fflush(stdout);
    }
    rc = loop_run(g.loop, e);
out:
    stop(&g);
    release_signals(before);
    loop_free(g.loop);
    return rc;
}
