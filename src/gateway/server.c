/* microhttpd 0.9.75 on our loop, in external-epoll mode.
 *
 * - Its epoll descriptor is watched by ours; MHD_run() is called in a turn when
 *   that descriptor is ready, a connection was resumed, or its own timeout asks.
 * - While nothing is to be sent a connection is suspended, and then microhttpd
 *   does not look at its socket.  So each connection has our own watch for the
 *   peer's going (edge-triggered, set once for the life of the connection).
 *   A half-close counts as going, as in nginx: a client that will not read an
 *   answer looks the same.
 * - microhttpd (0.9.75) takes a read that did not fill its buffer for the last one
 *   and waits for the next edge.  When the end came together with those bytes there
 *   is none, and the connection would stay for ever.  So a peer that is gone in the
 *   middle of its request is hung up by us, once microhttpd has had its turn.
 * - A content reader with nothing to give must suspend: returning 0 alone spins.
 * - The request's exact target is only in the URI-log callback; microhttpd decodes
 *   the rest.  That callback is also the first we hear of a request, so the
 *   client is made there.
 * - The completed notice may come before or after the response is freed:
 *   a client is counted by both. */
#include "gateway/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bufq.h"
#include "base/diag.h"
#include "base/mem.h"
#include "gateway/listen.h"
#include "gateway/target.h"

/* Room for 64 KiB of headers and an answer's beside microhttpd's own use of the
 * pool; a head that is far larger gets its 431 from microhttpd.  Not more: it is
 * cleared for every request, and stays in memory with every connection. */
#define POOL_BYTES ((size_t)96 << 10)
/* This part of the connections is there only to say 503 on. */
#define SURPLUS_PART 8
/* An answer of known length is copied through a block of this size.  A chunked one
 * does not use it, yet microhttpd allocates it. */
#define BLOCK_BYTES        ((size_t)16 << 10)
#define UNUSED_BLOCK_BYTES ((size_t)64)

#define RUNS_IN_TURN 4

struct connection {
    struct server *server;
    struct watch watch;
    struct task hang_up;
    struct client *current;
    bool is_gone;
    bool is_surplus;
    bool is_from_here;
    char local_address[INET6_ADDRSTRLEN]; /* only when listening on every address */
};

struct client {
    struct server *server;
    struct client *prev, *next;
    struct connection *connection;
    struct MHD_Connection *mhd;
    void *owner;
    char *target;
    struct headers headers;
    struct blob *body;
    int64_t body_bytes;
    struct bufq out;
    int64_t delivered;
    unsigned refs;
    bool has_head;
    bool is_http10;
    bool ignores_body;
    bool abandons_body;
    enum client_body fate;
    size_t held_bytes; /* of the server's */
    bool is_requested;  /* on_request was called */
    bool is_answered;   /* a response is queued */
    bool is_suspended;
    bool is_ended;
    bool is_good;
    bool is_broken;     /* nothing more can be sent */
    bool is_gone;
};

struct server {
    struct loop *loop;
    struct MHD_Daemon *daemon;
    struct watch watch;
    struct server_events events;
    size_t body_max_bytes;
    size_t held_max_bytes;
    size_t held_bytes; /* by requests that are gathering or not yet answered */
    bool is_any_address;
    bool is_open; /* to other machines */
    bool must_run;
    unsigned connections;
    unsigned connections_max; /* above it: 503 */
    struct client *first; /* all clients alive */
};

/* --- Clients ------------------------------------------------------------------ */

static void client_unref(struct client *c)
{
    if (--c->refs > 0)
        return;
    if (c->prev)
        c->prev->next = c->next;
    else
        c->server->first = c->next;
    if (c->next)
        c->next->prev = c->prev;
    client_release_body(c);
    headers_done(&c->headers);
    blob_unref(c->body);
    bufq_done(&c->out);
    free(c->target);
    free(c);
}

static void resume(struct client *c)
{
    if (!c->is_suspended)
        return;
    c->is_suspended = false;
    MHD_resume_connection(c->mhd);
    c->server->must_run = true;
}

static void suspend(struct client *c)
{
    c->is_suspended = true;
    MHD_suspend_connection(c->mhd);
}

