/* A request to the upstream, made and sent on.
 *
 * BYTES.  Every header line comes from the request; what libcurl would add by
 * itself (Accept, Content-Type, Expect, User-Agent) is suppressed.  The target is
 * given by CURLOPT_REQUEST_TARGET, which is not touched.  Nothing is decoded but
 * the chunked framing. */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "gateway/upstream_parts.h"

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
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, upstream_on_new_socket);
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
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, transfer_on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, transfer_on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, upstream_on_about_to_send);
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
        t->idle = (struct timer){.fn = transfer_on_idle, .arg = t};
        t->resume = (struct task){.fn = transfer_resume_now, .arg = t};
        t->remove = (struct task){.fn = transfer_retire_now, .arg = t};
        set_lasting_options(u, t);
    }
    reply_head_reset(&t->head);
    t->tries = 0;
    t->is_paused = t->is_silent = t->is_cancelled = t->is_spoilt = false;
    curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, (long)upstream_must_connect_anew(u));
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
        transfer_unlink(t);
        transfer_free(t);
    }
    return NULL;
}
