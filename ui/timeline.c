#include "ui/timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "ui/columns.h"
#include "ui/glyph.h"

/* Idle time is told in words and drawn this long: at the scale of the calls it
 * would leave nothing of them. */
#define IDLE_COLUMNS 3

int timeline_open(struct timeline *t, struct db *db, const char *session_id, const char *agent_id, const char *words,
                  const char *title, struct err *e)
{
    struct filter *filter = NULL;
    memset(t, 0, sizeof(*t));
    if (agent_id || words[0]) {
        char *all = xasprintf("%s%s %s", agent_id ? "agent_id:" : "", agent_id ? agent_id : "", words);
        filter = filter_parse(all, e);
        free(all);
        if (!filter)
            return -1;
    }
    feed_init(&t->feed);
    feed_set_filter(&t->feed, filter);
    feed_set_session(&t->feed, session_id);
    t->title = xstrdup(title);
    t->filter = xstrdup(words[0] ? words : NULL);
    t->is_open = true;
    if (feed_follow(&t->feed, db, e) == 0)
        return 0;
    timeline_close(t);
    return -1;
}

void timeline_close(struct timeline *t)
{
    if (!t->is_open)
        return;
    feed_done(&t->feed);
    free(t->title);
    free(t->filter);
    memset(t, 0, sizeof(*t));
}

/* ---- Parts of the time ------------------------------------------------------- */

void timeline_parts_of(const struct call *call, const struct call *before, int64_t now_ms, struct timeline_parts *p)
{
    int64_t whole = call_duration_ms(call, now_ms);
    int64_t first = call->ttft_ms >= 0 ? call->ttft_ms : call->ttfb_ms;
    memset(p, 0, sizeof(*p));
    whole = whole > 0 ? whole : 0;
    p->waiting_ms = first >= 0 && first < whole ? first : whole;
    p->streaming_ms = whole - p->waiting_ms;
    if (!before || before->finished_at <= 0 || before->finished_at >= call->started_at)
        return;
    int64_t rest = call->started_at - before->finished_at;
    if (before->stop_reason && strcmp(before->stop_reason, "tool_use") == 0)
        p->tools_ms = rest;
    else
        p->idle_ms = rest;
}

static bool is_same_agent(const struct call *a, const struct call *b)
{
    return a->agent_id && b->agent_id ? strcmp(a->agent_id, b->agent_id) == 0 : a->agent_id == b->agent_id;
}

/* Titles and counts run beside the conversation, not in it. */
static bool is_conversation(const struct call *c)
{
    return !c->has_purpose || c->purpose == PURPOSE_MAIN || c->purpose == PURPOSE_SUBAGENT;
}

static const struct call *before_of(const struct timeline *t, size_t i)
{
    const struct feed *f = &t->feed;
    if (t->filter || !is_conversation(&f->calls[i]))
        return NULL;
    for (size_t k = i; k-- > 0;)
        if (is_conversation(&f->calls[k]) && is_same_agent(&f->calls[k], &f->calls[i]))
            return &f->calls[k];
    return NULL;
}

/* ---- Drawing ----------------------------------------------------------------- */

enum part { PART_IDLE, PART_TOOLS, PART_WAITING, PART_STREAMING, PART_COUNT_ };
static const struct {
    const char *word, *sign, *ascii;
    unsigned style;
} looks[PART_COUNT_] = {
    {"idle", "┄", ".", INK_DIM},
    {"tools", "╍", "=", INK_SWITCHED},
    {"waiting", "─", "-", INK_WARN},
    {"thinking, text", "━", "#", INK_GOOD},
};

static const char *sign_of(enum part part)
{
    return glyph_is_ascii() ? looks[part].ascii : looks[part].sign;
}

static void part_values(const struct timeline_parts *p, int64_t out[PART_COUNT_])
{
    out[PART_IDLE] = p->idle_ms;
    out[PART_TOOLS] = p->tools_ms;
    out[PART_WAITING] = p->waiting_ms;
    out[PART_STREAMING] = p->streaming_ms;
}

struct page {
    int64_t sums[PART_COUNT_];
    int64_t longest_ms; /* of what is drawn to scale */
    int bar_col, bar_width;
};

static void measure(const struct timeline *t, int64_t now_ms, int cols, struct page *page)
{
    const struct feed *f = &t->feed;
    memset(page, 0, sizeof(*page));
    page->bar_col = cols >= 100 ? 56 : 41;
    page->bar_width = cols - 9 - page->bar_col;
    page->longest_ms = 1;
    for (size_t i = f->top; i < f->count && i - f->top < f->rows; i++) {
        struct timeline_parts p;
        int64_t values[PART_COUNT_];
        timeline_parts_of(&f->calls[i], before_of(t, i), now_ms, &p);
        part_values(&p, values);
        for (int k = 0; k < PART_COUNT_; k++)
            page->sums[k] += values[k];
        int64_t drawn = p.tools_ms + p.waiting_ms + p.streaming_ms;
        page->longest_ms = drawn > page->longest_ms ? drawn : page->longest_ms;
    }
}

