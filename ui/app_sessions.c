/* The Sessions view's list and the timeline above it: loading, unfolding, opening.
 *
 * Sessions are loaded a page at a time, the next one when the selection comes
 * near the end of what is there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/app.h"

#define NEAR_END 20 /* rows */

static int load_pages(struct app *a, struct session_page *all, struct err *e)
{
    memset(all, 0, sizeof(*all));
    while (all->count < a->session_want) {
        struct session_page page;
        int64_t before = all->count ? all->sessions[all->count - 1].last_at : 0;
        if (reader_sessions(a->db, before, READER_PAGE_MAX, &page, e) < 0) {
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

int sessions_load(struct app *a, struct err *e)
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
    if (rc == 0 && a->timeline.is_open)
        rc = feed_refresh(&a->timeline.feed, a->db, e);
    free(session_id);
    free(agent_id);
    return rc;
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
    say(a, timeline_open(&a->timeline, a->db, s->session_id, agent_id, title, &e), &e);
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
}
