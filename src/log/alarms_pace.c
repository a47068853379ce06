#include "log/alarms_pace.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/alarms_usual.h"

/* The last minute in steps of ten seconds: a burst is seen while it runs, not when
 * the clock's minute is over. */
#define STEP_MS     10000
#define STEPS       6
#define MINUTE_MS   60000
#define OWN_LEAST   5 /* minutes until a session's own usual counts */
#define EVERY_LEAST 15

struct session {
    uint64_t name; /* 0: free */
    int64_t used_at;
    int64_t step; /* number of the newest one */
    int64_t counts[STEPS];
    int64_t minute;
    int64_t in_minute;
    struct usual minutes; /* calls in each that is over */
};

struct paces {
    struct session sessions[PACE_SESSIONS];
    struct usual every;
};

struct paces *paces_new(void)
{
    return xcalloc(1, sizeof(struct paces));
}

void paces_free(struct paces *p)
{
    free(p);
}

static struct session *find(struct paces *p, uint64_t name)
{
    struct session *oldest = &p->sessions[0];
    for (size_t i = 0; i < PACE_SESSIONS; i++) {
        if (p->sessions[i].name == name)
            return &p->sessions[i];
        if (p->sessions[i].used_at < oldest->used_at)
            oldest = &p->sessions[i];
    }
    *oldest = (struct session){.name = name};
    return oldest;
}

/* A minute in which it made calls is over. */
static void turn_minute(struct paces *p, struct session *s, int64_t minute)
{
    if (minute == s->minute)
        return;
    if (s->in_minute > 0) {
        usual_put(&s->minutes, s->in_minute);
        usual_put(&p->every, s->in_minute);
    }
    s->minute = minute;
    s->in_minute = 0;
}

static void turn_step(struct session *s, int64_t step)
{
    if (step - s->step >= STEPS)
        s->step = step - STEPS;
    while (s->step < step)
        s->counts[++s->step % STEPS] = 0;
}

/* The clock was set back: were these calls counted as of now, an hour's would be a minute's. */
static void begin_anew(struct session *s, int64_t at_ms)
{
    memset(s->counts, 0, sizeof s->counts);
    s->step = at_ms / STEP_MS;
}

static int64_t usual_pace(const struct paces *p, const struct session *s)
{
    if (s->minutes.count >= OWN_LEAST)
        return usual_median(&s->minutes, 0);
    return p->every.count >= EVERY_LEAST ? usual_median(&p->every, 0) : 0;
}

bool pace_count(struct paces *p, uint64_t name, int64_t at_ms, int64_t limit, struct pace *now)
{
    struct session *s = find(p, name);
    if (at_ms < s->used_at - MINUTE_MS)
        begin_anew(s, at_ms);
    else if (at_ms < s->used_at) /* calls cross: all of them are now */
        at_ms = s->used_at;
    s->used_at = at_ms;
    turn_minute(p, s, at_ms / MINUTE_MS);
    turn_step(s, at_ms / STEP_MS);
    s->in_minute++;
    s->counts[s->step % STEPS]++;
    *now = (struct pace){0};
    for (size_t i = 0; i < STEPS; i++)
        now->calls += s->counts[i];
    if (now->calls < limit)
        return false;
    now->usual = usual_pace(p, s);
    return now->calls >= now->usual * PACE_FACTOR;
}
