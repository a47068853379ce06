#include "ui/app.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ui/glyph.h"

#define NOTICE_US        (6 * 1000 * 1000)
#define SECOND_US        (1000 * 1000)
#define FEED_COST_FACTOR 20                 /* following may take a twentieth of the time */

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

bool app_is_looking(const struct app *a)
{
    return feed_is_looking(&a->feed) || a->count_look.is_open || a->is_count_due;
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
    bool is_looking = app_is_looking(a);
    if (!is_looking && (!a->is_feed_stale || now < a->feed_due_us))
        return filled != 1;
    if ((is_looking ? look_on(a, &e) : look_anew(a, &e)) < 0)
        a->data.problem = e;
    int64_t end = clock_mono_us();
    a->feed_cost_us += end - now;
    a->feed_due_us = end + a->feed_cost_us * FEED_COST_FACTOR;
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
        a->is_view_stale = a->is_feed_stale = true;
    }
    is_fresh |= refresh_feed(a, now);
    if (a->is_view_stale && now >= a->view_due_us) {
        lists_load(a);
        is_fresh = true;
    }
    is_fresh |= alarms_tick(a);
    is_fresh |= first_run_tick(a);
    switch_check(a);
    return is_fresh || changed || is_second || was_watching;
}

/* ---- Keys ---------------------------------------------------------------- */

static void say_if_failed(struct app *a, int rc, const struct err *e)
{
    if (rc < 0)
        app_notice(a, INK_BAD, "%s", e->text);
}

static void set_view(struct app *a, enum view view)
{
    timeline_close(&a->timeline);
    a->view = view;
    a->is_view_stale = true;
    a->view_due_us = 0;
    lists_load(a);
}

/* Enter without a selected row means the newest one. */
static void open_selected(struct app *a)
{
    const struct call *call = feed_selected(app_feed(a));
    if (!call)
        call = feed_newest(app_feed(a));
    if (call && app_feed(a) == &a->feed)
        inspector_open_found(a, call->id);
    else if (call)
        inspector_open(a, call->id);
}

static void go_back(struct app *a)
{
    struct err e = {""};
    if (a->view == VIEW_SESSIONS && a->timeline.is_open) {
        timeline_close(&a->timeline);
        return;
    }
    bool is_table = a->view == VIEW_LIVE || a->view == VIEW_CALLS;
    if (is_table && a->feed.selected_id)
        say_if_failed(a, feed_follow(&a->feed, a->db, &e), &e);
    else if ((is_table || a->view == VIEW_CACHE) && a->filter_text[0])
        filter_clear(a);
    else if (is_table && a->feed.session_id) {
        feed_set_session(&a->feed, NULL);
        say_if_failed(a, feed_follow(&a->feed, a->db, &e), &e);
        if (a->view == VIEW_CALLS)
            set_view(a, VIEW_SESSIONS);
    } else if (!is_table && lists_act(a, ACTION_BACK))
        return;
    else if (a->view != VIEW_LIVE)
        set_view(a, VIEW_LIVE);
    else
        app_notice(a, INK_DIM, "Nothing to go back to.  Q leaves spantop; the gateway goes on.");
}

static void find_error(struct app *a, bool below)
{
    struct err e = {""};
    int rc = feed_next_error(app_feed(a), a->db, below, &e);
    say_if_failed(a, rc, &e);
    if (rc == 1)
        app_notice(a, INK_DIM, app_feed(a)->selected_id ? "No %s error." : "No error in the log.",
                   below ? "further" : "earlier");
}

static void toggle_follow(struct app *a)
{
    struct err e = {""};
    struct feed *f = app_feed(a);
    say_if_failed(a, f->selected_id ? feed_follow(f, a->db, &e) : feed_move(f, a->db, 0, &e), &e);
}

static void restart(struct app *a)
{
    struct err e = {""};
    if (a->data.is_gateway_up)
        app_notice(a, INK_DIM, "The gateway runs; there is nothing to restart.");
    else if (!a->o->restart_gateway)
        app_notice(a, INK_WARN, "This dashboard cannot start a gateway; `spantop serve` does.");
    else if (a->o->restart_gateway(a->o->arg, &e) < 0)
        app_notice(a, INK_BAD, "%s", e.text);
    else {
        snapshot_check_gateway(&a->data, a->o->log_path);
        app_notice(a, INK_GOOD, "The gateway runs again.");
    }
}

static int move_by(enum action action, size_t rows)
{
    int page = rows > 1 ? (int)rows - 1 : 1;
    switch (action) {
    case ACTION_UP:
        return -1;
    case ACTION_DOWN:
        return 1;
    case ACTION_PAGE_UP:
        return -page;
    case ACTION_PAGE_DOWN:
        return page;
    default:
        return 0;
    }
}

