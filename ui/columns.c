/* Figures stand right-aligned under their headings, words left-aligned.  When
 * the terminal is narrow, whole columns go, the least telling first; then the
 * names shrink.  What is left over widens the names. */
#include "ui/columns.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "ui/glyph.h"

#define MODEL_WHOLE   19 /* "opus-5-5 > sonnet-5": a switch is read at a glance */
#define MODEL_LEAST   12
#define SESSION_LEAST 8

struct column_spec {
    const char *title;
    int width; /* at least */
    int width_max;
    int gap; /* before it */
    bool is_right;
    int leaves; /* the order in which columns give way; 0 never */
    enum call_sort sort;
};

static const struct column_spec specs[COLUMN_COUNT_] = {
    [COLUMN_ID] = {"ID", 6, 6, 0, true, 1, SORT_ID},
    [COLUMN_TIME] = {"TIME", 8, 8, 2, false, 0, SORT_ID},
    [COLUMN_SESSION] = {"SESSION", 10, 26, 2, false, 0, SORT_SESSION},
    [COLUMN_WHO] = {"WHO", 5, 5, 2, false, 4, SORT_PURPOSE},
    [COLUMN_MODEL] = {"MODEL", MODEL_WHOLE, 34, 2, false, 0, SORT_MODEL},
    [COLUMN_PROVIDER] = {"PROVIDER", 9, 12, 2, false, 5, SORT_PROVIDER},
    [COLUMN_STATE] = {"ST", 5, 5, 1, true, 0, SORT_STATUS},
    [COLUMN_IN] = {"IN", 5, 5, 1, true, 8, SORT_IN},
    [COLUMN_CACHE] = {"CACHE", 6, 6, 1, true, 7, SORT_CACHE},
    [COLUMN_OUT] = {"OUT", 5, 5, 1, true, 0, SORT_OUT},
    [COLUMN_TTFT] = {"TTFT", 5, 5, 1, true, 3, SORT_TTFT},
    [COLUMN_DURATION] = {"DUR", 6, 6, 1, true, 6, SORT_DURATION},
    [COLUMN_RATE] = {"TOK/S", 5, 5, 1, true, 2, SORT_RATE},
    [COLUMN_COST] = {"COST", 7, 7, 1, true, 0, SORT_COST},
    [COLUMN_NOTE] = {"NOTE", 18, 18, 2, false, 0, SORT_ID},
};

#define LEFT_EDGE  2 /* the pointer of the selected row, a blank */
#define RIGHT_EDGE 1

const char *column_title(enum column c)
{
    return specs[c].title;
}

enum call_sort column_sort(enum column c)
{
    return specs[c].sort;
}

static int needed(const bool *has)
{
    int sum = LEFT_EDGE + RIGHT_EDGE;
    bool first = true;
    for (int i = 0; i < COLUMN_COUNT_; i++) {
        if (!has[i])
            continue;
        sum += specs[i].width + (first ? 0 : specs[i].gap);
        first = false;
    }
    return sum;
}

static void drop_columns(bool *has, int width)
{
    for (int rank = 1; rank <= 8 && needed(has) > width; rank++)
        for (int i = 0; i < COLUMN_COUNT_; i++)
            if (specs[i].leaves == rank)
                has[i] = false;
}

#define SESSION_WHOLE 20 /* most titles */

/* Hand the spare columns to the names: titles first, then in turn.  What is left. */
static int widen(int *widths, const bool *has, int spare)
{
    static const enum column names[] = {COLUMN_MODEL, COLUMN_SESSION, COLUMN_PROVIDER};
    bool gave = true;
    for (; spare > 0 && widths[COLUMN_SESSION] < SESSION_WHOLE; spare--)
        widths[COLUMN_SESSION]++;
    while (spare > 0 && gave) {
        gave = false;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && spare > 0; i++) {
            enum column c = names[i];
            if (has[c] && widths[c] < specs[c].width_max) {
                widths[c]++;
                spare--;
                gave = true;
            }
        }
    }
    return spare;
}

/* All columns that can go are gone, and it is still too wide. */
static void shrink(int *widths, int missing)
{
    for (; missing > 0 && widths[COLUMN_MODEL] > MODEL_LEAST; missing--)
        widths[COLUMN_MODEL]--;
    for (; missing > 0 && widths[COLUMN_SESSION] > SESSION_LEAST; missing--)
        widths[COLUMN_SESSION]--;
}

