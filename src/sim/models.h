/* The models the simulated Respan serves: price, limits, and which parameters
 * they take.  A table of its own, not spantop's catalog: the simulator is the
 * truth that the catalog's figures are tested against. */
#ifndef SPANTOP_SIM_MODELS_H
#define SPANTOP_SIM_MODELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/pcache.h"

enum model_thinking {
    THINKS_BUDGET,   /* enabled + budget_tokens only */
    THINKS_BOTH,     /* 4.6: either form */
    THINKS_ADAPTIVE, /* adaptive only */
    THINKS_ALWAYS,   /* adaptive, cannot be switched off */
};

struct model {
    const char *name;
    const char *alias; /* another slug for it, or NULL */
    const char *display_name;
    int64_t in_nanousd; /* per token: USD per million × 1000 */
    int64_t out_nanousd;
    int64_t context_tokens;
    int64_t max_output_tokens;
    int64_t cache_min_tokens;
    enum model_thinking thinking;
    bool effort;
};

size_t model_count(void);
const struct model *model_at(size_t i);

/* Resolve a slug: "claude-…", with a provider in front ("vertex_ai/…@date",
 * "bedrock/anthropic.…-v1:0"), or with a mark behind ("…[1m]").  provider (may be
 * NULL) becomes the one named, a static string, or stays as it is.  NULL: unknown. */
const struct model *model_find(const char *slug, const char **provider);

/* A provider by the names Respan takes; the static name, or NULL. */
const char *provider_find(const char *name);

/* Exact cost in billionths of a dollar: writes 1.25× and 2×, reads 0.1× of input. */
int64_t model_cost_nanousd(const struct model *m, const struct pcache_use *use, int64_t out_tokens);

#endif
