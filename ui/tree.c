#include "ui/tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NEWEST_MAX 40 /* agents whose newest call is looked up: more do not fit on a screen */

static void branch_done(struct tree_branch *b)
{
    for (size_t i = 0; i < b->newest_count; i++)
        call_done(&b->newest[i]);
    free(b->newest);
    agent_page_done(&b->agents);
    free(b->session_id);
}

void tree_done(struct tree *t)
{
    for (size_t i = 0; i < t->branch_count; i++)
        branch_done(&t->branches[i]);
    free(t->branches);
    free(t->rows);
    memset(t, 0, sizeof(*t));
}

static size_t find(const struct tree *t, const char *session_id)
{
    size_t i = 0;
    while (i < t->branch_count && strcmp(t->branches[i].session_id, session_id) != 0)
        i++;
    return i;
}

bool tree_is_unfolded(const struct tree *t, const char *session_id)
{
    return find(t, session_id) < t->branch_count;
}

/* The newest call of an agent tells its model and its context. */
static int read_newest(struct db *db, const char *session_id, const char *agent_id, struct call *out, struct err *e)
{
    char *words = xasprintf("%s%s", agent_id ? "agent_id:" : "who:main", agent_id ? agent_id : "");
    struct filter *filter = filter_parse(words, e);
    struct call_page page = {0};
    free(words);
    if (!filter)
        return 0; /* an id that no filter can name: its model stays unknown */
    struct call_query q = {.filter = filter, .session_id = session_id, .descending = true, .limit = 1};
    int rc = reader_calls(db, &q, &page, e);
    if (rc == 0 && page.count) {
        *out = page.calls[0];
        call_init(&page.calls[0]); /* its texts are ours now */
    }
    call_page_done(&page);
    filter_free(filter);
    return rc;
}

static int branch_load(struct tree_branch *b, struct db *db, const char *session_id, struct err *e)
{
    memset(b, 0, sizeof(*b));
    if (reader_agents(db, session_id, &b->agents, e) < 0)
        return -1;
    b->session_id = xstrdup(session_id);
    b->newest_count = b->agents.count < NEWEST_MAX ? b->agents.count : NEWEST_MAX;
    b->newest = xcalloc(b->newest_count + 1, sizeof(*b->newest));
    for (size_t i = 0; i < b->newest_count; i++)
        call_init(&b->newest[i]);
    for (size_t i = 0; i < b->newest_count; i++)
        if (read_newest(db, session_id, b->agents.rows[i].agent_id, &b->newest[i], e) < 0) {
            branch_done(b);
            return -1;
        }
    return 0;
}

int tree_toggle(struct tree *t, struct db *db, const char *session_id, struct err *e)
{
    size_t at = find(t, session_id);
    if (at < t->branch_count) {
        branch_done(&t->branches[at]);
        t->branches[at] = t->branches[--t->branch_count];
        return 0;
    }
    struct tree_branch fresh;
    if (branch_load(&fresh, db, session_id, e) < 0)
        return -1;
    t->branches = xrealloc(t->branches, (t->branch_count + 1) * sizeof(*t->branches));
    t->branches[t->branch_count++] = fresh;
    return 0;
}

int tree_refresh(struct tree *t, struct db *db, struct err *e)
{
    for (size_t i = 0; i < t->branch_count; i++) {
        struct tree_branch fresh;
        if (branch_load(&fresh, db, t->branches[i].session_id, e) < 0)
            return -1;
        branch_done(&t->branches[i]);
        t->branches[i] = fresh;
    }
    return 0;
}

/* ---- Rows ------------------------------------------------------------------ */

static void add_row(struct tree *t, struct tree_row row)
{
    t->rows = xrealloc(t->rows, (t->count + 1) * sizeof(*t->rows));
    t->rows[t->count++] = row;
}

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void add_agent(struct tree *t, const struct tree_branch *b, size_t session, size_t i, int depth, bool *placed)
{
    const struct agent_row *agent = &b->agents.rows[i];
    placed[i] = true;
    bool is_known = i < b->newest_count && b->newest[i].id > 0;
    add_row(t, (struct tree_row){session, agent, is_known ? &b->newest[i] : NULL, depth});
    for (size_t k = 0; agent->agent_id && k < b->agents.count; k++)
        if (!placed[k] && is_same(b->agents.rows[k].parent_agent_id, agent->agent_id))
            add_agent(t, b, session, k, depth + 1, placed);
}

/* The session's own agent, then those it started (or nobody knows who did), then
 * those whose parent is not in the log. */
static void add_branch(struct tree *t, const struct tree_branch *b, size_t session)
{
    bool *placed = xcalloc(b->agents.count + 1, sizeof(*placed));
    for (size_t i = 0; i < b->agents.count; i++)
        if (!b->agents.rows[i].agent_id)
            add_agent(t, b, session, i, 1, placed);
    for (size_t i = 0; i < b->agents.count; i++)
        if (!placed[i] && !b->agents.rows[i].parent_agent_id)
            add_agent(t, b, session, i, 2, placed);
    for (size_t i = 0; i < b->agents.count; i++)
        if (!placed[i])
            add_agent(t, b, session, i, 2, placed);
    free(placed);
}

void tree_lay_out(struct tree *t, const struct session_page *page)
{
    t->count = 0;
    for (size_t i = 0; i < page->count; i++) {
        add_row(t, (struct tree_row){.session = i});
        size_t at = find(t, page->sessions[i].session_id);
        if (at < t->branch_count)
            add_branch(t, &t->branches[at], i);
    }
}