void columns_lay_out(int width, bool with_all, struct column_layout *l)
{
    bool has[COLUMN_COUNT_];
    int widths[COLUMN_COUNT_];
    for (int i = 0; i < COLUMN_COUNT_; i++) {
        has[i] = i != COLUMN_NOTE && (i != COLUMN_ID || with_all);
        widths[i] = specs[i].width;
    }
    drop_columns(has, width);
    int spare = widen(widths, has, width - needed(has)) - specs[COLUMN_NOTE].gap;
    has[COLUMN_NOTE] = spare >= specs[COLUMN_NOTE].width;
    widths[COLUMN_NOTE] = spare;
    if (!has[COLUMN_NOTE])
        shrink(widths, needed(has) - width);
    l->count = 0;
    int col = LEFT_EDGE;
    for (int i = 0; i < COLUMN_COUNT_; i++) {
        if (!has[i])
            continue;
        col += l->count ? specs[i].gap : 0;
        l->places[l->count++] = (struct column_place){(enum column)i, col, widths[i], specs[i].is_right};
        col += widths[i];
    }
}

void columns_draw_head(struct canvas *c, int row, const struct column_layout *l, enum call_sort sort, bool descending)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct column_place *p = &l->places[i];
        bool is_sorted = sort != SORT_ID && specs[p->column].sort == sort;
        char text[CELL_MAX];
        snprintf(text, sizeof(text), "%s%s", specs[p->column].title,
                 is_sorted ? (descending ? glyphs()->down : glyphs()->up) : "");
        unsigned style = is_sorted ? INK_ACCENT | STYLE_BOLD : INK_DIM;
        if (p->is_right) /* the mark of the order may stand in the gap */
            canvas_put_right(c, row, p->col - 1, p->width + 1, style, text);
        else
            canvas_put(c, row, p->col, p->width, style, text);
    }
}

/* ---- Words and figures of a call ---------------------------------------- */

const char *model_short(const struct catalog *catalog, const char *model)
{
    if (!model)
        return glyphs()->dash;
    const struct model *known = catalog ? catalog_find(catalog, model) : NULL;
    if (known && known->label && known->label[0])
        return known->label;
    return strncmp(model, "claude-", 7) == 0 ? model + 7 : model;
}

const char *purpose_short(const struct call *call)
{
    static const char *const words[] = {
        [PURPOSE_MAIN] = "main",   [PURPOSE_SUBAGENT] = "sub",       [PURPOSE_FORK] = "fork",
        [PURPOSE_TITLE] = "title", [PURPOSE_COUNT_TOKENS] = "count", [PURPOSE_SIDE] = "side",
        [PURPOSE_OTHER] = "other",
    };
    return call->has_purpose ? words[call->purpose] : glyphs()->dash;
}

int64_t call_context_tokens(const struct call *call)
{
    const struct usage *u = &call->usage;
    if (u->in < 0 && u->cache_read < 0 && u->cache_write_5m < 0 && u->cache_write_1h < 0)
        return -1;
    return usage_context(u);
}

int call_cache_percent(const struct call *call)
{
    int64_t all = call_context_tokens(call);
    if (all <= 0 || call->usage.cache_read < 0)
        return -1;
    int percent = (int)((double)call->usage.cache_read * 100.0 / (double)all + 0.5);
    return percent == 100 && call->usage.cache_read < all ? 99 : percent;
}

int64_t call_duration_ms(const struct call *call, int64_t now_ms)
{
    if (call->state != CALL_OPEN)
        return call->duration_ms;
    return now_ms > call->started_at ? now_ms - call->started_at : 0;
}

static int64_t tokens_out(const struct call *call)
{
    if (call->state == CALL_OPEN && call->live_tokens_out >= 0)
        return call->live_tokens_out;
    return call->usage.out;
}

int64_t call_rate(const struct call *call, int64_t now_ms)
{
    int64_t tokens = tokens_out(call);
    int64_t took = call_duration_ms(call, now_ms);
    if (tokens <= 0 || took < 0)
        return -1;
    if (call->ttft_ms > 0)
        took -= call->ttft_ms;
    if (took < 50) /* one burst says nothing about speed */
        return -1;
    return (tokens * 1000 + took / 2) / took;
}

bool call_is_failed(const struct call *call)
{
    return call->state == CALL_ERROR || call->state == CALL_LOST;
}

void time_short(char out[CELL_MAX], int64_t at_ms, int64_t now_ms)
{
    time_t at = (time_t)(at_ms / 1000), now = (time_t)(now_ms / 1000);
    struct tm then, today;
    localtime_r(&at, &then);
    localtime_r(&now, &today);
    bool is_today = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
    strftime(out, CELL_MAX, is_today ? "%H:%M:%S" : now - at < 300 * 86400 ? "%d %b" : "%Y-%m", &then);
}

/* ---- Cells -------------------------------------------------------------- */

