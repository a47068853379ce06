/* The list of calls with its heading, as Live and Calls show it, and one line
 * about the selected call. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ui/app.h"
#include "ui/columns.h"
#include "ui/glyph.h"

#define HEADING_MIN_ROWS 12 /* fewer rows are all for calls */

static const struct {
    enum call_sort sort;
    const char *word;
} orders[] = {
    {SORT_ID, "time"},           {SORT_SESSION, "session"},  {SORT_PURPOSE, "who"},       {SORT_MODEL, "model"},
    {SORT_PROVIDER, "provider"}, {SORT_STATUS, "status"},    {SORT_IN, "tokens in"},      {SORT_CACHE, "cache"},
    {SORT_OUT, "tokens out"},    {SORT_TTFT, "first token"}, {SORT_DURATION, "duration"}, {SORT_RATE, "tokens/s"},
    {SORT_COST, "cost"},
};

static const char *order_word(enum call_sort sort)
{
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
        if (orders[i].sort == sort)
            return orders[i].word;
    return "time";
}

static int put_part(struct canvas *c, int row, int right, unsigned style, const char *text)
{
    int need = canvas_width(text);
    canvas_fill(c, row, right - need - 1, need + 2, INK_DIM, " ");
    canvas_put(c, row, right - need, need, style, text);
    return right - need - 2;
}

/* How many there are; "12+" while they are still counted. */
static void write_count(const struct app *a, char count[TEXT_SHORT_MAX])
{
    bool is_part = a->filter_text[0] || a->feed.session_id;
    text_count(count, is_part ? a->filter_count : a->data.log_calls);
    size_t len = strlen(count);
    if (is_part && a->is_count_part && len + 2 <= TEXT_SHORT_MAX)
        strcpy(count + len, "+");
}

static void draw_heading(struct canvas *c, int row, struct app *a)
{
    char text[FIELD_MAX + 64], count[TEXT_SHORT_MAX];
    const struct feed *f = &a->feed;
    int right = c->cols - 1;
    canvas_heading(c, row, 1, c->cols - 2, "Calls");
    write_count(a, count);
    if (f->selected_id == 0 && f->sort == SORT_ID)
        snprintf(text, sizeof(text), "following %s %s", feed_follows_bottom(f) ? glyphs()->down : glyphs()->up, count);
    else if (f->sort != SORT_ID)
        snprintf(text, sizeof(text), "by %s %s %s", order_word(f->sort), f->descending ? glyphs()->down : glyphs()->up,
                 count);
    else
        snprintf(text, sizeof(text), "%s", count);
    right = put_part(c, row, right, INK_PLAIN, text);
    if (feed_is_looking(f)) {
        snprintf(text, sizeof(text), "looking further%s", glyphs()->ellipsis);
        right = put_part(c, row, right, INK_ACCENT, text);
    }
    if (a->filter_text[0]) {
        snprintf(text, sizeof(text), "filter %s", a->filter_text);
        if (canvas_width(text) < right - 12)
            right = put_part(c, row, right, INK_WARN, text);
    }
    if (f->session_id) {
        const struct call *any = f->count ? &f->calls[0] : NULL;
        snprintf(text, sizeof(text), "session %.60s", any && any->session_title ? any->session_title : f->session_id);
        if (canvas_width(text) < right - 12)
            put_part(c, row, right, INK_WARN, text);
    }
}

static int word(struct canvas *c, int row, int at, unsigned style, const char *text)
{
    if (!text || !text[0])
        return at;
    if (at > 2) {
        at += canvas_put(c, row, at, c->cols - at, INK_DIM, " ");
        at += canvas_put(c, row, at, c->cols - at, INK_DIM, glyphs()->middle);
        at += canvas_put(c, row, at, c->cols - at, INK_DIM, " ");
    }
    return at + canvas_put(c, row, at, c->cols - 1 - at, style, text);
}

/* What the columns do not tell: the error's words, the route taken, a break. */
static void draw_detail(struct canvas *c, int row, const struct call *call)
{
    char text[160];
    canvas_fill(c, row, 0, c->cols, INK_PLAIN, " ");
    snprintf(text, sizeof(text), "call %lld", (long long)call->id);
    int at = word(c, row, 2, STYLE_BOLD, text);
    at = word(c, row, at, INK_BAD, call->error_type);
    at = word(c, row, at, INK_BAD, call->error_message);
    if (call->state == CALL_ABORTED)
        at = word(c, row, at, INK_WARN, "the client left");
    if (call->state == CALL_LOST)
        at = word(c, row, at, INK_BAD, "the gateway died while it ran");
    if (call->attempt > 1) {
        snprintf(text, sizeof(text), "attempt %lld", (long long)call->attempt);
        at = word(c, row, at, INK_WARN, text);
    }
    if (call->cache_break) {
        snprintf(text, sizeof(text), "cache break: %.120s", call->cache_break);
        at = word(c, row, at, INK_WARN, text);
    }
    if (call->cost_differs) {
        char respan[TEXT_SHORT_MAX], catalog[TEXT_SHORT_MAX];
        text_usd(respan, call->cost_microusd);
        text_usd(catalog, call->cost_catalog_microusd);
        snprintf(text, sizeof(text), "! Respan says %s, the catalog %s", respan, catalog);
        at = word(c, row, at, INK_WARN, text);
    }
    at = word(c, row, at, INK_SWITCHED, call->route_note);
    at = word(c, row, at, INK_DIM, call->stop_reason);
    word(c, row, at, INK_DIM, call->path);
}

