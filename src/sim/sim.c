/* The listener, one thread a connection, and the simulator's life. */
#include "sim/sim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sys.h"
#include "sim/jsonx.h"
#include "sim/state.h"

#define BACKLOG 512
#define THREAD_STACK ((size_t)256 << 10) /* 200 streams at once are usual in the bench */
#define KEEP_BODY_BYTES ((size_t)64 << 20) /* three of the largest tests use; the demo wants little memory */
#define LOG_LATENCY_MS 1500
#define CREDITS_USD 250.0
#define PEEK_BYTES 2048 /* enough for a request line */
#define PEEK_MS 200     /* how long its end is waited for */

void sim_options_init(struct sim_options *o)
{
    memset(o, 0, sizeof(*o));
    o->speed = 1;
    o->seed = 1;
    o->log_latency_ms = LOG_LATENCY_MS;
    o->keep_body_bytes = KEEP_BODY_BYTES;
}

uint16_t sim_port(const struct sim *s) { return s->port; }
const char *sim_base_url(const struct sim *s) { return s->base_url; }

/* ---- one connection ------------------------------------------------------------------ */

/* The target of the request that is about to be read, without reading it; "" when
 * none can be seen (TLS, noise, nothing). */
static void peek_target(struct conn *c, char *target, size_t size)
{
    char seen[PEEK_BYTES + 1];
    const char *from, *to;

    *target = '\0';
    for (int waited = 0; waited < PEEK_MS; waited += 10) {
        size_t n = conn_peek(c, seen, PEEK_BYTES);
        seen[n] = '\0';
        from = strchr(seen, ' ');
        to = from ? strpbrk(from + 1, " \r\n") : NULL;
        if (to) {
            size_t len = (size_t)(to - from) - 1;
            len = len < size ? len : size - 1;
            memcpy(target, from + 1, len);
            target[len] = '\0';
            return;
        }
        if (n == PEEK_BYTES || conn_sleep(c, 10) < 0)
            return;
    }
}

static bool is_control(const struct sim *s, const char *target) { return !s->opt.no_control && strncmp(target, "/sim/", 5) == 0; }

/* A fault of stage connect: 1 when it ended the connection. */
static int meet_connect_fault(struct sim *s, struct conn *c)
{
    char target[PEEK_BYTES];
    struct fault *f = NULL;
    bool any = false;
    int ended = 0;

    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->faults.count; i++)
        any = any || s->faults.v[i]->stage == STAGE_CONNECT;
    pthread_mutex_unlock(&s->lock);
    if (!any)
        return 0;
    peek_target(c, target, sizeof(target));
    if (is_control(s, target))
        return 0;
    pthread_mutex_lock(&s->lock);
    f = fault_take_connect(&s->faults, target);
    pthread_mutex_unlock(&s->lock);
    if (f)
        ended = reply_break(c, f) != REPLY_DONE;
    fault_free(f);
    return ended;
}

static void refuse(struct conn *c, int status)
{
    struct problem p = {.status = status, .shape = SHAPE_TEXT};
    struct reply r;

    reply_init(&r, c);
    r.keep_alive = false;
    send_problem(&r, &p, "");
    reply_done(&r);
}

static void answer_head(struct sim *s, struct conn *c, const struct http_request *q, uint64_t n)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    struct reply r;

    reply_init(&r, c);
    r.keep_alive = q->keep_alive;
    note_end(s, n, &r, conn_write(c, head, sizeof(head) - 1) < 0 ? REPLY_GONE : REPLY_DONE);
    reply_done(&r);
}

