/* One request's way through the gateway, from its head to the end of its answer.
 *
 * The client side and the upstream side each tell what happened; the exchange
 * alone decides what that means.  Its state says where the call is, its end why it
 * was over; both are set in one place each (exchange.c).
 *
 * Thread: proxy thread.
 * Memory: made by exchange_head(), freed by itself when the client side closes:
 *         the transfer is cancelled first, so no event can come later. */
#ifndef SPANTOP_GATEWAY_EXCHANGE_H
#define SPANTOP_GATEWAY_EXCHANGE_H

#include "anthropic/tap.h"
#include "gateway/core.h"
#include "gateway/guard.h"
#include "gateway/router.h"

enum exchange_state {
    EXCHANGE_READING,   /* the request is coming in */
    EXCHANGE_ASKING,    /* the upstream was asked and has not answered */
    EXCHANGE_REFUSED,   /* it refuses a routed call: its words are read, the client knows nothing yet */
    EXCHANGE_ANSWERING, /* its answer is passing through */
    EXCHANGE_FINISHING, /* no more bytes will come; the client still takes them */
};

enum exchange_end {
    END_NONE,
    END_WHOLE,      /* the answer ended as its framing says */
    END_OWN,        /* answered by the gateway itself */
    END_CONNECT,
    END_CUT,
    END_SILENT,
    END_REDIRECT,
    END_CLIENT_GONE,
    END_STOPPED,    /* the gateway ended first */
};

enum exchange_plan {
    PLAN_FORWARD,
    PLAN_MODELS,
    PLAN_WARM_UP,
    PLAN_HEALTH,
    PLAN_REFUSE,    /* refusal says how; no row */
};

struct exchange {
    struct gateway *g;
    struct exchange *prev, *next;
    struct client *client;
    struct transfer *transfer;  /* NULL: none running */
    enum exchange_state state;
    enum exchange_end end;
    enum exchange_plan plan;
    struct refusal refusal;
    bool is_in_flight;          /* counted in gateway.in_flight */

    char *method;
    char *rest;                 /* target behind the base: v1/messages?beta=true */
    const struct headers *client_headers; /* lent by the client */
    struct headers headers;     /* what goes up */
    struct blob *request;       /* until it is no longer needed */
    struct routed routed;
    struct budget_hold *budget; /* what it holds of the budgets while it runs; NULL: nothing (budget.h) */
    char *budget_refusal;       /* why a budget blocks it; NULL: none does */
    int attempt;                /* tries sent upstream, 1 at first */
    struct refused *refused;    /* the try that was refused; NULL: none (resend.h) */
    int64_t bytes_in;

    /* The answer. */
    int status;                 /* what the client got; 0: nothing yet */
    bool is_until_close;        /* neither a length nor chunks: the connection's end is its end */
    struct blob *response;      /* for the log */
    size_t kept_bytes;          /* of it, counted in gateway.kept_bytes */
    bool is_response_dropped;
    struct tap *tap;
    int64_t bytes_out;
    size_t live_bytes;          /* of the answer, given to who looks at it */
    struct timer timer;         /* models.c: the time it waits */
    struct headers held_headers; /* models.c: the answer is held until it is whole */
    int held_status;

    /* The row. */
    int64_t id;                 /* 0: none */
    bool has_begun;             /* the journal knows it */
    int64_t started_ms;
    int64_t started_us;
    int64_t first_byte_us;
    int64_t first_content_us;
    int64_t progress_us;
    char *error_type;
    char *error_message;
    char *request_id;
    char *respan_log_id;
    char *provider_served;
    char *response_headers;
    char *note;
};

/* The server's events. */
void *exchange_head(void *gateway, struct client *c, const struct client_head *head);
void exchange_request(void *exchange, struct blob *body, int64_t body_bytes, enum client_body fate);
void exchange_drained(void *exchange);
void exchange_gone(void *exchange);
void exchange_closed(void *exchange, bool is_whole, int64_t delivered);

/* The gateway ends now: no more from upstream; the client's answer breaks off. */
void exchange_stop(struct exchange *x);

/* For resend.c: ask again, by the routes as they are now or without any. */
void exchange_ask_again(struct exchange *x, bool is_routed);

/* For models.c: send what x holds upstream with these events; -1: answered with an error. */
int exchange_ask(struct exchange *x, const struct transfer_events *events);

#endif