static void client_left(struct client *c)
{
    if (c->is_gone)
        return;
    c->is_gone = c->is_broken = true;
    if (c->owner && c->has_head)
        c->server->events.on_gone(c->owner);
    resume(c);
}

static void on_peer_gone(void *arg, unsigned events)
{
    struct connection *conn = arg;
    (void)events;
    conn->is_gone = true;
    if (conn->current && conn->current->is_requested)
        client_left(conn->current);
    else
        loop_defer(conn->server->loop, &conn->hang_up);
}

/* The peer left in the middle of a request (see microhttpd's edges above). */
static void hang_up_now(void *arg)
{
    struct connection *conn = arg;
    if (!conn->current || !conn->current->is_requested)
        (void)shutdown(conn->watch.fd, SHUT_RDWR);
}

/* --- Connections ----------------------------------------------------------------- */

static void note_local_address(struct connection *conn, int fd)
{
    struct sockaddr_storage at = {0};
    socklen_t len = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return;
    if (at.ss_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)&at)->sin_addr, conn->local_address, sizeof conn->local_address);
    else if (at.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&at)->sin6_addr, conn->local_address, sizeof conn->local_address);
}

/* Who connects from the very address that was reached is on this machine. */
static bool is_same_machine(int fd)
{
    struct sockaddr_storage here = {0}, there = {0};
    socklen_t here_len = sizeof here, there_len = sizeof there;
    if (getsockname(fd, (struct sockaddr *)&here, &here_len) != 0 ||
        getpeername(fd, (struct sockaddr *)&there, &there_len) != 0 || here.ss_family != there.ss_family)
        return false;
    if (here.ss_family == AF_INET)
        return ((struct sockaddr_in *)&here)->sin_addr.s_addr == ((struct sockaddr_in *)&there)->sin_addr.s_addr;
    return here.ss_family == AF_INET6 && IN6_ARE_ADDR_EQUAL(&((struct sockaddr_in6 *)&here)->sin6_addr,
                                                            &((struct sockaddr_in6 *)&there)->sin6_addr);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code)
{
    struct server *s = cls;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        struct connection *conn = *context;
        if (conn) {
            loop_undefer(s->loop, &conn->hang_up);
            loop_unwatch(s->loop, &conn->watch);
            s->connections--;
        }
        /* After a limit was met microhttpd listens again only in its next turn. */
        s->must_run = true;
        free(conn);
        *context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct connection *conn = xcalloc(1, sizeof *conn);
    struct err e;
    int one = 1;
    *conn = (struct connection){.server = s, .watch = {.fn = on_peer_gone, .arg = conn},
                               .hang_up = {.fn = hang_up_now, .arg = conn}};
    (void)setsockopt(info->connect_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (loop_watch(s->loop, &conn->watch, info->connect_fd, LOOP_GONE, &e) != 0)
        diag_line("%s: this client's leaving will be noticed late", e.text);
    if (s->is_any_address)
        note_local_address(conn, info->connect_fd);
    conn->is_surplus = ++s->connections > s->connections_max;
    conn->is_from_here = !s->is_open || is_same_machine(info->connect_fd);
    *context = conn;
}

static struct connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* --- Requests -------------------------------------------------------------------------- */

static void *on_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
    struct server *s = cls;
    struct client *c = xcalloc(1, sizeof *c);
    c->server = s;
    c->mhd = mhd;
    c->refs = 1;
    c->target = xstrdup(target);
    headers_init(&c->headers);
    bufq_init(&c->out, CLIENT_QUEUE_HIGH, CLIENT_QUEUE_LOW);
    c->next = s->first;
    if (c->next)
        c->next->prev = c;
    s->first = c;
    return c;
}

struct head_reader {
    struct client *client;
    size_t accounted; /* bytes of the head that its lines explain */
};

static enum MHD_Result read_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                   const char *value, size_t value_len)
{
    struct head_reader *r = cls;
    (void)kind;
    if (headers_add(&r->client->headers, name, name_len, value ? value : "", value ? value_len : 0) != 0)
        return MHD_NO;
    /* Both stand in the same buffer as received, so their distance counts the
     * colon and the blanks behind it. */
    size_t upto_value = value > name ? (size_t)(value - name) : name_len + 1;
    r->accounted += upto_value + value_len + 2;
    return MHD_YES;
}

