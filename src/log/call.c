#include "log/call.h"

#include <stdlib.h>
#include <string.h>

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