/* A turning sign and, where no column tells it, how long it runs already. */
static void running_text(const struct call *call, const struct row_context *x, char out[CELL_MAX])
{
    char elapsed[TEXT_SHORT_MAX];
    text_ms(elapsed, call_duration_ms(call, x->now_ms));
    if (x->has_duration)
        snprintf(out, CELL_MAX, "%s", glyph_spinner(x->now_ms));
    else if (strlen(elapsed) <= 3) /* the column's five */
        snprintf(out, CELL_MAX, "%s %s", glyph_spinner(x->now_ms), elapsed);
    else
        snprintf(out, CELL_MAX, "%s%.5s", strlen(elapsed) == 4 ? glyph_spinner(x->now_ms) : "", elapsed);
}

static unsigned state_text(const struct call *call, const struct row_context *x, char out[CELL_MAX])
{
    const struct glyphs *g = glyphs();
    switch (call->state) {
    case CALL_OPEN:
        running_text(call, x, out);
        return INK_ACCENT | STYLE_BOLD;
    case CALL_DONE:
        snprintf(out, CELL_MAX, "%lld", (long long)(call->status > 0 ? call->status : 200));
        return INK_GOOD;
    case CALL_ABORTED:
        snprintf(out, CELL_MAX, "left");
        return INK_WARN;
    case CALL_LOST:
        snprintf(out, CELL_MAX, "lost");
        return INK_BAD;
    case CALL_ERROR:
        break;
    }
    const char *type = call->error_type ? call->error_type : "";
    if (strcmp(type, "upstream_cut") == 0)
        snprintf(out, CELL_MAX, "%s cut", g->cross);
    else if (call->status > 0)
        snprintf(out, CELL_MAX, "%s %lld", g->cross, (long long)call->status);
    else
        snprintf(out, CELL_MAX, "%s err", g->cross);
    return INK_BAD | STYLE_BOLD;
}

static unsigned model_text(const struct call *call, const struct row_context *x, char out[CELL_MAX])
{
    const char *asked = call->model_asked, *sent = call->model_sent ? call->model_sent : call->model_served;
    if (asked && sent && strcmp(asked, sent) != 0) {
        char from[CELL_MAX / 3];
        snprintf(from, sizeof(from), "%s", model_short(x->catalog, asked));
        snprintf(out, CELL_MAX, "%s %s %s", from, glyphs()->arrow, model_short(x->catalog, sent));
        return INK_SWITCHED;
    }
    if (!asked && !sent && call->path) { /* a request without a model: what it was */
        snprintf(out, CELL_MAX, "%.10s %.*s", call->method ? call->method : "", (int)strcspn(call->path, "?"),
                 call->path);
        return INK_DIM;
    }
    snprintf(out, CELL_MAX, "%s", model_short(x->catalog, asked ? asked : sent));
    return INK_PLAIN;
}

static unsigned provider_text(const struct call *call, char out[CELL_MAX])
{
    const char *served = call->provider_served, *pinned = call->provider_pinned;
    snprintf(out, CELL_MAX, "%s", served ? served : pinned ? pinned : glyphs()->dash);
    return pinned ? INK_SWITCHED : served ? INK_PLAIN : INK_DIM;
}

static unsigned out_text(const struct call *call, char out[CELL_MAX])
{
    char figure[TEXT_SHORT_MAX];
    int64_t tokens = tokens_out(call);
    text_count(figure, tokens);
    bool is_estimate = call->state == CALL_OPEN && call->live_is_estimate && tokens >= 0;
    snprintf(out, CELL_MAX, "%s%s", is_estimate ? "~" : "", figure);
    return tokens < 0 ? INK_DIM : INK_PLAIN;
}

static unsigned cache_text(const struct call *call, char out[CELL_MAX])
{
    int percent = call_cache_percent(call);
    if (call->cache_break) {
        snprintf(out, CELL_MAX, "%sbreak", glyphs()->warn);
        return INK_WARN | STYLE_BOLD;
    }
    if (percent < 0) {
        snprintf(out, CELL_MAX, "%s", glyphs()->dash);
        return INK_DIM;
    }
    snprintf(out, CELL_MAX, "%d%%", percent);
    return INK_PLAIN;
}

/* ! marks a call for which Respan and the catalog have different figures. */
static unsigned cost_text(const struct call *call, char out[CELL_MAX])
{
    char figure[TEXT_SHORT_MAX];
    if (call->state == CALL_OPEN) {
        snprintf(out, CELL_MAX, "%s", glyphs()->ellipsis);
        return INK_DIM;
    }
    text_usd(figure, call->cost_microusd);
    snprintf(out, CELL_MAX, "%s%s", call->cost_differs ? "!" : "", figure);
    return call->cost_microusd < 0 ? INK_DIM : call->cost_differs ? INK_WARN : INK_PLAIN;
}

