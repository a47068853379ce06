#include "ui/app.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ui/glyph.h"

#define NOTICE_US        (6 * 1000 * 1000)
#define SECOND_US        (1000 * 1000)

void app_init(struct app *a, const struct dashboard_options *o, struct db *db)
{
    memset(a, 0, sizeof(*a));
    a->o = o;
    a->db = db;
    a->session_list.selected = a->group_list.selected = a->route_list.selected = LIST_NONE;
    a->filter_count = -1;
    a->is_view_stale = true;
    snapshot_init(&a->data);
    feed_init(&a->feed);
    snapshot_check_gateway(&a->data, o->log_path);
    snapshot_refresh(&a->data, db, true);
    struct err e = {""};
    if (feed_follow(&a->feed, db, &e) < 0)
        a->data.problem = e;
    alarms_init(a);
    first_run_init(a);
    a->second_us = clock_mono_us();
}

void app_done(struct app *a)
{
    inspect_close(&a->inspect);
    feed_done(&a->feed);
    snapshot_done(&a->data);
    sessions_done(a);
    group_page_done(&a->groups);
    group_sums_done(&a->sums);
    group_sums_done(&a->coming_sums);
    call_page_done(&a->breaks);
    break_sums_done(&a->reasons);
    spend_chart_done(&a->chart);
    filter_choices_done(&a->choices);
    free(a->copy_text);
    routes_done(a);
}

void app_notice(struct app *a, unsigned ink, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(a->notice, sizeof(a->notice), fmt, args);
    va_end(args);
    a->notice_ink = ink;
    a->notice_until_us = clock_mono_us() + NOTICE_US;
}

unsigned app_place(const struct app *a)
{
    if (a->overlay)
        return a->overlay;
    if (a->inspect.is_open)
        return PLACE_INSPECT;
    if (first_run_is_shown(a))
        return PLACE_WELCOME;
    return a->view == VIEW_SESSIONS && a->timeline.is_open ? (unsigned)PLACE_TIMELINE : 1u << a->view;
}

/* The list of calls on the screen, or below what lies above it. */
struct feed *app_feed(struct app *a)
{
    return a->view == VIEW_SESSIONS && a->timeline.is_open ? &a->timeline.feed : &a->feed;
}

bool app_has_feed(const struct app *a)
{
    return a->view == VIEW_LIVE || a->view == VIEW_CALLS || (a->view == VIEW_SESSIONS && a->timeline.is_open);
}

bool app_can_open(const struct app *a)
{
    if (a->overlay)
        return (a->overlay == PLACE_ROUTES && a->data.routes.count > 0) ||
               (a->overlay == PLACE_ALARMS && a->data.alarms.count > 0);
    if (a->inspect.is_open)
        return a->inspect.tab == TAB_REQUEST && a->inspect.has_tree;
    switch (a->view) {
    case VIEW_LIVE:
    case VIEW_CALLS:
        return a->feed.count > 0;
    case VIEW_SESSIONS:
        return a->timeline.is_open ? a->timeline.feed.count > 0 : a->sessions.count > 0;
    case VIEW_CACHE:
        return a->breaks.count > 0;
    default:
        return false;
    }
}

bool app_is_moving(const struct app *a)
{
    return a->data.running > 0 || (first_run_is_shown(a) && !a->o->is_demo);
}

/* ---- Time ---------------------------------------------------------------- */

static bool is_feed_looking(const struct app *a)
{
    return feed_is_looking(&a->feed) || a->count_look.is_open || a->is_count_due;
}

bool app_is_looking(const struct app *a)
{
    return is_feed_looking(a) || sessions_is_looking(a) || lists_is_looking(a);
}

/* What began goes on: the list first, then the count, unless the list holds all there is. */
static int look_on(struct app *a, struct err *e)
{
    if (!feed_is_looking(&a->feed))
        return filter_count_on(a, e);
    if (feed_look_on(&a->feed, a->db, e) != 0)
        return -1;
    if (!feed_is_looking(&a->feed) && !a->feed.has_above && !a->feed.has_below)
        filter_counted(a, (int64_t)a->feed.count);
    return 0;
}

static int look_anew(struct app *a, struct err *e)
{
    bool is_part = a->feed.filter || a->feed.session_id;
    a->is_feed_stale = false;
    a->feed_cost_us = 0;
    return feed_refresh(&a->feed, a->db, e) < 0 || (is_part && filter_count(a, false, e) < 0) ? -1 : 0;
}

/* New calls into the list; a costly filter is asked less often. */
static bool refresh_feed(struct app *a, int64_t now)
{
    struct err e = {""};
    int filled = feed_fill(&a->feed, a->db, &e); /* the window may have grown */
    if (filled < 0)
        a->data.problem = e;
    bool is_looking = is_feed_looking(a);
    if (!is_looking && (!a->is_feed_stale || now < a->feed_due_us))
        return filled != 1;
    if ((is_looking ? look_on(a, &e) : look_anew(a, &e)) < 0)
        a->data.problem = e;
    int64_t end = clock_mono_us();
    a->feed_cost_us += end - now;
    a->feed_due_us = end + a->feed_cost_us * APP_LOOK_COST_FACTOR;
    return true;
}

bool app_tick(struct app *a)
{
    bool was_watching = a->switch_deadline_us != 0;
    bool changed = db_changed(a->db);
    int64_t now = clock_mono_us();
    bool is_second = now - a->second_us >= SECOND_US;
    if (is_second) {
        a->second_us = now;
        snapshot_check_gateway(&a->data, a->o->log_path);
        inspect_watch(&a->inspect, a->db);
    }
    bool is_fresh = snapshot_refresh(&a->data, a->db, changed);
    if (changed) {
        inspect_refresh(&a->inspect, a->db);
        a->is_view_stale = a->is_feed_stale = a->is_match_stale = a->is_sum_stale = true;
    }
    is_fresh |= refresh_feed(a, now);
    is_fresh |= sessions_look(a, now);
    is_fresh |= lists_look(a, now);
    if (a->is_view_stale && now >= a->view_due_us) {
        lists_load(a);
        is_fresh = true;
    }
    is_fresh |= alarms_tick(a);
    is_fresh |= first_run_tick(a);
    switch_check(a);
    return is_fresh || changed || is_second || was_watching;
}
