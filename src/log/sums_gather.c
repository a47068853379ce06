#include "log/sums_gather.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "log/journal_sums.h"

void gathered_done(struct gathered *g)
{
    free(g->all);
    *g = (struct gathered){0};
}

void sum_init(struct sum *s, const struct call *c)
{
    *s = (struct sum){.call = c, .first_at = c->started_at};
}

static bool has_context(const struct call *c)
{
    return c->has_purpose && c->purpose == PURPOSE_MAIN && c->usage.in >= 0;
}

void sum_add(struct sum *s, const struct call *c, const int64_t n[SUM_COLUMNS])
{
    int64_t last = c->finished_at > c->started_at ? c->finished_at : c->started_at;
    for (int i = 0; i < SUM_COLUMNS; i++)
        s->n[i] += n[i];
    if (c->started_at < s->first_at)
        s->first_at = c->started_at;
    if (last > s->last_at)
        s->last_at = last;
    if (c->work_dir)
        s->work_dir = c->work_dir;
    /* n[0]: it has ended. */
    if (n[0] > 0 && has_context(c) && (!s->newest_main || c->id > s->newest_main->id))
        s->newest_main = c;
}

/* ---- Keys -------------------------------------------------------------------------- */

const char *call_counted_model(const struct call *c)
{
    return c->model_served ? c->model_served : c->model_sent ? c->model_sent : c->model_asked;
}

/* In the sums a text that is unknown is ''. */
static bool is_same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

bool is_same_series(const struct call *a, const struct call *b)
{
    return is_same_text(call_counted_model(a), call_counted_model(b)) && is_same_text(a->provider_served, b->provider_served);
}

bool is_same_session(const struct call *a, const struct call *b)
{
    return is_same_text(a->session_id, b->session_id);
}

static bool is_same_purpose(const struct call *a, const struct call *b)
{
    return a->has_purpose == b->has_purpose && (!a->has_purpose || a->purpose == b->purpose);
}

/* Most calls of a commit began in the same minute, and no day begins within one. */
static bool is_of_one_day(int64_t a_ms, int64_t b_ms)
{
    return a_ms / 60000 == b_ms / 60000 || clock_day_number(a_ms) == clock_day_number(b_ms);
}

bool is_same_day(const struct call *a, const struct call *b)
{
    return is_same_purpose(a, b) && is_same_session(a, b) && is_same_series(a, b) && is_of_one_day(a->started_at, b->started_at);
}

bool is_same_minute(const struct call *a, const struct call *b)
{
    return a->finished_at / 60000 == b->finished_at / 60000 && is_same_series(a, b);
}

/* ---- Gathering ---------------------------------------------------------------------- */

static struct sum *sum_of(struct gathered *g, is_same_fn *is_same, const struct call *c)
{
    for (size_t i = g->count; i-- > 0;)
        if (is_same(g->all[i].call, c))
            return &g->all[i];
    if (g->count == g->cap) {
        g->cap = g->cap ? 2 * g->cap : 16;
        g->all = xrealloc(g->all, g->cap * sizeof *g->all);
    }
    sum_init(&g->all[g->count], c);
    return &g->all[g->count++];
}

void gather(struct gathered *g, is_same_fn *is_same, const struct call *c, const int64_t n[SUM_COLUMNS])
{
    sum_add(sum_of(g, is_same, c), c, n);
}
