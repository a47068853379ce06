#include "sim/rcache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/jsonx.h"
#include "sim/rng.h"

bool rcache_wanted(const struct ask *q, const struct buf *body, uint64_t key[2])
{
    const cJSON *options = jsonx_get(q->params, "cache_options");
    const char *customer = jsonx_bool(options, "cache_by_customer", false) ? jsonx_string(q->params, "customer_identifier", "") : "";

    if (!jsonx_bool(q->params, "cache_enabled", false))
        return false;
    /* The model stands in the body already, so is_cached_by_model changes nothing here. */
    key[0] = rng_hash(rng_hash(1, customer, strlen(customer)), body->data, body->len);
    key[1] = rng_hash(rng_hash(2, customer, strlen(customer)), body->data, body->len);
    return true;
}

int64_t rcache_ttl_ms(const struct ask *q) { return jsonx_int(q->params, "cache_ttl", RCACHE_TTL_S) * 1000; }

static void entry_free(struct rcache_entry *e)
{
    answer_done(&e->answer);
    free(e);
}

const struct rcache_entry *rcache_find(struct rcache *c, const uint64_t key[2], int64_t now_ms)
{
    struct rcache_entry **at = &c->first;

    while (*at) {
        struct rcache_entry *e = *at;
        if (e->expires_ms <= now_ms) {
            *at = e->next;
            entry_free(e);
            continue;
        }
        if (e->key[0] == key[0] && e->key[1] == key[1])
            return e;
        at = &e->next;
    }
    return NULL;
}

void rcache_put(struct rcache *c, const uint64_t key[2], int64_t expires_ms, const struct answer *a, const struct figures *f,
                const char *model, const char *provider)
{
    struct rcache_entry *e = xcalloc(1, sizeof(*e));

    memcpy(e->key, key, sizeof(e->key));
    e->expires_ms = expires_ms;
    answer_copy(&e->answer, a);
    e->figures = *f;
    snprintf(e->model, sizeof(e->model), "%s", model);
    snprintf(e->provider, sizeof(e->provider), "%s", provider);
    e->next = c->first;
    c->first = e;
}

void rcache_clear(struct rcache *c)
{
    while (c->first) {
        struct rcache_entry *e = c->first;
        c->first = e->next;
        entry_free(e);
    }
}
