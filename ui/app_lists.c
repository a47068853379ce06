/* The lists behind Cache and Spend: loading, moving, opening. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ui/app.h"

/* A sum over a long time may take a fiftieth of the time at most. */
#define COST_FACTOR 50
#define LOAD_MIN_US (500 * 1000)

static const struct {
    const char *name;
    int days;
    enum spend_unit unit;
    size_t first; /* of its chart's bars */
} periods[] = {{"today", 1, SPEND_HOURS, 0},
               {"7 days", 7, SPEND_DAYS, 23},
               {"30 days", 30, SPEND_DAYS, 0},
               {"12 weeks", 84, SPEND_WEEKS, 0}};
#define PERIOD_COUNT ((int)(sizeof(periods) / sizeof(periods[0])))

const char *lists_period_name(const struct app *a)
{
    return periods[a->period].name;
}

enum spend_unit lists_period_unit(const struct app *a, size_t *first)
{
    *first = periods[a->period].first;
    return periods[a->period].unit;
}

int64_t lists_period_start(const struct app *a)
{
    int64_t today = clock_day_start_ms(a->data.now_ms);
    /* Noon, so that a day of 23 or 25 hours does not land in its neighbour. */
    return clock_day_start_ms(today - (int64_t)(periods[a->period].days - 1) * 86400000 + 43200000);
}

static int load_groups(struct app *a, enum group_by by, struct err *e)
{
    struct group_page page;
    int64_t start = lists_period_start(a);
    memset(&page, 0, sizeof(page));
    if (reader_day_totals(a->db, clock_day_number(start), clock_day_number(a->data.now_ms), &a->period_totals, e) < 0 ||
        reader_groups(a->db, start, by, &page, e) < 0)
        return -1;
    group_page_done(&a->groups);
    a->groups = page;
    return 0;
}

static int load_spend(struct app *a, struct err *e)
{
    struct spend_chart fresh;
    size_t first;
    if (load_groups(a, a->group_by, e) < 0 ||
        reader_spend(a->db, lists_period_unit(a, &first), a->data.now_ms, &fresh, e) < 0)
        return -1;
    spend_chart_done(&a->chart);
    a->chart = fresh;
    return 0;
}

/* ---- Sums of what a filter lets through ----------------------------------------- */

void lists_filter(struct app *a)
{
    group_sums_done(&a->sums);
    group_sums_done(&a->coming_sums);
    a->is_sum_part = a->is_sum_stale = true;
    a->is_sum_looking = false;
    a->sum_due_us = 0;
}

const struct group_sums *lists_sums(const struct app *a)
{
    return !a->feed.filter ? NULL : a->is_sum_part ? &a->coming_sums : &a->sums;
}

bool lists_is_looking(const struct app *a)
{
    return a->view == VIEW_CACHE && a->feed.filter && a->is_sum_looking;
}

/* One step; what was known stays until all is known again. */
static int look_step(struct app *a, struct err *e)
{
    int64_t begin = clock_mono_us();
    struct group_sums *g = &a->coming_sums;
    if (!a->is_sum_looking) {
        group_sums_done(g);
        g->look.us = a->feed.look.us;
        a->sum_cost_us = 0;
        a->is_sum_stale = false;
    }
    int rc = reader_group_sums_on(a->db, a->feed.filter, a->is_sum_looking ? g->since_ms : lists_period_start(a),
                                  GROUP_SESSION, g, e);
    a->is_sum_looking = rc == 0 && g->look.is_open;
    if (rc == 0 && !a->is_sum_looking) {
        group_sums_done(&a->sums);
        a->sums = *g;
        *g = (struct group_sums){0};
        a->is_sum_part = false;
    }
    int64_t end = clock_mono_us();
    a->sum_cost_us += end - begin;
    a->sum_due_us = end + a->sum_cost_us * APP_LOOK_COST_FACTOR;
    return rc;
}

bool lists_look(struct app *a, int64_t now)
{
    struct err e = {""};
    bool is_due = a->is_sum_stale && now >= a->sum_due_us;
    if (a->view != VIEW_CACHE || !a->feed.filter || !(a->is_sum_looking || is_due))
        return false;
    if (look_step(a, &e) < 0)
        a->data.problem = e;
    return true;
}

