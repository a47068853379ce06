/* Calls as OpenTelemetry traces, in OTLP's JSON: a session is a trace, a call a span,
 * and a subagent's calls lie under the call whose answer started it.
 *
 * Laid out as the file exporter's specification wants it: JSON Lines, each line an
 * export request of its own, which a collector takes as it stands.  64-bit integers
 * are strings, ids hex, enums numbers.  Attributes follow the semantic conventions
 * for generative AI (gen_ai.*, Anthropic's page: input_tokens counts cached ones,
 * too); what they have no name for is under spantop.*.
 *
 * Ids are made from session and call, so exporting twice gives the same spans. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/blob.h"
#include "base/encode.h"
#include "base/json.h"
#include "cli/export.h"
#include "gateway/api.h"

#define BATCH_SPANS  200
#define BATCH_BYTES  ((size_t)4 << 20) /* collectors refuse requests above 20 MiB */
#define POST_LIMIT_MS 30000

/* ---- Ids --------------------------------------------------------------------------------- */

/* A UUID is a trace id already, but for its dashes. */
static bool is_uuid(const char *s, char hex[TRACE_ID_MAX])
{
    size_t n = 0;
    for (; *s && n < TRACE_ID_MAX - 1; s++) {
        if (*s == '-')
            continue;
        if (!strchr("0123456789abcdef", *s))
            return false;
        hex[n++] = *s;
    }
    hex[n] = '\0';
    return n == TRACE_ID_MAX - 1 && !*s && strspn(hex, "0") < n;
}

void export_trace_id(char text[TRACE_ID_MAX], const char *session_id, int64_t call_id)
{
    char name[40];
    if (session_id && is_uuid(session_id, text))
        return;
    snprintf(name, sizeof name, "call %lld", (long long)call_id);
    const char *what = session_id ? session_id : name; /* of no session: a trace of its own */
    XXH128_canonical_t bytes;
    XXH128_canonicalFromHash(&bytes, XXH3_128bits(what, strlen(what)));
    encode_hex(bytes.digest, sizeof bytes.digest, text);
}

void export_span_id(char text[SPAN_ID_MAX], const char *trace_id, int64_t call_id)
{
    char name[TRACE_ID_MAX + 24];
    int len = snprintf(name, sizeof name, "%s/%lld", trace_id, (long long)call_id);
    XXH64_canonical_t bytes;
    XXH64_canonicalFromHash(&bytes, XXH3_64bits(name, (size_t)len) | 1); /* all zero is no id */
    encode_hex(bytes.digest, sizeof bytes.digest, text);
}

/* ---- Attributes ---------------------------------------------------------------------------- */

static void put_key(struct buf *out, const char *key)
{
    buf_puts(out, out->data[out->len - 1] == '[' ? "{\"key\":\"" : ",{\"key\":\""); /* printf here took half of the time */
    buf_puts(out, key);
    buf_puts(out, "\",\"value\":{");
}

static void put_text(struct buf *out, const char *key, const char *value)
{
    if (!value)
        return;
    put_key(out, key);
    buf_puts(out, "\"stringValue\":");
    json_quote(out, value, strlen(value));
    buf_puts(out, "}}");
}

static void put_int(struct buf *out, const char *key, int64_t value)
{
    if (value < 0)
        return;
    put_key(out, key);
    buf_printf(out, "\"intValue\":\"%lld\"}}", (long long)value);
}

static void put_usd(struct buf *out, const char *key, int64_t microusd)
{
    if (microusd < 0)
        return;
    put_key(out, key);
    buf_printf(out, "\"doubleValue\":%lld.%06lld}}", (long long)microusd / 1000000, (long long)microusd % 1000000);
}

static void put_list_of_one(struct buf *out, const char *key, const char *value)
{
    if (!value)
        return;
    put_key(out, key);
    buf_puts(out, "\"arrayValue\":{\"values\":[{\"stringValue\":");
    json_quote(out, value, strlen(value));
    buf_puts(out, "}]}}}");
}