static void dispatch(struct sim *s, struct conn *c, const struct http_request *q)
{
    bool post = strcmp(q->method, "POST") == 0;
    uint64_t n;

    if (is_control(s, q->target)) {
        control_handle(s, c, q);
        return;
    }
    pthread_mutex_lock(&s->lock);
    n = records_add(s->records, q, c->number)->n;
    pthread_mutex_unlock(&s->lock);
    if (strcmp(q->method, "HEAD") == 0)
        answer_head(s, c, q, n);
    else if (post && http_path_is(q->target, "/api/anthropic/v1/messages"))
        messages_handle(s, c, q, n, false);
    else if (post && http_path_is(q->target, "/api/anthropic/v1/messages/count_tokens"))
        messages_handle(s, c, q, n, true);
    else
        respan_api_handle(s, c, q, n);
}

static int idle_close_ms(struct sim *s)
{
    int ms;

    pthread_mutex_lock(&s->lock);
    ms = (int)s->config.idle_close_ms;
    pthread_mutex_unlock(&s->lock);
    return ms;
}

static void serve_connection(struct sim *s, struct conn *c)
{
    while (c->fd >= 0 && conn_await_input(c, idle_close_ms(s))) {
        struct http_request q;
        enum http_result result;
        bool go_on = false;

        if (meet_connect_fault(s, c))
            break;
        result = http_read(c, &q);
        if (result == HTTP_OK) {
            go_on = q.keep_alive;
            dispatch(s, c, &q);
        } else if (result != HTTP_CLOSED) {
            refuse(c, result == HTTP_BAD ? 400 : 431);
        }
        http_request_done(&q);
        if (!go_on)
            break;
    }
    conn_close(c);
}

struct handover {
    struct sim *s;
    struct conn conn;
};

static void *connection_main(void *arg)
{
    struct handover *h = arg;
    struct sim *s = h->s;

    serve_connection(s, &h->conn);
    buf_done(&h->conn.in);
    free(h);
    pthread_mutex_lock(&s->lock);
    if (--s->connections == 0)
        pthread_cond_signal(&s->idle);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void take_connection(struct sim *s, int fd)
{
    struct handover *h = xcalloc(1, sizeof(*h));
    pthread_attr_t attr;
    pthread_t thread;
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    h->s = s;
    h->conn.fd = fd;
    h->conn.stop_fd = s->stop_fd;
    buf_init(&h->conn.in);
    pthread_mutex_lock(&s->lock);
    s->connections++;
    h->conn.number = ++s->connection_count;
    pthread_mutex_unlock(&s->lock);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attr, connection_main, h) != 0) {
        close(fd);
        h->conn.fd = -1;
        connection_main(h);
    }
    pthread_attr_destroy(&attr);
}

static void *listener_main(void *arg)
{
    struct sim *s = arg;

    for (;;) {
        struct pollfd p[2] = {{.fd = s->listen_fd, .events = POLLIN}, {.fd = s->stop_fd, .events = POLLIN}};
        int fd;
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return NULL;
        if (p[1].revents)
            return NULL;
        if (!(p[0].revents & POLLIN))
            continue;
        fd = sys_accept(s->listen_fd);
        if (fd >= 0)
            take_connection(s, fd);
    }
}

/* ---- life ------------------------------------------------------------------------------- */

static int make_address(const struct sim_options *o, struct sockaddr_in *addr, struct err *e)
{
    const char *text = o->addr ? o->addr : "127.0.0.1";

    memset(addr, 0, sizeof(*addr));
    addr->sin_family = AF_INET;
    addr->sin_port = htons(o->port);
    if (inet_pton(AF_INET, text, &addr->sin_addr) != 1 || (ntohl(addr->sin_addr.s_addr) >> 24) != 127)
        return err_set(e, "the simulated Respan listens on loopback addresses like 127.0.0.1 only, not on %.60s", text);
    return 0;
}

