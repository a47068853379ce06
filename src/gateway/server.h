/* The HTTP server side: clients, their requests, and the answers sent to them.
 * The only user of microhttpd.
 *
 * One struct client is one HTTP request, from its head to the last byte of its
 * answer; connections live behind it.  Its way:
 *   on_head (guards, what to do with the body) → body gathers → on_request →
 *   client_answer() once → client_send() as bytes come → client_end() → on_closed.
 *
 * Flow: client_send() refuses while CLIENT_QUEUE_HIGH bytes wait; on_drained
 * tells when to go on.  A client that leaves is told by on_gone at once, also
 * while nothing is being sent (microhttpd itself would not notice then).
 *
 * Thread: proxy thread.
 * Memory: the server owns clients; a pointer is good until on_closed returned. */
#ifndef SPANTOP_GATEWAY_SERVER_H
#define SPANTOP_GATEWAY_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "gateway/headers.h"
#include "gateway/loop.h"

/* Together with one read of the upstream (16 KiB) and what the kernel holds,
 * a slow client adds well below 1 MiB. */
#define CLIENT_QUEUE_HIGH ((size_t)256 << 10)
#define CLIENT_QUEUE_LOW  ((size_t)64 << 10)

struct client;

struct client_head {
    const char *method;
    const char *target;            /* byte-exact */
    const struct headers *headers; /* lent until on_closed */
    size_t head_bytes;
    size_t folded_bytes;           /* see guard.h */
    int64_t content_length;        /* -1: none given */
    const char *local_address;     /* NULL unless listening on every address */
    bool is_from_here;             /* the client runs on this machine */
};

/* What became of a request's body. */
enum client_body {
    CLIENT_BODY_WHOLE,     /* or there was none, or nobody wanted it */
    CLIENT_BODY_TOO_LARGE, /* above body_max_bytes; counted only */
    CLIENT_BODY_NO_ROOM,   /* all requests together hold too much memory; counted only */
};

struct server_events {
    void *arg;
    /* The head is in.  Returns the owner's object for this request. */
    void *(*on_head)(void *arg, struct client *c, const struct client_head *head);
    /* The request is whole: answer now or later.  body is given away: NULL when
     * there was none, or when it was too large or unwanted and thus only counted. */
    void (*on_request)(void *owner, struct blob *body, int64_t body_bytes, enum client_body fate);
    void (*on_drained)(void *owner);
    /* The client left before its answer ended.  on_closed follows. */
    void (*on_gone)(void *owner);
    /* Over: is_whole when all of the answer was handed to the client's socket.
     * delivered counts the body bytes that were. */
    void (*on_closed)(void *owner, bool is_whole, int64_t delivered);
};

struct server_options {
    const char *host; /* as listened on, no brackets */
    size_t body_max_bytes;
    size_t held_max_bytes; /* of all requests together */
    struct server_events events;
};

struct server;

/* Serve on the bound socket (taken).  NULL: e says why, fd is closed. */
struct server *server_new(struct loop *l, const struct server_options *o, int fd, struct err *e);
/* Every client must have been ended; waits for none.  NULL is fine. */
void server_free(struct server *s);
/* Break every answer off and turn the wheel until no request is left. */
void server_abort_all(struct server *s);

/* The owner holds the body no longer: others may have its room. */
void client_release_body(struct client *c);
/* Keep the body (the default) or only count it (refused requests). */
void client_ignore_body(struct client *c);
/* The end of the request cannot be known: on_request follows at once, and the
 * connection closes behind the answer. */
void client_abandon_body(struct client *c);
/* Begin the answer.  length -1: unknown (chunked); headers: end-to-end ones, the
 * framing is made here.  -1: could not; the client is broken off. */
int client_answer(struct client *c, int status, const struct headers *headers, int64_t length);
/* -1: full, nothing taken; wait for on_drained. */
NODISCARD int client_send(struct client *c, const void *data, size_t len);
/* No more bytes.  is_good false: break the connection off so that the client
 * sees a broken answer and never a whole one. */
void client_end(struct client *c, bool is_good);
bool client_is_gone(const struct client *c);
/* Came when nearly all connections were in use: to be told 503 and let go. */
bool client_is_surplus(const struct client *c);

#endif
