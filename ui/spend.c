/* The Spend view: what a day, a week, a month cost, and whom it went to. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ui/app.h"
#include "ui/bars.h"
#include "ui/chart.h"
#include "ui/columns.h"
#include "ui/glyph.h"

static const char *const group_names[] = {"model", "provider", "session", "day", "who", "folder"};

static int64_t all_in(const struct totals *t)
{
    return t->tokens_in + t->tokens_cache_read + t->tokens_cache_write_5m + t->tokens_cache_write_1h;
}

static int put_pair(struct canvas *c, int row, int at, const char *figure, const char *word, unsigned style)
{
    at += canvas_put(c, row, at, c->cols - at, style, figure) + 1;
    return at + canvas_put(c, row, at, c->cols - at, INK_DIM, word) + 4;
}

static void draw_sum(struct canvas *c, int row, const struct app *a)
{
    const struct totals *t = &a->period_totals;
    char text[TEXT_SHORT_MAX];
    int at = 2;
    text_usd(text, t->cost_microusd);
    at = put_pair(c, row, at, text, lists_period_name(a), STYLE_BOLD);
    text_count(text, t->calls);
    at = put_pair(c, row, at, text, "calls", INK_PLAIN);
    text_count(text, all_in(t));
    at = put_pair(c, row, at, text, "tokens in", INK_PLAIN);
    text_count(text, t->tokens_out);
    at = put_pair(c, row, at, text, "out", INK_PLAIN);
    text_count(text, t->unpriced_calls);
    if (t->unpriced_calls > 0)
        put_pair(c, row, at, text, "calls without a known price", INK_WARN);
}

static void key_words(const struct app *a, const struct group_row *r, char *out, size_t size)
{
    if (!r->key)
        snprintf(out, size, "unknown");
    else if (a->group_by == GROUP_MODEL)
        snprintf(out, size, "%s", model_short(a->o->catalog, r->key));
    else if (a->group_by == GROUP_DAY && strlen(r->key) == 8)
        snprintf(out, size, "%.4s-%.2s-%.2s", r->key, r->key + 4, r->key + 6);
    else
        snprintf(out, size, "%s", r->label && r->label[0] ? r->label : r->key);
}

static void draw_row(struct canvas *c, int row, const struct app *a, const struct group_row *r, int64_t most,
                     bool is_selected)
{
    char text[160];
    const struct totals *t = &r->totals;
    int name = c->cols >= 100 ? 28 : 18;
    int bar = c->cols - 2 - name - 1 - 9 - 7 - 8 - 7 - 7 - 2;
    key_words(a, r, text, sizeof(text));
    int at = 2;
    canvas_put(c, row, at, name, r->key ? INK_PLAIN : INK_DIM, text);
    at += name + 1;
    if (bar >= 6)
        bar_draw_bare(c, row, at, bar, INK_ACCENT, t->cost_microusd > 0 ? t->cost_microusd : 0, most);
    at = c->cols - 1 - 8 - 7 - 8 - 7 - 7;
    text_count(text, t->calls);
    canvas_put_right(c, row, at, 6, INK_PLAIN, text);
    text_count(text, all_in(t));
    canvas_put_right(c, row, at + 7, 7, INK_PLAIN, text);
    int64_t all = all_in(t);
    if (all > 0)
        snprintf(text, sizeof(text), "%d%%", (int)((double)t->tokens_cache_read * 100 / (double)all + 0.5));
    else
        snprintf(text, sizeof(text), "%s", glyphs()->dash);
    canvas_put_right(c, row, at + 15, 6, INK_PLAIN, text);
    text_count(text, t->tokens_out);
    canvas_put_right(c, row, at + 22, 6, INK_PLAIN, text);
    text_usd(text, t->cost_microusd);
    canvas_put_right(c, row, at + 29, 8, INK_PLAIN, text);
    if (is_selected) {
        canvas_put(c, row, 0, 1, INK_SELECTED, glyphs()->pointer);
        canvas_restyle(c, row, 0, c->cols, INK_SELECTED);
    }
}

static void draw_head(struct canvas *c, int row, const struct app *a)
{
    char title[32];
    size_t n = 0;
    for (const char *s = group_names[a->group_by]; *s && n + 1 < sizeof(title); s++)
        title[n++] = (char)(*s >= 'a' && *s <= 'z' ? *s - 32 : *s);
    title[n] = '\0';
    int at = c->cols - 1 - 8 - 7 - 8 - 7 - 7;
    canvas_put(c, row, 2, 20, INK_DIM, title);
    canvas_put_right(c, row, at, 6, INK_DIM, "CALLS");
    canvas_put_right(c, row, at + 7, 7, INK_DIM, "IN");
    canvas_put_right(c, row, at + 15, 6, INK_DIM, "CACHE");
    canvas_put_right(c, row, at + 22, 6, INK_DIM, "OUT");
    canvas_put_right(c, row, at + 29, 8, INK_DIM, "COST");
}

#define CHART_ROWS 12
#define TABLE_ROWS 7 /* left for the table, at least */

/* The first row behind it. */
static int draw_chart(struct canvas *c, const struct app *a, int top, int bottom)
{
    struct chart chart = {.spend = &a->chart, .catalog = a->o->catalog};
    int rows = bottom - top - TABLE_ROWS - 1;
    chart.unit = lists_period_unit(a, &chart.first);
    if (rows < CHART_MIN_ROWS || a->chart.series_count == 0)
        return top;
    rows = rows > CHART_ROWS ? CHART_ROWS : rows;
    chart_draw(c, &chart, top, 2, rows, c->cols - 4);
    return top + rows + 1;
}

void spend_draw(struct canvas *c, struct app *a, int top, int bottom)
{
    int64_t most = 0;
    for (size_t i = 0; i < a->groups.count; i++)
        most = a->groups.rows[i].totals.cost_microusd > most ? a->groups.rows[i].totals.cost_microusd : most;
    draw_sum(c, top, a);
    top += 2;
    top = draw_chart(c, a, top, bottom);
    draw_head(c, top++, a);
    list_settle(&a->group_list, a->groups.count, bottom > top ? (size_t)(bottom - top) : 1);
    if (a->groups.count == 0)
        canvas_printf(c, top, 2, c->cols - 3, INK_DIM, "No calls in this time (%s).", lists_period_name(a));
    for (size_t i = 0; i < a->group_list.rows && a->group_list.top + i < a->groups.count; i++) {
        size_t at = a->group_list.top + i;
        draw_row(c, top + (int)i, a, &a->groups.rows[at], most, at == a->group_list.selected);
    }
}
