#include "gateway/record.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "gateway/resend.h"
#include "respan/params.h"

/* Of an answer the log keeps this much; beyond it is flagged as dropped. */
#define RESPONSE_KEEP_MAX ((size_t)16 << 20)
/* A running call is told at most five times a second. */
#define PROGRESS_US 200000
/* Of an answer that somebody looks at while it comes so much is told: one copy of
 * it delays no stream. */
#define LIVE_MAX ((size_t)512 << 10)
/* Shorter is no key, and may stand in any sentence. */
#define SECRET_LEAST ((size_t)8)

static char *header_copy(const struct headers *h, const char *name)
{
    return xstrdup(headers_get(h, name));
}

void record_open(struct exchange *x)
{
    x->id = journal_next_id(x->g->journal);
    if (x->id <= 0)
        x->g->unlogged++;
    x->started_ms = clock_wall_ms();
    x->started_us = clock_mono_us();
    x->progress_us = x->started_us;
    x->g->calls++;
}

void record_begin(struct exchange *x)
{
    struct call c;
    if (x->id <= 0)
        return;
    const struct headers *h = x->client_headers;
    call_init(&c);
    c.id = x->id;
    c.state = CALL_OPEN;
    c.started_at = x->started_ms;
    c.session_id = header_copy(h, "X-Claude-Code-Session-Id");
    c.agent_id = header_copy(h, "x-claude-code-agent-id");
    c.parent_agent_id = header_copy(h, "x-claude-code-parent-agent-id");
    c.method = xstrdup(x->method);
    c.path = xasprintf("/%s", x->rest);
    c.model_asked = xstrdup(x->routed.model_asked);
    c.model_sent = xstrdup(x->routed.model_sent);
    c.provider_pinned = xstrdup(x->routed.provider);
    c.bytes_in = x->bytes_in;
    c.attempt = x->attempt;
    c.request_headers = headers_to_json(h);
    c.sent_headers = x->routed.has_headers_changed ? headers_to_json(&x->headers) : NULL;
    c.route_note = xstrdup(x->routed.note);
    c.changes = xstrdup(x->routed.changes);
    c.has_sent_body = x->routed.sent != NULL;
    c.body_state = x->g->options->keep_bodies ? BODY_KEPT : BODY_OFF;
    journal_begin(x->g->journal, &c, x->request, x->routed.sent);
    x->has_begun = true;
}

/* Which names Respan uses is partly undocumented; a missing one leaves NULL. */
static char *first_of(const struct headers *h, const char *const *names)
{
    for (; *names; names++) {
        const char *value = headers_get(h, *names);
        if (value && *value)
            return xstrdup(value);
    }
    return NULL;
}

void record_head(struct exchange *x, const struct headers *h)
{
    static const char *const request_ids[] = {"request-id", "x-request-id", "x-respan-gateway-request-id", NULL};
    static const char *const log_ids[] = {"x-respan-log-id", NULL};
    static const char *const providers[] = {"x-respan-provider", "x-respan-provider-id", NULL};
    x->first_byte_us = clock_mono_us();
    free(x->request_id);
    free(x->respan_log_id);
    free(x->provider_served);
    free(x->response_headers);
    x->request_id = first_of(h, request_ids);
    x->respan_log_id = first_of(h, log_ids);
    x->provider_served = first_of(h, providers);
    x->response_headers = x->id > 0 ? headers_to_json(h) : NULL;
}

void record_keep(struct exchange *x, const void *data, size_t len)
{
    x->bytes_out += (int64_t)len;
    if (!x->g->options->keep_bodies || x->is_response_dropped || x->id <= 0 || len == 0)
        return;
    if (!x->response)
        x->response = blob_new(len > 8192 ? len : 8192);
    bool has_room = x->g->kept_bytes + len <= x->g->held_max_bytes;
    if (has_room && x->response && blob_put(&x->response, data, len, RESPONSE_KEEP_MAX) == 0) {
        x->kept_bytes += len;
        x->g->kept_bytes += len;
        return;
    }
    x->is_response_dropped = true;
    record_forget(x);
}

void record_forget(struct exchange *x)
{
    x->g->kept_bytes -= x->kept_bytes;
    x->kept_bytes = 0;
    blob_unref(x->response);
    x->response = NULL;
}

/* What came since the last time, for who looks at this call. */
static void tell_live(struct exchange *x)
{
    size_t end = x->response && x->response->len < LIVE_MAX ? x->response->len : x->response ? LIVE_MAX : 0;
    if (end <= x->live_bytes || !journal_is_watched(x->g->journal, x->id))
        return;
    struct blob *part = blob_copy(x->response->data + x->live_bytes, end - x->live_bytes);
    if (!part)
        return;
    journal_live_body(x->g->journal, x->id, (int64_t)x->live_bytes, part);
    x->live_bytes = end;
}

