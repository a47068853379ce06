/* libcurl's multi interface on our loop.
 *
 * NO RESENDING.  When a kept-alive connection dies before the first byte of an
 * answer, libcurl sends the whole request again by itself (Curl_retry_request,
 * up to 5 times), although the upstream may have acted on the first copy and
 * billed it.  No option turns that off, but each time a request is about to go
 * out libcurl calls CURLOPT_PREREQFUNCTION: the second such call for one transfer
 * is a resend, and it is let through only if not one byte of the first was
 * accepted by the kernel (CURLINFO_REQUEST_SIZE still 0, as when the send itself
 * failed).  Otherwise the transfer ends as cut, and the client, who knows what it
 * asked for, decides.  To make that rare, idle connections are not used beyond
 * KEEP_IDLE_S, and libcurl looks whether the peer has closed before using one; one
 * that holds bytes of nobody is left for a fresh one (is_spoilt).
 *
 * CALLBACKS.  A transfer may not be removed from inside its own callbacks, and
 * unpausing may call back before it returns: both are deferred to the end of the
 * loop's turn.  The timer callback only arms our timer.
 *
 * BYTES.  Every header line comes from the request; what libcurl would add by
 * itself (Accept, Content-Type, Expect, User-Agent) is suppressed.  The target is
 * given by CURLOPT_REQUEST_TARGET, which is not touched.  Nothing is decoded but
 * the chunked framing. */
#include "gateway/upstream.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/mem.h"
#include "gateway/reply_head.h"

/* Load balancers close idle connections after 60 s or more; one that is younger
 * is very likely still open. */
#define KEEP_IDLE_S 45L
/* Kept-alive connections at most: a burst of subagents, not more. */
#define KEEP_CONNECTIONS 64L
/* Easy handles kept for reuse: making one costs more than a whole call's work. */
#define KEEP_HANDLES 32
/* Few send calls for a body; given back as soon as it is out. */
#define UPLOAD_BYTES 262144L
/* Bytes sent and not acknowledged for this long: the way is gone (a laptop slept,
 * a network changed), though nobody closed the connection. */
#define UNACKED_MS 30000
/* The kernel doubles it.  Left to itself it grows to megabytes, and pausing would
 * not slow the upstream; streams of text need far less. */
#define RECEIVE_BUFFER (128 << 10)
#define IDLE_MS_DEFAULT    600000 /* above the client's own 300 s */
#define CONNECT_MS_DEFAULT 10000

/* The newest sockets, twice as many as are kept. */
#define OPENED_SOCKETS ((size_t)2 * KEEP_CONNECTIONS)

struct opened {
    curl_socket_t fd; /* 0: none */
    int port;         /* our end's when it was last asked; 0: not connected yet; -1: closed */
};

struct socket_watch {
    struct upstream *upstream;
    struct watch watch;
    curl_socket_t fd;
    struct socket_watch *next;
};

struct transfer {
    struct upstream *upstream;
    struct transfer *prev, *next;
    CURL *easy;
    struct transfer_events events;
    struct blob *body;
    struct buf lines;          /* header lines, each with a NUL */
    struct curl_slist *nodes;  /* into lines; curl only reads them */
    size_t node_cap;
    struct reply_head head;
    struct timer idle;
    struct task resume;
    struct task remove;
    int64_t idle_us;
    int64_t last_us;           /* when bytes last came */
    unsigned tries;
    bool is_paused;
    bool is_silent;
    bool is_cancelled;
    bool is_spoilt; /* the kept connection it got holds bytes of nobody */
    char error[CURL_ERROR_SIZE];
};

struct upstream {
    struct loop *loop;
    const struct upstream_base *base;
    CURLM *multi;
    CURLSH *share;
    struct timer timer;
    struct transfer *running; /* list */
    struct transfer *spare;   /* list by next */
    size_t spare_count;
    struct socket_watch *sockets;
    char *ca_file;
    int64_t idle_ms;
    int64_t connect_ms;
    struct opened opened[OPENED_SOCKETS]; /* maybe closed since: only for is_spoilt() */
    size_t opened_count;
};

static void read_messages(struct upstream *u);

/* --- The body, when it is out ------------------------------------------------------- */

/* Once all of it went out the request's body is not read again (see NO RESENDING).
 * libcurl would keep its copying buffer for the life of the handle, 64 KiB and more
 * a stream; setting its size, to whatever value, frees it. */
static void drop_sent_body(struct transfer *t)
{
    curl_off_t sent = 0;
    if (!t->body || curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &sent) != CURLE_OK)
        return;
    if ((size_t)sent < t->body->len)
        return;
    blob_unref(t->body);
    t->body = NULL;
    curl_easy_setopt(t->easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BYTES);
}

