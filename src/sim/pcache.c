#include "sim/pcache.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/rng.h"

#define BUCKETS 4096     /* fixed: a chain stays short at the demo's and the tests' sizes */
#define PURGE_EVERY 1024 /* inserts between two sweeps, so that an endless demo does not grow */

struct entry {
    struct entry *next;
    uint64_t key[2];
    int64_t ttl_ms;
    int64_t expires_ms;
};

struct pcache {
    struct entry *bucket[BUCKETS];
    unsigned inserts;
};

struct pcache *pcache_new(void) { return xcalloc(1, sizeof(struct pcache)); }

static void purge(struct pcache *p, int64_t now_ms, bool all)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        struct entry **at = &p->bucket[i];
        while (*at) {
            struct entry *e = *at;
            if (!all && e->expires_ms > now_ms) {
                at = &e->next;
                continue;
            }
            *at = e->next;
            free(e);
        }
    }
}

void pcache_free(struct pcache *p)
{
    if (!p)
        return;
    purge(p, 0, true);
    free(p);
}

static void make_key(uint64_t key[2], uint64_t scope, const struct element *el)
{
    key[0] = rng_mix(el->prefix[0] ^ scope);
    key[1] = el->prefix[1];
}

static struct entry *find(const struct pcache *p, uint64_t scope, const struct element *el, int64_t now_ms)
{
    uint64_t key[2];

    make_key(key, scope, el);
    for (struct entry *e = p->bucket[key[0] % BUCKETS]; e; e = e->next)
        if (e->key[0] == key[0] && e->key[1] == key[1])
            return e->expires_ms > now_ms ? e : NULL;
    return NULL;
}

static void write_entry(struct pcache *p, uint64_t scope, const struct element *el, int64_t now_ms)
{
    uint64_t key[2];
    struct entry *e;

    make_key(key, scope, el);
    for (e = p->bucket[key[0] % BUCKETS]; e; e = e->next)
        if (e->key[0] == key[0] && e->key[1] == key[1])
            break;
    if (!e) {
        if (++p->inserts % PURGE_EVERY == 0)
            purge(p, now_ms, false);
        e = xcalloc(1, sizeof(*e));
        memcpy(e->key, key, sizeof(key));
        e->next = p->bucket[key[0] % BUCKETS];
        p->bucket[key[0] % BUCKETS] = e;
    }
    e->ttl_ms = el->mark == MARK_1H ? PCACHE_1H_MS : PCACHE_5M_MS;
    e->expires_ms = now_ms + e->ttl_ms;
}

/* Index of the longest living prefix that the marks can reach, or -1. */
static long find_read(const struct pcache *p, uint64_t scope, const struct elements *e, int64_t now_ms)
{
    for (size_t m = e->count; m-- > 0;) {
        size_t low = m + 1 > PCACHE_LOOK_BACK ? m + 1 - PCACHE_LOOK_BACK : 0;
        if (e->v[m].mark == MARK_NONE)
            continue;
        for (size_t k = m + 1; k-- > low;)
            if (find(p, scope, &e->v[k], now_ms))
                return (long)k;
    }
    return -1;
}

void pcache_call(struct pcache *p, const char *model, const char *provider, const struct elements *e, int64_t min_tokens,
                 int64_t now_ms, struct pcache_use *use)
{
    uint64_t scope = rng_hash(rng_hash(1, model, strlen(model)), provider, strlen(provider));
    long read_at = find_read(p, scope, e, now_ms);
    int64_t sum = 0, read = 0, hour = 0, last = 0;

    for (size_t i = 0; i < e->count; i++) {
        const struct element *el = &e->v[i];
        sum += el->tokens;
        if ((long)i == read_at)
            read = sum;
        if ((long)i <= read_at) {
            struct entry *known = find(p, scope, el, now_ms);
            if (known && (el->mark != MARK_NONE || (long)i == read_at))
                known->expires_ms = now_ms + known->ttl_ms;
            continue;
        }
        if (el->mark == MARK_NONE || sum < min_tokens)
            continue;
        write_entry(p, scope, el, now_ms);
        last = sum;
        if (el->mark == MARK_1H)
            hour = sum;
    }
    use->read = read;
    use->write_1h = hour > read ? hour - read : 0;
    use->write_5m = last > read + use->write_1h ? last - read - use->write_1h : 0;
    use->input = e->tokens - use->read - use->write_1h - use->write_5m;
}

size_t pcache_count(const struct pcache *p, int64_t now_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct entry *e = p->bucket[i]; e; e = e->next)
            n += e->expires_ms > now_ms;
    return n;
}