/* microhttpd joins folded header lines without a trace.  What betrays them is the
 * head's size: it is larger than all its lines together. */
static size_t folded_bytes(const struct client *c, const char *method, const char *version, size_t accounted,
                           size_t head_bytes)
{
    size_t request_line = strlen(method) + 1 + strlen(c->target) + 1 + strlen(version) + 2;
    size_t explained = request_line + accounted + 2;
    return head_bytes > explained ? head_bytes - explained : 0;
}

static int64_t content_length_of(const struct headers *h)
{
    const char *value = headers_get(h, "Content-Length");
    return value ? (int64_t)strtoll(value, NULL, 10) : -1;
}

/* Room for len bytes of this request altogether; a body that stands alone has it
 * always, or a bound below body_max_bytes would refuse it for ever. */
static bool hold(struct client *c, size_t len)
{
    struct server *s = c->server;
    size_t others = s->held_bytes - c->held_bytes;
    if (others > 0 && (len > s->held_max_bytes || others > s->held_max_bytes - len))
        return false;
    s->held_bytes = others + len;
    c->held_bytes = len;
    return true;
}

void client_release_body(struct client *c)
{
    c->server->held_bytes -= c->held_bytes;
    c->held_bytes = 0;
}

/* It is drained and told, since many clients do not read an answer that comes
 * before their upload is over. */
static void give_body_up(struct client *c, enum client_body why)
{
    c->fate = why;
    blob_unref(c->body);
    c->body = NULL;
    client_release_body(c);
}

static void take_head(struct client *c, const char *method, const char *version)
{
    struct server *s = c->server;
    struct head_reader reader = {.client = c};
    c->is_http10 = strcmp(version, "HTTP/1.0") == 0;
    c->connection = connection_of(c->mhd);
    if (c->connection)
        c->connection->current = c;
    MHD_get_connection_values_n(c->mhd, MHD_HEADER_KIND, read_header, &reader);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    struct client_head head = {
        .method = method,
        .target = c->target,
        .headers = &c->headers,
        .head_bytes = info ? info->header_size : 0,
        .content_length = content_length_of(&c->headers),
        .local_address = c->connection && c->connection->local_address[0] ? c->connection->local_address : NULL,
        .is_from_here = c->connection && c->connection->is_from_here,
    };
    head.folded_bytes = folded_bytes(c, method, version, reader.accounted, head.head_bytes);
    c->has_head = true;
    c->owner = s->events.on_head(s->events.arg, c, &head);
    if (head.content_length > (int64_t)s->body_max_bytes)
        c->fate = CLIENT_BODY_TOO_LARGE;
    else if (head.content_length > 0 && !c->ignores_body) {
        if (hold(c, (size_t)head.content_length))
            c->body = blob_new((size_t)head.content_length);
        else
            c->fate = CLIENT_BODY_NO_ROOM;
    }
}

static void take_body(struct client *c, const char *data, size_t len)
{
    c->body_bytes += (int64_t)len;
    if (c->ignores_body || c->fate != CLIENT_BODY_WHOLE)
        return;
    if ((size_t)c->body_bytes > c->server->body_max_bytes) {
        give_body_up(c, CLIENT_BODY_TOO_LARGE);
        return;
    }
    bool has_room = (size_t)c->body_bytes <= c->held_bytes || hold(c, (size_t)c->body_bytes);
    if (has_room && !c->body)
        c->body = blob_new(len);
    if (!has_room || !c->body || blob_put(&c->body, data, len, c->server->body_max_bytes) != 0)
        give_body_up(c, CLIENT_BODY_NO_ROOM);
}

