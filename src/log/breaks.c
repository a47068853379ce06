#include "log/breaks.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "log/breaks_recall.h"
#include "log/breaks_why.h"
#include "log/conversations.h"
#include "log/journal_sums.h"

struct agent {
    uint64_t used;
    struct break_call calls[BREAKS_BRANCHES];
    size_t count;
    size_t next; /* the oldest one, when all are there */
};

/* A call that runs. */
struct running {
    int64_t call_id;
    struct image *image;
};

/* A break whose provider was not known when it was judged. */
struct doubt {
    int64_t call_id;
    struct break_call before; /* its providers only */
    struct break_call now;
};
#define DOUBTS 64 /* Respan's log answers within 20 s */

struct breaks {
    sqlite3 *sq;
    int64_t first_call;
    const struct catalog *catalog;
    uint64_t names[BREAKS_AGENTS]; /* apart from the agents: searching them touches 8 KB */
    struct agent agents[BREAKS_AGENTS];
    size_t high; /* agents in use lie below */
    size_t bytes;
    uint64_t clock;
    struct running *running;
    size_t running_count;
    size_t running_cap;
    struct doubt doubts[DOUBTS];
    size_t doubt_at;
};

struct breaks *breaks_new(sqlite3 *sq, int64_t first_call, const struct catalog *catalog)
{
    struct breaks *b = xcalloc(1, sizeof *b);
    b->sq = sq;
    b->first_call = first_call;
    b->catalog = catalog;
    return b;
}

/* ---- Agents ------------------------------------------------------------------------- */

void break_call_done(struct break_call *c)
{
    image_unref(c->image);
    free(c->model_sent);
    free(c->model_served);
    free(c->provider_pinned);
    free(c->provider_served);
    *c = (struct break_call){0};
}

static void drop_call(struct breaks *b, struct break_call *c)
{
    b->bytes -= image_size(c->image);
    break_call_done(c);
}

static void drop_agent(struct breaks *b, size_t i)
{
    for (size_t n = 0; n < b->agents[i].count; n++)
        drop_call(b, &b->agents[i].calls[n]);
    b->agents[i] = (struct agent){0};
    b->names[i] = 0;
}

static size_t find_name(const struct breaks *b, uint64_t name)
{
    for (size_t i = 0; i < b->high; i++)
        if (b->names[i] == name)
            return i;
    return BREAKS_AGENTS;
}

static size_t oldest_agent(const struct breaks *b)
{
    size_t oldest = BREAKS_AGENTS;
    for (size_t i = 0; i < b->high; i++)
        if (b->names[i] != 0 && (oldest == BREAKS_AGENTS || b->agents[i].used < b->agents[oldest].used))
            oldest = i;
    return oldest;
}

static size_t add_agent(struct breaks *b, uint64_t name)
{
    size_t i = find_name(b, 0);
    if (i == BREAKS_AGENTS && b->high < BREAKS_AGENTS)
        i = b->high++;
    if (i == BREAKS_AGENTS) {
        i = oldest_agent(b);
        drop_agent(b, i);
    }
    b->names[i] = name;
    b->agents[i].used = ++b->clock;
    return i;
}

/* c is empty after. */
static void keep_call(struct breaks *b, struct agent *a, struct break_call *c)
{
    struct break_call *slot = &a->calls[a->next];
    if (a->count == BREAKS_BRANCHES)
        drop_call(b, slot);
    else
        a->count++;
    *slot = *c;
    *c = (struct break_call){0};
    a->next = (a->next + 1) % BREAKS_BRANCHES;
    a->used = ++b->clock;
    b->bytes += image_size(slot->image);
    while (b->bytes > BREAKS_BYTES && &b->agents[oldest_agent(b)] != a)
        drop_agent(b, oldest_agent(b));
}

static uint64_t agent_name(const struct call *c)
{
    char *text = xasprintf("%s\n%s", c->session_id, c->agent_id ? c->agent_id : "");
    uint64_t name = conversation_name(text);
    free(text);
    return name;
}

