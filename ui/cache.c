/* The Cache view: how much of the input was read from the prompt cache, in all
 * and by session, which reasons broke it and what that cost over the time, and the
 * calls. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ui/app.h"
#include "ui/bars.h"
#include "ui/columns.h"
#include "ui/glyph.h"

#define SESSION_ROWS 5
#define REASON_ROWS  5

static int64_t all_in(const struct totals *t)
{
    return t->tokens_in + t->tokens_cache_read + t->tokens_cache_write_5m + t->tokens_cache_write_1h;
}

static int percent_of(const struct totals *t)
{
    int64_t all = all_in(t);
    return all > 0 ? (int)((double)t->tokens_cache_read * 100 / (double)all + 0.5) : -1;
}

static void draw_share(struct canvas *c, int row, int col, int width, const char *name, unsigned ink,
                       const struct totals *t)
{
    char read[TEXT_SHORT_MAX], written[TEXT_SHORT_MAX], plain[TEXT_SHORT_MAX];
    int label = width >= 90 ? 26 : 18;
    int bar = width - label - 1 - 6 - 3 * 9;
    canvas_put(c, row, col, label, ink, name);
    bar_draw(c, row, col + label + 1, bar, INK_GOOD, t->tokens_cache_read, all_in(t));
    int at = col + label + 1 + bar;
    if (percent_of(t) >= 0)
        canvas_printf(c, row, at + 1, 5, INK_PLAIN, "%3d%%", percent_of(t));
    text_count(read, t->tokens_cache_read);
    text_count(written, t->tokens_cache_write_5m + t->tokens_cache_write_1h);
    text_count(plain, t->tokens_in);
    canvas_put_right(c, row, at + 6, 8, INK_PLAIN, read);
    canvas_put_right(c, row, at + 15, 8, INK_PLAIN, written);
    canvas_put_right(c, row, at + 24, 8, INK_PLAIN, plain);
}

static void draw_head(struct canvas *c, int row, int col, int width, const char *title)
{
    int label = width >= 90 ? 26 : 18;
    int at = col + width - 6 - 3 * 9;
    canvas_put(c, row, col, label, INK_ACCENT | STYLE_BOLD, title);
    canvas_put_right(c, row, at + 6, 8, INK_DIM, "READ");
    canvas_put_right(c, row, at + 15, 8, INK_DIM, "WRITTEN");
    canvas_put_right(c, row, at + 24, 8, INK_DIM, "UNCACHED");
}

static void draw_break(struct canvas *c, int row, const struct app *a, const struct call *call, bool is_selected)
{
    char text[CELL_MAX];
    struct row_context x = {.catalog = a->o->catalog, .now_ms = a->data.now_ms};
    int at = 2;
    static const struct {
        enum column column;
        int width;
    } shown[] = {{COLUMN_TIME, 8}, {COLUMN_SESSION, 18}, {COLUMN_MODEL, 16}};
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        unsigned style = column_text(shown[i].column, call, &x, text);
        canvas_put(c, row, at, shown[i].width, style, text);
        at += shown[i].width + 2;
    }
    canvas_put(c, row, at, c->cols - at - 10, INK_WARN, call->cache_break);
    text_usd(text, call->cost_microusd);
    canvas_put_right(c, row, c->cols - 9, 8, INK_PLAIN, text);
    if (is_selected) {
        canvas_put(c, row, 0, 1, INK_SELECTED, glyphs()->pointer);
        canvas_restyle(c, row, 0, c->cols, INK_SELECTED);
    }
}

static void draw_reason(struct canvas *c, int row, const struct app *a, const struct break_sum *r)
{
    char text[TEXT_SHORT_MAX];
    int64_t most = a->reasons.rows[0].cost_microusd;
    int spark = c->cols - 2 - BREAK_BUCKETS, bar = spark - 2 - 46;
    canvas_put(c, row, 2, 1, INK_WARN, glyphs()->warn);
    canvas_put(c, row, 4, 12, INK_PLAIN, r->kind);
    text_count(text, r->breaks);
    canvas_put_right(c, row, 26, 8, INK_PLAIN, text);
    text_usd(text, r->cost_microusd > 0 ? r->cost_microusd : -1); /* none was known */
    canvas_put_right(c, row, 35, 9, r->cost_microusd > 0 ? INK_PLAIN : INK_DIM, text);
    if (bar >= 6)
        bar_draw_bare(c, row, 46, bar, INK_WARN, r->cost_microusd, most);
    spark_draw(c, row, spark, INK_WARN, r->buckets, BREAK_BUCKETS);
}

/* The first row behind them. */
static int draw_reasons(struct canvas *c, int top, int bottom, const struct app *a)
{
    char title[64];
    if (a->reasons.count == 0)
        return top;
    snprintf(title, sizeof(title), "What broke it, %s", lists_period_name(a));
    canvas_put(c, top, 2, 22, INK_ACCENT | STYLE_BOLD, title);
    canvas_put_right(c, top, 26, 8, INK_DIM, "BREAKS");
    canvas_put_right(c, top, 35, 9, INK_DIM, "COST");
    canvas_put(c, top, c->cols - 2 - BREAK_BUCKETS, BREAK_BUCKETS, INK_DIM, "COST OVER TIME");
    top++;
    for (size_t i = 0; i < a->reasons.count && i < REASON_ROWS && top + 4 < bottom; i++)
        draw_reason(c, top++, a, &a->reasons.rows[i]);
    return top + 1;
}

static void draw_breaks_heading(struct canvas *c, int row, const struct app *a)
{
    char text[FIELD_MAX + 48];
    snprintf(text, sizeof(text), "Breaks, newest first%s%s", a->filter_text[0] ? ", filter " : "", a->filter_text);
    canvas_heading(c, row, 1, c->cols - 2, text);
}

void cache_draw(struct canvas *c, struct app *a, int top, int bottom)
{
    int width = c->cols - 3;
    const struct group_sums *sums = lists_sums(a);
    const struct group_page *groups = sums ? &sums->page : &a->groups;
    char title[32];
    if (lists_is_looking(a) && a->is_sum_part)
        snprintf(title, sizeof(title), "looking further%s", glyphs()->ellipsis);
    else
        snprintf(title, sizeof(title), "Cache, filtered");
    draw_head(c, top++, 2, width, sums ? title : "Prompt cache");
    draw_share(c, top++, 2, width, lists_period_name(a), STYLE_BOLD, sums ? &sums->totals : &a->period_totals);
    for (size_t i = 0; i < groups->count && i < SESSION_ROWS && top + 4 < bottom; i++) {
        const struct group_row *r = &groups->rows[i];
        draw_share(c, top++, 2, width,
                   r->label && r->label[0] ? r->label
                   : r->key                ? r->key
                                           : "no session",
                   INK_PLAIN, &r->totals);
    }
    top = draw_reasons(c, top + 1, bottom, a);
    draw_breaks_heading(c, top++, a);
    list_settle(&a->group_list, a->breaks.count, bottom > top ? (size_t)(bottom - top) : 1);
    if (a->breaks.count == 0)
        canvas_put(c, top, 2, c->cols - 3, INK_DIM, a->filter_text[0] ? "No break matches the filter.  Esc clears it."
                                     : "No break is proven so far: whatever could be read was read.");
    for (size_t i = 0; i < a->group_list.rows && a->group_list.top + i < a->breaks.count; i++) {
        size_t at = a->group_list.top + i;
        draw_break(c, top + (int)i, a, &a->breaks.calls[at], at == a->group_list.selected);
    }
}
