/* Respan's response cache: the same body again within its lifetime gets the same
 * answer, free of charge.  Asked for by cache_enabled in Respan's params.
 *
 * Thread: none; the caller holds its lock.  Time: the caller's, in ms. */
#ifndef SPANTOP_SIM_RCACHE_H
#define SPANTOP_SIM_RCACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/answer.h"
#include "sim/ask.h"
#include "sim/events.h"

#define RCACHE_TTL_S ((int64_t)30 * 24 * 3600) /* Respan's default */

struct rcache_entry {
    struct rcache_entry *next;
    uint64_t key[2];
    int64_t expires_ms;
    struct answer answer;
    struct figures figures;
    char model[128];
    char provider[64];
};

struct rcache {
    struct rcache_entry *first;
};

/* Does the call want the cache?  Then its key. */
bool rcache_wanted(const struct ask *q, const struct buf *body, uint64_t key[2]);
int64_t rcache_ttl_ms(const struct ask *q);
/* Lent until the next call; NULL: none alive. */
const struct rcache_entry *rcache_find(struct rcache *c, const uint64_t key[2], int64_t now_ms);
void rcache_put(struct rcache *c, const uint64_t key[2], int64_t expires_ms, const struct answer *a, const struct figures *f,
                const char *model, const char *provider);
void rcache_clear(struct rcache *c);

#endif
