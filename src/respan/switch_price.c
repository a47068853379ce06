#include "respan/switch_price.h"

#define TOKENS_PER_PRICE 1e6

static int64_t price_of(int64_t tokens, int64_t microusd)
{
    return (int64_t)((double)tokens * (double)microusd / TOKENS_PER_PRICE + 0.5);
}

bool switch_price(const struct catalog *c, const struct switch_about *about, struct switch_price *p)
{
    if (!c || !about->model_from || !about->model_to || about->context_tokens <= 0)
        return false;
    const struct model *from = catalog_find(c, about->model_from), *to = catalog_find(c, about->model_to);
    const struct price *old = from ? model_price_on(from, about->day) : NULL;
    const struct price *new = to ? model_price_on(to, about->day) : NULL;
    if (!old || !new)
        return false;
    int64_t write = about->is_1h ? new->cache_write_1h : new->cache_write_5m;
    if (old->cache_read < 0 || new->cache_read < 0 || write < 0)
        return false;
    p->now_microusd = price_of(about->context_tokens, old->cache_read);
    p->next_microusd = price_of(about->context_tokens, write);
    p->then_microusd = price_of(about->context_tokens, new->cache_read);
    p->running_microusd = p->then_microusd - p->now_microusd;
    p->is_too_long = to->context_tokens > 0 && about->context_tokens > to->context_tokens;
    return true;
}
