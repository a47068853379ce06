/* Token counts of one answer, in Anthropic's four classes with both cache-write
 * lifetimes.  A class never seen is USAGE_UNKNOWN, not 0.
 * Source: Anthropic Messages API, `usage` object. */
#ifndef SPANTOP_ANTHROPIC_USAGE_H
#define SPANTOP_ANTHROPIC_USAGE_H

#include <stdint.h>

#include "base/span.h"

#define USAGE_UNKNOWN ((int64_t)-1)

/* What the answer says of its own price, beyond the counts. */
enum usage_extra {
    USAGE_FAST = 1,       /* speed "fast" */
    USAGE_US_ONLY = 2,    /* inference_geo "us" */
    USAGE_BATCH = 4,      /* service_tier "batch" */
    USAGE_OTHER_TIER = 8, /* any tier but standard and batch: nobody knows its price here */
};

struct usage {
    int64_t in;             /* usage.input_tokens alone */
    int64_t cache_read;     /* cache_read_input_tokens */
    int64_t cache_write_5m; /* cache_creation.ephemeral_5m_input_tokens */
    int64_t cache_write_1h; /* cache_creation.ephemeral_1h_input_tokens */
    int64_t out;            /* output_tokens, cumulative */
    int64_t web_searches;   /* server_tool_use.web_search_requests */
    unsigned extras;        /* enum usage_extra; 0: as usual */
};

void usage_init(struct usage *u);
/* Merge a JSON usage object (span v of s) into u: a field that is present
 * replaces, a field that is missing keeps its value.  Without the split,
 * cache_creation_input_tokens counts as the 5-minute class. */
void usage_merge(struct usage *u, const char *s, struct span v);
/* Tokens in the context after this answer: in + read + writes (unknown as 0). */
int64_t usage_context(const struct usage *u);

#endif
