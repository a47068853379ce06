/* Switching model or provider: the picker writes the routes before it closes,
 * then the gateway's health page is asked whether it took the switch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "log/budgets.h"
#include "log/presets.h"
#include "ui/app.h"
#include "ui/columns.h"

#define TAKEN_WITHIN_US (1000 * 1000)
#define ASK_TIMEOUT_MS  100

static const char *recent_key(enum route_setting what)
{
    return what == ROUTE_MODEL ? "ui.recent_models" : "ui.recent_providers";
}

/* The session of the selected row, of whatever list is shown. */
static const char *selected_session_id(const struct app *a)
{
    if (a->inspect.is_open)
        return a->inspect.call.session_id;
    if (a->view == VIEW_SESSIONS) {
        const struct session *s = lists_selected_session(a);
        return s ? s->session_id : NULL;
    }
    const struct call *call = feed_selected(&a->feed);
    return call ? call->session_id : NULL;
}

void switch_open(struct app *a, enum route_setting what)
{
    const char *id = selected_session_id(a);
    const struct call *newest = feed_newest(&a->feed);
    struct session s;
    struct err e = {""};
    memset(&s, 0, sizeof(s));
    bool has = id && reader_session(a->db, id, &s, &e) == 0;
    struct picker_about about = {
        .session_id = id,
        .title = has ? s.title : NULL,
        .model = has ? s.model : NULL,
        .context_tokens = has ? s.context_tokens : -1,
        .is_1h = has && s.totals.tokens_cache_write_1h > s.totals.tokens_cache_write_5m,
    };
    char *recent = db_setting(a->db, recent_key(what));
    picker_open(&a->picker, what, a->o->catalog, id ? &about : NULL, newest ? newest->model_asked : NULL, recent,
                clock_day_number(clock_wall_ms()));
    free(recent);
    if (has)
        session_done(&s);
    a->overlay = PLACE_PICKER;
}

void switch_watch(struct app *a)
{
    struct err e = {""};
    if (routes_version(a->db, &a->switch_version, &e) == 0)
        a->switch_deadline_us = clock_mono_us() + TAKEN_WITHIN_US;
    snapshot_refresh(&a->data, a->db, true);
    switch_check(a);
}

void switch_check(struct app *a)
{
    struct err e = {""};
    if (a->switch_deadline_us == 0)
        return;
    struct peer_health h;
    memset(&h, 0, sizeof(h));
    bool is_late = clock_mono_us() >= a->switch_deadline_us;
    if (a->data.is_gateway_up && peer_ask_health(a->data.peer.address, ASK_TIMEOUT_MS, &h, &e) == 0 &&
        h.routes_version >= a->switch_version) {
        a->switch_deadline_us = 0;
        return;
    }
    if (!is_late)
        return;
    a->switch_deadline_us = 0;
    if (!a->data.is_gateway_up)
        app_notice(a, INK_WARN, "Written; it holds once the gateway runs.");
    else
        app_notice(a, INK_BAD, "The switch is written, but the gateway has not taken it.");
}

static void say_switched(struct app *a, const char *value)
{
    const struct picker *p = &a->picker;
    const char *scope = p->scopes[p->scope].label;
    bool is_model = p->what == ROUTE_MODEL;
    if (value[0])
        app_notice(a, INK_GOOD, "%s %s for %s, from the next call.  u takes it back.", is_model ? "Model" : "Provider",
                   value, scope);
    else
        app_notice(a, INK_GOOD, "%s for %s, from the next call.  u takes it back.",
                   is_model ? "Model as Claude Code asks" : "Provider automatic", scope);
}

static void choose(struct app *a)
{
    struct picker *p = &a->picker;
    struct err e = {""};
    char value[128], recent[sizeof(p->recent)];
    const char *choice = picker_choice(p);
    if (!choice)
        return;
    snprintf(value, sizeof(value), "%s", choice);
    if (routes_switch(a->db, p->what, picker_scope(p), value[0] ? value : NULL, &e) < 0) {
        snprintf(p->error, sizeof(p->error), "%s", e.text);
        return;
    }
    if (value[0]) {
        picker_remember(p, value, recent, sizeof(recent));
        if (db_set_setting(a->db, recent_key(p->what), recent, &e) < 0)
            recent[0] = '\0'; /* only the order of the next list */
    }
    a->overlay = 0;
    say_switched(a, value);
    switch_watch(a);
}

static void move_cursor(struct picker *p, long by)
{
    long to = (long)p->cursor + by, last = (long)p->count - 1;
    p->cursor = (size_t)(to < 0 || last < 0 ? 0 : to > last ? last : to);
    p->error[0] = '\0';
}

void switch_key(struct app *a, int key)
{
    switch (keys_action(PLACE_PICKER, key)) {
    case ACTION_ACCEPT:
        choose(a);
        return;
    case ACTION_CANCEL:
        a->overlay = 0;
        return;
    case ACTION_SCOPE:
    case ACTION_LEFT:
        picker_next_scope(&a->picker, key == KEY_CODE_TAB);
        return;
    case ACTION_UP:
        move_cursor(&a->picker, -1);
        return;
    case ACTION_DOWN:
        move_cursor(&a->picker, 1);
        return;
    case ACTION_PAGE_UP:
        move_cursor(&a->picker, -10);
        return;
    case ACTION_PAGE_DOWN:
        move_cursor(&a->picker, 10);
        return;
    default:
        picker_key(&a->picker, key);
        return;
    }
}

void switch_undo(struct app *a)
{
    char what[200];
    struct err e = {""};
    int rc = routes_undo(a->db, what, sizeof(what), &e);
    if (rc < 0)
        app_notice(a, INK_BAD, "%s", e.text);
    else if (rc == 1)
        app_notice(a, INK_DIM, "There is no switch to take back.");
    else {
        app_notice(a, INK_GOOD, "Taken back: %s.", what);
        switch_watch(a);
    }
}

void switch_preset(struct app *a)
{
    struct err e = {""};
    char *now = NULL;
    int rc = preset_cycle(a->db, &now, &e);
    if (rc < 0)
        app_notice(a, INK_BAD, "%s", e.text);
    else if (rc == 1)
        app_notice(a, INK_DIM, "There is no preset; spantop preset save NAME keeps the routes that hold now.");
    else if (now)
        app_notice(a, INK_GOOD, "Preset %s, from the next call.  P goes on, u takes it back.", now);
    else
        app_notice(a, INK_GOOD, "No preset: the routes are as before.  u takes it back.");
    if (rc == 0)
        switch_watch(a);
    free(now);
}

void budgets_lift_now(struct app *a)
{
    struct err e = {""};
    int count = 0;
    if (budgets_lift(a->db, NULL, clock_wall_ms() + BUDGET_LIFT_MS, &count, &e) < 0)
        app_notice(a, INK_BAD, "%s", e.text);
    else if (count == 0)
        app_notice(a, INK_DIM, "No budget blocks; spantop budget set day 20 --block makes one.");
    else
        app_notice(a, INK_GOOD, "Budgets block nothing for an hour.  spantop budget lift --for 0s ends it.");
    a->data.sums_due_us = 0; /* show it at once */
}