static void on_sent(CURL *easy)
{
    struct transfer *t = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
    if (t && t->tries > 0) /* else it waits for the connection */
        drop_sent_body(t);
}

/* --- Sockets and the timer ---------------------------------------------------- */

static void on_socket_ready(void *arg, unsigned events)
{
    struct socket_watch *w = arg;
    struct upstream *u = w->upstream;
    int mask = (events & LOOP_READ ? CURL_CSELECT_IN : 0) | (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0);
    int running;
    if (events & LOOP_GONE)
        mask |= CURL_CSELECT_IN | CURL_CSELECT_ERR;
    curl_multi_socket_action(u->multi, w->fd, mask, &running);
    read_messages(u);
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
    read_messages(u);
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

/* --- A transfer's life ----------------------------------------------------------- */

static void unlink_running(struct transfer *t)
{
    if (t->prev)
        t->prev->next = t->next;
    else
        t->upstream->running = t->next;
    if (t->next)
        t->next->prev = t->prev;
    t->prev = t->next = NULL;
}

static void transfer_free(struct transfer *t)
{
    curl_easy_cleanup(t->easy);
    blob_unref(t->body);
    buf_done(&t->lines);
    reply_head_done(&t->head);
    free(t->nodes);
    free(t);
}

/* Out of the multi handle and back among the spare ones. */
static void retire(struct transfer *t)
{
    struct upstream *u = t->upstream;
    loop_timer_clear(u->loop, &t->idle);
    loop_undefer(u->loop, &t->resume);
    loop_undefer(u->loop, &t->remove);
    curl_multi_remove_handle(u->multi, t->easy);
    unlink_running(t);
    blob_unref(t->body);
    t->body = NULL;
    if (u->spare_count >= KEEP_HANDLES) {
        transfer_free(t);
        return;
    }
    t->next = u->spare;
    u->spare = t;
    u->spare_count++;
}

static void end(struct transfer *t, enum transfer_end how, const char *text)
{
    struct transfer_events events = t->events;
    char copy[CURL_ERROR_SIZE + 64];
    snprintf(copy, sizeof copy, "%s", text);
    retire(t);
    events.on_end(events.owner, how, copy);
}

static enum transfer_end end_of(const struct transfer *t, CURLcode code)
{
    long request_size = 0;
    if (code == CURLE_OK)
        return t->head.is_whole ? TRANSFER_WHOLE : TRANSFER_CUT;
    if (t->is_silent)
        return TRANSFER_SILENT;
    curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &request_size);
    return t->tries > 0 && request_size > 0 ? TRANSFER_CUT : TRANSFER_CONNECT;
}

static void finish(struct transfer *t, CURLcode code)
{
    enum transfer_end how = end_of(t, code);
    const char *text = t->error[0] ? t->error : curl_easy_strerror(code);
    /* "Out of memory" is libcurl's word for a header line above its bound of 100 KB. */
    if (t->head.is_bad || (code == CURLE_OUT_OF_MEMORY && !t->head.is_whole))
        text = "its answer's headers are malformed or larger than 20 KB";
    else if (code == CURLE_ABORTED_BY_CALLBACK)
        text = "a kept-alive connection closed after the request was sent; it is not sent again, since it may have been acted on";
    else if (code == CURLE_OK && how == TRANSFER_CUT)
        text = "it closed the connection without an answer";
    end(t, how, text);
}

/* Nothing of the request went out yet: once more, on a connection of its own. */
static bool ask_afresh(struct transfer *t)
{
    t->is_spoilt = false;
    t->error[0] = '\0';
    curl_multi_remove_handle(t->upstream->multi, t->easy);
    curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L);
    return curl_multi_add_handle(t->upstream->multi, t->easy) == CURLM_OK;
}

static void read_messages(struct upstream *u)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(u->multi, &left))) {
        if (m->msg != CURLMSG_DONE)
            continue;
        struct transfer *t = NULL;
        CURLcode code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        if (t->is_cancelled)
            retire(t);
        else if (!t->is_spoilt || !ask_afresh(t))
            finish(t, code);
    }
}

static void remove_now(void *arg)
{
    retire(arg);
}

void transfer_cancel(struct transfer *t)
{
    if (t->is_cancelled)
        return;
    t->is_cancelled = true;
    loop_timer_clear(t->upstream->loop, &t->idle);
    loop_defer(t->upstream->loop, &t->remove);
}

