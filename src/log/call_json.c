#include "log/call_json.h"

#include <string.h>

#include "base/text.h"

static void add_text(cJSON *j, const char *name, const char *s)
{
    struct buf clean;
    if (!s) {
        cJSON_AddNullToObject(j, name);
        return;
    }
    if (text_is_utf8(s, strlen(s))) {
        cJSON_AddStringToObject(j, name, s);
        return;
    }
    buf_init(&clean);
    text_clean(&clean, s, strlen(s), true, false);
    cJSON_AddStringToObject(j, name, clean.data);
    buf_done(&clean);
}

static void add_count(cJSON *j, const char *name, int64_t n)
{
    if (n < 0)
        cJSON_AddNullToObject(j, name);
    else
        cJSON_AddNumberToObject(j, name, (double)n);
}

static void add_who(cJSON *j, const struct call *c)
{
    add_text(j, "session_id", c->session_id);
    add_text(j, "session_title", c->session_title);
    add_text(j, "agent_id", c->agent_id);
    add_text(j, "parent_agent_id", c->parent_agent_id);
    add_text(j, "purpose", c->has_purpose ? purpose_name(c->purpose) : NULL);
}

static void add_figures(cJSON *j, const struct call *c)
{
    const struct usage *u = &c->usage;
    add_count(j, "tokens_in", u->in);
    add_count(j, "tokens_cache_read", u->cache_read);
    add_count(j, "tokens_cache_write_5m", u->cache_write_5m);
    add_count(j, "tokens_cache_write_1h", u->cache_write_1h);
    add_count(j, "tokens_out", u->out);
    add_count(j, "cost_microusd", c->cost_microusd);
    add_text(j, "cost_source", cost_source_name(c->cost_source));
    add_count(j, "cost_catalog_microusd", c->cost_catalog_microusd);
    cJSON_AddBoolToObject(j, "cost_differs", c->cost_differs);
    add_text(j, "respan_cache", c->respan_cache < 0 ? NULL : c->respan_cache ? "hit" : "miss");
    add_count(j, "ttfb_ms", c->ttfb_ms);
    add_count(j, "ttft_ms", c->ttft_ms);
    add_count(j, "duration_ms", c->duration_ms);
    add_count(j, "bytes_in", c->bytes_in);
    add_count(j, "bytes_out", c->bytes_out);
}

cJSON *call_to_json(const struct call *c)
{
    cJSON *j = cJSON_CreateObject();
    add_count(j, "id", c->id);
    add_text(j, "state", call_state_name(c->state));
    add_count(j, "started_at", c->started_at);
    add_count(j, "finished_at", c->finished_at);
    add_who(j, c);
    add_text(j, "method", c->method);
    add_text(j, "path", c->path);
    add_count(j, "status", c->status);
    add_text(j, "error_type", c->error_type);
    add_text(j, "error_message", c->error_message);
    add_text(j, "stop_reason", c->stop_reason);
    add_text(j, "model_asked", c->model_asked);
    add_text(j, "model_sent", c->model_sent);
    add_text(j, "model_served", c->model_served);
    add_text(j, "provider_pinned", c->provider_pinned);
    add_text(j, "provider_served", c->provider_served);
    add_figures(j, c);
    add_text(j, "request_id", c->request_id);
    add_text(j, "respan_log_id", c->respan_log_id);
    add_count(j, "attempt", c->attempt);
    add_text(j, "cache_break", c->cache_break);
    add_text(j, "body_state", body_state_name(c->body_state));
    return j;
}
