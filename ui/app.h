/* The dashboard's state and what keys do to it, without a terminal.
 *
 * The curses half hands keys and ticks in and takes a drawn canvas, a text to
 * copy and a wish to leave out; so tests drive the whole dashboard with no
 * terminal at all.  Views are files of their own that draw from here.
 * Thread: one. */
#ifndef SPANTOP_UI_APP_H
#define SPANTOP_UI_APP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/db.h"
#include "log/filter_complete.h"
#include "ui/canvas.h"
#include "ui/dashboard.h"
#include "ui/feed.h"
#include "ui/field.h"
#include "ui/first_run.h"
#include "ui/inspect.h"
#include "ui/keys.h"
#include "ui/picker.h"
#include "ui/route_form.h"
#include "ui/snapshot.h"
#include "ui/timeline.h"
#include "ui/tree.h"

enum view { VIEW_LIVE, VIEW_CALLS, VIEW_SESSIONS, VIEW_CACHE, VIEW_SPEND, VIEW_COUNT_ };

/* A list of sessions or groups: one page, a selected row, what is shown. */
struct list_state {
    size_t selected; /* LIST_NONE: none */
    size_t top, rows;
};
#define LIST_NONE ((size_t)-1)

struct app {
    const struct dashboard_options *o;
    struct db *db;
    struct snapshot data;
    struct feed feed; /* Live and Calls show the same list */
    enum view view;
    unsigned overlay; /* PLACE_* of what lies above the view, or 0 */
    unsigned below;   /* what the help lies above: 0, PLACE_INSPECT, _ROUTES, _ALARMS or _WELCOME */
    struct inspect inspect;
    struct field search_field; /* of Inspect */
    struct picker picker;
    struct field filter_field;
    char filter_text[FIELD_MAX]; /* the one in force */
    struct filter_choices choices;  /* what its word can become, while they are shown */
    size_t choice_at;               /* the one that stands in the field; choices.count: none yet */
    char filter_error[ERR_TEXT_MAX];
    int64_t filter_count; /* calls that match; -1 unknown */
    bool is_count_part;   /* so many so far */
    bool is_count_due;    /* once the list is complete */
    int64_t counted;      /* by the count that goes on */
    struct call_look count_look;
    size_t sort_cursor;
    size_t help_top;
    struct list_state route_list;
    char **route_titles; /* of the routes' sessions, one a route of data.routes; owned */
    size_t route_title_count;
    int64_t route_titles_version;
    struct route_form form;
    int64_t route_armed_id; /* d was pressed once on it */
    struct list_state alarm_list;
    int64_t alarm_selected_id; /* 0: the newest */
    int64_t alarms_seen;       /* ids up to this one somebody has looked at */
    int64_t alarms_rung;       /* and this one the bell has rung for */

    struct session_page sessions; /* Sessions view */
    size_t session_want;          /* how many of them to load */
    struct session_matches matches; /* with a filter: which of them it lets through */
    struct session_matches coming;  /* of the look that goes on */
    bool is_match_looking, is_match_stale;
    bool is_match_part;             /* nothing is known but what is coming */
    int64_t match_due_us, match_cost_us; /* as those of the feed */
    struct tree tree;             /* its rows; session_list counts these */
    struct timeline timeline;     /* above it */
    struct list_state session_list;
    struct group_page groups; /* Spend and Cache views */
    struct group_sums sums;   /* Cache, with a filter: of the calls it lets through */
    struct group_sums coming_sums;
    bool is_sum_looking, is_sum_stale, is_sum_part; /* as those of matches */
    int64_t sum_due_us, sum_cost_us;
    struct call_page breaks;  /* Cache view */
    struct break_sums reasons;
    struct spend_chart chart; /* Spend view */
    struct totals period_totals;
    struct list_state group_list;
    enum group_by group_by;
    int period; /* index: today, 7 days, 30 days, 12 weeks */
    int64_t view_due_us;
    bool is_view_stale;
    int64_t feed_due_us; /* not before: a filter over a large log takes its time */
    int64_t feed_cost_us; /* what the load and the count that go on have taken so far */
    bool is_feed_stale;

    char notice[ERR_TEXT_MAX];
    unsigned notice_ink;
    int64_t notice_until_us;
    int64_t copy_id; /* of the call that y was pressed on */
    char *copy_text; /* to be sent to the terminal's clipboard; NULL none; owned */

    /* A switch written but not yet seen by the gateway. */
    int64_t switch_version, switch_deadline_us;

    enum first_run first_run;
    int64_t first_run_until_us;
    char first_run_text[320]; /* of the line; "": none yet */

    int64_t second_us; /* of the last once-a-second look */
    bool wants_leave;
    bool wants_redraw; /* Ctrl-L: everything anew */
    bool wants_bell;
    bool wants_demo;
    int width, height; /* of the last drawing */
};

void app_init(struct app *a, const struct dashboard_options *o, struct db *db);
void app_done(struct app *a);
void app_key(struct app *a, int key);
/* Look at the log and the gateway; at most ten times a second.  true when
 * something may look different now. */
