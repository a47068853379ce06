#include "cli/reconcile.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

void reconcile_init(struct reconcile *r, int64_t since_ms, int64_t now_ms)
{
    *r = (struct reconcile){.since_ms = since_ms, .now_ms = now_ms};
}

static void row_free(struct reconcile_row *row)
{
    free(row->log_id);
    free(row->model);
    free(row->timestamp);
}

void reconcile_done(struct reconcile *r)
{
    for (size_t i = 0; i < r->call_count; i++) {
        free(r->calls[i].log_id);
        free(r->calls[i].model);
    }
    for (size_t i = 0; i < r->missing_here_count; i++)
        row_free(&r->missing_here[i]);
    free(r->calls);
    free(r->missing_here);
    *r = (struct reconcile){0};
}

/* ---- Our side --------------------------------------------------------------------- */

static int64_t input_of(const struct usage *u)
{
    const int64_t parts[] = {u->in, u->cache_read, u->cache_write_5m, u->cache_write_1h};
    int64_t sum = -1;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i] >= 0)
            sum = (sum < 0 ? 0 : sum) + parts[i];
    return sum;
}

void reconcile_add_call(struct reconcile *r, const struct call *c)
{
    if (!c->respan_log_id) {
        r->unnamed += c->started_at >= r->since_ms;
        return;
    }
    if (r->call_count == r->call_cap) {
        r->call_cap = r->call_cap ? 2 * r->call_cap : 256;
        r->calls = xrealloc(r->calls, r->call_cap * sizeof *r->calls);
    }
    const char *model = c->model_served ? c->model_served : c->model_sent ? c->model_sent : c->model_asked;
    r->calls[r->call_count++] = (struct reconcile_call){
        .id = c->id,
        .log_id = xstrdup(c->respan_log_id),
        .model = xstrdup(model),
        .state = c->state,
        .started_at = c->started_at,
        .finished_at = c->finished_at,
        .tokens_uncached = c->usage.in,
        .here = {input_of(&c->usage), c->usage.out, c->cost_microusd},
    };
}

static int by_log_id(const void *a, const void *b)
{
    const struct reconcile_call *x = a;
    const struct reconcile_call *y = b;
    return strcmp(x->log_id, y->log_id);
}

void reconcile_sort(struct reconcile *r)
{
    if (r->call_count > 1)
        qsort(r->calls, r->call_count, sizeof *r->calls, by_log_id);
}

/* ---- Respan's side ------------------------------------------------------------------ */

/* A millionth is rounding; beyond it one percent, as for the mark in the log. */
static bool costs_differ(int64_t a, int64_t b)
{
    int64_t more = a > b ? a : b;
    int64_t apart = a > b ? a - b : b - a;
    return a >= 0 && b >= 0 && apart > 1 && apart > more / 100;
}

/* Whether prompt_tokens holds the cached ones is not documented: either will do. */
static bool inputs_differ(const struct reconcile_call *c)
{
    return c->here.tokens_in >= 0 && c->there.tokens_in >= 0 && c->there.tokens_in != c->here.tokens_in &&
           c->there.tokens_in != c->tokens_uncached;
}

static unsigned compare(const struct reconcile_call *c)
{
    unsigned differs = costs_differ(c->here.cost_microusd, c->there.cost_microusd) ? DIFFERS_COST : 0;
    if (inputs_differ(c))
        differs |= DIFFERS_IN;
    if (c->here.tokens_out >= 0 && c->there.tokens_out >= 0 && c->here.tokens_out != c->there.tokens_out)
        differs |= DIFFERS_OUT;
    return differs;
}

