/* The Sessions view's list and the timeline above it: loading, unfolding, opening.
 *
 * Sessions are loaded a page at a time, the next one when the selection comes
 * near the end of what is there.  With a filter in force those are shown that have calls
 * which match; which these are is looked for as the feed does it, in short steps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ui/app.h"

#define NEAR_END 20 /* rows */

/* ---- Which ones a filter lets through ------------------------------------------- */

void sessions_filter(struct app *a)
{
    session_matches_done(&a->matches);
    session_matches_done(&a->coming);
    a->is_match_part = true;
    a->is_match_looking = false;
    a->is_match_stale = true;
    a->match_due_us = 0;
}

const struct session_matches *sessions_matches(const struct app *a)
{
    return a->is_match_part ? &a->coming : &a->matches;
}

bool sessions_is_looking(const struct app *a)
{
    return a->view == VIEW_SESSIONS && a->feed.filter && a->is_match_looking;
}

/* One step; what was known stays until all is known again. */
static int look_step(struct app *a, struct err *e)
{
    int64_t begin = clock_mono_us();
    if (!a->is_match_looking) {
        session_matches_done(&a->coming);
        a->coming.look.us = a->feed.look.us;
        a->match_cost_us = 0;
        a->is_match_stale = false;
    }
    int rc = reader_matches_on(a->db, a->feed.filter, &a->coming, e);
    a->is_match_looking = rc == 0 && a->coming.look.is_open;
    if (rc == 0 && !a->is_match_looking) {
        session_matches_done(&a->matches);
        a->matches = a->coming;
        a->coming = (struct session_matches){0};
        a->is_match_part = false;
    }
    int64_t end = clock_mono_us();
    a->match_cost_us += end - begin;
    a->match_due_us = end + a->match_cost_us * APP_LOOK_COST_FACTOR;
    return rc;
}

static int load_rows(struct app *a, struct err *e);

bool sessions_look(struct app *a, int64_t now)
{
    struct err e = {""};
    bool is_due = a->is_match_stale && now >= a->match_due_us;
    if (a->view != VIEW_SESSIONS || !a->feed.filter || !(a->is_match_looking || is_due))
        return false;
    size_t known = sessions_matches(a)->count;
    int rc = look_step(a, &e);
    bool is_other = !a->is_match_looking || sessions_matches(a)->count != known;
    if (rc < 0 || (is_other && load_rows(a, &e) < 0))
        a->data.problem = e;
    return true;
}

/* ---- Loading ---------------------------------------------------------------------- */

static int read_page(struct app *a, int64_t before_ms, struct session_page *page, struct err *e)
{
    if (a->feed.filter)
        return reader_sessions_matching(a->db, sessions_matches(a), before_ms, READER_PAGE_MAX, page, e);
    return reader_sessions(a->db, before_ms, READER_PAGE_MAX, page, e);
}

static int load_pages(struct app *a, struct session_page *all, struct err *e)
{
    memset(all, 0, sizeof(*all));
    while (all->count < a->session_want) {
        struct session_page page;
        int64_t before = all->count ? all->sessions[all->count - 1].last_at : 0;
        if (read_page(a, before, &page, e) < 0) {
            session_page_done(all);
            return -1;
        }
        size_t count = page.count;
        all->sessions = xrealloc(all->sessions, (all->count + count + 1) * sizeof(*all->sessions));
        for (size_t i = 0; i < count; i++)
            all->sessions[all->count++] = page.sessions[i];
        page.count = 0; /* theirs are ours now */
        session_page_done(&page);
        if (count < READER_PAGE_MAX)
            break;
    }
    return 0;
}

static bool is_same_row(const struct tree_row *row, const struct session *s, const char *session_id, bool is_agent,
                        const char *agent_id)
{
    if (strcmp(s->session_id, session_id) != 0 || (row->agent != NULL) != is_agent)
        return false;
    return !is_agent || (row->agent->agent_id && agent_id ? strcmp(row->agent->agent_id, agent_id) == 0
                                                          : !row->agent->agent_id == !agent_id);
}

/* What is selected keeps being it, wherever it stands now. */
static void lay_out(struct app *a, const char *session_id, bool is_agent, const char *agent_id)
{
    size_t selected = LIST_NONE;
    tree_lay_out(&a->tree, &a->sessions);
    for (size_t i = 0; session_id && i < a->tree.count && selected == LIST_NONE; i++)
        if (is_same_row(&a->tree.rows[i], &a->sessions.sessions[a->tree.rows[i].session], session_id, is_agent,
                        agent_id))
            selected = i;
    a->session_list.selected = selected;
}

