/* Reading what Respan's log API answers, however large.
 *
 * A row carries the whole prompt and answer beside the few figures wanted here.
 * The JSON is walked in place and only those few members become a tree, so a
 * row of a megabyte costs a millisecond, not ten. */
#ifndef SPANTOP_RESPAN_LOGLIST_H
#define SPANTOP_RESPAN_LOGLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "respan/logrow.h"

/* Members that logrow_parse() looks at, for the API's include_fields. */
#define LOGLIST_FIELDS                                                                                                 \
    "unique_id,model,provider_id,cost,prompt_tokens,completion_tokens,prompt_cache_hit_tokens,"                        \
    "prompt_cache_creation_tokens,cache_hit,limit_info,error_message,timestamp,status_code"

/* One row, as GET /api/request-logs/{id}/ answers. */
NODISCARD int loglist_row(const char *json, size_t len, struct logrow *row, struct err *e);

/* A page, as POST /api/request-logs/list/ answers: on_row for each row that can
 * be read.  has_more: Respan names a next page. */
NODISCARD int loglist_page(const char *json, size_t len, void (*on_row)(void *arg, const struct logrow *row), void *arg,
                           bool *has_more, struct err *e);

#endif
