#include "ui/inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "ui/columns.h"
#include "ui/glyph.h"

static void drop_pages(struct inspect *x)
{
    size_t rows = x->pager.rows;
    pager_done(&x->pager);
    x->pager.rows = rows; /* of the screen */
    x->is_made = false;
}

/* What a tab keeps of the answer; the request's tree stays. */
static void drop_answer(struct inspect *x)
{
    content_done(&x->answer);
    tool_joins_done(&x->joins);
    x->has_joins = false;
    for (size_t i = 0; i < 2; i++) {
        buf_done(&x->raw[i]);
        buf_init(&x->raw[i]);
    }
}

static void drop_request(struct inspect *x)
{
    buf_done(&x->request);
    buf_init(&x->request);
    if (x->has_tree)
        content_tree_done(&x->tree);
    x->has_tree = false;
    inspect_parts_done(&x->parts[TAB_REQUEST]);
}

static void drop_bodies(struct inspect *x)
{
    drop_pages(x);
    drop_answer(x);
    drop_request(x);
    for (size_t i = 0; i < TAB_COUNT_; i++)
        inspect_parts_done(&x->parts[i]);
    x->cursor = 0;
    x->search.is_counted = false;
}

int inspect_open(struct inspect *x, struct db *db, int64_t id, const struct catalog *catalog, struct err *e)
{
    memset(x, 0, sizeof(*x));
    call_init(&x->call);
    buf_init(&x->request);
    buf_init(&x->raw[0]);
    buf_init(&x->raw[1]);
    int rc = reader_call(db, id, &x->call, e);
    if (rc != 0) {
        call_done(&x->call);
        return rc < 0 ? -1 : err_set(e, "Call %lld is no longer in the log.", (long long)id);
    }
    x->catalog = catalog;
    x->wanted_part = -1;
    x->is_open = true;
    return 0;
}

void inspect_close(struct inspect *x)
{
    if (!x->is_open)
        return;
    inspect_search_end(x);
    drop_bodies(x);
    call_done(&x->call);
    memset(x, 0, sizeof(*x));
}

#define JOIN_US (1000 * 1000) /* looking for a result reads a body or two */

void inspect_refresh(struct inspect *x, struct db *db)
{
    if (x->is_open && inspect_awaits_results(x) && clock_mono_us() - x->joined_us > JOIN_US)
        x->is_made = x->has_joins = false;
    if (!x->is_open || x->call.state != CALL_OPEN)
        return;
    struct call fresh;
    call_init(&fresh);
    if (reader_call(db, x->call.id, &fresh, NULL) != 0) {
        call_done(&fresh);
        return;
    }
    call_done(&x->call);
    x->call = fresh;
    if (x->call.state != CALL_OPEN)
        drop_bodies(x);
    else if (x->tab != TAB_REQUEST || !x->has_tree)
        x->is_made = x->search.is_counted = false; /* what is known grows; a request stays what it is */
}

#define WATCH_US (900 * 1000) /* well before it expires, and once a look */

void inspect_watch(struct inspect *x, struct db *db)
{
    struct err e = {""};
    int64_t now = clock_mono_us();
    bool is_shown = x->tab == TAB_RESPONSE || x->tab == TAB_RAW;
    if (!x->is_open || x->call.state != CALL_OPEN || !is_shown || (x->watched_us && now - x->watched_us < WATCH_US))
        return;
    x->watched_us = now;
    if (reader_watch(db, x->call.id, &e) < 0) /* an older gateway: the answer comes when it ends */
        snprintf(x->problem, sizeof(x->problem), "%s", e.text);
}

#define REQUEST_KEPT_MAX ((size_t)8 << 20) /* beside the bodies of another tab; what is unfolded is kept with it */

void inspect_turn(struct inspect *x, int tabs)
{
    x->tab = (enum inspect_tab)(((int)x->tab + tabs + TAB_COUNT_) % TAB_COUNT_);
    x->cursor = 0;
    x->search.at = x->search.total;
    x->search.is_counted = false;
    drop_answer(x);
    if (x->request.len > REQUEST_KEPT_MAX && x->tab != TAB_REQUEST)
        drop_request(x);
    drop_pages(x);
}

/* ---- The cursor ---------------------------------------------------------------- */

bool inspect_has_cursor(const struct inspect *x)
{
    return x->tab == TAB_REQUEST ? x->has_tree : x->tab == TAB_RESPONSE || x->tab == TAB_HEADERS;
}

