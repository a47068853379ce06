/* One row of Respan's request log, as GET /api/request-logs/{id}/ returns it. */
#ifndef SPANTOP_RESPAN_LOGROW_H
#define SPANTOP_RESPAN_LOGROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct logrow {
    char unique_id[128];
    int64_t cost_microusd; /* -1 unknown */
    char model[128];
    char provider[64];     /* provider_id */
    int64_t tokens_prompt;
    int64_t tokens_completion;
    int64_t tokens_cache_read;
    int64_t tokens_cache_write;
    int cache_hit;         /* 1, 0, -1 unknown */
    int64_t credits_left_microusd; /* INT64_MIN unknown */
    char error_message[256];
    char timestamp[40];    /* as Respan writes it, ISO 8601 */
    int64_t status_code;   /* -1 unknown */
};

NODISCARD int logrow_parse(const char *json, size_t len, struct logrow *row, struct err *e);

#endif
