/* The X-Data-Respan-Params header: base64 of a JSON object of Respan parameters.
 * Names and shapes: Respan's API reference (see docs/routing.md). */
#ifndef SPANTOP_RESPAN_PARAMS_H
#define SPANTOP_RESPAN_PARAMS_H

#include <stddef.h>

#include "base/err.h"

#define PARAMS_HEADER "X-Data-Respan-Params"
#define PARAMS_HEADER_LEGACY "X-Data-Keywordsai-Params"
#define PARAMS_PIN_HEADER "X-Respan-Route-Provider"

/* Are names and shapes right?  -1 names the key and what it should be. */
NODISCARD int params_check(const char *json, struct err *e);
/* Merge two JSON objects; top's keys win.  Either may be NULL.  Caller frees; NULL on bad JSON. */
char *params_merge(const char *base_json, const char *top_json, struct err *e);
/* With a thread_identifier when it has none, or has "auto": "claudecode_SESSION", the
 * name Respan's own hook for Claude Code gives a session.  json is an object; caller
 * frees; NULL on bad JSON. */
char *params_with_thread(const char *json, const char *session_id, struct err *e);
/* Header value for a JSON object / JSON object in a header value.  Caller frees. */
char *params_encode(const char *json);
char *params_decode(const char *header_value, struct err *e);
/* "off", "on", or a time (300, 5m, 1h, 7d) into the JSON for cache_enabled / cache_ttl. Caller frees. */
char *params_from_cache_word(const char *word, struct err *e);

#endif