static void resume_now(void *arg)
{
    struct transfer *t = arg;
    struct upstream *u = t->upstream;
    int running;
    if (t->is_cancelled)
        return;
    t->is_paused = false;
    t->last_us = loop_now_us(u->loop);
    curl_easy_pause(t->easy, CURLPAUSE_CONT);
    /* Let curl act on what the unpausing changed without waiting for a socket. */
    curl_multi_socket_action(u->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    read_messages(u);
}

void transfer_resume(struct transfer *t)
{
    if (t->is_paused)
        loop_defer(t->upstream->loop, &t->resume);
}

static void on_idle(void *arg)
{
    struct transfer *t = arg;
    int64_t now_us = loop_now_us(t->upstream->loop);
    int64_t due_us = t->last_us + t->idle_us;
    if (t->is_paused)
        due_us = now_us + t->idle_us; /* it is the client who is slow */
    if (due_us > now_us) {
        loop_timer_set(t->upstream->loop, &t->idle, due_us);
        return;
    }
    char text[128];
    snprintf(text, sizeof text, "nothing came for %lld s", (long long)(t->idle_us / 1000000));
    t->is_silent = true;
    end(t, TRANSFER_SILENT, text);
}

/* --- The answer, as it comes -------------------------------------------------------- */

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * count;
    t->last_us = loop_now_us(t->upstream->loop);
    if (t->is_cancelled)
        return 0;
    if (reply_head_line(&t->head, line, len)) {
        drop_sent_body(t);
        t->events.on_head(t->events.owner, t->head.status, &t->head.headers);
    }
    return t->is_cancelled || t->head.is_bad ? 0 : len;
}

static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * count;
    t->last_us = loop_now_us(t->upstream->loop);
    if (t->is_cancelled || !t->head.is_whole)
        return len + 1; /* ends the transfer */
    if (t->events.on_body(t->events.owner, data, len))
        return t->is_cancelled ? len + 1 : len;
    t->is_paused = true;
    return CURL_WRITEFUNC_PAUSE;
}

static int local_port(curl_socket_t fd)
{
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        return -1;
    if (a.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&a)->sin_port);
    return a.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&a)->sin6_port) : -1;
}

/* Every one whose port is not known yet is asked once; the right one is asked each
 * time, since its number may stand for another socket by now. */
static curl_socket_t find_opened(struct upstream *u, int port)
{
    for (size_t i = 0; i < OPENED_SOCKETS && u->opened[i].fd > 0; i++) {
        struct opened *o = &u->opened[i];
        if (o->port != 0 && o->port != port)
            continue;
        o->port = local_port(o->fd);
        if (o->port == port)
            return o->fd;
    }
    return CURL_SOCKET_BAD;
}

/* A kept connection on which something waits that nobody asked for (bytes behind
 * the last answer's length) would be taken for the next answer.  libcurl 7.88 sees
 * only whether the peer closed it (delete this when every supported one sees more).
 * Which connection a transfer got is known by its local port alone:
 * CURLINFO_ACTIVESOCKET tells nothing before the transfer's end. */
static bool is_spoilt(const struct transfer *t, int port)
{
    long made = 0;
    char byte;
    if (curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &made) != CURLE_OK || made > 0)
        return false;
    curl_socket_t fd = find_opened(t->upstream, port);
    return fd != CURL_SOCKET_BAD && recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

static int on_about_to_send(void *arg, char *to, char *from, int to_port, int from_port)
{
    struct transfer *t = arg;
    long sent = 0;
    (void)to;
    (void)from;
    (void)to_port;
    curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &sent);
    t->is_spoilt = t->tries == 0 && is_spoilt(t, from_port);
    if (t->is_spoilt)
        return CURL_PREREQFUNC_ABORT;
    t->tries++;
    return t->tries > 1 && sent > 0 ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* --- Making a request ------------------------------------------------------------------ */

static int on_new_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    struct upstream *u = arg;
    (void)purpose;
    int receive_buffer = RECEIVE_BUFFER;
    u->opened[u->opened_count++ % OPENED_SOCKETS] = (struct opened){fd, 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
#ifdef TCP_USER_TIMEOUT
    unsigned unacked_ms = UNACKED_MS;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked_ms, sizeof unacked_ms);
#endif
    return CURL_SOCKOPT_OK;
}

static void set_lasting_options(struct upstream *u, struct transfer *t)
{
    CURL *easy = t->easy;
    curl_easy_setopt(easy, CURLOPT_URL, u->base->origin);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 30L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 10L);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_new_socket);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, u);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, KEEP_IDLE_S);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)u->connect_ms);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BYTES);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SHARE, u->share);
    if (u->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, u->ca_file);
    /* The proxy variables are libcurl's own business, but never for this machine. */
    if (u->base->is_loopback)
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    /* A tunnel for http:// as well: the raw target would not suit a plain proxy. */
    curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_about_to_send);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, t);
}

