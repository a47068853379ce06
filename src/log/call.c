#include "log/call.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void call_init(struct call *c)
{
    memset(c, 0, sizeof *c);
    c->started_at = c->finished_at = CALL_UNKNOWN;
    c->status = CALL_UNKNOWN;
    usage_init(&c->usage);
    c->cost_microusd = c->cost_catalog_microusd = CALL_UNKNOWN;
    c->respan_cache = -1;
    c->ttfb_ms = c->ttft_ms = c->duration_ms = CALL_UNKNOWN;
    c->bytes_in = c->bytes_out = CALL_UNKNOWN;
    c->attempt = CALL_UNKNOWN;
    c->cache_break_microusd = CALL_UNKNOWN;
    c->live_tokens_out = c->live_bytes_out = CALL_UNKNOWN;
}

void call_done(struct call *c)
{
    char *const owned[] = {
        c->session_id,      c->session_title,    c->agent_id,    c->parent_agent_id, c->method,      c->path,
        c->error_type,      c->error_message,    c->stop_reason, c->model_asked,     c->model_sent,  c->model_served,
        c->provider_pinned, c->provider_served,  c->request_id,  c->respan_log_id,   c->cache_break, c->request_headers,
        c->sent_headers,    c->response_headers, c->route_note,  c->changes,         c->work_dir,
    };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        free(owned[i]);
    call_init(c);
}

static void take_text(char **to, char **from)
{
    if (!*from)
        return;
    free(*to);
    *to = *from;
    *from = NULL;
}

static void take_number(int64_t *to, int64_t from)
{
    if (from != CALL_UNKNOWN)
        *to = from;
}

static void merge_texts(struct call *to, struct call *from)
{
    take_text(&to->session_id, &from->session_id);
    take_text(&to->agent_id, &from->agent_id);
    take_text(&to->parent_agent_id, &from->parent_agent_id);
    take_text(&to->method, &from->method);
    take_text(&to->path, &from->path);
    take_text(&to->error_type, &from->error_type);
    take_text(&to->error_message, &from->error_message);
    take_text(&to->stop_reason, &from->stop_reason);
    take_text(&to->model_asked, &from->model_asked);
    take_text(&to->model_sent, &from->model_sent);
    take_text(&to->model_served, &from->model_served);
    take_text(&to->provider_pinned, &from->provider_pinned);
    take_text(&to->provider_served, &from->provider_served);
    take_text(&to->request_id, &from->request_id);
    take_text(&to->respan_log_id, &from->respan_log_id);
    take_text(&to->cache_break, &from->cache_break);
    take_text(&to->request_headers, &from->request_headers);
    take_text(&to->sent_headers, &from->sent_headers);
    take_text(&to->response_headers, &from->response_headers);
    take_text(&to->route_note, &from->route_note);
    take_text(&to->changes, &from->changes);
    take_text(&to->work_dir, &from->work_dir);
}

static void merge_usage(struct usage *to, const struct usage *from)
{
    take_number(&to->in, from->in);
    take_number(&to->cache_read, from->cache_read);
    take_number(&to->cache_write_5m, from->cache_write_5m);
    take_number(&to->cache_write_1h, from->cache_write_1h);
    take_number(&to->out, from->out);
    take_number(&to->web_searches, from->web_searches);
    to->extras |= from->extras;
}

/* A later try tells what it sent itself, not what the one before it did. */
static void forget_try(struct call *c)
{
    xreplace(&c->model_sent, NULL);
    xreplace(&c->provider_pinned, NULL);
    xreplace(&c->sent_headers, NULL);
    xreplace(&c->changes, NULL);
}

void call_merge(struct call *to, struct call *from)
{
    if (to->attempt > 0 && from->attempt > to->attempt)
        forget_try(to);
    to->state = from->state;
    merge_texts(to, from);
    merge_usage(&to->usage, &from->usage);
    take_number(&to->started_at, from->started_at);
    take_number(&to->finished_at, from->finished_at);
    take_number(&to->status, from->status);
    take_number(&to->ttfb_ms, from->ttfb_ms);
    take_number(&to->ttft_ms, from->ttft_ms);
    take_number(&to->duration_ms, from->duration_ms);
    take_number(&to->bytes_in, from->bytes_in);
    take_number(&to->bytes_out, from->bytes_out);
    take_number(&to->attempt, from->attempt);
    take_number(&to->cache_break_microusd, from->cache_break_microusd);
    if (from->has_purpose) {
        to->has_purpose = true;
        to->purpose = from->purpose;
    }
    if (from->cost_microusd != CALL_UNKNOWN) {
        to->cost_microusd = from->cost_microusd;
        to->cost_source = from->cost_source;
    }
    if (from->respan_cache >= 0)
        to->respan_cache = from->respan_cache;
}

const char *call_state_name(enum call_state s)
{
    static const char *const names[] = {"open", "done", "error", "aborted", "lost"};
    return names[s];
}

const char *cost_source_name(enum cost_source s)
{
    static const char *const names[] = {NULL, "respan", "catalog"};
    return names[s];
}

const char *body_state_name(enum body_state s)
{
    static const char *const names[] = {"kept", "dropped", "expired", "off", "redacted"};
    return names[s];
}
