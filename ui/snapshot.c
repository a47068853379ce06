#include "ui/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "log/budgets.h"

/* A costly sum may take a fiftieth of the time at most. */
#define COST_FACTOR       50
#define SUMS_MIN_US       (500 * 1000)
#define HEALTH_EVERY_US   (5 * 1000 * 1000)
#define HEALTH_FIRST_US   (1000 * 1000) /* somebody waits for a first call, which may be refused */
#define BEARER_FRESH_MS   (10 * 60 * 1000) /* who works makes a call more often */
#define HEALTH_TIMEOUT_MS 150
#define HEALTH_MISSES     2 /* one slow answer on a busy machine is no alarm */

void snapshot_init(struct snapshot *s)
{
    memset(s, 0, sizeof(*s));
    s->log_calls = -1;
    s->is_stale = true;
}

void snapshot_done(struct snapshot *s)
{
    group_page_done(&s->providers);
    session_page_done(&s->sessions);
    route_set_done(&s->routes);
    alarm_page_done(&s->alarms);
    snapshot_init(s);
}

static int read_running(struct snapshot *s, struct db *db, struct err *e)
{
    struct call_page open;
    memset(&open, 0, sizeof(open));
    if (reader_open_calls(db, &open, e) < 0)
        return -1;
    s->running = (int64_t)open.count;
    call_page_done(&open);
    return 0;
}

/* The newest activity decides who is shown, the beginning where: rows that
 * change places at every call cannot be read. */
static int by_beginning(const void *a, const void *b)
{
    const struct session *x = a, *y = b;
    if (x->first_at != y->first_at)
        return x->first_at < y->first_at ? -1 : 1;
    return strcmp(x->session_id, y->session_id);
}

static int by_calls(const void *a, const void *b)
{
    const struct group_row *x = a, *y = b;
    if (x->totals.calls != y->totals.calls)
        return x->totals.calls > y->totals.calls ? -1 : 1;
    return strcmp(x->key ? x->key : "", y->key ? y->key : "");
}

static int read_sessions(struct snapshot *s, struct db *db, struct err *e)
{
    struct session_page page;
    memset(&page, 0, sizeof(page));
    if (reader_sessions(db, 0, SESSIONS_SHOWN, &page, e) < 0)
        return -1;
    if (page.count > 1)
        qsort(page.sessions, page.count, sizeof(*page.sessions), by_beginning);
    session_page_done(&s->sessions);
    s->sessions = page;
    return 0;
}

static int read_routes(struct snapshot *s, struct db *db, struct err *e)
{
    struct route_set set;
    memset(&set, 0, sizeof(set));
    if (routes_load(db, &set, e) < 0)
        return -1;
    route_set_done(&s->routes);
    s->routes = set;
    return 0;
}

static int read_credits(struct snapshot *s, struct db *db, struct err *e)
{
    int rc = reader_credits(db, s->now_ms, &s->credits, e);
    s->has_credits = rc == 0;
    return rc < 0 ? -1 : 0;
}

static int read_budgets(struct snapshot *s, struct db *db, struct err *e)
{
    struct budget_page page;
    struct buf line, clean;
    if (budgets_status(db, s->now_ms, &page, e) < 0)
        return -1;
    buf_init(&line);
    buf_init(&clean);
    s->is_blocked = false;
    for (size_t i = 0; i < page.count; i++)
        s->is_blocked = s->is_blocked || page.states[i].mood == BUDGET_BLOCKS;
    if (budget_page_line(&page, &line))
        text_clean(&clean, line.data, line.len, false, false);
    snprintf(s->budget, sizeof(s->budget), "%s", clean.data);
    buf_done(&line);
    buf_done(&clean);
    budget_page_done(&page);
    return 0;
}

static int read_alarms(struct snapshot *s, struct db *db, struct err *e)
{
    struct alarm_page page;
    if (alarms_read(db, 0, ALARMS_SHOWN, &page, e) < 0)
        return -1;
    alarm_page_done(&s->alarms);
    s->alarms = page;
    return 0;
}