static struct transfer *transfer_take(struct upstream *u)
{
    struct transfer *t = u->spare;
    if (t) {
        u->spare = t->next;
        u->spare_count--;
    } else {
        t = xcalloc(1, sizeof *t);
        t->upstream = u;
        t->easy = curl_easy_init();
        if (!t->easy) {
            free(t);
            return NULL;
        }
        buf_init_max(&t->lines, HEADERS_TEXT_MAX);
        reply_head_init(&t->head);
        t->idle = (struct timer){.fn = on_idle, .arg = t};
        t->resume = (struct task){.fn = resume_now, .arg = t};
        t->remove = (struct task){.fn = remove_now, .arg = t};
        set_lasting_options(u, t);
    }
    reply_head_reset(&t->head);
    t->tries = 0;
    t->is_paused = t->is_silent = t->is_cancelled = t->is_spoilt = false;
    curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 0L);
    t->error[0] = '\0';
    t->last_us = loop_now_us(u->loop);
    t->next = u->running;
    t->prev = NULL;
    if (t->next)
        t->next->prev = t;
    u->running = t;
    return t;
}

/* One line; its offset goes where the pointer will, since lines may still move. */
static int put_line(struct transfer *t, size_t *count, const char *name, const char *value)
{
    if (*count == t->node_cap) {
        t->node_cap = t->node_cap ? 2 * t->node_cap : 48;
        t->nodes = xrealloc(t->nodes, t->node_cap * sizeof *t->nodes);
    }
    t->nodes[*count].data = (char *)t->lines.len;
    (*count)++;
    /* curl's ways to say: empty header "Name;", no such header "Name:". */
    buf_puts(&t->lines, name);
    if (!value)
        buf_putc(&t->lines, ':');
    else if (!*value)
        buf_putc(&t->lines, ';');
    else {
        buf_puts(&t->lines, ": ");
        buf_puts(&t->lines, value);
    }
    return buf_putc(&t->lines, '\0');
}

static int put_lines(struct transfer *t, const struct headers *h)
{
    static const char *const own[] = {"Accept", "Content-Type", "User-Agent"};
    size_t count = 0;
    buf_reset(&t->lines);
    for (size_t i = 0; i < h->count; i++)
        if (strcasecmp(headers_name(h, i), "Host") != 0 && strcasecmp(headers_name(h, i), "Expect") != 0)
            (void)put_line(t, &count, headers_name(h, i), headers_value(h, i));
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (headers_find(h, own[i], 0) == HEADERS_NONE)
            (void)put_line(t, &count, own[i], NULL);
    (void)put_line(t, &count, "Expect", NULL);
    if (t->lines.failed)
        return -1;
    for (size_t i = 0; i < count; i++) {
        t->nodes[i].data = t->lines.data + (size_t)t->nodes[i].data;
        t->nodes[i].next = i + 1 < count ? &t->nodes[i + 1] : NULL;
    }
    return 0;
}

static void set_method(struct transfer *t, const struct transfer_request *r)
{
    CURL *easy = t->easy;
    bool has_body = r->body && r->body->len > 0;
    bool is_head = strcmp(r->method, "HEAD") == 0;
    /* In this order: each of NOBODY, HTTPGET and POST resets the others. */
    curl_easy_setopt(easy, CURLOPT_NOBODY, 0L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
    if (has_body || (r->has_length_zero && !is_head)) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, has_body ? r->body->data : "");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, has_body ? (curl_off_t)r->body->len : (curl_off_t)0);
        if (strcmp(r->method, "POST") != 0)
            curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method);
    } else if (is_head) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
        if (strcmp(r->method, "GET") != 0)
            curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method);
    }
}

struct transfer *upstream_send(struct upstream *u, const struct transfer_request *r, struct err *e)
{
    struct transfer *t = transfer_take(u);
    if (!t || put_lines(t, r->headers) != 0) {
        err_set(e, "no memory for the request to the upstream");
        goto fail;
    }
    t->events = r->events;
    t->body = blob_ref(r->body);
    t->idle_us = (r->idle_ms ? r->idle_ms : u->idle_ms) * 1000;
    set_method(t, r);
    curl_easy_setopt(t->easy, CURLOPT_REQUEST_TARGET, r->target);
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->nodes);
    CURLMcode code = curl_multi_add_handle(u->multi, t->easy);
    if (code != CURLM_OK) {
        err_set(e, "cannot start the request to the upstream: %s", curl_multi_strerror(code));
        goto fail;
    }
    loop_timer_set(u->loop, &t->idle, loop_now_us(u->loop) + t->idle_us);
    return t;
fail:
    if (t) {
        unlink_running(t);
        transfer_free(t);
    }
    return NULL;
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
        retire(u->running); /* NOLINT(clang-analyzer-unix.Malloc): it moves u->running on */
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