bool app_tick(struct app *a);
void app_draw(struct app *a, struct canvas *c);
unsigned app_place(const struct app *a);
/* Does Enter do something now? */
bool app_can_open(const struct app *a);
/* Does something on the screen move by itself now? */
bool app_is_moving(const struct app *a);
/* Is a filter still looking through the log?  Then ticks go on with it. */
bool app_is_looking(const struct app *a);
/* A look that took so long may come again not before it has been a twentieth of the time. */
#define APP_LOOK_COST_FACTOR 20
void app_notice(struct app *a, unsigned ink, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* ---- Between the files of the dashboard ---- */

/* frame.c: what every view has around it.  Returns the first free row; *bottom
 * is the row behind the last free one. */
int frame_draw(struct canvas *c, struct app *a, int *bottom);
/* The last row: keys, a notice, or the filter; after the view, whose keys it tells. */
void frame_draw_bottom(struct canvas *c, const struct app *a);
void frame_draw_line(struct canvas *c, struct app *a); /* everything in one line */
bool frame_has_tabs(const struct canvas *c);

/* One file a view. */
void live_draw(struct canvas *c, struct app *a, int top, int bottom);
void calls_draw(struct canvas *c, struct app *a, int top, int bottom);
void sessions_draw(struct canvas *c, struct app *a, int top, int bottom);
void cache_draw(struct canvas *c, struct app *a, int top, int bottom);
void spend_draw(struct canvas *c, struct app *a, int top, int bottom);
void help_draw(struct canvas *c, struct app *a);
void help_open(struct app *a);
void help_key(struct app *a, int key);
void sorter_draw(struct canvas *c, struct app *a);
void routes_draw(struct canvas *c, struct app *a, int top, int bottom);
void table_draw(struct canvas *c, struct app *a, int top, int bottom, bool with_all);

/* app_keys.c: what a key does wherever it is bound: leaving, help, undo …; false: it is another. */
bool app_act_anywhere(struct app *a, enum action action);
/* The list of calls on the screen, or below what lies above it. */
struct feed *app_feed(struct app *a);
bool app_has_feed(const struct app *a);

/* app_filter.c, app_inspect.c, app_copy.c, app_switch.c, app_lists.c: what keys do. */
void inspector_open(struct app *a, int64_t id);
void inspector_open_found(struct app *a, int64_t id); /* at what the filter looked for in texts */
bool inspector_act(struct app *a, enum action action); /* did it mean something there? */
void inspector_search_key(struct app *a, int key);
void copy_selected(struct app *a);
bool copy_key(struct app *a, int key); /* false: the key is for what lies below */
void filter_open(struct app *a);
void filter_key(struct app *a, int key);
void filter_invert(struct app *a);
void filter_draw_choices(struct canvas *c, int row, const struct app *a);
void filter_clear(struct app *a);
/* Count how many calls match what is in force, into filter_count; anew: what it says now
 * is of another filter.  The list comes first: on a large log filter_count_on() begins
 * and goes on with it. */
NODISCARD int filter_count(struct app *a, bool anew, struct err *e);
NODISCARD int filter_count_on(struct app *a, struct err *e);
void filter_counted(struct app *a, int64_t n); /* it is known already */
void sorter_key(struct app *a, int key);
void switch_open(struct app *a, enum route_setting what);
void switch_key(struct app *a, int key);
void switch_undo(struct app *a);
void switch_preset(struct app *a);
void switch_check(struct app *a);
/* Let the budgets that block go for an hour. */
void budgets_lift_now(struct app *a);
/* Routes were written: the gateway has a second to show them on its health page. */
void switch_watch(struct app *a);
void routes_open(struct app *a);
void routes_key(struct app *a, int key);
void routes_done(struct app *a);
void routes_form_key(struct app *a, int key);
/* alarms_page.c */
void alarms_init(struct app *a);
bool alarms_tick(struct app *a); /* is there a new one? */
void alarms_open(struct app *a);
void alarms_key(struct app *a, int key);
void alarms_draw(struct canvas *c, struct app *a, int top, int bottom);
/* The newest that still holds and nobody has seen, or NULL; *more: how many others. */
const struct alarm *alarms_newest(const struct app *a, size_t *more);
/* It in words; false: there is none. */
bool alarms_line(const struct app *a, char *out, size_t size);
void lists_load(struct app *a);
/* Another filter is in force, or another time. */
void lists_filter(struct app *a);
/* As those of Sessions below, for the sums of Cache. */
bool lists_is_looking(const struct app *a);
bool lists_look(struct app *a, int64_t now);
const struct group_sums *lists_sums(const struct app *a); /* NULL: there is no filter */
bool lists_act(struct app *a, enum action action);
void list_move(struct list_state *l, size_t count, enum action action);
int64_t lists_period_start(const struct app *a);
const char *lists_period_name(const struct app *a);
/* What a bar of the period's chart is, and the first one shown. */
enum spend_unit lists_period_unit(const struct app *a, size_t *first);
void list_settle(struct list_state *l, size_t count, size_t rows);
/* app_sessions.c */
const struct session *lists_selected_session(const struct app *a);
NODISCARD int sessions_load(struct app *a, struct err *e);
/* Another filter is in force. */
void sessions_filter(struct app *a);
/* Is the log being looked through for the sessions on the screen? */
bool sessions_is_looking(const struct app *a);
/* Go on with that, or begin when it is due; true: something may look different now. */
bool sessions_look(struct app *a, int64_t now);
/* What the filter lets through as far as it is known; only with one. */
const struct session_matches *sessions_matches(const struct app *a);
bool sessions_act(struct app *a, enum action action); /* did it mean something here? */
void sessions_done(struct app *a);

#endif
