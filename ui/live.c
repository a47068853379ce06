/* The Live view: today, the last five minutes, the prompt cache, providers,
 * sessions, and the calls as they come.
 *
 * Panes stand on one grid: a left column, and the rest.  When rows are few,
 * providers and sessions go first, then the charts; the table stays. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ui/app.h"
#include "ui/bars.h"
#include "ui/columns.h"
#include "ui/glyph.h"

#define TOP_ROWS    4 /* heading and three lines */
#define MIDDLE_ROWS 5
#define TABLE_MIN   9 /* heading, columns, some calls */

#define CHART_LABEL  11
#define CHART_WIDEST (CHART_LABEL + CHART_BUCKETS + 7) /* label, a column a bucket, the sum */

struct grid {
    int left_col, left_width;   /* today, providers */
    int mid_col, mid_width;     /* charts */
    int right_col, right_width; /* cache */
};

static void make_grid(struct grid *g, int cols)
{
    bool wide = cols >= 104;
    g->left_col = 1;
    g->left_width = wide ? 34 : 24;
    g->right_width = wide ? 30 : 22;
    g->right_col = cols - 1 - g->right_width;
    g->mid_col = g->left_col + g->left_width + (wide ? 3 : 2);
    g->mid_width = g->right_col - (wide ? 3 : 2) - g->mid_col;
    if (g->mid_width > CHART_WIDEST) { /* more than the chart's columns: a longer cache bar */
        g->right_width += g->mid_width - CHART_WIDEST;
        g->right_col -= g->mid_width - CHART_WIDEST;
        g->mid_width = CHART_WIDEST;
    }
}

/* ---- Today --------------------------------------------------------------- */

struct figures {
    struct canvas *c;
    int col, digits, width;
};

static void figure(const struct figures *f, int row, unsigned style, const char *value, const char *word)
{
    canvas_put_right(f->c, row, f->col, f->digits, style, value);
    canvas_put(f->c, row, f->col + f->digits + 1, f->width - f->digits - 1, INK_DIM, word);
}

static int64_t tokens_in(const struct totals *t)
{
    return t->tokens_in + t->tokens_cache_read + t->tokens_cache_write_5m + t->tokens_cache_write_1h;
}