/* Conventions have one name for what Anthropic calls a message. */
static const char *operation_of(const struct call *c)
{
    if (c->has_purpose && c->purpose == PURPOSE_COUNT_TOKENS)
        return "count_tokens";
    return c->path && strncmp(c->path, "/v1/messages", 12) == 0 ? "chat" : "other";
}

static const char *model_of(const struct call *c)
{
    return c->model_sent ? c->model_sent : c->model_asked;
}

static int64_t sum_known(int64_t a, int64_t b)
{
    return a < 0 ? b : b < 0 ? a : a + b;
}

static void put_usage(struct buf *out, const struct usage *u)
{
    if (u->in >= 0)
        put_int(out, "gen_ai.usage.input_tokens", usage_context(u));
    put_int(out, "gen_ai.usage.output_tokens", u->out);
    put_int(out, "gen_ai.usage.cache_read.input_tokens", u->cache_read);
    put_int(out, "gen_ai.usage.cache_creation.input_tokens", sum_known(u->cache_write_5m, u->cache_write_1h));
}

static const char *error_of(const struct call *c)
{
    if (c->error_type)
        return c->error_type;
    return c->state == CALL_ERROR || c->state == CALL_ABORTED || c->state == CALL_LOST ? call_state_name(c->state) : NULL;
}

static void put_gen_ai(struct buf *out, const struct call *c)
{
    put_text(out, "gen_ai.operation.name", operation_of(c));
    put_text(out, "gen_ai.provider.name", "anthropic");
    put_text(out, "gen_ai.conversation.id", c->session_id);
    put_text(out, "gen_ai.request.model", model_of(c));
    put_text(out, "gen_ai.response.model", c->model_served);
    put_list_of_one(out, "gen_ai.response.finish_reasons", c->stop_reason);
    put_usage(out, &c->usage);
    put_text(out, "error.type", error_of(c));
    put_int(out, "http.response.status_code", c->status);
    put_text(out, "gen_ai.agent.id", c->agent_id);
}

static void put_own(struct buf *out, const struct call *c)
{
    put_int(out, "spantop.call_id", c->id);
    put_text(out, "spantop.state", call_state_name(c->state));
    put_text(out, "spantop.purpose", c->has_purpose ? purpose_name(c->purpose) : NULL);
    put_text(out, "spantop.session_title", c->session_title);
    put_text(out, "spantop.model_asked", c->model_asked);
    put_text(out, "spantop.provider_pinned", c->provider_pinned);
    put_text(out, "spantop.provider_served", c->provider_served);
    put_usd(out, "spantop.cost_usd", c->cost_microusd);
    put_text(out, "spantop.cost_source", cost_source_name(c->cost_source));
    put_text(out, "spantop.cache_break", c->cache_break);
    put_usd(out, "spantop.cache_break_usd", c->cache_break_microusd);
    put_int(out, "spantop.ttfb_ms", c->ttfb_ms);
    put_int(out, "spantop.ttft_ms", c->ttft_ms);
    put_int(out, "spantop.attempt", c->attempt);
    put_text(out, "spantop.request_id", c->request_id);
    put_text(out, "spantop.respan_log_id", c->respan_log_id);
}

/* ---- A span ---------------------------------------------------------------------------------- */

static int put_ids(struct export *x, const struct call *c, struct agent_row *launch, struct err *e)
{
    char trace[TRACE_ID_MAX], span[SPAN_ID_MAX];
    int r = c->agent_id && c->session_id ? reader_launch(x->db, c->session_id, c->agent_id, launch, e) : 1;
    export_trace_id(trace, c->session_id, c->id);
    export_span_id(span, trace, c->id);
    buf_printf(&x->out, "{\"traceId\":\"%s\",\"spanId\":\"%s\"", trace, span);
    if (r == 0 && launch->parent_call_id > 0) {
        export_span_id(span, trace, launch->parent_call_id);
        buf_printf(&x->out, ",\"parentSpanId\":\"%s\"", span);
    }
    return r < 0 ? -1 : 0;
}