/* The first step of another filter at once; the rest as time goes on. */
static int load_cache_sums(struct app *a, struct err *e)
{
    if (!a->feed.filter)
        return load_groups(a, GROUP_SESSION, e);
    return a->is_sum_part && !a->is_sum_looking ? look_step(a, e) : 0;
}

static int load_breaks(struct app *a, struct err *e)
{
    char words[FIELD_MAX + 8];
    snprintf(words, sizeof(words), "breaks %s", a->filter_text);
    struct filter *f = filter_parse(words, e);
    if (!f)
        return -1;
    struct call_query q = {.filter = f, .sort = SORT_ID, .descending = true, .limit = 50};
    struct call_page page;
    memset(&page, 0, sizeof(page));
    int rc = reader_calls(a->db, &q, &page, e);
    filter_free(f);
    if (rc < 0)
        return -1;
    call_page_done(&a->breaks);
    a->breaks = page;
    struct break_sums sums;
    if (reader_breaks_matching(a->db, a->feed.filter, lists_period_start(a), a->data.now_ms + 1, &sums, e) < 0)
        return -1;
    break_sums_done(&a->reasons);
    a->reasons = sums;
    return 0;
}

void lists_load(struct app *a)
{
    struct err e = {""};
    int rc = 0;
    int64_t begin = clock_mono_us();
    if (a->view == VIEW_SESSIONS)
        rc = sessions_load(a, &e);
    else if (a->view == VIEW_SPEND)
        rc = load_spend(a, &e);
    else if (a->view == VIEW_CACHE)
        rc = load_cache_sums(a, &e) < 0 ? -1 : load_breaks(a, &e);
    if (rc < 0)
        a->data.problem = e;
    int64_t end = clock_mono_us(), wait = (end - begin) * COST_FACTOR;
    a->view_due_us = end + (wait > LOAD_MIN_US ? wait : LOAD_MIN_US);
    a->is_view_stale = false;
}

void list_settle(struct list_state *l, size_t count, size_t rows)
{
    l->rows = rows ? rows : 1;
    if (l->selected != LIST_NONE && l->selected >= count)
        l->selected = count ? count - 1 : LIST_NONE;
    if (l->selected != LIST_NONE && l->selected < l->top)
        l->top = l->selected;
    if (l->selected != LIST_NONE && l->selected >= l->top + l->rows)
        l->top = l->selected - l->rows + 1;
    if (l->top + l->rows > count)
        l->top = count > l->rows ? count - l->rows : 0;
}

void list_move(struct list_state *l, size_t count, enum action action)
{
    long by = action_rows(action, l->rows);
    if (count == 0)
        return;
    if (action == ACTION_FIRST)
        l->selected = 0;
    else if (action == ACTION_LAST)
        l->selected = count - 1;
    else if (l->selected == LIST_NONE)
        l->selected = l->top;
    else {
        long to = (long)l->selected + by;
        l->selected = (size_t)(to < 0 ? 0 : to >= (long)count ? (long)count - 1 : to);
    }
}

static void open_break(struct app *a)
{
    size_t at = a->group_list.selected == LIST_NONE ? 0 : a->group_list.selected;
    if (at < a->breaks.count)
        inspector_open(a, a->breaks.calls[at].id);
}

/* true when the action meant something here. */
bool lists_act(struct app *a, enum action action)
{
    size_t count = a->view == VIEW_CACHE ? a->breaks.count : a->groups.count;
    bool had = a->group_list.selected != LIST_NONE;
    if (a->view == VIEW_SESSIONS)
        return sessions_act(a, action);
    switch (action) {
    case ACTION_UP:
    case ACTION_DOWN:
    case ACTION_PAGE_UP:
    case ACTION_PAGE_DOWN:
    case ACTION_FIRST:
    case ACTION_LAST:
        list_move(&a->group_list, count, action);
        return true;
    case ACTION_OPEN:
        if (a->view == VIEW_CACHE)
            open_break(a);
        return true;
    case ACTION_BACK:
        a->group_list.selected = LIST_NONE;
        return had;
    case ACTION_PERIOD:
        a->period = (a->period + 1) % PERIOD_COUNT;
        lists_filter(a);
        break;
    case ACTION_GROUP:
        a->group_by = (enum group_by)((a->group_by + 1) % (GROUP_FOLDER + 1));
        break;
    default:
        return false;
    }
    a->group_list.top = 0;
    a->group_list.selected = LIST_NONE;
    lists_load(a);
    return true;
}