static void draw_looking(struct canvas *c, int row, const struct call_look *l)
{
    char text[80];
    snprintf(text, sizeof(text), "No call so far; %d %% of the log looked at.", l->all > 0 ? (int)(l->looked * 100 / l->all) : 0);
    canvas_put(c, row, 2, c->cols - 3, INK_DIM, text);
}

static void draw_empty(struct canvas *c, int row, const struct app *a)
{
    if (feed_is_looking(&a->feed))
        draw_looking(c, row, &a->feed.look);
    else if (a->filter_text[0])
        canvas_put(c, row, 2, c->cols - 3, INK_DIM, "No call matches the filter.  Esc clears it.");
    else if (a->feed.session_id)
        canvas_put(c, row, 2, c->cols - 3, INK_DIM, "This session has no calls.  Esc shows every session.");
}

void table_draw(struct canvas *c, struct app *a, int top, int bottom, bool with_all)
{
    if (first_run_is_shown(a)) {
        first_run_draw(c, a, top, bottom);
        return;
    }
    if (bottom - top >= HEADING_MIN_ROWS || a->filter_text[0] || a->feed.session_id)
        draw_heading(c, top++, a);
    struct column_layout layout;
    columns_lay_out(c->cols, with_all, &layout);
    columns_draw_head(c, top++, &layout, a->feed.sort, a->feed.descending);
    const struct call *selected = feed_selected(&a->feed);
    if (selected && bottom - top >= 6)
        draw_detail(c, --bottom, selected);
    a->feed.rows = bottom > top ? (size_t)(bottom - top) : 1;
    feed_settle(&a->feed);
    if (a->feed.count == 0)
        draw_empty(c, top, a);
    struct row_context x = {.catalog = a->o->catalog, .now_ms = a->data.now_ms};
    for (size_t i = 0; i < a->feed.rows && a->feed.top + i < a->feed.count; i++) {
        const struct call *call = &a->feed.calls[a->feed.top + i];
        x.is_selected = call == selected;
        columns_draw_row(c, top + (int)i, &layout, call, &x);
    }
}

void calls_draw(struct canvas *c, struct app *a, int top, int bottom)
{
    table_draw(c, a, top, bottom, true);
}

/* ---- Choosing the order ---------------------------------------------------- */

#define ORDER_COUNT (sizeof(orders) / sizeof(orders[0]))

void sorter_key(struct app *a, int key)
{
    struct err e = {""};
    enum call_sort sort = orders[a->sort_cursor].sort;
    bool descending =
        sort != SORT_ID && sort != SORT_SESSION && sort != SORT_MODEL && sort != SORT_PROVIDER && sort != SORT_PURPOSE;
    switch (keys_action(PLACE_SORT, key)) {
    case ACTION_UP:
        a->sort_cursor = (a->sort_cursor + ORDER_COUNT - 1) % ORDER_COUNT;
        return;
    case ACTION_DOWN:
        a->sort_cursor = (a->sort_cursor + 1) % ORDER_COUNT;
        return;
    case ACTION_REVERSE:
        descending = a->feed.sort == sort ? !a->feed.descending : !descending;
        break;
    case ACTION_ACCEPT:
        break;
    case ACTION_CANCEL:
        a->overlay = 0;
        return;
    default:
        return;
    }
    a->overlay = 0;
    feed_set_sort(&a->feed, sort, descending);
    if (feed_follow(&a->feed, a->db, &e) < 0)
        app_notice(a, INK_BAD, "%s", e.text);
}

void sorter_draw(struct canvas *c, struct app *a)
{
    int rows = (int)ORDER_COUNT + 3, cols = 30;
    if (rows > c->rows - 2)
        rows = c->rows - 2;
    int list = rows - 3;
    int row = (c->rows - rows) / 2, col = (c->cols - cols) / 2;
    int from = (int)a->sort_cursor >= list ? (int)a->sort_cursor - list + 1 : 0;
    canvas_box(c, row, col, rows, cols, "Sort by");
    for (int i = from; i < (int)ORDER_COUNT && i < from + list; i++) {
        int y = row + 1 + i - from;
        bool now = orders[i].sort == a->feed.sort;
        canvas_put(c, y, col + 2, 1, INK_GOOD, now ? glyphs()->check : " ");
        canvas_put(c, y, col + 4, cols - 8, INK_PLAIN, orders[i].word);
        if (now)
            canvas_put(c, y, col + cols - 4, 1, INK_DIM, a->feed.descending ? glyphs()->down : glyphs()->up);
        if ((size_t)i == a->sort_cursor)
            canvas_restyle(c, y, col + 1, cols - 2, INK_SELECTED);
    }
    int at = col + 2;
    at += canvas_put(c, row + rows - 2, at, 10, INK_ACCENT | STYLE_BOLD, "Enter") + 1;
    at += canvas_put(c, row + rows - 2, at, 10, INK_DIM, "sort") + 2;
    at += canvas_put(c, row + rows - 2, at, 10, INK_ACCENT | STYLE_BOLD, "r") + 1;
    canvas_put(c, row + rows - 2, at, 10, INK_DIM, "reversed");
}
