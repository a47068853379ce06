/* One call: a row of the view `calls` as a struct.  The gateway fills it, the
 * journal writes it, readers get it back.
 *
 * Strings are owned (call_done frees them); NULL is unknown.  Numbers use
 * CALL_UNKNOWN for unknown.  Times are Unix milliseconds, durations milliseconds. */
#ifndef SPANTOP_LOG_CALL_H
#define SPANTOP_LOG_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "anthropic/request.h"
#include "anthropic/usage.h"

#define CALL_UNKNOWN ((int64_t)-1)

enum call_state { CALL_OPEN, CALL_DONE, CALL_ERROR, CALL_ABORTED, CALL_LOST };
enum cost_source { COST_NONE, COST_RESPAN, COST_CATALOG };
/* Redacted: kept without what --redact took out.  Dropped: it came too fast, or
 * could not be searched in time. */
enum body_state { BODY_KEPT, BODY_DROPPED, BODY_EXPIRED, BODY_OFF, BODY_REDACTED };

struct call {
    int64_t id;
    enum call_state state;
    int64_t started_at;
    int64_t finished_at;
    char *session_id;
    char *session_title;    /* readers only: joined from the session */
    char *agent_id;
    char *parent_agent_id;
    bool has_purpose;       /* false until the body was looked at */
    enum call_purpose purpose;
    char *method;
    char *path;             /* target from /v1/ on, as received, query included */
    int64_t status;         /* what the client got */
    char *error_type;
    char *error_message;
    char *stop_reason;
    char *model_asked;
    char *model_sent;
    char *model_served;     /* only what the answer or Respan says; never a guess */
    char *provider_pinned;
    char *provider_served;
    struct usage usage;
    int64_t cost_microusd;
    enum cost_source cost_source;
    int64_t cost_catalog_microusd; /* the catalog's figure where Respan's has replaced it */
    bool cost_differs;      /* the two are more than 1 % apart */
    int respan_cache;       /* 1 hit, 0 miss, -1 unknown */
    int64_t ttfb_ms;
    int64_t ttft_ms;
    int64_t duration_ms;
    int64_t bytes_in;
    int64_t bytes_out;
    char *request_id;
    char *respan_log_id;
    int64_t attempt;
    char *cache_break;      /* "KIND: element", why less was read from the cache than could have been */
    int64_t cache_break_microusd;
    enum body_state body_state;
    /* Beyond the view's contract (columns of the same names exist, too). */
    char *request_headers;  /* JSON array of [name, value], allow-listed, secrets masked */
    char *sent_headers;     /* the same for what went upstream, NULL when alike */
    char *response_headers;
    char *route_note;       /* which route(s) the call took and why, e.g. "#3 session → claude-sonnet-5" */
    char *changes;          /* JSON array: what was changed in the body, NULL when nothing */
    char *work_dir;
    bool has_sent_body;     /* what went upstream differs from what the client sent */
    /* Live, open calls only. */
    int64_t live_tokens_out;
    bool live_is_estimate;
    int64_t live_bytes_out;
};

void call_init(struct call *c); /* everything unknown */
void call_done(struct call *c);
/* What from knows replaces what to knew of the same call; from gives its texts away.  A
 * later try forgets what the one before it sent. */
void call_merge(struct call *to, struct call *from);
const char *call_state_name(enum call_state s);
const char *cost_source_name(enum cost_source s); /* NULL for COST_NONE */
const char *body_state_name(enum body_state s);

#endif