static int open_listener(struct sim *s, struct err *e)
{
    struct sockaddr_in addr;
    socklen_t len = sizeof(addr);
    char text[INET_ADDRSTRLEN];
    int one = 1;

    if (make_address(&s->opt, &addr, e) < 0)
        return -1;
    s->listen_fd = sys_socket(AF_INET, false);
    if (s->listen_fd < 0)
        return err_set(e, "no socket for the simulated Respan: %s", strerror(errno));
    setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(s->listen_fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(s->listen_fd, BACKLOG) < 0)
        return err_set(e, "the simulated Respan cannot listen on port %u: %s; choose another with --port", s->opt.port, strerror(errno));
    getsockname(s->listen_fd, (struct sockaddr *)&addr, &len);
    s->port = ntohs(addr.sin_port);
    inet_ntop(AF_INET, &addr.sin_addr, text, sizeof(text));
    snprintf(s->base_url, sizeof(s->base_url), "http://%s:%u/api/anthropic/", text, s->port);
    return 0;
}

static int load_faults(struct sim *s, struct err *e)
{
    cJSON *json;
    int bad;

    if (!s->opt.faults)
        return 0;
    json = cJSON_Parse(s->opt.faults);
    bad = json ? fault_queue_add(&s->faults, json, e) : err_set(e, "the faults are no JSON; sim.h tells their form");
    cJSON_Delete(json);
    return bad;
}

static int make_stopper(struct sim *s, struct err *e)
{
    int ends[2];

    if (sys_pipe(ends) != 0)
        return err_set(e, "no pipe for the simulated Respan: %s", strerror(errno));
    s->stop_fd = ends[0];
    s->stopper_fd = ends[1];
    return 0;
}

static struct sim *sim_new(const struct sim_options *o)
{
    struct sim *s = xcalloc(1, sizeof(*s));

    s->opt = *o;
    s->listen_fd = -1;
    s->stop_fd = s->stopper_fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->idle, NULL);
    s->config.speed = o->speed;
    s->config.log_latency_ms = o->log_latency_ms;
    s->config.first_ms = -1;
    s->config.idle_close_ms = -1;
    s->config.provider_mix = o->provider_mix;
    s->config.provider_header = true;
    s->rng.state = o->seed;
    composer_init(&s->composer, o->seed);
    s->pcache = pcache_new();
    s->records = records_new(o->keep_body_bytes);
    s->ledger = ledger_new(CREDITS_USD);
    return s;
}

static void sim_free(struct sim *s)
{
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    if (s->stop_fd >= 0)
        close(s->stop_fd);
    if (s->stopper_fd >= 0)
        close(s->stopper_fd);
    composer_done(&s->composer);
    fault_queue_clear(&s->faults);
    pcache_free(s->pcache);
    rcache_clear(&s->rcache);
    records_free(s->records);
    ledger_free(s->ledger);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->idle);
    free(s);
}

struct sim *sim_start(const struct sim_options *o, struct err *e)
{
    struct sim *s = sim_new(o);
    int failed;

    if (make_stopper(s, e) < 0 || load_faults(s, e) < 0 || open_listener(s, e) < 0)
        goto bad;
    failed = pthread_create(&s->listener, NULL, listener_main, s);
    if (failed) {
        err_set(e, "no thread for the simulated Respan: %s", strerror(failed));
        goto bad;
    }
    return s;
bad:
    sim_free(s);
    return NULL;
}

void sim_stop(struct sim *s)
{
    if (!s)
        return;
    /* Its other end tells so from now on: every wait of every thread ends, also those yet to come. */
    close(s->stopper_fd);
    s->stopper_fd = -1;
    pthread_join(s->listener, NULL);
    pthread_mutex_lock(&s->lock);
    while (s->connections > 0)
        pthread_cond_wait(&s->idle, &s->lock);
    pthread_mutex_unlock(&s->lock);
    sim_free(s);
}

int sim_run(const struct sim_options *o, struct err *e)
{
    struct sim *s;
    sigset_t set;
    int got;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    /* Blocked before the first thread starts, so that sigwait() alone sees them. */
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    s = sim_start(o, e);
    if (!s)
        return -1;
    printf("spantop sim listening on %s\n", s->base_url);
    fflush(stdout);
    sigwait(&set, &got);
    sim_stop(s);
    return 0;
}
