/* The Sessions view: one row a session, newest activity first; below an unfolded
 * one its agents. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ui/app.h"
#include "ui/bars.h"
#include "ui/columns.h"
#include "ui/glyph.h"

/* Columns from the right edge; what does not fit beside a name goes, the
 * leftmost first. */
struct places {
    int name_width, model, bar, context, calls, errors, tokens, last, cost;
};

static void make_places(struct places *p, int cols)
{
    int at = cols - 1;
    p->cost = at -= 8;
    p->last = at -= 10;
    p->tokens = cols >= 100 ? (at -= 7) : -1;
    p->errors = cols >= 80 ? (at -= 5) : -1;
    p->calls = at -= 6;
    p->context = cols >= 70 ? (at -= 10) : -1;
    p->bar = cols >= 90 ? (at -= 11) : -1;
    p->model = at -= cols >= 110 ? 20 : 16;
    p->name_width = at - 5;
}

static void head(struct canvas *c, int row, const struct places *p)
{
    canvas_put(c, row, 6, p->name_width - 2, INK_DIM, "SESSION");
    canvas_put(c, row, p->model, 8, INK_DIM, "MODEL");
    if (p->bar >= 0)
        canvas_put(c, row, p->bar, 8, INK_DIM, "CONTEXT");
    else if (p->context >= 0)
        canvas_put_right(c, row, p->context, 9, INK_DIM, "CONTEXT");
    canvas_put_right(c, row, p->calls, 5, INK_DIM, "CALLS");
    if (p->errors >= 0)
        canvas_put_right(c, row, p->errors, 4, INK_DIM, "ERR");
    if (p->tokens >= 0)
        canvas_put_right(c, row, p->tokens, 6, INK_DIM, "OUT");
    canvas_put_right(c, row, p->last, 9, INK_DIM, "LAST");
    canvas_put_right(c, row, p->cost, 8, INK_DIM, "COST");
}

/* What a row shows, of a session or an agent. */
struct line {
    const char *name;
    unsigned name_style;
    const char *model;
    bool is_switched;
    int64_t context_tokens, context_limit, last_at, running;
    const struct totals *totals;
    int indent;
};

static void draw_context(struct canvas *c, int row, const struct places *p, const struct line *l)
{
    char used[TEXT_SHORT_MAX], whole[TEXT_SHORT_MAX], text[64];
    if (l->context_tokens < 0 || l->context_limit <= 0)
        return;
    bool tight = l->context_tokens * 100 >= l->context_limit * 85;
    if (p->bar >= 0)
        bar_draw(c, row, p->bar, 10, tight ? INK_BAD : INK_ACCENT, l->context_tokens, l->context_limit);
    text_count(used, l->context_tokens);
    text_count(whole, l->context_limit);
    if (l->context_limit % 1000000 == 0)
        snprintf(whole, sizeof(whole), "%lldM", (long long)(l->context_limit / 1000000));
    snprintf(text, sizeof(text), "%s/%s", used, whole);
    if (p->context >= 0)
        canvas_put_right(c, row, p->context, 9, tight ? INK_BAD | STYLE_BOLD : INK_PLAIN, text);
    if (p->context >= 0 && tight)
        canvas_put(c, row, p->context + 8 - canvas_width(text), 1, INK_BAD | STYLE_BOLD, glyphs()->warn);
}

static void draw_figures(struct canvas *c, int row, const struct places *p, const struct line *l, int64_t now_ms)
{
    char text[CELL_MAX];
    text_count(text, l->totals->calls);
    canvas_put_right(c, row, p->calls, 5, INK_PLAIN, text);
    text_count(text, l->totals->errors);
    if (p->errors >= 0)
        canvas_put_right(c, row, p->errors, 4, l->totals->errors ? INK_BAD | STYLE_BOLD : INK_DIM, text);
    text_count(text, l->totals->tokens_out);
    if (p->tokens >= 0)
        canvas_put_right(c, row, p->tokens, 6, INK_PLAIN, text);
    time_short(text, l->last_at, now_ms);
    canvas_put_right(c, row, p->last, 9, INK_DIM, text);
    text_usd(text, l->totals->cost_microusd);
    canvas_put_right(c, row, p->cost, 8, INK_PLAIN, text);
}

static void draw_line(struct canvas *c, int row, const struct places *p, const struct line *l, const struct app *a)
{
    int model = 18 < p->calls - p->model ? 18 : 14;
    canvas_put(c, row, 2, 1, INK_ACCENT | STYLE_BOLD, l->running ? glyph_spinner(a->data.now_ms) : " ");
    canvas_put(c, row, 6 + l->indent, p->name_width - 2 - l->indent, l->name_style, l->name);
    canvas_printf(c, row, p->model, model, l->is_switched ? INK_SWITCHED : INK_PLAIN, "%s%s%s",
                  l->is_switched ? glyphs()->arrow : "", l->is_switched ? " " : "",
                  model_short(a->o->catalog, l->model));
    draw_context(c, row, p, l);
    draw_figures(c, row, p, l, a->data.now_ms);
}

