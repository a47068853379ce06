/* Answers: their bytes wait in a queue until microhttpd asks for them.
 *
 * A content reader with nothing to give must suspend: returning 0 alone spins. */
#include <microhttpd.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/bufq.h"
#include "gateway/server_parts.h"

/* An answer of known length is copied through a block of this size.  A chunked one
 * does not use it, yet microhttpd allocates it. */
#define BLOCK_BYTES        ((size_t)16 << 10)
#define UNUSED_BLOCK_BYTES ((size_t)64)

void client_resume(struct client *c)
{
    if (!c->is_suspended)
        return;
    c->is_suspended = false;
    MHD_resume_connection(c->mhd);
    c->server->must_run = true;
}

void client_suspend(struct client *c)
{
    c->is_suspended = true;
    MHD_suspend_connection(c->mhd);
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
    client_suspend(c);
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
    client_resume(c);
    return 0;
broken:
    c->is_broken = true;
    client_resume(c);
    return -1;
}

int client_send(struct client *c, const void *data, size_t len)
{
    if (c->is_broken)
        return 0; /* nobody reads it any more */
    if (bufq_put(&c->out, data, len) != 0)
        return -1;
    client_resume(c);
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
    client_resume(c);
}