static const char *plural(int64_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

static void draw_today(struct canvas *c, int row, int col, int width, const struct totals *t)
{
    char text[TEXT_SHORT_MAX];
    bool narrow = width < 30;
    struct figures left = {c, col, 6, narrow ? 12 : 16};
    struct figures right = {c, col + left.width, narrow ? 4 : 6, width - left.width};
    canvas_heading(c, row, col, width, "Today");
    text_usd(text, t->cost_microusd);
    figure(&left, row + 1, STYLE_BOLD, text, "spent");
    text_count(text, tokens_in(t));
    figure(&left, row + 2, INK_PLAIN, text, "in");
    text_count(text, t->tokens_out);
    figure(&left, row + 3, INK_PLAIN, text, "out");
    text_count(text, t->calls);
    figure(&right, row + 1, STYLE_BOLD, text, plural(t->calls, "call", "calls"));
    text_count(text, t->errors);
    figure(&right, row + 2, t->errors ? INK_BAD | STYLE_BOLD : INK_PLAIN, text, plural(t->errors, "error", "errors"));
    text_count(text, t->retries);
    figure(&right, row + 3, t->retries ? INK_WARN : INK_PLAIN, text, plural(t->retries, "retry", "retries"));
}

/* ---- The last five minutes ------------------------------------------------ */

enum series { SERIES_IN, SERIES_OUT, SERIES_COST };

static int64_t value_of(const struct bucket *b, enum series s)
{
    return s == SERIES_IN ? b->tokens_in : s == SERIES_OUT ? b->tokens_out : b->cost_microusd;
}

/* The widest chart of whole buckets that fits. */
static int chart_columns(int room)
{
    static const int widths[] = {60, 30, 20, 15, 12, 10, 6};
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
        if (widths[i] <= room)
            return widths[i];
    return 0;
}

static void draw_series(struct canvas *c, int row, int col, int label, int chart, const struct snapshot *d,
                        enum series s)
{
    static const char *const names[][2] = {{"in", "tokens in"}, {"out", "tokens out"}, {"cost", "cost"}};
    int64_t values[CHART_BUCKETS] = {0}, sum = 0;
    for (int i = 0; i < CHART_BUCKETS; i++) {
        values[i * chart / CHART_BUCKETS] += value_of(&d->buckets[i], s);
        sum += value_of(&d->buckets[i], s);
    }
    char text[TEXT_SHORT_MAX];
    if (s == SERIES_COST)
        text_usd(text, sum);
    else
        text_count(text, sum);
    canvas_put(c, row, col, label, INK_DIM, names[s][label > 6]);
    spark_draw(c, row, col + label, s == SERIES_COST ? INK_SWITCHED : INK_ACCENT, values, (size_t)chart);
    canvas_put_right(c, row, col + label + chart + 1, 6, INK_PLAIN, text);
}

static void draw_charts(struct canvas *c, int row, int col, int width, const struct snapshot *d)
{
    int label = width >= 40 ? CHART_LABEL : 5;
    int chart = chart_columns(width - label - 7);
    canvas_heading(c, row, col, width, "Last 5 minutes");
    if (chart == 0)
        return;
    draw_series(c, row + 1, col, label, chart, d, SERIES_IN);
    draw_series(c, row + 2, col, label, chart, d, SERIES_OUT);
    draw_series(c, row + 3, col, label, chart, d, SERIES_COST);
}

/* ---- Prompt cache --------------------------------------------------------- */

static void draw_cache(struct canvas *c, int row, int col, int width, const struct totals *t)
{
    char read[TEXT_SHORT_MAX], written[TEXT_SHORT_MAX], cost[TEXT_SHORT_MAX];
    int64_t all = tokens_in(t);
    canvas_heading(c, row, col, width, width >= 28 ? "Prompt cache today" : "Prompt cache");
    int percent = all > 0 ? (int)((double)t->tokens_cache_read * 100 / (double)all + 0.5) : -1;
    if (percent == 100 && t->tokens_cache_read < all)
        percent = 99;
    bar_draw(c, row + 1, col, width - 10, INK_GOOD, t->tokens_cache_read, all);
    if (percent < 0)
        canvas_put_right(c, row + 1, col + width - 9, 9, INK_DIM, "no calls");
    else
        canvas_printf(c, row + 1, col + width - 9, 9, INK_PLAIN, "%3d%% read", percent);
    text_count(read, t->tokens_cache_read);
    text_count(written, t->tokens_cache_write_5m + t->tokens_cache_write_1h);
    int used = canvas_put(c, row + 2, col, width, INK_PLAIN, read);
    used += canvas_put(c, row + 2, col + used, width - used, INK_DIM, width < 28 ? " read " : " read, ");
    used += canvas_put(c, row + 2, col + used, width - used, INK_PLAIN, written);
    canvas_put(c, row + 2, col + used, width - used, INK_DIM, " written");
    if (t->cache_breaks > 0) {
        text_usd(cost, t->cache_break_microusd);
        canvas_printf(c, row + 3, col, width, INK_WARN, "%s %lld %s cost %s", glyphs()->warn,
                      (long long)t->cache_breaks, plural(t->cache_breaks, "break", "breaks"), cost);
    }
}

/* ---- Providers, sessions -------------------------------------------------- */

static void heading_with(struct canvas *c, int row, int col, int width, const char *title, const char *right)
{
    canvas_heading(c, row, col, width, title);
    int need = canvas_width(right);
    canvas_fill(c, row, col + width - need - 1, need + 1, INK_DIM, " ");
    canvas_put(c, row, col + width - need, need, INK_DIM, right);
}

/* Who served a call is often told seconds later: until then it would come and go
 * as a line of its own, and the panes below would jump. */
static bool is_provider_shown(const struct group_page *g, size_t i)
{
    return g->rows[i].key != NULL || g->count == 1;
}

static size_t shown_providers(const struct group_page *g)
{
    size_t count = 0;
    for (size_t i = 0; i < g->count; i++)
        count += is_provider_shown(g, i);
    return count;
}

static void draw_providers(struct canvas *c, int row, int col, int width, int rows, const struct group_page *g)
{
    int64_t all = 0;
    int i = 0;
    for (size_t n = 0; n < g->count; n++)
        all += is_provider_shown(g, n) ? g->rows[n].totals.calls : 0;
    heading_with(c, row, col, width, "Providers", "TTFT");
    for (size_t n = 0; i < rows && n < g->count; n++) {
        const struct group_row *r = &g->rows[n];
        if (!is_provider_shown(g, n))
            continue;
        char ttft[TEXT_SHORT_MAX];
        int bar = width - 11 - 5 - 1 - 6;
        text_ms(ttft, r->ttft_ms_mean);
        canvas_put(c, row + 1 + i, col, 10, r->key ? INK_PLAIN : INK_DIM, r->key ? r->key : "unknown");
        canvas_printf(c, row + 1 + i, col + 11, 4, INK_PLAIN, "%3d%%",
                      all ? (int)((r->totals.calls * 100 + all / 2) / all) : 0);
        bar_draw_bare(c, row + 1 + i, col + 16, bar, INK_ACCENT, r->totals.calls, all);
        canvas_put_right(c, row + 1 + i, col + width - 6, 6, INK_PLAIN, ttft);
        i++;
    }
    if (g->count == 0)
        canvas_put(c, row + 1, col, width, INK_DIM, "nobody answered yet");
}

static void context_words(char *out, size_t size, int64_t tokens, int64_t limit)
{
    char used[TEXT_SHORT_MAX], whole[TEXT_SHORT_MAX];
    text_count(used, tokens);
    text_count(whole, limit);
    if (limit > 0 && limit % 1000000 == 0)
        snprintf(whole, sizeof(whole), "%lldM", (long long)(limit / 1000000));
    snprintf(out, size, "%s/%s", used, whole);
}

#define NAME_WIDEST 36 /* then the context's bar grows instead */

static void draw_session(struct canvas *c, int row, int col, int width, const struct session *s, struct app *a)
{
    char text[64], cost[TEXT_SHORT_MAX];
    struct in_force f;
    struct route_scope scope = {.session_id = s->session_id};
    switches_in_force(&a->data.routes, &scope, &f);
    int name = width - 2 - 17 - 11 - 10 - 8 - 4, bar = 10;
    if (name > NAME_WIDEST) {
        bar += name - NAME_WIDEST;
        name = NAME_WIDEST;
    }
    canvas_put(c, row, col, 1, INK_ACCENT | STYLE_BOLD, s->running ? glyph_spinner(a->data.now_ms) : " ");
    canvas_put(c, row, col + 2, name, s->title ? INK_PLAIN : INK_DIM, s->title ? s->title : s->session_id);
    const char *model = model_short(a->o->catalog, f.model ? f.model : s->model);
    canvas_printf(c, row, col + 3 + name, 17, f.model ? INK_SWITCHED : INK_DIM, "%s%s", f.model ? glyphs()->arrow : "",
                  model);
    int at = col + 3 + name + 17 + 1;
    if (s->context_tokens >= 0 && s->context_limit > 0) {
        bool tight = s->context_tokens * 100 >= s->context_limit * 85;
        bar_draw(c, row, at, bar, tight ? INK_BAD : INK_ACCENT, s->context_tokens, s->context_limit);
        context_words(text, sizeof(text), s->context_tokens, s->context_limit);
        canvas_put_right(c, row, at + bar, 10, tight ? INK_BAD | STYLE_BOLD : INK_PLAIN, text);
        if (tight)
            canvas_put(c, row, at + bar + 9 - canvas_width(text), 1, INK_BAD | STYLE_BOLD, glyphs()->warn);
    }
    text_usd(cost, s->totals.cost_microusd);
    canvas_put_right(c, row, col + width - 7, 7, INK_PLAIN, cost);
}

static void draw_sessions(struct canvas *c, int row, int col, int width, int rows, struct app *a)
{
    const struct session_page *p = &a->data.sessions;
    heading_with(c, row, col, width, "Sessions", "context      spent");
    for (int i = 0; i < rows && (size_t)i < p->count; i++)
        draw_session(c, row + 1 + i, col, width, &p->sessions[i], a);
    if (p->count == 0)
        canvas_put(c, row + 1, col, width, INK_DIM, "no session yet");
}

/* ---- The view ------------------------------------------------------------- */

static int middle_rows(const struct app *a, int room)
{
    size_t providers = shown_providers(&a->data.providers);
    size_t most = a->data.sessions.count > providers ? a->data.sessions.count : providers;
    int rows = most < 2 ? 2 : most > MIDDLE_ROWS - 1 ? MIDDLE_ROWS - 1 : (int)most;
    return rows < room ? rows : room;
}

void live_draw(struct canvas *c, struct app *a, int top, int bottom)
{
    struct grid g;
    if (first_run_is_shown(a)) {
        first_run_draw(c, a, top, bottom);
        return;
    }
    make_grid(&g, c->cols);
    int gap = c->rows >= 30 ? 1 : 0;
    if (c->cols >= 72 && bottom - top >= TOP_ROWS + gap + TABLE_MIN) {
        draw_today(c, top, g.left_col, g.left_width, &a->data.today);
        draw_charts(c, top, g.mid_col, g.mid_width, &a->data);
        draw_cache(c, top, g.right_col, g.right_width, &a->data.today);
        top += TOP_ROWS + gap;
    }
    if (c->cols >= 100 && c->rows >= 30) {
        int rows = middle_rows(a, bottom - top - TABLE_MIN);
        if (rows >= 2) {
            draw_providers(c, top, g.left_col, g.left_width, rows, &a->data.providers);
            draw_sessions(c, top, g.mid_col, c->cols - 1 - g.mid_col, rows, a);
            top += rows + 1 + gap;
        }
    }
    table_draw(c, a, top, bottom, false);
}