static int read_sums(struct snapshot *s, struct db *db, struct err *e)
{
    int64_t begin = clock_mono_us();
    if (begin < s->sums_due_us)
        return 0;
    int day = clock_day_number(s->now_ms);
    struct call_query all = {.limit = 1};
    struct group_page page;
    memset(&page, 0, sizeof(page));
    if (reader_day_totals(db, day, day, &s->today, e) < 0 || reader_count(db, &all, &s->log_calls, e) < 0 ||
        reader_groups(db, clock_day_start_ms(s->now_ms), GROUP_PROVIDER, &page, e) < 0 || read_credits(s, db, e) < 0 ||
        read_budgets(s, db, e) < 0 || read_alarms(s, db, e) < 0 ||
        reader_bearer(db, s->now_ms - BEARER_FRESH_MS, &s->bearer, e) < 0)
        return -1;
    if (page.count > 1)
        qsort(page.rows, page.count, sizeof(*page.rows), by_calls);
    group_page_done(&s->providers);
    s->providers = page;
    int64_t end = clock_mono_us();
    int64_t wait = (end - begin) * COST_FACTOR;
    s->sums_due_us = end + (wait > SUMS_MIN_US ? wait : SUMS_MIN_US);
    return 0;
}

static int read_chart(struct snapshot *s, struct db *db, bool changed, struct err *e)
{
    int64_t from = (s->now_ms / CHART_WIDTH_MS + 1) * CHART_WIDTH_MS - CHART_SPAN_MS;
    int64_t begin = clock_mono_us();
    if (from == s->chart_from_ms && (!changed || begin < s->chart_due_us))
        return 0;
    if (reader_buckets(db, from, CHART_WIDTH_MS, s->buckets, CHART_BUCKETS, e) < 0)
        return -1;
    s->chart_from_ms = from;
    int64_t end = clock_mono_us();
    s->chart_due_us = end + (end - begin) * COST_FACTOR;
    return 0;
}

bool snapshot_refresh(struct snapshot *s, struct db *db, bool changed)
{
    struct err e = {""};
    s->now_ms = clock_wall_ms();
    bool sums_due = clock_mono_us() >= s->sums_due_us;
    int64_t chart_from_ms = s->chart_from_ms;
    bool fresh = changed || (s->is_stale && sums_due);
    if (fresh && (read_running(s, db, &e) < 0 || read_sessions(s, db, &e) < 0 || read_routes(s, db, &e) < 0 ||
                  read_sums(s, db, &e) < 0))
        goto out;
    if (fresh)
        s->is_stale = !sums_due; /* what was not due yet is read when it is */
    if (read_chart(s, db, fresh, &e) < 0)
        goto out;
out:
    s->problem = e;
    return fresh || chart_from_ms != s->chart_from_ms;
}

void snapshot_check_gateway(struct snapshot *s, const char *log_path)
{
    struct peer peer;
    struct err e = {""};
    memset(&peer, 0, sizeof(peer));
    bool was_up = s->is_gateway_up;
    s->is_gateway_up = peer_find(log_path, &peer, &e) == 0;
    if (!s->is_gateway_up) {
        s->has_health = false;
        s->health_misses = 0;
        return;
    }
    s->has_gateway_ever = true;
    bool is_other = strcmp(peer.token, s->peer.token) != 0;
    s->peer = peer;
    int64_t now = clock_mono_us();
    if (was_up && !is_other && now < s->health_due_us)
        return;
    struct peer_health health;
    memset(&health, 0, sizeof(health));
    if (peer_ask_health(peer.address, HEALTH_TIMEOUT_MS, &health, &e) == 0) {
        s->health = health;
        s->health_misses = 0;
        s->health_due_us = now + (s->log_calls <= 0 ? HEALTH_FIRST_US : HEALTH_EVERY_US);
    } else {
        s->health_misses++; /* asked again in a second */
    }
    s->has_health = s->health_misses < HEALTH_MISSES;
}
