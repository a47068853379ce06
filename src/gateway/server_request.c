/* Requests: the head, the body as it gathers, the end.
 *
 * - The request's exact target is only in the URI-log callback; microhttpd decodes
 *   the rest.  That callback is also the first we hear of a request, so the
 *   client is made there.
 * - The completed notice may come before or after the response is freed:
 *   a client is counted by both. */
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/server_parts.h"

/* --- Clients ------------------------------------------------------------------ */

void client_unref(struct client *c)
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

void client_left(struct client *c)
{
    if (c->is_gone)
        return;
    c->is_gone = c->is_broken = true;
    if (c->owner && c->has_head)
        c->server->events.on_gone(c->owner);
    client_resume(c);
}

bool client_is_gone(const struct client *c)
{
    return c->is_gone;
}

/* --- The body ------------------------------------------------------------------ */

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

void client_ignore_body(struct client *c)
{
    c->ignores_body = true;
}

void client_abandon_body(struct client *c)
{
    c->ignores_body = c->abandons_body = true;
}

/* --- The head and the end -------------------------------------------------------------------------- */

void *server_on_target(void *cls, const char *target, struct MHD_Connection *mhd)
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

static void take_head(struct client *c, const char *method, const char *version)
{
    struct server *s = c->server;
    struct head_reader reader = {.client = c};
    c->is_http10 = strcmp(version, "HTTP/1.0") == 0;
    c->connection = server_connection_of(c->mhd);
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

static void take_end(struct client *c)
{
    struct blob *body = c->body;
    c->body = NULL;
    c->is_requested = true;
    c->server->events.on_request(c->owner, body, c->body_bytes, c->fate);
    if (c->connection && c->connection->is_gone)
        client_left(c);
}

enum MHD_Result server_on_access(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
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
        client_suspend(c);
    return MHD_YES;
}

void server_on_completed(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode code)
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
