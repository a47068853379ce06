#include "log/alarms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "log/alarms_pace.h"
#include "log/alarms_trouble.h"
#include "log/alarms_wait.h"
#include "log/journal_sums.h"

#define TOLD     128 /* things told in the last ten minutes */
#define FULL     512 /* agents whose context stands above the limit */
#define PER_CENT 100

struct told {
    uint64_t name; /* of kind and subject; 0: free */
    int64_t at;
};

struct alarms {
    struct alarm_limits limits;
    const struct catalog *catalog;
    bool is_quiet;
    struct paces *paces;
    struct trouble *trouble;
    struct waits *waits;
    struct told told[TOLD];
    uint64_t full[FULL];
    size_t full_at;
    struct alarm *raised;
    size_t raised_count;
    size_t raised_cap;
};

struct alarms *alarms_new(const struct alarm_limits *limits, const struct catalog *catalog)
{
    struct alarms *a = xcalloc(1, sizeof *a);
    a->limits = *limits;
    a->catalog = catalog;
    a->paces = paces_new();
    a->trouble = trouble_new();
    a->waits = waits_new();
    return a;
}

void alarms_forget(struct alarms *a)
{
    for (size_t i = 0; i < a->raised_count; i++)
        alarm_done(&a->raised[i]);
    a->raised_count = 0;
}

void alarms_free(struct alarms *a)
{
    if (!a)
        return;
    alarms_forget(a);
    paces_free(a->paces);
    trouble_free(a->trouble);
    waits_free(a->waits);
    free(a->raised);
    free(a);
}

void alarms_set_quiet(struct alarms *a, bool quiet)
{
    a->is_quiet = quiet;
}

const struct alarm *alarms_peek(const struct alarms *a, size_t *count)
{
    *count = a->raised_count;
    return a->raised;
}

/* ---- Telling once ------------------------------------------------------------------ */

static uint64_t name_of(const char *text, uint64_t seed)
{
    uint64_t h = XXH3_64bits_withSeed(text, strlen(text), seed);
    return h ? h : 1;
}

/* Its place, or that of what was told longest ago. */
static struct told *told_slot(struct alarms *a, uint64_t name)
{
    struct told *oldest = &a->told[0];
    for (size_t i = 0; i < TOLD; i++) {
        if (a->told[i].name == name)
            return &a->told[i];
        if (a->told[i].at < oldest->at)
            oldest = &a->told[i];
    }
    return oldest;
}

static struct alarm *add(struct alarms *a)
{
    if (a->raised_count == a->raised_cap) {
        a->raised_cap = a->raised_cap ? a->raised_cap * 2 : 8;
        a->raised = xrealloc(a->raised, a->raised_cap * sizeof *a->raised);
    }
    struct alarm *new = &a->raised[a->raised_count++];
    *new = (struct alarm){.call_id = -1};
    return new;
}

/* subject is the thing it is about; session_id whose it is, or NULL. */
struct about {
    enum alarm_kind kind;
    const char *subject;
    const char *session_id;
    int64_t at;
    int64_t call_id;
};

/* Was it told within the last ten minutes?  What lies further ahead was told before the
 * clock was set back. */
static bool is_told(struct alarms *a, const struct about *about)
{
    uint64_t name = name_of(about->subject, (uint64_t)about->kind);
    const struct told *t = told_slot(a, name);
    return t->name == name && llabs(about->at - t->at) < ALARM_REST_MS;
}

static void raise_alarm(struct alarms *a, const struct about *about, const char *text)
{
    struct buf clean; /* names of models and errors come from outside */
    uint64_t name = name_of(about->subject, (uint64_t)about->kind);
    if (is_told(a, about))
        return;
    *told_slot(a, name) = (struct told){name, about->at};
    if (a->is_quiet)
        return;
    struct alarm *new = add(a);
    new->kind = about->kind;
    new->at = about->at;
    new->until_at = about->at + ALARM_REST_MS;
    new->session_id = xstrdup(about->session_id);
    new->subject = xstrdup(about->subject);
    new->call_id = about->call_id;
    buf_init(&clean);
    text_clean(&clean, text, strlen(text), false, false);
    snprintf(new->text, sizeof new->text, "%s", clean.data);
    buf_done(&clean);
}

static void end_alarm(struct alarms *a, enum alarm_kind kind, const char *subject, int64_t at)
{
    if (a->is_quiet)
        return;
    struct alarm *end = add(a);
    end->id = -1;
    end->kind = kind;
    end->subject = xstrdup(subject);
    end->at = end->until_at = at;
}

/* ---- Rules ------------------------------------------------------------------------- */

static const char *session_of(const struct call *c)
{
    return c->session_id ? c->session_id : "";
}

/* count_tokens costs nothing and may fail for ever; the list of models is asked once. */
static bool is_message(const struct call *c)
{
    return c->has_purpose && c->purpose != PURPOSE_COUNT_TOKENS && c->purpose != PURPOSE_OTHER;
}

static bool is_conversation(const struct call *c)
{
    return c->has_purpose &&
           (c->purpose == PURPOSE_MAIN || c->purpose == PURPOSE_SUBAGENT || c->purpose == PURPOSE_FORK);
}

void alarms_begin(struct alarms *a, const struct call *c, bool is_retry)
{
    char text[ALARM_TEXT_MAX];
    struct pace pace;
    /* Repeats are a storm's. */
    if (a->limits.from[ALARM_RUNAWAY] == 0 || !is_message(c) || is_retry)
        return;
    if (!pace_count(a->paces, name_of(session_of(c), 0), c->started_at, a->limits.from[ALARM_RUNAWAY], &pace))
        return;
    int len = snprintf(text, sizeof text, "runaway agents: %lld calls within a minute", (long long)pace.calls);
    if (pace.usual > 0)
        snprintf(text + len, sizeof text - (size_t)len, ", usually %lld", (long long)pace.usual);
    raise_alarm(a, &(struct about){ALARM_RUNAWAY, session_of(c), c->session_id, c->started_at, c->id}, text);
}