/* ---- Running calls ------------------------------------------------------------------- */

static struct running *find_running(struct breaks *b, int64_t call_id)
{
    for (size_t i = b->running_count; i-- > 0;)
        if (b->running[i].call_id == call_id)
            return &b->running[i];
    return NULL;
}

void breaks_begin(struct breaks *b, int64_t call_id, struct image *image)
{
    struct running *r = find_running(b, call_id);
    if (!r && !image)
        return;
    if (!r) {
        if (b->running_count == b->running_cap) {
            b->running_cap = b->running_cap ? b->running_cap * 2 : 64;
            b->running = xrealloc(b->running, b->running_cap * sizeof *b->running);
        }
        r = &b->running[b->running_count++];
        *r = (struct running){call_id, NULL};
    }
    image_ref(image);
    image_unref(r->image);
    r->image = image;
}

static struct image *take_running(struct breaks *b, int64_t call_id)
{
    struct running *r = find_running(b, call_id);
    if (!r)
        return NULL;
    struct image *image = r->image;
    *r = b->running[--b->running_count];
    return image;
}

void breaks_free(struct breaks *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->high; i++)
        drop_agent(b, i);
    for (size_t i = 0; i < b->running_count; i++)
        image_unref(b->running[i].image);
    for (size_t i = 0; i < DOUBTS; i++) {
        break_call_done(&b->doubts[i].before);
        break_call_done(&b->doubts[i].now);
    }
    free(b->running);
    free(b);
}

/* ---- Money --------------------------------------------------------------------------- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t breaks_cost(const struct catalog *catalog, const struct call *c, int64_t tokens_lost)
{
    const char *name = call_counted_model(c);
    const struct model *model = catalog && name ? catalog_find(catalog, name) : NULL;
    const struct price *price = model ? model_price_on(model, clock_day_number(c->started_at)) : NULL;
    /* What is kept for an hour stands in front. */
    int64_t hour = least(tokens_lost, c->usage.cache_write_1h > 0 ? c->usage.cache_write_1h : 0);
    int64_t five = least(tokens_lost - hour, c->usage.cache_write_5m > 0 ? c->usage.cache_write_5m : 0);
    if (hour + five == 0)
        return 0;
    if (!price || price->cache_read < 0 || (hour > 0 && price->cache_write_1h < 0) ||
        (five > 0 && price->cache_write_5m < 0))
        return -1;
    int64_t cost =
        hour * (price->cache_write_1h - price->cache_read) + five * (price->cache_write_5m - price->cache_read);
    return cost > 0 ? (cost + 500000) / 1000000 : 0;
}

/* ---- Judging -------------------------------------------------------------------------- */

static bool is_conversation(const struct call *c)
{
    return c->session_id && c->has_purpose && c->usage.cache_read >= 0 &&
           c->respan_cache != 1 && /* Respan's own cache asks nobody */
           (c->purpose == PURPOSE_MAIN || c->purpose == PURPOSE_SUBAGENT || c->purpose == PURPOSE_FORK);
}

static char *model_name(const struct catalog *catalog, const char *name)
{
    const struct model *model = catalog && name ? catalog_find(catalog, name) : NULL;
    return xstrdup(model ? model->name : name);
}

void break_call_fill(struct break_call *to, const struct call *c, struct image *image, const struct catalog *catalog)
{
    *to = (struct break_call){
        .id = c->id,
        .image = image,
        .model_sent = model_name(catalog, c->model_sent),
        .model_served = model_name(catalog, c->model_served),
        .provider_pinned = xstrdup(c->provider_pinned),
        .provider_served = xstrdup(c->provider_served),
        .started_at = c->started_at,
        .finished_at = c->finished_at >= 0 ? c->finished_at : c->started_at,
        .usage = c->usage,
    };
    to->used_from = to->started_at;
    to->used_to = to->finished_at;
}