static void put_name_and_times(struct buf *out, const struct call *c)
{
    const char *model = model_of(c);
    struct buf name;
    int64_t ended_at = c->finished_at >= c->started_at ? c->finished_at : c->started_at;
    buf_init(&name);
    buf_printf(&name, "%s%s%s", operation_of(c), model ? " " : "", model ? model : "");
    buf_puts(out, ",\"name\":");
    json_quote(out, name.data, name.len);
    buf_done(&name);
    buf_printf(out, ",\"kind\":3,\"startTimeUnixNano\":\"%lld000000\",\"endTimeUnixNano\":\"%lld000000\"", (long long)c->started_at,
               (long long)ended_at);
}

static void put_status(struct buf *out, const struct call *c)
{
    const char *message = c->error_message ? c->error_message : error_of(c);
    if (!error_of(c)) {
        buf_puts(out, ",\"status\":{}}");
        return;
    }
    buf_puts(out, ",\"status\":{\"code\":2,\"message\":");
    json_quote(out, message, strlen(message));
    buf_puts(out, "}}");
}

static int put_span(struct export *x, const struct call *c, struct err *e)
{
    struct agent_row launch = {0};
    struct buf *out = &x->out;
    if (put_ids(x, c, &launch, e) != 0)
        return -1;
    if (x->redact) {
        redact_text(x->redact, &launch.type);
        redact_text(x->redact, &launch.description);
    }
    put_name_and_times(out, c);
    buf_puts(out, ",\"attributes\":[");
    put_gen_ai(out, c);
    put_text(out, "gen_ai.agent.name", launch.type);
    put_text(out, "gen_ai.agent.description", launch.description);
    put_own(out, c);
    int r = x->has_bodies ? export_otlp_messages(x, c, e) : 0;
    buf_putc(out, ']');
    put_status(out, c);
    agent_row_done(&launch);
    return r;
}

/* ---- Batches ------------------------------------------------------------------------------------ */

static const char batch_head[] =
    "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"claude-code\"}}]},"
    "\"scopeSpans\":[{\"scope\":{\"name\":\"spantop\",\"version\":\"" SPANTOP_VERSION "\"},\"spans\":[";
static const char batch_tail[] = "]}]}]}\n";

static int post(struct export *x, struct err *e)
{
    struct buf answer;
    int status = 0;
    if (x->out.failed)
        return export_flush(x, e);
    struct blob *body = blob_copy(x->out.data, x->out.len);
    if (!body)
        return err_set(e, "no memory for what is to be posted");
    buf_init(&answer);
    int r = api_client_ask(x->to, x->to_rest, NULL, body, POST_LIMIT_MS, &status, &answer, e);
    if (r == 0 && status / 100 != 2)
        r = err_set(e, "%s answers with status %d: %.200s", x->to_url, status, answer.data);
    blob_unref(body);
    buf_done(&answer);
    buf_reset(&x->out);
    return r;
}

static int end_batch(struct export *x, struct err *e)
{
    if (x->batch == 0)
        return 0;
    buf_puts(&x->out, batch_tail);
    x->batch = 0;
    return x->to ? post(x, e) : export_flush(x, e);
}

static int otlp_call(struct export *x, const struct call *c, struct err *e)
{
    if (c->state == CALL_OPEN)
        return 0; /* a span has an end */
    buf_puts(&x->out, x->batch ? "," : batch_head);
    x->batch++;
    if (put_span(x, c, e) != 0)
        return -1;
    return x->batch >= BATCH_SPANS || x->out.len >= BATCH_BYTES ? end_batch(x, e) : 0;
}

static int otlp_begin(struct export *x, struct err *e)
{
    (void)e;
    x->batch = 0;
    return 0;
}

const struct export_format export_otlp = {
    .option = "otlp", .can_have_bodies = true, .begin = otlp_begin, .call = otlp_call, .end = end_batch};
