/* What keys do in the views: the table in keys.c says which action a key is where the
 * user is, this says what the action does.  What lies above a view (a box, a page, the
 * bottom line) takes its keys in a file of its own. */
#include "ui/app.h"

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
    else if (a->view == VIEW_SESSIONS && a->filter_text[0])
        filter_clear(a);
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

bool app_act_anywhere(struct app *a, enum action action)
{
    switch (action) {
    case ACTION_LEAVE:
        a->wants_leave = true;
        return true;
    case ACTION_REDRAW:
        a->wants_redraw = true;
        return true;
    case ACTION_HELP:
        help_open(a);
        return true;
    case ACTION_UNDO:
        switch_undo(a);
        return true;
    case ACTION_PRESET:
        switch_preset(a);
        return true;
    default:
        return false;
    }
}

/* Moving about in whatever is on top; false when the action is no movement. */
static bool act_move(struct app *a, enum action action)
{
    struct err e = {""};
    bool is_edge = action == ACTION_FIRST || action == ACTION_LAST;
    if (!is_edge && action_rows(action, 2) == 0)
        return false;
    if (a->inspect.is_open && is_edge)
        inspect_edge(&a->inspect, action == ACTION_LAST);
    else if (a->inspect.is_open)
        inspect_move(&a->inspect, action_rows(action, a->inspect.pager.rows));
    else if (!app_has_feed(a))
        lists_act(a, action);
    else if (is_edge)
        say_if_failed(a, feed_select_edge(app_feed(a), a->db, action == ACTION_LAST, &e), &e);
    else
        say_if_failed(a, feed_move(app_feed(a), a->db, action_rows(action, app_feed(a)->rows), &e), &e);
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
    if (app_act_anywhere(a, action) || act_move(a, action) || (a->inspect.is_open && inspector_act(a, action)))
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
    case ACTION_NEXT_ERROR:
    case ACTION_PREVIOUS_ERROR:
        find_error(a, action == ACTION_NEXT_ERROR);
        break;
    case ACTION_FOLLOW:
        toggle_follow(a);
        break;
    default:
        act_elsewhere(a, action);
        break;
    }
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