static unsigned figure_text(char out[CELL_MAX], int64_t n, void (*form)(char *, int64_t), unsigned style)
{
    form(out, n);
    return n < 0 ? INK_DIM : style;
}

static unsigned name_text(const struct call *call, char out[CELL_MAX])
{
    if (call->session_title && call->session_title[0])
        snprintf(out, CELL_MAX, "%s", call->session_title);
    else if (call->session_id)
        snprintf(out, CELL_MAX, "%.8s", call->session_id);
    else
        snprintf(out, CELL_MAX, "%s", glyphs()->dash);
    return call->session_title ? INK_PLAIN : INK_DIM;
}

/* What went wrong or was done about the call; else why it ended. */
static unsigned note_text(const struct call *call, char out[CELL_MAX])
{
    const char *note = call->error_message ? call->error_message : call->error_type;
    if (note) {
        snprintf(out, CELL_MAX, "%.90s", note);
        return INK_BAD;
    }
    if (call->cache_break) {
        snprintf(out, CELL_MAX, "cache break: %.80s", call->cache_break);
        return INK_WARN;
    }
    if (call->cost_differs) {
        char catalog[TEXT_SHORT_MAX];
        text_usd(catalog, call->cost_catalog_microusd);
        snprintf(out, CELL_MAX, "by the catalog %s", catalog);
        return INK_WARN;
    }
    snprintf(out, CELL_MAX, "%.90s", call->route_note ? call->route_note : call->stop_reason ? call->stop_reason : "");
    return call->route_note ? INK_SWITCHED : INK_DIM;
}

unsigned column_text(enum column column, const struct call *call, const struct row_context *x, char out[CELL_MAX])
{
    bool is_open = call->state == CALL_OPEN;
    switch (column) {
    case COLUMN_ID:
        snprintf(out, CELL_MAX, "%lld", (long long)call->id);
        return INK_DIM;
    case COLUMN_TIME:
        time_short(out, call->started_at, x->now_ms);
        return INK_DIM;
    case COLUMN_SESSION:
        return name_text(call, out);
    case COLUMN_WHO:
        snprintf(out, CELL_MAX, "%s", purpose_short(call));
        return call->has_purpose && call->purpose == PURPOSE_MAIN ? INK_PLAIN : INK_DIM;
    case COLUMN_MODEL:
        return model_text(call, x, out);
    case COLUMN_PROVIDER:
        return provider_text(call, out);
    case COLUMN_STATE:
        return state_text(call, x, out);
    case COLUMN_IN:
        return figure_text(out, call_context_tokens(call), text_count, INK_PLAIN);
    case COLUMN_CACHE:
        return cache_text(call, out);
    case COLUMN_OUT:
        return out_text(call, out);
    case COLUMN_TTFT:
        return figure_text(out, call->ttft_ms, text_ms, INK_PLAIN);
    case COLUMN_DURATION:
        return figure_text(out, call_duration_ms(call, x->now_ms), text_ms, is_open ? INK_ACCENT : INK_PLAIN);
    case COLUMN_RATE:
        return figure_text(out, call_rate(call, x->now_ms), text_count, INK_PLAIN);
    case COLUMN_COST:
        return cost_text(call, out);
    case COLUMN_NOTE:
        return note_text(call, out);
    case COLUMN_COUNT_:
        break;
    }
    out[0] = '\0';
    return INK_PLAIN;
}

static bool has_column(const struct column_layout *l, enum column column)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->places[i].column == column)
            return true;
    return false;
}

void columns_draw_row(struct canvas *c, int row, const struct column_layout *l, const struct call *call,
                      const struct row_context *context)
{
    struct row_context with = *context, *x = &with;
    with.has_duration = has_column(l, COLUMN_DURATION);
    for (size_t i = 0; i < l->count; i++) {
        const struct column_place *p = &l->places[i];
        char text[CELL_MAX];
        unsigned style = column_text(p->column, call, x, text);
        bool is_marked = p->column == COLUMN_COST && call->cost_differs; /* in the gap before it */
        if (p->is_right)
            canvas_put_right(c, row, p->col - is_marked, p->width + is_marked, style, text);
        else
            canvas_put(c, row, p->col, p->width, style, text);
    }
    if (!x->is_selected)
        return;
    canvas_put(c, row, 0, 1, INK_SELECTED, glyphs()->pointer);
    canvas_restyle(c, row, 0, c->cols, INK_SELECTED);
}