void record_body(struct exchange *x, const void *data, size_t len)
{
    int64_t now_us = loop_now_us(x->g->loop);
    record_keep(x, data, len);
    if (x->tap) {
        tap_feed(x->tap, data, len);
        if (!x->first_content_us && tap_peek(x->tap)->has_content)
            x->first_content_us = now_us > x->first_byte_us ? now_us : x->first_byte_us;
    }
    if (x->id <= 0 || now_us - x->progress_us < PROGRESS_US)
        return;
    bool is_estimate = true;
    int64_t tokens_out = x->tap ? tap_tokens_out(x->tap, &is_estimate) : 0;
    journal_progress(x->g->journal, x->id, tokens_out, is_estimate, x->bytes_out);
    tell_live(x);
    x->progress_us = now_us;
}

/* --- The end ------------------------------------------------------------------ */

static enum call_state state_of(const struct exchange *x)
{
    switch (x->end) {
    case END_CLIENT_GONE:
        return CALL_ABORTED;
    case END_WHOLE:
    case END_OWN:
        return x->status < 400 ? CALL_DONE : CALL_ERROR;
    default:
        return CALL_ERROR;
    }
}

static const char *error_type_of(enum exchange_end end)
{
    switch (end) {
    case END_CONNECT:
        return "connect";
    case END_CUT:
        return "upstream_cut";
    case END_SILENT:
        return "upstream_silent";
    case END_REDIRECT:
        return "upstream_redirect";
    case END_STOPPED:
        return "stopped";
    default:
        return NULL;
    }
}

static char *text_or_null(const char *s)
{
    return *s ? xstrdup(s) : NULL;
}

static void fill_from_tap(struct call *c, struct tap *tap)
{
    tap_end(tap);
    const struct tap_facts *facts = tap_peek(tap);
    c->usage = facts->usage;
    c->model_served = text_or_null(facts->model);
    c->stop_reason = text_or_null(facts->stop_reason);
    c->error_type = text_or_null(facts->error_type);
    c->error_message = text_or_null(facts->error_message);
}

static int64_t ms_between(int64_t from_us, int64_t to_us)
{
    return to_us > from_us ? (to_us - from_us + 500) / 1000 : 0;
}

static void fill_times(struct call *c, const struct exchange *x)
{
    int64_t now_us = clock_mono_us();
    c->duration_ms = ms_between(x->started_us, now_us);
    c->finished_at = clock_wall_ms();
    if (c->finished_at < x->started_ms) /* the clock was set back meanwhile */
        c->finished_at = x->started_ms + c->duration_ms;
    if (x->first_byte_us)
        c->ttfb_ms = ms_between(x->started_us, x->first_byte_us);
    if (x->first_content_us)
        c->ttft_ms = ms_between(x->started_us, x->first_content_us);
}

static void hide(char *text, const char *secret)
{
    size_t len = secret ? strlen(secret) : 0;
    if (len < SECRET_LEAST)
        return;
    for (char *at = strstr(text, secret); at; at = strstr(at + len, secret))
        memset(at, '*', len);
}

/* Some upstreams repeat the key they refuse. */
static void hide_keys(char *text, const struct exchange *x)
{
    const struct headers *h = x->client_headers;
    if (!text)
        return;
    hide(text, x->g->options->respan_key);
    for (size_t i = 0; i < h->count; i++) {
        const char *value = headers_value(h, i);
        if (strcasecmp(headers_name(h, i), "x-api-key") == 0)
            hide(text, value);
        else if (strcasecmp(headers_name(h, i), "Authorization") == 0)
            hide(text, value + strcspn(value, " ") + strspn(value + strcspn(value, " "), " "));
    }
}

/* The row shows the try that answered. */
static void fill_second_try(struct call *c, const struct exchange *x)
{
    c->model_sent = xstrdup(x->routed.model_sent ? x->routed.model_sent : x->refused->model_asked);
    c->provider_pinned = header_copy(&x->headers, PARAMS_PIN_HEADER);
    c->changes = xstrdup(x->routed.changes);
    c->sent_headers = x->routed.has_headers_changed ? headers_to_json(&x->headers) : NULL;
}

void record_end(struct exchange *x)
{
    struct call c;
    if (!x->has_begun)
        return;
    call_init(&c);
    c.id = x->id;
    c.state = state_of(x);
    c.started_at = x->started_ms;
    c.status = x->status ? x->status : CALL_UNKNOWN;
    fill_times(&c, x);
    if (x->tap)
        fill_from_tap(&c, x->tap);
    const char *own_type = error_type_of(x->end);
    if (own_type || x->error_type) {
        xreplace(&c.error_type, own_type ? own_type : x->error_type);
        xreplace(&c.error_message, x->error_message);
    }
    hide_keys(c.error_message, x);
    c.bytes_in = x->bytes_in;
    c.bytes_out = x->bytes_out;
    c.request_id = xstrdup(x->request_id);
    c.respan_log_id = xstrdup(x->respan_log_id);
    c.provider_served = xstrdup(x->provider_served);
    c.response_headers = xstrdup(x->response_headers);
    c.route_note = xstrdup(x->note);
    c.attempt = x->attempt;
    if (x->refused)
        fill_second_try(&c, x);
    c.body_state = !x->g->options->keep_bodies ? BODY_OFF : x->is_response_dropped ? BODY_DROPPED : BODY_KEPT;
    journal_end(x->g->journal, &c, x->response, x->refused ? x->refused->original : NULL);
}
