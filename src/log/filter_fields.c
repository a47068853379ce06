/* What can be filtered by, and where it stands in the table `call`. */
#include <string.h>
#include <strings.h>

#include "log/filter_sql.h"

#define LIVE(column) \
    "(CASE c.state WHEN 'open' THEN (SELECT p." column " FROM progress p WHERE p.call_id = c.id) ELSE c." column " END)"
#define INPUT \
    "(c.tokens_in + ifnull(c.tokens_cache_read, 0) + ifnull(c.tokens_cache_write_5m, 0) + ifnull(c.tokens_cache_write_1h, 0))"

#define HEADERS(which) "(SELECT h." which " FROM headers h WHERE h.call_id = c.id)"

#define STATES "open done error aborted lost"
#define PURPOSES "main subagent fork title count_tokens side other"
#define BODY_STATES "kept redacted dropped expired off"

#define TEXT_COLUMN(column) {#column, FIELD_TEXT, {"c." #column}, NULL}
#define COUNT_COLUMN(column) {#column, FIELD_COUNT, {"c." #column}, NULL}
#define MS_COLUMN(column) {#column, FIELD_MS, {"c." #column}, NULL}

/* Short names and words first, as help shows them; then every column of `calls`. */
static const struct filter_field FIELDS[] = {
    {"model", FIELD_TEXT, {"c.model_served", "c.model_sent", "c.model_asked"}, NULL},
    {"provider", FIELD_TEXT, {"c.provider_served", "c.provider_pinned"}, NULL},
    {"session", FIELD_TEXT, {"s.session_id", "s.title"}, NULL},
    {"who", FIELD_WORD, {"c.purpose"}, PURPOSES},
    {"agent", FIELD_TEXT, {"c.agent_id"}, NULL},
    {"error", FIELD_TEXT, {"c.error_type", "c.error_message"}, NULL},
    {"break", FIELD_TEXT, {"c.cache_break"}, NULL},
    {"route", FIELD_TEXT, {"c.route_note"}, NULL},
    {"text", FIELD_BODY, {NULL}, NULL},
    {"cost", FIELD_DOLLARS, {"c.cost_microusd"}, NULL},
    {"ttft", FIELD_SECONDS, {"c.ttft_ms"}, NULL},
    {"duration", FIELD_SECONDS, {"c.duration_ms"}, NULL},
    {"in", FIELD_COUNT, {INPUT}, NULL},
    {"out", FIELD_COUNT, {LIVE("tokens_out")}, NULL},
    {"read", FIELD_COUNT, {"c.tokens_cache_read"}, NULL},
    {"cache", FIELD_COUNT, {"(c.tokens_cache_read * 100.0 / " INPUT ")"}, NULL},
    {"rate", FIELD_COUNT, {"(c.tokens_out * 1000.0 / (c.duration_ms - c.ttft_ms))"}, NULL},
    {"since", FIELD_SINCE, {"c.started_at"}, NULL},
    {"until", FIELD_UNTIL, {"c.started_at"}, NULL},
    {"errors", FIELD_FLAG, {"c.state = 'error'"}, NULL},
    {"retries", FIELD_FLAG, {"(c.is_retry OR c.attempt > 1)"}, NULL},
    {"breaks", FIELD_FLAG, {"c.cache_break IS NOT NULL"}, NULL},
    {"running", FIELD_FLAG, {"c.state = 'open'"}, NULL},
    COUNT_COLUMN(id),
    {"state", FIELD_WORD, {"c.state"}, STATES},
    {"started_at", FIELD_TIME, {"c.started_at"}, NULL},
    {"finished_at", FIELD_TIME, {"c.finished_at"}, NULL},
    TEXT_COLUMN(session_id),
    {"session_title", FIELD_TEXT, {"s.title"}, NULL},
    TEXT_COLUMN(agent_id),
    TEXT_COLUMN(parent_agent_id),
    {"purpose", FIELD_WORD, {"c.purpose"}, PURPOSES},
    TEXT_COLUMN(method),
    TEXT_COLUMN(path),
    {"status", FIELD_STATUS, {"c.status"}, NULL},
    TEXT_COLUMN(error_type),
    TEXT_COLUMN(error_message),
    TEXT_COLUMN(stop_reason),
    TEXT_COLUMN(model_asked),
    TEXT_COLUMN(model_sent),
    TEXT_COLUMN(model_served),
    TEXT_COLUMN(provider_pinned),
    TEXT_COLUMN(provider_served),
    COUNT_COLUMN(tokens_in),
    COUNT_COLUMN(tokens_cache_read),
    COUNT_COLUMN(tokens_cache_write_5m),
    COUNT_COLUMN(tokens_cache_write_1h),
    {"tokens_out", FIELD_COUNT, {LIVE("tokens_out")}, NULL},
    COUNT_COLUMN(cost_microusd),
    {"cost_source", FIELD_WORD, {"c.cost_source"}, "respan catalog"},
    {"respan_cache", FIELD_WORD, {"c.respan_cache"}, "hit miss"},
    MS_COLUMN(ttfb_ms),
    MS_COLUMN(ttft_ms),
    MS_COLUMN(duration_ms),
    COUNT_COLUMN(bytes_in),
    {"bytes_out", FIELD_COUNT, {LIVE("bytes_out")}, NULL},
    TEXT_COLUMN(request_id),
    TEXT_COLUMN(respan_log_id),
    COUNT_COLUMN(attempt),
    TEXT_COLUMN(cache_break),
    {"body_state", FIELD_WORD, {"c.body_state"}, BODY_STATES},
    {"request_headers", FIELD_TEXT, {HEADERS("request")}, NULL},
    {"sent_headers", FIELD_TEXT, {HEADERS("sent")}, NULL},
    {"response_headers", FIELD_TEXT, {HEADERS("response")}, NULL},
    TEXT_COLUMN(route_note),
    TEXT_COLUMN(changes),
    TEXT_COLUMN(work_dir),
    COUNT_COLUMN(web_searches),
    COUNT_COLUMN(is_retry),
    COUNT_COLUMN(cache_break_microusd),
    COUNT_COLUMN(cost_catalog_microusd),
    COUNT_COLUMN(cost_differs),
};
enum { FIELD_COUNT_ = sizeof FIELDS / sizeof *FIELDS };

/* Headers are left out: every row has the same words in them. */
const char *const filter_text_exprs[] = {
    "c.session_id",    "c.agent_id",     "c.purpose",    "c.state",           "c.path",            "c.error_type",
    "c.error_message", "c.stop_reason",  "c.model_asked", "c.model_sent",     "c.model_served",    "c.provider_pinned",
    "c.provider_served", "c.request_id", "c.respan_log_id", "c.cache_break",  "c.route_note",      "c.work_dir",
    "s.title",         NULL,
};

const struct filter_field *filter_field_find(const char *name, size_t len)
{
    for (size_t i = 0; i < FIELD_COUNT_; i++)
        if (strlen(FIELDS[i].name) == len && strncasecmp(FIELDS[i].name, name, len) == 0)
            return &FIELDS[i];
    return NULL;
}

const char *const *filter_fields(void)
{
    static const char *names[FIELD_COUNT_ + 1];
    /* Filled with the same pointers each time, so that threads may meet here. */
    for (size_t i = 0; i < FIELD_COUNT_; i++)
        names[i] = FIELDS[i].name;
    return names;
}
