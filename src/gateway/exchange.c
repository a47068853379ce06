#include "gateway/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "gateway/answer.h"
#include "gateway/budget.h"
#include "gateway/models.h"
#include "gateway/record.h"
#include "gateway/resend.h"
#include "gateway/token.h"

/* --- Refusing ----------------------------------------------------------------------- */

static void refuse(struct exchange *x, const struct refusal *r)
{
    x->plan = PLAN_REFUSE;
    x->refusal = *r;
}

/* It gets no row: only the health page tells. */
static void turn_away(struct exchange *x, const struct refusal *r)
{
    x->g->refused++;
    x->g->last_refusal = r->code;
    refuse(x, r);
}

/* Answer an error in the upstream's place; the row says why the call ended so. */
static void fail(struct exchange *x, enum exchange_end why, const struct refusal *r)
{
    x->end = why;
    if (!x->error_type)
        x->error_type = xstrdup(r->type);
    if (!x->error_message)
        x->error_message = xstrdup(r->message);
    answer_error(x, r);
}

static void fail_printf(struct exchange *x, enum exchange_end why, int status, const char *type, const char *code,
                        const char *fmt, ...) PRINTF_LIKE(6, 7);
static void fail_printf(struct exchange *x, enum exchange_end why, int status, const char *type, const char *code,
                        const char *fmt, ...)
{
    char message[ERR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    fail(x, why, &(struct refusal){status, type, code, message});
}

/* --- The head: what to do with this request ----------------------------------------------- */

static void check_key(struct exchange *x)
{
    static const struct refusal wrong = {
        401, "authentication_error", "token",
        "this is not the gateway's local token; `spantop env` prints the right one, or use your own Respan key"};
    static const struct refusal no_key = {
        401, "authentication_error", "no_key",
        "the local token is right, but the gateway has no Respan key; start it with RESPAN_API_KEY or --key-file"};
    switch (token_check(x->client_headers, x->g->local_token)) {
    case TOKEN_PASS:
        return;
    case TOKEN_WRONG:
        turn_away(x, &wrong);
        return;
    case TOKEN_REPLACE:
        if (!x->g->options->respan_key)
            turn_away(x, &no_key);
        return;
    }
}

/* Other machines can connect: then nobody is served without a key.  A warm-up is
 * empty, and the health page is for the commands on this machine. */
static bool lacks_key(const struct exchange *x, enum target_kind kind, bool is_from_here)
{
    if (!x->g->needs_key || kind == TARGET_WARM_UP || (kind == TARGET_HEALTH && is_from_here))
        return false;
    return !token_is_there(x->client_headers);
}

static void choose_plan(struct exchange *x, const char *target, bool is_from_here)
{
    static const struct refusal missing = {
        401, "authentication_error", "no_client_key",
        "this gateway listens beyond its own machine and so asks everybody for a key; send the local token "
        "(spantop env) or your own Respan key as x-api-key"};
    static const struct refusal not_found = {
        404, "not_found_error", "not_found",
        "nothing is served here; Claude Code's requests go to /api/anthropic/ (or /v1/), health is /spantop/health"};
    const char *rest;
    enum target_kind kind = target_classify(x->method, target, &rest);
    if (lacks_key(x, kind, is_from_here)) {
        turn_away(x, &missing);
        return;
    }
    switch (kind) {
    case TARGET_WARM_UP:
        x->plan = PLAN_WARM_UP;
        return;
    case TARGET_HEALTH:
        x->plan = PLAN_HEALTH;
        return;
    case TARGET_OTHER:
        refuse(x, &not_found);
        return;
    case TARGET_FORWARD:
        break;
    }
    x->rest = xstrdup(rest);
    x->plan = target_is_models(x->method, rest) ? PLAN_MODELS : PLAN_FORWARD;
    check_key(x);
}

void *exchange_head(void *gateway, struct client *c, const struct client_head *head)
{
    struct gateway *g = gateway;
    struct exchange *x = xcalloc(1, sizeof *x);
    x->g = g;
    x->client = c;
    x->method = xstrdup(head->method);
    x->attempt = 1;
    x->client_headers = head->headers;
    headers_init(&x->headers);
    headers_init(&x->held_headers);
    x->next = g->exchanges;
    if (x->next)
        x->next->prev = x;
    g->exchanges = x;
    struct guard_request request = {head->method,       head->target,       head->headers,
                                    head->head_bytes,   head->folded_bytes, head->local_address};
    struct refusal refusal = guard_check(&request, g->listen_host);
    if (refusal.status) {
        turn_away(x, &refusal);
    } else {
        choose_plan(x, head->target, head->is_from_here);
    }
    if (x->plan != PLAN_FORWARD)
        client_ignore_body(c);
    if (refusal_is_of_the_head(&refusal))
        client_abandon_body(c);
    return x;
}

/* --- The way up --------------------------------------------------------------------------- */

static bool has_body(const struct exchange *x)
{
    return x->routed.sent || (x->request && x->request->len > 0);
}

/* All end-to-end headers as they came, but: identity as the only coding, so that
 * the stream can be read as it passes; the length of what is really sent. */
static int make_headers(struct exchange *x)
{
    if (headers_copy_end_to_end(&x->headers, x->client_headers) != 0)
        return -1;
    if (headers_replace(&x->headers, "Accept-Encoding", "identity") != 0)
        return -1;
    if (token_check(x->client_headers, x->g->local_token) == TOKEN_REPLACE)
        return token_replace(&x->headers, x->g->options->respan_key);
    return 0;
}

static int set_length(struct exchange *x)
{
    char length[32];
    const struct blob *body = x->routed.sent ? x->routed.sent : x->request;
    snprintf(length, sizeof length, "%zu", body ? body->len : (size_t)0);
    if (!has_body(x) && headers_find(&x->headers, "Content-Length", 0) == HEADERS_NONE)
        return 0;
    return headers_replace(&x->headers, "Content-Length", length);
}

static void route(struct exchange *x)
{
    struct gateway *g = x->g;
    if (!target_is_routed(x->method, x->rest))
        return;
    struct router router = {gateway_routes(g), &g->refused_routes, g->options->catalog, g->pins,
                            loop_now_us(g->loop), clock_wall_ms()};
    router_apply(&router, x->rest, x->request, &x->headers, &x->routed);
    /* A second try is the same call; counting tokens is none, nor is one that stays here. */
    gateway_routes_taken(g, &x->routed, budget_take(x) && x->attempt == 1 && !target_is_count_tokens(x->rest));
}

static void drop_transfer(struct exchange *x)
{
    if (x->transfer)
        transfer_cancel(x->transfer);
    x->transfer = NULL;
}

int exchange_ask(struct exchange *x, const struct transfer_events *events)
{
    struct err e;
    char *target = upstream_base_join(&x->g->base, x->rest);
    struct transfer_request r = {
        .method = x->method,
        .target = target,
        .headers = &x->headers,
        .body = x->routed.sent ? x->routed.sent : x->request,
        .has_length_zero = !has_body(x) && headers_find(&x->headers, "Content-Length", 0) != HEADERS_NONE,
        .events = *events,
    };
    x->state = EXCHANGE_ASKING;
    x->transfer = upstream_send(x->g->upstream, &r, &e);
    free(target);
    if (x->transfer)
        return 0;
    fail_printf(x, END_CONNECT, 502, "api_error", "connect", "%s", e.text);
    return -1;
}

/* --- The way back ------------------------------------------------------------------------- */

static bool is_redirect(int status)
{
    return status >= 300 && status < 400 && status != 304;
}

/* How long the answer to the client is: -1 when only its end will tell. */
static int64_t answer_length(const struct exchange *x, int status, const struct headers *h)
{
    if (status == 204 || status == 304)
        return 0;
    const char *length = headers_get(h, "Content-Length");
    /* Chunked framing overrules a length, so that one says nothing. */
    if (!length || headers_find(h, "Transfer-Encoding", 0) != HEADERS_NONE || !*length ||
        length[strspn(length, "0123456789")] || strlen(length) > 18)
        return strcmp(x->method, "HEAD") == 0 ? 0 : -1;
    return (int64_t)strtoll(length, NULL, 10);
}

static void tell_pin(struct exchange *x, int status, const char *retry_after)
{
    struct pins *pins = x->g->pins;
    if (x->routed.pin_route)
        pins_tell(pins, x->routed.pin_route, pins_judge(pins, status, retry_after), loop_now_us(x->g->loop));
}

static void on_head(void *owner, int status, const struct headers *h)
{
    struct exchange *x = owner;
    struct headers out;
    record_head(x, h);
    tell_pin(x, status, headers_get(h, "Retry-After"));
    if (resend_is_wanted(x, status)) {
        resend_hold(x, status);
        return;
    }
    if (is_redirect(status)) {
        drop_transfer(x);
        fail_printf(x, END_REDIRECT, 502, "api_error", "upstream_redirect",
                    "the upstream answered with a redirect (%d), which is not followed because the key would go with it; "
                    "check --upstream", status);
        return;
    }
    x->state = EXCHANGE_ANSWERING;
    x->status = status;
    resend_answered(x, status);
    x->tap = tap_new(status, headers_get(h, "Content-Type"), headers_get(h, "Content-Encoding"));
    x->is_until_close = headers_find(h, "Content-Length", 0) == HEADERS_NONE &&
                        headers_find(h, "Transfer-Encoding", 0) == HEADERS_NONE;
    headers_init(&out);
    (void)headers_copy_end_to_end(&out, h);
    answer_put_call_id(x, &out);
    if (client_answer(x->client, status, &out, answer_length(x, status, h)) != 0)
        drop_transfer(x);
    headers_done(&out);
}

/* A good answer has begun: the request will not be needed again. */
static void drop_request(struct exchange *x)
{
    blob_unref(x->request);
    x->request = NULL;
    blob_unref(x->routed.sent);
    x->routed.sent = NULL;
    client_release_body(x->client);
}

static bool on_body(void *owner, const void *data, size_t len)
{
    struct exchange *x = owner;
    if (x->state == EXCHANGE_REFUSED) {
        resend_take_words(x, data, len);
        return true;
    }
    if (x->status < 300 && x->request)
        drop_request(x);
    if (client_send(x->client, data, len) != 0)
        return false;
    record_body(x, data, len);
    return true;
}

static void end_before_head(struct exchange *x, enum transfer_end how, const char *text)
{
    const char *host = x->g->base.host;
    if (how == TRANSFER_SILENT)
        fail_printf(x, END_SILENT, 504, "timeout_error", "upstream_silent", "the upstream %s is silent: %s", host, text);
    else if (how == TRANSFER_CONNECT)
        fail_printf(x, END_CONNECT, 502, "api_error", "connect", "cannot reach the upstream %s: %s", host, text);
    else
        fail_printf(x, END_CUT, 502, "api_error", "upstream_cut", "the upstream %s broke off before it answered: %s", host,
                    text);
}

/* An answer framed by the connection's end alone ends well even when its server
 * died (over TLS, too: libcurl takes an end without close_notify).  A stream of
 * events says by itself whether it was over. */
static bool is_cut_unseen(const struct exchange *x)
{
    const struct tap_facts *f = x->tap && x->is_until_close ? tap_peek(x->tap) : NULL;
    return f && f->message_id[0] && !f->is_complete && !f->error_type[0];
}

static void on_end(void *owner, enum transfer_end how, const char *text)
{
    struct exchange *x = owner;
    if (how == TRANSFER_WHOLE && is_cut_unseen(x)) {
        how = TRANSFER_CUT;
        text = "it closed the connection without message_stop";
    }
    x->transfer = NULL;
    if (x->state == EXCHANGE_REFUSED) {
        resend_now(x);
        return;
    }
    if (x->state == EXCHANGE_ASKING) {
        tell_pin(x, 0, NULL);
        end_before_head(x, how, text);
        return;
    }
    x->state = EXCHANGE_FINISHING;
    x->end = how == TRANSFER_WHOLE ? END_WHOLE : how == TRANSFER_SILENT ? END_SILENT : END_CUT;
    if (how != TRANSFER_WHOLE)
        x->error_message = xasprintf("the upstream broke off in mid-answer: %s", text);
    client_end(x->client, how == TRANSFER_WHOLE);
}

/* --- The request is whole ------------------------------------------------------------------- */

static void forward(struct exchange *x)
{
    if (make_headers(x) == 0) {
        route(x);
        if (set_length(x) == 0) {
            record_begin(x);
            if (x->budget_refusal)
                fail_printf(x, END_OWN, 429, "billing_error", "budget", "%s", x->budget_refusal);
            else if (x->plan == PLAN_MODELS)
                models_answer(x);
            else
                (void)exchange_ask(x, &(struct transfer_events){x, on_head, on_body, on_end});
            return;
        }
    }
    record_begin(x);
    fail_printf(x, END_OWN, 431, "invalid_request_error", "headers_too_large", "the request's headers are too large");
}

static void take_call(struct exchange *x, struct blob *body, int64_t body_bytes, enum client_body fate)
{
    x->request = body;
    x->bytes_in = body_bytes;
    x->is_in_flight = true;
    x->g->in_flight++;
    record_open(x);
    if (x->g->is_stopping) {
        record_begin(x);
        fail_printf(x, END_OWN, 503, "api_error", "stopping", "the gateway is stopping; start it again with `spantop`");
    } else if (client_is_surplus(x->client)) {
        record_begin(x);
        fail_printf(x, END_OWN, 503, "overloaded_error", "too_many",
                    "the gateway has all the connections it may have; raise its limit of open files (ulimit -n)");
    } else if (fate == CLIENT_BODY_NO_ROOM) {
        char limit[TEXT_SHORT_MAX];
        text_bytes(limit, (int64_t)x->g->held_max_bytes);
        x->is_response_dropped = true;
        record_begin(x);
        fail_printf(x, END_OWN, 503, "overloaded_error", "no_room",
                    "all requests together already hold the %s they may in this gateway; try again, or raise "
                    "--max-held-bytes", limit);
    } else if (fate == CLIENT_BODY_TOO_LARGE) {
        char limit[TEXT_SHORT_MAX];
        text_bytes(limit, (int64_t)x->g->body_max_bytes);
        x->is_response_dropped = true;
        record_begin(x);
        fail_printf(x, END_OWN, 413, "request_too_large", "too_large",
                    "the request's body has %lld bytes, more than the %s this gateway takes", (long long)body_bytes, limit);
    } else if (strcmp(x->method, "HEAD") == 0 && body_bytes > 0) {
        record_begin(x);
        fail_printf(x, END_OWN, 400, "invalid_request_error", "head_body", "a HEAD request with a body cannot be passed on");
    } else {
        forward(x);
    }
}

void exchange_request(void *exchange, struct blob *body, int64_t body_bytes, enum client_body fate)
{
    struct exchange *x = exchange;
    switch (x->plan) {
    case PLAN_FORWARD:
    case PLAN_MODELS:
        take_call(x, body, body_bytes, fate);
        return;
    case PLAN_WARM_UP:
        answer_empty(x);
        break;
    case PLAN_HEALTH:
        answer_health(x);
        break;
    case PLAN_REFUSE:
        answer_error(x, &x->refusal);
        break;
    }
    blob_unref(body);
}

void exchange_ask_again(struct exchange *x, bool is_routed)
{
    headers_reset(&x->headers);
    if (make_headers(x) == 0) {
        if (is_routed)
            route(x);
        if (set_length(x) == 0) {
            (void)exchange_ask(x, &(struct transfer_events){x, on_head, on_body, on_end});
            return;
        }
    }
    fail_printf(x, END_OWN, 431, "invalid_request_error", "headers_too_large", "the request's headers are too large");
}

/* --- The client's side ------------------------------------------------------------------------- */

void exchange_drained(void *exchange)
{
    struct exchange *x = exchange;
    if (x->transfer)
        transfer_resume(x->transfer);
}

void exchange_gone(void *exchange)
{
    struct exchange *x = exchange;
    drop_transfer(x);
    if (x->end == END_NONE || x->end == END_WHOLE)
        x->end = END_CLIENT_GONE;
    x->state = EXCHANGE_FINISHING;
}

static void exchange_free(struct exchange *x)
{
    if (x->prev)
        x->prev->next = x->next;
    else
        x->g->exchanges = x->next;
    if (x->next)
        x->next->prev = x->prev;
    models_forget(x);
    drop_transfer(x);
    blob_unref(x->request);
    record_forget(x);
    routed_done(&x->routed);
    resend_done(x);
    headers_done(&x->headers);
    headers_done(&x->held_headers);
    tap_free(x->tap);
    free(x->method);
    free(x->rest);
    free(x->error_type);
    free(x->error_message);
    free(x->request_id);
    free(x->respan_log_id);
    free(x->provider_served);
    free(x->response_headers);
    free(x->note);
    free(x);
}

void exchange_closed(void *exchange, bool is_whole, int64_t delivered)
{
    struct exchange *x = exchange;
    struct gateway *g = x->g;
    (void)delivered;
    if (!is_whole && (x->end == END_NONE || x->end == END_WHOLE))
        x->end = END_CLIENT_GONE;
    if (x->end == END_NONE)
        x->end = END_WHOLE;
    record_end(x);
    budget_release(x);
    if (x->has_begun && x->respan_log_id)
        lookup_call(g->lookup, x->id, x->respan_log_id, &x->headers);
    if (x->is_in_flight)
        g->in_flight--;
    exchange_free(x);
    gateway_call_ended(g);
}

void exchange_stop(struct exchange *x)
{
    drop_transfer(x);
    models_forget(x);
    if (x->end == END_NONE || x->end == END_WHOLE) {
        x->end = END_STOPPED;
        xreplace(&x->error_message, "the gateway was stopped before the answer ended");
    }
    client_end(x->client, false);
}
