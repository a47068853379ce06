/* The upstream side: one HTTP/1.1 request to Respan and its answer, as events.
 * The only user of libcurl's transfers.
 *
 * A transfer lives from upstream_send() until on_end was called or it was
 * cancelled; after either the pointer is dead.  Nothing is ever sent twice: see
 * upstream_kept.c for how curl is kept from resending.
 *
 * Thread: proxy thread.  Events come from the loop, never from inside a call of
 * this header. */
#ifndef SPANTOP_GATEWAY_UPSTREAM_H
#define SPANTOP_GATEWAY_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "gateway/headers.h"
#include "gateway/loop.h"
#include "gateway/target.h"

enum transfer_end {
    TRANSFER_WHOLE,    /* ended as its framing says */
    TRANSFER_CONNECT,  /* no connection: name, TCP, TLS, proxy; nothing was sent */
    TRANSFER_CUT,      /* broke off, or what came is no HTTP */
    TRANSFER_SILENT,   /* nothing came for the idle time */
};

struct transfer_events {
    void *owner;
    /* Status >= 200 and its headers; 1xx are left out.  Lent for the call. */
    void (*on_head)(void *owner, int status, const struct headers *h);
    /* true: taken.  false: full; the same bytes come again after transfer_resume(). */
    bool (*on_body)(void *owner, const void *data, size_t len);
    /* The transfer is dead after this.  text says what happened unless whole. */
    void (*on_end)(void *owner, enum transfer_end end, const char *text);
};

struct transfer_request {
    const char *method;
    const char *target;            /* path and query, byte-exact */
    const struct headers *headers; /* end-to-end, sent in this order; Host and Expect are left out */
    struct blob *body;             /* NULL: none; referenced while it is needed */
    bool has_length_zero;          /* no body, but the client said Content-Length: 0 */
    int64_t idle_ms;               /* 0: the upstream's setting */
    struct transfer_events events;
};

struct upstream_options {
    const struct upstream_base *base; /* borrowed for the upstream's life */
    const char *ca_file;
    int64_t idle_ms;
    int64_t connect_ms;
};

struct upstream;
struct transfer;

struct upstream *upstream_new(struct loop *l, const struct upstream_options *o, struct err *e);
/* Cancels what runs.  NULL is fine. */
void upstream_free(struct upstream *u);

struct transfer *upstream_send(struct upstream *u, const struct transfer_request *r, struct err *e);
/* Go on after on_body said full. */
void transfer_resume(struct transfer *t);
/* No event comes after this; the connection is closed in this turn of the loop. */
void transfer_cancel(struct transfer *t);

#endif
