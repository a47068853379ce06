#include "log/alarms_trouble.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct ended {
    int64_t at; /* 0: free */
    uint64_t session;
    bool is_bad;
    char why[TROUBLE_WHY_MAX];
};

struct trouble {
    struct ended calls[TROUBLE_CALLS];
    size_t next;
};

struct tally {
    int64_t failed, all;
};

struct trouble *trouble_new(void)
{
    return xcalloc(1, sizeof(struct trouble));
}

void trouble_free(struct trouble *t)
{
    free(t);
}

static bool is_budget(const struct call *c)
{
    return c->status == 429 && c->error_type && strcmp(c->error_type, "billing_error") == 0;
}

static bool is_bad(const struct call *c, bool is_retry)
{
    if (is_budget(c))
        return false;
    return c->state == CALL_ERROR || is_retry || c->attempt > 1;
}

/* A cut stream has a good status; its error's name is all there is to say. */
static void why(const struct call *c, char *out, size_t size)
{
    out[0] = '\0';
    if (c->state != CALL_ERROR)
        return;
    if (c->status >= 400)
        snprintf(out, size, "%lld%s%.50s", (long long)c->status, c->error_type ? " " : "",
                 c->error_type ? c->error_type : "");
    else if (c->error_type)
        snprintf(out, size, "%.50s", c->error_type);
}

/* Calls cross, and the clock may have been set back since. */
static bool is_near(const struct ended *c, int64_t now_ms)
{
    return c->at > 0 && llabs(now_ms - c->at) < TROUBLE_SPAN_MS;
}

static struct tally tally(const struct trouble *t, int64_t now_ms, const uint64_t *session)
{
    struct tally sum = {0, 0};
    for (size_t i = 0; i < TROUBLE_CALLS; i++) {
        const struct ended *c = &t->calls[i];
        if (!is_near(c, now_ms) || (session && c->session != *session))
            continue;
        sum.all++;
        sum.failed += c->is_bad;
    }
    return sum;
}

static bool is_storm(const struct tally *sum, int64_t limit)
{
    return sum->failed >= limit && sum->failed * 2 >= sum->all;
}

static bool failed_of(const struct ended *c, int64_t now_ms)
{
    return c->is_bad && is_near(c, now_ms) && c->why[0];
}

void trouble_mostly(const struct trouble *t, int64_t now_ms, char why_most[TROUBLE_WHY_MAX])
{
    size_t most = 0;
    why_most[0] = '\0';
    for (size_t i = 0; i < TROUBLE_CALLS; i++) {
        size_t same = 0;
        for (size_t n = 0; failed_of(&t->calls[i], now_ms) && n < TROUBLE_CALLS; n++)
            same += failed_of(&t->calls[n], now_ms) && strcmp(t->calls[n].why, t->calls[i].why) == 0;
        if (same > most)
            memcpy(why_most, t->calls[i].why, TROUBLE_WHY_MAX);
        most = same > most ? same : most;
    }
}

bool trouble_count(struct trouble *t, uint64_t session, const struct call *c, bool is_retry, int64_t limit,
                   struct storm *s)
{
    struct ended *now = &t->calls[t->next++ % TROUBLE_CALLS];
    *now = (struct ended){
        .at = c->finished_at > 0 ? c->finished_at : c->started_at, .session = session, .is_bad = is_bad(c, is_retry)};
    why(c, now->why, sizeof now->why);
    if (!now->is_bad)
        return false;
    struct tally every = tally(t, now->at, NULL), own = tally(t, now->at, &session);
    bool is_every = is_storm(&every, limit), is_own = is_storm(&own, limit);
    if (!is_every && !is_own)
        return false;
    s->is_of_session = !is_every || own.failed * 4 >= every.failed * 3;
    s->failed = s->is_of_session ? own.failed : every.failed;
    s->all = s->is_of_session ? own.all : every.all;
    return true;
}