static const struct tree_row *selected_row(const struct app *a)
{
    size_t at = a->session_list.selected;
    return at < a->tree.count ? &a->tree.rows[at] : NULL;
}

const struct session *lists_selected_session(const struct app *a)
{
    const struct tree_row *row = selected_row(a);
    return row ? &a->sessions.sessions[row->session] : NULL;
}

static int load_rows(struct app *a, struct err *e)
{
    struct session_page page;
    const struct tree_row *row = selected_row(a);
    const struct session *s = lists_selected_session(a);
    char *session_id = xstrdup(s ? s->session_id : NULL);
    bool is_agent = row && row->agent;
    char *agent_id = xstrdup(is_agent ? row->agent->agent_id : NULL);
    if (a->session_want < READER_PAGE_MAX)
        a->session_want = READER_PAGE_MAX;
    int rc = load_pages(a, &page, e);
    if (rc == 0) {
        session_page_done(&a->sessions);
        a->sessions = page;
        rc = tree_refresh(&a->tree, a->db, e);
        lay_out(a, session_id, is_agent, agent_id);
    }
    free(session_id);
    free(agent_id);
    return rc;
}

int sessions_load(struct app *a, struct err *e)
{
    bool is_new = a->feed.filter && a->is_match_part && !a->is_match_looking;
    if (is_new && look_step(a, e) < 0)
        return -1;
    if (load_rows(a, e) < 0)
        return -1;
    return a->timeline.is_open ? feed_refresh(&a->timeline.feed, a->db, e) : 0;
}

static void say(struct app *a, int rc, const struct err *e)
{
    if (rc < 0)
        app_notice(a, INK_BAD, "%s", e->text);
}

static void toggle(struct app *a)
{
    struct err e = {""};
    const struct session *s = lists_selected_session(a);
    if (!s && a->sessions.count)
        s = &a->sessions.sessions[0];
    if (!s)
        return;
    char *id = xstrdup(s->session_id);
    say(a, tree_toggle(&a->tree, a->db, id, &e), &e);
    lay_out(a, id, false, NULL);
    free(id);
}

static void open_timeline(struct app *a)
{
    char title[160];
    struct err e = {""};
    const struct tree_row *row = selected_row(a);
    if (!row && a->tree.count)
        row = &a->tree.rows[0];
    if (!row)
        return;
    const struct session *s = &a->sessions.sessions[row->session];
    const char *agent_id = row->agent ? row->agent->agent_id : NULL;
    snprintf(title, sizeof(title), "%.80s%s%.40s", s->title ? s->title : s->session_id, agent_id ? ", agent " : "",
             !agent_id                 ? ""
             : row->agent->description ? row->agent->description
                                       : agent_id);
    timeline_close(&a->timeline);
    say(a, timeline_open(&a->timeline, a->db, s->session_id, agent_id, a->filter_text, title, &e), &e);
}

/* The session's calls alone, in the table of Calls. */
static void open_calls(struct app *a)
{
    struct err e = {""};
    const struct session *s = lists_selected_session(a);
    if (!s && a->sessions.count)
        s = &a->sessions.sessions[0];
    if (!s)
        return;
    feed_set_session(&a->feed, s->session_id);
    a->view = VIEW_CALLS;
    say(a, feed_follow(&a->feed, a->db, &e) < 0 ? -1 : filter_count(a, true, &e), &e);
}

static void load_more(struct app *a)
{
    struct err e = {""};
    size_t at = a->session_list.selected;
    if (at == LIST_NONE || at + NEAR_END < a->tree.count || a->sessions.count < a->session_want)
        return;
    a->session_want += READER_PAGE_MAX;
    say(a, sessions_load(a, &e), &e);
}

bool sessions_act(struct app *a, enum action action)
{
    bool had = a->session_list.selected != LIST_NONE;
    switch (action) {
    case ACTION_OPEN:
        open_timeline(a);
        return true;
    case ACTION_TOGGLE:
        toggle(a);
        return true;
    case ACTION_CALLS:
        open_calls(a);
        return true;
    case ACTION_BACK:
        a->session_list.selected = LIST_NONE;
        return had;
    case ACTION_UP:
    case ACTION_DOWN:
    case ACTION_PAGE_UP:
    case ACTION_PAGE_DOWN:
    case ACTION_FIRST:
    case ACTION_LAST:
        list_move(&a->session_list, a->tree.count, action);
        load_more(a);
        return true;
    default:
        return false;
    }
}

void sessions_done(struct app *a)
{
    timeline_close(&a->timeline);
    tree_done(&a->tree);
    session_page_done(&a->sessions);
    session_matches_done(&a->matches);
    session_matches_done(&a->coming);
}
