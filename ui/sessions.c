/* The Sessions view: one row a session, newest activity first. */
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
    canvas_put(c, row, 4, p->name_width, INK_DIM, "SESSION");
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

static void draw_context(struct canvas *c, int row, const struct places *p, const struct session *s)
{
    char used[TEXT_SHORT_MAX], whole[TEXT_SHORT_MAX], text[64];
    if (s->context_tokens < 0 || s->context_limit <= 0)
        return;
    bool tight = s->context_tokens * 100 >= s->context_limit * 85;
    if (p->bar >= 0)
        bar_draw(c, row, p->bar, 10, tight ? INK_BAD : INK_ACCENT, s->context_tokens, s->context_limit);
    text_count(used, s->context_tokens);
    text_count(whole, s->context_limit);
    if (s->context_limit % 1000000 == 0)
        snprintf(whole, sizeof(whole), "%lldM", (long long)(s->context_limit / 1000000));
    snprintf(text, sizeof(text), "%s/%s", used, whole);
    if (p->context >= 0)
        canvas_put_right(c, row, p->context, 9, tight ? INK_BAD | STYLE_BOLD : INK_PLAIN, text);
}

static void draw_row(struct canvas *c, int row, const struct places *p, const struct session *s, struct app *a,
                     bool is_selected)
{
    char text[CELL_MAX];
    struct in_force f;
    struct route_scope scope = {.session_id = s->session_id};
    switches_in_force(&a->data.routes, &scope, &f);
    canvas_put(c, row, 2, 1, INK_ACCENT | STYLE_BOLD, s->running ? glyph_spinner(a->data.now_ms) : " ");
    canvas_put(c, row, 4, p->name_width, s->title ? INK_PLAIN : INK_DIM, s->title ? s->title : s->session_id);
    canvas_printf(c, row, p->model, 18 < p->calls - p->model ? 18 : 14, f.model ? INK_SWITCHED : INK_PLAIN, "%s%s%s",
                  f.model ? glyphs()->arrow : "", f.model ? " " : "",
                  model_short(a->o->catalog, f.model ? f.model : s->model));
    draw_context(c, row, p, s);
    text_count(text, s->totals.calls);
    canvas_put_right(c, row, p->calls, 5, INK_PLAIN, text);
    text_count(text, s->totals.errors);
    if (p->errors >= 0)
        canvas_put_right(c, row, p->errors, 4, s->totals.errors ? INK_BAD | STYLE_BOLD : INK_DIM, text);
    text_count(text, s->totals.tokens_out);
    if (p->tokens >= 0)
        canvas_put_right(c, row, p->tokens, 6, INK_PLAIN, text);
    time_short(text, s->last_at, a->data.now_ms);
    canvas_put_right(c, row, p->last, 9, INK_DIM, text);
    text_usd(text, s->totals.cost_microusd);
    canvas_put_right(c, row, p->cost, 8, INK_PLAIN, text);
    if (is_selected) {
        canvas_put(c, row, 0, 1, INK_SELECTED, glyphs()->pointer);
        canvas_restyle(c, row, 0, c->cols, INK_SELECTED);
    }
}

void sessions_draw(struct canvas *c, struct app *a, int top, int bottom)
{
    struct places p;
    make_places(&p, c->cols);
    if (a->sessions.count == 0) {
        canvas_put(c, top + 1, 2, c->cols - 3, INK_DIM, "No session yet.  1 shows how to begin.");
        return;
    }
    head(c, top++, &p);
    list_settle(&a->session_list, a->sessions.count, bottom > top ? (size_t)(bottom - top) : 1);
    for (size_t i = 0; i < a->session_list.rows && a->session_list.top + i < a->sessions.count; i++) {
        size_t at = a->session_list.top + i;
        draw_row(c, top + (int)i, &p, &a->sessions.sessions[at], a, at == a->session_list.selected);
    }
}