static size_t line_here(const struct inspect *x)
{
    return inspect_has_cursor(x) ? x->cursor : x->pager.top;
}

int inspect_part_here(const struct inspect *x)
{
    size_t line = line_here(x);
    while (line > 0 && line < x->pager.count && x->pager.lines[line].node < 0)
        line--;
    return line < x->pager.count ? x->pager.lines[line].node : -1;
}

void inspect_move(struct inspect *x, long lines)
{
    if (!inspect_has_cursor(x)) {
        pager_scroll(&x->pager, lines);
        return;
    }
    long to = (long)x->cursor + lines, last = (long)x->pager.count - 1;
    x->cursor = (size_t)(to < 0 || last < 0 ? 0 : to > last ? last : to);
}

void inspect_edge(struct inspect *x, bool last)
{
    inspect_move(x, last ? (long)x->pager.count : -(long)x->pager.count);
}

/* ---- Folding -------------------------------------------------------------------- */

size_t inspect_title_line(const struct inspect *x, int part)
{
    size_t line = 0;
    while (line < x->pager.count && x->pager.lines[line].node != part)
        line++;
    return line < x->pager.count ? line : 0;
}

void inspect_fold(struct inspect *x)
{
    int part = inspect_part_here(x);
    if (x->tab != TAB_REQUEST || !x->has_tree || part < 0)
        return;
    struct inspect_part *p = &x->parts[TAB_REQUEST].list[part];
    p->is_unfolded = !p->is_unfolded;
    x->cursor = inspect_title_line(x, part); /* what stands above it stays where it is */
    x->is_made = false;
}

/* Folded, the sections are what is seen: the cursor goes to its own. */
void inspect_fold_all(struct inspect *x, bool unfold)
{
    if (x->tab != TAB_REQUEST || !x->has_tree)
        return;
    int part = inspect_part_here(x);
    for (size_t i = 0; i < x->tree.count; i++)
        x->parts[TAB_REQUEST].list[i].is_unfolded = unfold;
    while (!unfold && part > 0 && x->tree.nodes[part].depth > 0)
        part--;
    x->wanted_part = part;
    x->is_made = false;
}

/* ---- Drawing ------------------------------------------------------------- */

static const char *const tab_names[TAB_COUNT_] = {"Overview", "Request", "Response", "Headers", "Cache", "Raw"};

static void draw_head(struct canvas *c, int row, const struct inspect *x, int64_t now_ms)
{
    struct row_context rc = {.catalog = x->catalog, .now_ms = now_ms};
    char text[CELL_MAX];
    int at = 1;
    at += canvas_printf(c, row, at, 20, INK_ACCENT | STYLE_BOLD, "Call %lld", (long long)x->call.id) + 2;
    static const enum column shown[] = {COLUMN_STATE, COLUMN_TIME,     COLUMN_SESSION, COLUMN_WHO,
                                        COLUMN_MODEL, COLUMN_PROVIDER, COLUMN_COST};
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        unsigned style = column_text(shown[i], &x->call, &rc, text);
        if (at + 6 < c->cols)
            at += canvas_put(c, row, at, c->cols - at - 1, style, text) + 2;
    }
}

struct stage {
    const char *word;
    const char *sign, *ascii;
    unsigned style;
    int64_t ms;
};

/* waiting for the first byte, for the first content, streaming */
static size_t stages_of(const struct call *call, int64_t now_ms, struct stage out[3])
{
    int64_t whole = call_duration_ms(call, now_ms);
    int64_t first = call->ttfb_ms >= 0 ? call->ttfb_ms : call->ttft_ms;
    int64_t byte = first >= 0 && first <= whole ? first : whole;
    int64_t content = call->ttft_ms >= byte && call->ttft_ms <= whole ? call->ttft_ms : byte;
    out[0] = (struct stage){"waiting", "░", ".", INK_DIM, byte};
    out[1] = (struct stage){"to first content", "▒", ":", INK_WARN, content - byte};
    out[2] = (struct stage){"streaming", "█", "#", INK_GOOD, whole - content};
    return whole > 0 ? 3 : 0;
}