static void draw_legend(struct canvas *c, int row, const struct timeline *t, const struct page *page)
{
    char text[TEXT_SHORT_MAX];
    int at = 1 + canvas_put(c, row, 1, c->cols / 3, INK_ACCENT | STYLE_BOLD, t->title) + 3;
    if (t->filter) {
        at += canvas_put(c, row, at, 8, INK_WARN, "filter ");
        at += canvas_put(c, row, at, c->cols / 4, INK_WARN, t->filter) + 3;
    }
    for (int k = PART_STREAMING; k >= (t->filter ? PART_WAITING : 0); k--) {
        text_ms(text, page->sums[k]);
        int need = 3 + canvas_width(looks[k].word) + canvas_width(text) + 4;
        if (at + need > c->cols)
            break;
        canvas_fill(c, row, at, 2, looks[k].style, sign_of((enum part)k));
        at += 3;
        at += canvas_put(c, row, at, c->cols - at, INK_DIM, looks[k].word) + 1;
        at += canvas_put(c, row, at, c->cols - at, INK_PLAIN, text) + 3;
    }
}

static void draw_bar(struct canvas *c, int row, const struct page *page, const struct timeline_parts *p)
{
    int64_t values[PART_COUNT_], sum = 0;
    int from = page->bar_col + IDLE_COLUMNS, width = page->bar_width - IDLE_COLUMNS, drawn = 0;
    part_values(p, values);
    if (p->idle_ms >= 1000)
        canvas_fill(c, row, page->bar_col, IDLE_COLUMNS, looks[PART_IDLE].style, sign_of(PART_IDLE));
    for (int k = PART_TOOLS; k < PART_COUNT_; k++) {
        sum += values[k];
        int to = (int)((double)sum / (double)page->longest_ms * width + 0.5);
        if (values[k] > 0 && to == drawn && drawn < width)
            to = drawn + 1; /* something is not nothing */
        canvas_fill(c, row, from + drawn, to - drawn, looks[k].style, sign_of((enum part)k));
        drawn = to;
    }
}

static void draw_row(struct canvas *c, int row, const struct page *page, const struct call *call,
                     const struct timeline_parts *p, const struct row_context *x)
{
    char text[CELL_MAX];
    static const struct {
        enum column column;
        int width;
    } shown[] = {{COLUMN_TIME, 8}, {COLUMN_WHO, 5}, {COLUMN_MODEL, 0}, {COLUMN_STATE, 5}};
    int at = 2, model = page->bar_col - 2 - 9 - 6 - 6 - 8;
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        int width = shown[i].width ? shown[i].width : model;
        unsigned style = column_text(shown[i].column, call, x, text);
        if (shown[i].column == COLUMN_STATE)
            canvas_put_right(c, row, at, width, style, text);
        else
            canvas_put(c, row, at, width, style, text);
        at += width + 1;
    }
    if (p->idle_ms >= 1000 || p->tools_ms >= 100)
        text_ms(text, p->idle_ms ? p->idle_ms : p->tools_ms);
    else
        text[0] = '\0';
    canvas_put_right(c, row, page->bar_col - 8, 7, p->idle_ms ? INK_DIM : INK_SWITCHED, text);
    draw_bar(c, row, page, p);
    text_ms(text, call_duration_ms(call, x->now_ms));
    canvas_put_right(c, row, c->cols - 8, 7, INK_PLAIN, text);
    if (!x->is_selected)
        return;
    canvas_put(c, row, 0, 1, INK_SELECTED, glyphs()->pointer);
    canvas_restyle(c, row, 0, c->cols, INK_SELECTED);
}

static void draw_head(struct canvas *c, int row, const struct page *page)
{
    canvas_put(c, row, 2, 8, INK_DIM, "TIME");
    canvas_put(c, row, 11, 5, INK_DIM, "WHO");
    canvas_put(c, row, 17, 8, INK_DIM, "MODEL");
    canvas_put_right(c, row, page->bar_col - 14, 5, INK_DIM, "ST");
    canvas_put_right(c, row, page->bar_col - 8, 7, INK_DIM, "GAP");
    canvas_put_right(c, row, c->cols - 8, 7, INK_DIM, "TOOK");
}

void timeline_draw(struct canvas *c, struct timeline *t, const struct catalog *catalog, int top, int bottom,
                   int64_t now_ms)
{
    struct page page;
    struct feed *f = &t->feed;
    f->rows = bottom - top > 2 ? (size_t)(bottom - top - 2) : 1;
    feed_settle(f);
    measure(t, now_ms, c->cols, &page);
    draw_legend(c, top, t, &page);
    draw_head(c, top + 1, &page);
    if (f->count == 0)
        canvas_put(c, top + 2, 2, c->cols - 3, INK_DIM, t->filter ? "None of its calls matches the filter." : "None of its calls is in the log any more.");
    const struct call *selected = feed_selected(f);
    for (size_t i = 0; i < f->rows && f->top + i < f->count; i++) {
        const struct call *call = &f->calls[f->top + i];
        struct timeline_parts p;
        struct row_context x = {
            .catalog = catalog, .now_ms = now_ms, .is_selected = call == selected, .has_duration = true};
        timeline_parts_of(call, before_of(t, f->top + i), now_ms, &p);
        draw_row(c, top + 2 + (int)i, &page, call, &p, &x);
    }
}