/* A call that goes on from an earlier one and found (or wrote again) what that
 * had left made its lifetime begin anew. */
static void refresh(struct agent *a, const struct break_call *now)
{
    for (size_t i = 0; i < a->count; i++) {
        struct break_call *c = &a->calls[i];
        if (now->used_from < c->used_from || break_call_cached(now) * 100 < break_call_cached(c) * BREAK_PERCENT ||
            !break_is_continued(c, now))
            continue;
        c->used_from = now->used_from;
        c->used_to = now->used_to;
    }
}

static void keep_doubt(struct breaks *b, const struct break_call *before, const struct break_call *now)
{
    struct doubt *d = &b->doubts[b->doubt_at++ % DOUBTS];
    break_call_done(&d->before);
    break_call_done(&d->now);
    *d = (struct doubt){.call_id = now->id};
    d->before.id = before->id;
    d->before.provider_pinned = xstrdup(before->provider_pinned);
    d->before.provider_served = xstrdup(before->provider_served);
    d->now.provider_pinned = xstrdup(now->provider_pinned);
    d->now.provider_served = xstrdup(now->provider_served);
}

static void judge(struct breaks *b, struct agent *a, const struct break_call *now, struct call *c)
{
    const struct break_call *before[BREAKS_BRANCHES];
    struct break_reason r;
    for (size_t i = 0; i < a->count; i++)
        before[i] = &a->calls[i];
    if (!break_find(before, a->count, now, &r))
        return;
    struct buf clean; /* names come from outside */
    buf_init(&clean);
    text_clean(&clean, r.text, strlen(r.text), false, false);
    xreplace(&c->cache_break, clean.data);
    buf_done(&clean);
    c->cache_break_microusd = breaks_cost(b->catalog, c, r.tokens_lost);
    if (r.is_upstream && (!now->provider_served || !r.before->provider_served))
        keep_doubt(b, r.before, now);
}

void breaks_end(struct breaks *b, struct call *c)
{
    struct image *image = take_running(b, c->id);
    if (!image || !is_conversation(c)) {
        image_unref(image);
        return;
    }
    struct break_call now;
    break_call_fill(&now, c, image, b->catalog);
    uint64_t name = agent_name(c);
    size_t i = find_name(b, name);
    if (i == BREAKS_AGENTS) {
        i = add_agent(b, name);
        struct break_call old;
        if (b->sq && breaks_recall(b->sq, b->catalog, c, b->first_call, &old) == 0)
            keep_call(b, &b->agents[i], &old);
    }
    struct agent *a = &b->agents[i];
    judge(b, a, &now, c);
    refresh(a, &now);
    keep_call(b, a, &now);
}

/* ---- Known later ------------------------------------------------------------------------ */

static void tell_agents(struct breaks *b, int64_t call_id, const char *provider)
{
    for (size_t i = 0; i < b->high; i++)
        for (size_t n = 0; n < b->agents[i].count; n++)
            if (b->agents[i].calls[n].id == call_id)
                xreplace(&b->agents[i].calls[n].provider_served, provider);
}

char *breaks_amend(struct breaks *b, int64_t call_id, const char *provider_served)
{
    char change[BREAK_TEXT_MAX / 2];
    struct doubt *found = NULL;
    tell_agents(b, call_id, provider_served);
    for (size_t i = 0; i < DOUBTS; i++) {
        struct doubt *d = &b->doubts[i];
        if (d->call_id != 0 && d->before.id == call_id)
            xreplace(&d->before.provider_served, provider_served);
        if (d->call_id != 0 && d->call_id == call_id) {
            xreplace(&d->now.provider_served, provider_served);
            found = d;
        }
    }
    if (!found || !break_provider_change(&found->before, &found->now, change, sizeof change))
        return NULL;
    found->call_id = 0;
    return xasprintf("provider: %s", change);
}