static void take_end(struct client *c)
{
    struct blob *body = c->body;
    c->body = NULL;
    c->is_requested = true;
    c->server->events.on_request(c->owner, body, c->body_bytes, c->fate);
    if (c->connection && c->connection->is_gone)
        client_left(c);
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                 const char *version, const char *data, size_t *data_len, void **context)
{
    struct client *c = *context;
    (void)cls;
    (void)mhd;
    (void)url;
    if (!c->has_head) {
        take_head(c, method, version);
        if (c->abandons_body)
            take_end(c);
        return MHD_YES;
    }
    if (*data_len > 0) {
        take_body(c, data, *data_len);
        *data_len = 0;
        return MHD_YES;
    }
    if (!c->is_requested)
        take_end(c);
    if (c->is_broken)
        return MHD_NO; /* closes the connection */
    if (!c->is_answered)
        suspend(c);
    return MHD_YES;
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode code)
{
    struct server *s = cls;
    struct client *c = *context;
    (void)mhd;
    *context = NULL;
    if (!c)
        return;
    if (c->connection && c->connection->current == c)
        c->connection->current = NULL;
    bool is_whole = code == MHD_REQUEST_TERMINATED_COMPLETED_OK && !c->is_broken;
    if (c->has_head && c->owner)
        s->events.on_closed(c->owner, is_whole, c->delivered);
    c->owner = NULL;
    client_unref(c);
}

/* --- Answers ------------------------------------------------------------------------------ */

/* HTTP/1.0 has no chunks: to such a client the connection's end is the answer's,
 * and a broken one must end by a reset.  microhttpd would say FIN first; undoing
 * the connection (Linux) sends the reset now. */