static void add_missing(struct reconcile *r, const struct logrow *row, const struct figures *there)
{
    int64_t at_ms = clock_from_iso(row->timestamp);
    if (at_ms >= 0 && (at_ms < r->since_ms || at_ms > r->now_ms))
        return;
    if (r->missing_here_count == r->missing_here_cap) {
        r->missing_here_cap = r->missing_here_cap ? 2 * r->missing_here_cap : 64;
        r->missing_here = xrealloc(r->missing_here, r->missing_here_cap * sizeof *r->missing_here);
    }
    r->missing_here[r->missing_here_count++] = (struct reconcile_row){
        xstrdup(row->unique_id), row->model[0] ? xstrdup(row->model) : NULL,
        row->timestamp[0] ? xstrdup(row->timestamp) : NULL, at_ms, *there,
    };
}

void reconcile_add_row(struct reconcile *r, const struct logrow *row)
{
    struct reconcile_call key = {.log_id = (char *)row->unique_id};
    struct figures there = {row->tokens_prompt, row->tokens_completion, row->cost_microusd};
    struct reconcile_call *c =
        r->call_count ? bsearch(&key, r->calls, r->call_count, sizeof *r->calls, by_log_id) : NULL;
    if (!row->unique_id[0])
        return;
    if (!c) {
        add_missing(r, row, &there);
        return;
    }
    c->has_row = true;
    c->there = there;
    c->differs = compare(c);
}

/* ---- Both ----------------------------------------------------------------------------- */

bool reconcile_is_missing(const struct reconcile *r, const struct reconcile_call *c)
{
    return !c->has_row && c->started_at >= r->since_ms && c->state != CALL_OPEN &&
           c->finished_at < r->now_ms - RECONCILE_LANDING_MS;
}

static int64_t known(int64_t n)
{
    return n > 0 ? n : 0;
}

static void add_both(struct reconcile *r, const struct reconcile_call *c)
{
    r->compared++;
    r->differing += c->differs != 0;
    r->here.tokens_in += known(c->here.tokens_in);
    r->here.tokens_out += known(c->here.tokens_out);
    r->there.tokens_in += known(c->there.tokens_in);
    r->there.tokens_out += known(c->there.tokens_out);
    if (c->here.cost_microusd >= 0 && c->there.cost_microusd >= 0) {
        r->here.cost_microusd += c->here.cost_microusd;
        r->there.cost_microusd += c->there.cost_microusd;
    } else if (c->here.cost_microusd != c->there.cost_microusd) {
        r->unpriced++;
    }
}

static int row_by_log_id(const void *a, const void *b)
{
    const struct reconcile_row *x = a;
    const struct reconcile_row *y = b;
    return strcmp(x->log_id, y->log_id);
}

static int row_by_time(const void *a, const void *b)
{
    const struct reconcile_row *x = a;
    const struct reconcile_row *y = b;
    return x->at_ms < y->at_ms ? -1 : x->at_ms > y->at_ms;
}

static int by_id(const void *a, const void *b)
{
    const struct reconcile_call *x = a;
    const struct reconcile_call *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Pages move while calls are made, so a row may have come twice. */
static void drop_repeated_rows(struct reconcile *r)
{
    size_t kept = 0;
    if (r->missing_here_count < 2)
        return;
    qsort(r->missing_here, r->missing_here_count, sizeof *r->missing_here, row_by_log_id);
    for (size_t i = 0; i < r->missing_here_count; i++) {
        if (kept && strcmp(r->missing_here[kept - 1].log_id, r->missing_here[i].log_id) == 0)
            row_free(&r->missing_here[i]);
        else
            r->missing_here[kept++] = r->missing_here[i];
    }
    r->missing_here_count = kept;
    qsort(r->missing_here, kept, sizeof *r->missing_here, row_by_time);
}

void reconcile_sum(struct reconcile *r)
{
    drop_repeated_rows(r);
    if (r->call_count > 1)
        qsort(r->calls, r->call_count, sizeof *r->calls, by_id);
    for (size_t i = 0; i < r->call_count; i++) {
        const struct reconcile_call *c = &r->calls[i];
        if (c->started_at < r->since_ms)
            continue;
        if (c->has_row)
            add_both(r, c);
        else if (reconcile_is_missing(r, c))
            r->missing_there++;
        else
            r->landing++;
    }
}