static void draw_session(struct canvas *c, int row, const struct places *p, const struct session *s, struct app *a)
{
    struct in_force f;
    struct route_scope scope = {.session_id = s->session_id};
    switches_in_force(&a->data.routes, &scope, &f);
    struct line l = {
        .name = s->title ? s->title : s->session_id,
        .name_style = s->title ? INK_PLAIN : INK_DIM,
        .model = f.model ? f.model : s->model,
        .is_switched = f.model != NULL,
        .context_tokens = s->context_tokens,
        .context_limit = s->context_limit,
        .last_at = s->last_at,
        .running = s->running,
        .totals = &s->totals,
    };
    bool is_open = tree_is_unfolded(&a->tree, s->session_id);
    canvas_put(c, row, 4, 1, INK_DIM, is_open ? glyphs()->unfolded : glyphs()->folded);
    draw_line(c, row, p, &l, a);
}

/* "Explore: find the flaky tests"; what is not known is left out. */
static void agent_name(const struct agent_row *agent, char *out, size_t size)
{
    if (!agent->agent_id)
        snprintf(out, size, "main agent");
    else if (agent->type && agent->description)
        snprintf(out, size, "%.40s: %.90s", agent->type, agent->description);
    else if (agent->type || agent->description)
        snprintf(out, size, "%.120s", agent->type ? agent->type : agent->description);
    else
        snprintf(out, size, "subagent %.12s", agent->agent_id);
}

static int64_t limit_of(const struct app *a, const char *model)
{
    const struct model *m = a->o->catalog && model ? catalog_find(a->o->catalog, model) : NULL;
    return m ? m->context_tokens : -1;
}

static void draw_agent(struct canvas *c, int row, const struct places *p, const struct tree_row *at, const struct app *a)
{
    char name[160];
    const struct agent_row *agent = at->agent;
    const struct call *newest = at->newest;
    agent_name(agent, name, sizeof(name));
    struct line l = {
        .name = name,
        .name_style = INK_DIM,
        .model = !newest                ? NULL
                 : newest->model_served ? newest->model_served
                 : newest->model_sent   ? newest->model_sent
                                        : newest->model_asked,
        .context_tokens = newest ? call_context_tokens(newest) : -1,
        .last_at = agent->last_at,
        .running = agent->running,
        .totals = &agent->totals,
        .indent = at->depth * 2,
    };
    l.context_limit = limit_of(a, l.model);
    if (!agent->agent_id) { /* also while its newest call still runs */
        const struct session *s = &a->sessions.sessions[at->session];
        l.context_tokens = s->context_tokens;
        l.context_limit = s->context_limit;
    }
    draw_line(c, row, p, &l, a);
}

static void draw_row(struct canvas *c, int row, const struct places *p, const struct tree_row *at, struct app *a,
                     bool is_selected)
{
    if (at->agent)
        draw_agent(c, row, p, at, a);
    else
        draw_session(c, row, p, &a->sessions.sessions[at->session], a);
    if (!is_selected)
        return;
    canvas_put(c, row, 0, 1, INK_SELECTED, glyphs()->pointer);
    canvas_restyle(c, row, 0, c->cols, INK_SELECTED);
}

/* The figures in the rows stay those of whole sessions. */
static void draw_filter(struct canvas *c, int row, const struct app *a)
{
    char text[FIELD_MAX + 128], sessions[TEXT_SHORT_MAX], calls[TEXT_SHORT_MAX];
    const struct session_matches *m = sessions_matches(a);
    const char *more = a->is_match_part && a->is_match_looking ? "+" : "";
    text_count(sessions, (int64_t)m->count);
    text_count(calls, m->calls);
    snprintf(text, sizeof(text), "%s%s %s with %s%s %s that match, filter %s%s%s", sessions, more,
             m->count == 1 ? "session" : "sessions", calls, more, m->calls == 1 ? "call" : "calls", a->filter_text,
             more[0] ? ", looking further" : "", more[0] ? glyphs()->ellipsis : "");
    canvas_heading(c, row, 1, c->cols - 2, text);
}

static void draw_empty(struct canvas *c, int row, const struct app *a)
{
    canvas_put(c, row, 2, c->cols - 3, INK_DIM,
               sessions_is_looking(a) ? "No session so far."
               : a->filter_text[0]    ? "No session has a call that matches the filter.  Esc clears it."
                                      : "No session yet.  1 shows how to begin.");
}

void sessions_draw(struct canvas *c, struct app *a, int top, int bottom)
{
    struct places p;
    make_places(&p, c->cols);
    if (a->filter_text[0])
        draw_filter(c, top++, a);
    if (a->sessions.count == 0) {
        draw_empty(c, top + 1, a);
        return;
    }
    head(c, top++, &p);
    list_settle(&a->session_list, a->tree.count, bottom > top ? (size_t)(bottom - top) : 1);
    for (size_t i = 0; i < a->session_list.rows && a->session_list.top + i < a->tree.count; i++) {
        size_t at = a->session_list.top + i;
        draw_row(c, top + (int)i, &p, &a->tree.rows[at], a, at == a->session_list.selected);
    }
}