static ssize_t break_answer(struct client *c)
{
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    if (c->is_http10 && c->connection)
        (void)connect(c->connection->watch.fd, &none, sizeof none);
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t read_answer(void *cls, uint64_t pos, char *out, size_t max)
{
    struct client *c = cls;
    (void)pos;
    if (c->is_broken)
        return break_answer(c);
    struct bytes waiting = bufq_peek(&c->out);
    if (waiting.len > 0) {
        size_t n = waiting.len < max ? waiting.len : max;
        memcpy(out, waiting.data, n);
        bufq_drop(&c->out, n);
        c->delivered += (int64_t)n;
        if (bufq_is_low(&c->out) && c->owner && !c->is_ended)
            c->server->events.on_drained(c->owner);
        return (ssize_t)n;
    }
    if (c->is_ended)
        return c->is_good ? MHD_CONTENT_READER_END_OF_STREAM : break_answer(c);
    suspend(c);
    return 0;
}

static void answer_freed(void *cls)
{
    client_unref(cls);
}

/* microhttpd makes the framing itself and refuses empty values, which say nothing
 * that their absence does not. */
static bool is_made_here(const char *name)
{
    return strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Transfer-Encoding") == 0;
}

static void put_headers(struct MHD_Response *r, const struct headers *h)
{
    for (size_t i = 0; i < h->count; i++)
        if (!is_made_here(headers_name(h, i)))
            (void)MHD_add_response_header(r, headers_name(h, i), headers_value(h, i));
}

int client_answer(struct client *c, int status, const struct headers *headers, int64_t length)
{
    if (c->is_broken || c->is_answered)
        return -1;
    c->refs++; /* answer_freed() gives it back */
    uint64_t size = length >= 0 ? (uint64_t)length : MHD_SIZE_UNKNOWN;
    size_t block = length < 0 ? UNUSED_BLOCK_BYTES : BLOCK_BYTES;
    struct MHD_Response *r = MHD_create_response_from_callback(size, block, read_answer, c, answer_freed);
    if (!r) {
        c->refs--; /* the request itself still holds it */
        goto broken;
    }
    put_headers(r, headers);
    enum MHD_Result queued = MHD_queue_response(c->mhd, (unsigned)status, r);
    MHD_destroy_response(r);
    if (queued != MHD_YES)
        goto broken;
    c->is_answered = true;
    resume(c);
    return 0;
broken:
    c->is_broken = true;
    resume(c);
    return -1;
}

int client_send(struct client *c, const void *data, size_t len)
{
    if (c->is_broken)
        return 0; /* nobody reads it any more */
    if (bufq_put(&c->out, data, len) != 0)
        return -1;
    resume(c);
    return 0;
}

void client_end(struct client *c, bool is_good)
{
    if (c->is_ended)
        return;
    c->is_ended = true;
    c->is_good = is_good;
    if (!c->is_answered && !is_good)
        c->is_broken = true;
    resume(c);
}

void client_ignore_body(struct client *c)
{
    c->ignores_body = true;
}

void client_abandon_body(struct client *c)
{
    c->ignores_body = c->abandons_body = true;
}

bool client_is_surplus(const struct client *c)
{
    return c->connection && c->connection->is_surplus;
}

bool client_is_gone(const struct client *c)
{
    return c->is_gone;
}

/* --- The daemon ------------------------------------------------------------------------------ */

static int64_t wait_us(void *arg)
{
    struct server *s = arg;
    MHD_UNSIGNED_LONG_LONG ms;
    if (s->must_run)
        return 0;
    if (MHD_get_timeout(s->daemon, &ms) != MHD_YES)
        return INT64_MAX; /* no timeout, not zero */
    if (ms == 0)
        s->must_run = true;
    return (int64_t)ms * 1000;
}

/* It takes one piece of each upload a run; asking the kernel for other work between
 * all of them costs more than they do. */
static void run(void *arg)
{
    struct server *s = arg;
    for (int i = 0; s->must_run && i < RUNS_IN_TURN; i++) {
        s->must_run = false;
        if (MHD_run(s->daemon) != MHD_YES)
            diag_line("the HTTP server reported an error; going on");
        (void)wait_us(s);
    }
}

static void on_ready(void *arg, unsigned events)
{
    struct server *s = arg;
    (void)events;
    s->must_run = true;
}

static void on_log(void *cls, const char *fmt, va_list args) PRINTF_LIKE(2, 0);
static void on_log(void *cls, const char *fmt, va_list args)
{
    char line[256];
    (void)cls;
    vsnprintf(line, sizeof line, fmt, args);
    line[strcspn(line, "\r\n")] = '\0';
    diag_line("http: %s", line);
}

struct server *server_new(struct loop *l, const struct server_options *o, int fd, struct err *e)
{
    struct server *s = xcalloc(1, sizeof *s);
    s->loop = l;
    s->events = o->events;
    s->body_max_bytes = o->body_max_bytes;
    s->held_max_bytes = o->held_max_bytes;
    s->is_any_address = strcmp(o->host, "0.0.0.0") == 0 || strcmp(o->host, "::") == 0;
    s->is_open = !host_is_loopback(o->host);
    unsigned limit = listen_connection_limit();
    s->connections_max = limit - limit / SURPLUS_PART;
    s->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
                                 NULL, NULL, on_access, NULL,
                                 MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
                                 MHD_OPTION_LISTEN_SOCKET, fd,
                                 MHD_OPTION_CONNECTION_LIMIT, limit,
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_BYTES,
                                 MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
                                 MHD_OPTION_URI_LOG_CALLBACK, on_target, s,
                                 MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
                                 MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
                                 MHD_OPTION_END);
    if (!s->daemon) {
        err_set(e, "cannot start the HTTP server: %s", strerror(errno));
        close(fd);
        goto fail;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    s->watch = (struct watch){.fn = on_ready, .arg = s};
    if (!info || loop_watch(l, &s->watch, info->epoll_fd, LOOP_READ, e) != 0)
        goto fail;
    loop_set_hook(l, &(struct loop_hook){.wait_us = wait_us, .run = run, .arg = s});
    s->must_run = true;
    return s;
fail:
    server_free(s);
    return NULL;
}

/* A suspended connection makes MHD_stop_daemon() abort the process, so all are
 * woken first; their readers then end with an error. */
void server_abort_all(struct server *s)
{
    for (struct client *c = s->first; c; c = c->next) {
        c->is_broken = true;
        resume(c);
    }
    for (int turn = 0; turn < 8 && s->first; turn++)
        (void)MHD_run(s->daemon);
}

void server_free(struct server *s)
{
    if (!s)
        return;
    if (s->daemon) {
        server_abort_all(s);
        loop_set_hook(s->loop, NULL);
        loop_unwatch(s->loop, &s->watch);
        MHD_stop_daemon(s->daemon);
    }
    free(s);
}
