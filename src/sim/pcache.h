/* Anthropic's prompt cache, modelled.
 *
 * A prefix is kept only at the elements that carry cache_control, for that
 * mark's lifetime, apart for each model and provider, and only when it holds
 * the model's minimum of tokens.  A call reads the longest living prefix found at
 * one of its marks or at most 19 elements before one; what lies between it and
 * the last mark is written (up to the last 1-hour mark as 1-hour, the rest as
 * 5-minute), what follows the last mark is plain input.  A read makes the
 * lifetimes of the marks it covers begin anew.
 *
 * Thread: none; the caller holds its lock.  Time: the caller's, in ms. */
#ifndef SPANTOP_SIM_PCACHE_H
#define SPANTOP_SIM_PCACHE_H

#include <stdint.h>

#include "sim/elements.h"

#define PCACHE_5M_MS ((int64_t)5 * 60 * 1000)
#define PCACHE_1H_MS ((int64_t)60 * 60 * 1000)
#define PCACHE_LOOK_BACK 20 /* elements looked at for each mark, itself included */
#define PCACHE_MARKS_MAX 4

struct pcache;

struct pcache_use {
    int64_t input; /* neither read nor written */
    int64_t read;
    int64_t write_5m;
    int64_t write_1h;
};

struct pcache *pcache_new(void);
void pcache_free(struct pcache *p);

/* One call: says what it reads and writes, and remembers it.  The four figures
 * add up to e->tokens. */
void pcache_call(struct pcache *p, const char *model, const char *provider, const struct elements *e, int64_t min_tokens,
                 int64_t now_ms, struct pcache_use *use);
/* Prefixes alive at now_ms. */
size_t pcache_count(const struct pcache *p, int64_t now_ms);

#endif
