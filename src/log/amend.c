#include "log/amend.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void amend_init(struct amend *a)
{
    *a = (struct amend){.cost_microusd = CALL_UNKNOWN, .respan_cache = -1, .credits_left_microusd = INT64_MIN};
}

void amend_done(struct amend *a)
{
    free(a->provider_served);
    free(a->model_served);
    free(a->cache_break);
    amend_init(a);
}

/* Names such as respan/cache say that no model was asked. */
static bool is_respans_own(const char *model)
{
    return strncmp(model, "respan/", 7) == 0 || strncmp(model, "keywordsai/", 11) == 0;
}

void amend_from_row(struct amend *a, const struct logrow *row)
{
    bool is_own = is_respans_own(row->model);
    amend_init(a);
    a->cost_microusd = row->cost_microusd;
    a->provider_served = row->provider[0] ? xstrdup(row->provider) : NULL;
    a->model_served = row->model[0] && !is_own ? xstrdup(row->model) : NULL;
    a->respan_cache = row->cache_hit < 0 && is_own ? 1 : row->cache_hit;
    a->credits_left_microusd = row->credits_left_microusd;
}

/* More than 1 % apart.  A single millionth is the rounding of either side. */
static bool costs_differ(int64_t a, int64_t b)
{
    int64_t more = a > b ? a : b;
    int64_t apart = a > b ? a - b : b - a;
    return apart > 1 && apart > more / 100;
}

static void apply_cost(struct call *c, const struct amend *a)
{
    if (c->cost_source == COST_CATALOG)
        c->cost_catalog_microusd = c->cost_microusd;
    c->cost_microusd = a->cost_microusd;
    c->cost_source = COST_RESPAN;
    /* What Respan's cache answered costs less, and everybody knows why. */
    c->cost_differs = c->cost_catalog_microusd >= 0 && c->respan_cache != 1 &&
                      costs_differ(c->cost_microusd, c->cost_catalog_microusd);
}

void amend_apply(struct call *c, const struct amend *a)
{
    if (a->provider_served)
        xreplace(&c->provider_served, a->provider_served);
    if (a->model_served && !c->model_served)
        c->model_served = xstrdup(a->model_served);
    if (a->respan_cache >= 0)
        c->respan_cache = a->respan_cache;
    if (a->cache_break && c->cache_break)
        xreplace(&c->cache_break, a->cache_break);
    if (a->cost_microusd >= 0)
        apply_cost(c, a);
}