static void draw_time(struct canvas *c, int row, const struct inspect *x, int64_t now_ms)
{
    struct stage stages[3];
    size_t count = stages_of(&x->call, now_ms, stages);
    int64_t whole = call_duration_ms(&x->call, now_ms), sum = 0;
    int width = c->cols - 4 - 8, from = 0, at = 2;
    char text[TEXT_SHORT_MAX];
    if (!count || width < 10)
        return;
    for (size_t i = 0; i < count; i++) {
        sum += stages[i].ms;
        int to = (int)((double)sum / (double)whole * width + 0.5);
        canvas_fill(c, row, 2 + from, to - from, stages[i].style, glyph_is_ascii() ? stages[i].ascii : stages[i].sign);
        from = to;
        if (stages[i].ms <= 0)
            continue;
        text_ms(text, stages[i].ms);
        at += canvas_put(c, row + 1, at, c->cols - at, stages[i].style,
                         glyph_is_ascii() ? stages[i].ascii : stages[i].sign) +
              1;
        at += canvas_put(c, row + 1, at, c->cols - at, INK_DIM, stages[i].word) + 1;
        at += canvas_put(c, row + 1, at, c->cols - at, INK_PLAIN, text) + 3;
    }
    text_ms(text, whole);
    canvas_put_right(c, row, c->cols - 9, 8, STYLE_BOLD, text);
}

static void draw_tabs(struct canvas *c, int row, const struct inspect *x)
{
    int at = 2;
    for (int i = 0; i < TAB_COUNT_; i++) {
        bool on = (enum inspect_tab)i == x->tab;
        at += canvas_put(c, row, at, c->cols - at, on ? INK_ACCENT | STYLE_BOLD | STYLE_UNDERLINE : INK_DIM,
                         tab_names[i]) +
              3;
    }
}

/* Lines are as many more as they are shorter: the user stays about where he is, and on
 * the hit of a search exactly. */
static void change_width(struct inspect *x, struct db *db, int width)
{
    int part = x->is_made ? inspect_part_here(x) : -1;
    size_t title = part >= 0 ? inspect_title_line(x, part) : 0, old = (size_t)x->width;
    size_t *line = inspect_has_cursor(x) ? &x->cursor : &x->pager.top;
    size_t below = (*line > title ? *line - title : 0) * old / (size_t)width;
    bool was_made = x->is_made;
    x->width = width;
    inspect_make(x, db);
    if (!was_made || old == 0)
        return;
    *line = (part >= 0 ? inspect_title_line(x, part) : 0) + below;
    if (x->pager.count && *line >= x->pager.count)
        *line = x->pager.count - 1;
    if (x->pager.hit_at != (size_t)-1)
        x->cursor = pager_show(&x->pager, x->pager.hit_at);
}

/* Below the tabs: a rule, and on it what there is to say about the tab. */
static void draw_rule(struct canvas *c, int row, const struct inspect *x)
{
    char text[FIELD_MAX + 64] = "";
    const struct inspect_search *s = &x->search;
    bool is_on = s->at < s->total;
    canvas_fill(c, row, 1, c->cols - 2, INK_DIM, glyphs()->hline);
    if (s->words[0] && is_on)
        snprintf(text, sizeof(text), " \"%s\" hit %zu of %zu ", s->words, s->at + 1, s->total);
    else if (s->words[0])
        snprintf(text, sizeof(text), " \"%s\" %zu %s ", s->words, s->total, s->total == 1 ? "hit" : "hits");
    else if (x->tab == TAB_REQUEST && x->has_tree) {
        text[0] = ' ';
        inspect_about_tokens(x, text + 1, sizeof(text) - 2);
        strcat(text, " "); /* NOLINT: a byte was left for it */
    }
    int width = canvas_width(text), room = c->cols - 6;
    canvas_put(c, row, width < room ? c->cols - 3 - width : 3, room, s->words[0] ? INK_WARN | STYLE_BOLD : INK_DIM, text);
}

void inspect_draw(struct canvas *c, struct inspect *x, struct db *db, int top, int bottom, int64_t now_ms)
{
    draw_head(c, top++, x, now_ms);
    if (bottom - top >= 10) {
        draw_time(c, top, x, now_ms);
        top += 2;
        if (bottom - top >= 14)
            top++;
    }
    draw_tabs(c, top++, x);
    int rule = top++;
    x->pager.rows = bottom > top ? (size_t)(bottom - top) : 1;
    if (x->width != c->cols)
        change_width(x, db, c->cols);
    inspect_watch(x, db);
    inspect_ready(x, db);
    draw_rule(c, rule, x);
    pager_draw(c, top, bottom - top, &x->pager, inspect_has_cursor(x) ? x->cursor : (size_t)-1);
}