static void judge_break(struct alarms *a, const struct call *c)
{
    char text[ALARM_TEXT_MAX], cost[TEXT_SHORT_MAX];
    int64_t limit = a->limits.from[ALARM_CACHE_BREAK];
    if (limit == 0 || !c->cache_break || c->cache_break_microusd < limit)
        return;
    text_usd(cost, c->cache_break_microusd);
    snprintf(text, sizeof text, "a cache break cost %s: %.120s", cost, c->cache_break);
    raise_alarm(a, &(struct about){ALARM_CACHE_BREAK, session_of(c), c->session_id, c->finished_at, c->id}, text);
}

static void judge_trouble(struct alarms *a, const struct call *c, bool is_retry)
{
    char text[ALARM_TEXT_MAX], why[TROUBLE_WHY_MAX];
    struct storm s;
    int64_t limit = a->limits.from[ALARM_STORM];
    /* Who leaves has reasons of his own. */
    if (limit == 0 || !is_message(c) || c->state == CALL_ABORTED)
        return;
    if (!trouble_count(a->trouble, name_of(session_of(c), 0), c, is_retry, limit, &s))
        return;
    bool is_own = s.is_of_session && c->session_id;
    struct about about = {ALARM_STORM, is_own ? c->session_id : "", is_own ? c->session_id : NULL, c->finished_at,
                          c->id};
    if (is_told(a, &about))
        return;
    trouble_mostly(a->trouble, c->finished_at, why);
    snprintf(text, sizeof text, "%lld of %lld calls failed or were repeated within 5 minutes%s%s", (long long)s.failed,
             (long long)s.all, why[0] ? ", mostly " : "", why);
    raise_alarm(a, &about, text);
}

static void judge_wait(struct alarms *a, const struct call *c)
{
    char text[ALARM_TEXT_MAX], subject[160], new[TEXT_SHORT_MAX], usual[TEXT_SHORT_MAX];
    struct wait w;
    const char *model = call_counted_model(c);
    int64_t factor = a->limits.from[ALARM_TTFT];
    if (factor == 0 || !model || c->state != CALL_DONE || c->ttft_ms < 0 || !is_conversation(c) || c->respan_cache == 1)
        return;
    snprintf(subject, sizeof subject, "%.80s%s%.60s", model, c->provider_served ? " at " : "",
             c->provider_served ? c->provider_served : "");
    if (!wait_count(a->waits, name_of(subject, 0), c->finished_at, c->ttft_ms, factor, &w))
        return;
    text_ms(new, w.now_ms);
    text_ms(usual, w.usual_ms);
    snprintf(text, sizeof text, "%.110s: the first token takes %s, usually %s", subject, new, usual);
    raise_alarm(a, &(struct about){ALARM_TTFT, subject, NULL, c->finished_at, c->id}, text);
}

static size_t find_full(const struct alarms *a, uint64_t agent)
{
    size_t i = 0;
    while (i < FULL && a->full[i] != agent)
        i++;
    return i;
}

static void say_full(struct alarms *a, const struct call *c, const struct about *about, int64_t limit)
{
    char text[ALARM_TEXT_MAX], used[TEXT_SHORT_MAX], whole[TEXT_SHORT_MAX];
    int64_t tokens = usage_context(&c->usage);
    text_count(used, tokens);
    text_count(whole, limit);
    if (limit % 1000000 == 0)
        snprintf(whole, sizeof whole, "%lldM", (long long)(limit / 1000000));
    snprintf(text, sizeof text, "the context%s is %lld %% full: %s of %s tokens", c->agent_id ? " of a subagent" : "",
             (long long)(tokens * PER_CENT / limit), used, whole);
    raise_alarm(a, about, text);
}

/* What the call's model takes; 0: not known, or the call says nothing about its
 * agent's context (a fork stands where its agent does). */
static int64_t context_limit(const struct alarms *a, const struct call *c)
{
    const char *name = call_counted_model(c);
    const struct model *model = a->catalog && name ? catalog_find(a->catalog, name) : NULL;
    if (!c->session_id || c->state != CALL_DONE || !is_conversation(c) || c->purpose == PURPOSE_FORK)
        return 0;
    return model && model->context_tokens > 0 && usage_context(&c->usage) > 0 ? model->context_tokens : 0;
}

/* Compacting comes soon, and costs. */
static void judge_context(struct alarms *a, const struct call *c)
{
    int64_t percent = a->limits.from[ALARM_CONTEXT], limit = context_limit(a, c);
    if (percent == 0 || limit == 0)
        return;
    char *subject = xasprintf("%s%s%s", c->session_id, c->agent_id ? " " : "", c->agent_id ? c->agent_id : "");
    struct about about = {ALARM_CONTEXT, subject, c->session_id, c->finished_at, c->id};
    uint64_t agent = name_of(subject, 0);
    size_t at = find_full(a, agent);
    bool is_full = usage_context(&c->usage) * PER_CENT >= limit * percent;
    if (is_full && at == FULL) {
        a->full[a->full_at++ % FULL] = agent;
        say_full(a, c, &about, limit);
    } else if (!is_full && at < FULL) {
        a->full[at] = 0;
        end_alarm(a, ALARM_CONTEXT, subject, c->finished_at);
    }
    free(subject);
}

void alarms_end(struct alarms *a, const struct call *c, bool is_retry)
{
    judge_break(a, c);
    judge_trouble(a, c, is_retry);
    judge_wait(a, c);
    judge_context(a, c);
}