/* Moving about in whatever is on top; false when the action is no movement. */
static bool act_move(struct app *a, enum action action)
{
    struct err e = {""};
    bool is_edge = action == ACTION_FIRST || action == ACTION_LAST;
    if (!is_edge && move_by(action, 2) == 0)
        return false;
    if (a->inspect.is_open && is_edge)
        inspect_edge(&a->inspect, action == ACTION_LAST);
    else if (a->inspect.is_open)
        inspect_move(&a->inspect, move_by(action, a->inspect.pager.rows));
    else if (!app_has_feed(a))
        lists_act(a, action);
    else if (is_edge)
        say_if_failed(a, feed_select_edge(app_feed(a), a->db, action == ACTION_LAST, &e), &e);
    else
        say_if_failed(a, feed_move(app_feed(a), a->db, move_by(action, app_feed(a)->rows), &e), &e);
    return true;
}

static void open_sorter(struct app *a)
{
    a->sort_cursor = (size_t)a->feed.sort;
    a->overlay = PLACE_SORT;
}

static void act_open(struct app *a)
{
    if (app_has_feed(a))
        open_selected(a);
    else
        lists_act(a, ACTION_OPEN);
}

static void act_elsewhere(struct app *a, enum action action)
{
    switch (action) {
    case ACTION_MODEL:
        switch_open(a, ROUTE_MODEL);
        break;
    case ACTION_PROVIDER:
        switch_open(a, ROUTE_PROVIDER);
        break;
    case ACTION_UNDO:
        switch_undo(a);
        break;
    case ACTION_PRESET:
        switch_preset(a);
        break;
    case ACTION_LIFT:
        budgets_lift_now(a);
        break;
    case ACTION_ROUTES:
        routes_open(a);
        break;
    case ACTION_ALARMS:
        alarms_open(a);
        break;
    case ACTION_DEMO:
        if (a->o->play_demo)
            a->wants_demo = true;
        else
            app_notice(a, INK_DIM, "Type spantop demo in a terminal; this one cannot play it.");
        break;
    case ACTION_FILTER:
        filter_open(a);
        break;
    case ACTION_FILTER_INVERT:
        filter_invert(a);
        break;
    case ACTION_SORT:
        open_sorter(a);
        break;
    case ACTION_COPY:
        copy_selected(a);
        break;
    case ACTION_RESTART:
        restart(a);
        break;
    default:
        lists_act(a, action);
        break;
    }
}

static void act(struct app *a, enum action action)
{
    if (action != ACTION_LEFT && action != ACTION_RIGHT) /* what a key is about is there, also before it was drawn */
        inspect_ready(&a->inspect, a->db);
    if (act_move(a, action) || (a->inspect.is_open && inspector_act(a, action)))
        return;
    switch (action) {
    case ACTION_VIEW_1:
    case ACTION_VIEW_2:
    case ACTION_VIEW_3:
    case ACTION_VIEW_4:
    case ACTION_VIEW_5:
        set_view(a, (enum view)(action - ACTION_VIEW_1));
        break;
    case ACTION_OPEN:
        act_open(a);
        break;
    case ACTION_BACK:
        go_back(a);
        break;
    case ACTION_LEAVE:
        a->wants_leave = true;
        break;
    case ACTION_REDRAW:
        a->wants_redraw = true;
        break;
    case ACTION_NEXT_ERROR:
    case ACTION_PREVIOUS_ERROR:
        find_error(a, action == ACTION_NEXT_ERROR);
        break;
    case ACTION_FOLLOW:
        toggle_follow(a);
        break;
    case ACTION_HELP:
        help_open(a);
        break;
    default:
        act_elsewhere(a, action);
        break;
    }
}

static void help_key(struct app *a, int key)
{
    enum action action = keys_action(PLACE_HELP, key);
    int by = move_by(action, 10);
    if (action == ACTION_BACK)
        a->overlay = a->below == PLACE_ROUTES || a->below == PLACE_ALARMS ? a->below : 0;
    else if (action == ACTION_LEAVE)
        a->wants_leave = true;
    else if (action == ACTION_REDRAW)
        a->wants_redraw = true;
    else if (action == ACTION_FIRST)
        a->help_top = 0;
    else if (action == ACTION_LAST)
        a->help_top = 1000; /* the drawing brings it back to the last page */
    else
        a->help_top = by < 0 && a->help_top < (size_t)-by ? 0 : a->help_top + (size_t)by;
}

void app_key(struct app *a, int key)
{
    a->notice_until_us = 0; /* whoever presses a key has read it */
    first_run_dismiss(a);
    if (a->overlay == PLACE_COPY && copy_key(a, key))
        return;
    switch (a->overlay) {
    case PLACE_PICKER:
        switch_key(a, key);
        break;
    case PLACE_FILTER:
        filter_key(a, key);
        break;
    case PLACE_SEARCH:
        inspector_search_key(a, key);
        break;
    case PLACE_SORT:
        sorter_key(a, key);
        break;
    case PLACE_HELP:
        help_key(a, key);
        break;
    case PLACE_ROUTES:
        routes_key(a, key);
        break;
    case PLACE_ROUTE_FORM:
        routes_form_key(a, key);
        break;
    case PLACE_ALARMS:
        alarms_key(a, key);
        break;
    default:
        act(a, keys_action(app_place(a), key));
        break;
    }
}
