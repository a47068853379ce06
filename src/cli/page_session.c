/* A session's head in figures and one chart, then its agents: page.h tells the whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/html.h"
#include "cli/output.h"
#include "cli/page.h"

#define MODELS_MAX 8
#define BARS_MAX   600 /* more cannot be told apart */
#define CHART_HIGH 100

/* ---- One look at all rows ---------------------------------------------------------------- */

struct bar {
    int64_t id, read, written, fresh;
};

struct survey {
    struct bar *bars; /* calls with tokens, oldest first */
    size_t count, room;
    int64_t highest;
    int64_t calls;    /* still in the log */
    struct {
        char *name;
        int64_t calls;
    } models[MODELS_MAX];
    size_t model_count;
};

static int64_t known(int64_t n)
{
    return n > 0 ? n : 0;
}

static void add_bar(struct survey *s, const struct call *c)
{
    struct bar b = {c->id, known(c->usage.cache_read), known(c->usage.cache_write_5m) + known(c->usage.cache_write_1h), known(c->usage.in)};
    int64_t all = b.read + b.written + b.fresh;
    if (all == 0)
        return;
    if (s->count == s->room) {
        s->room = s->room ? s->room * 2 : 64;
        s->bars = xrealloc(s->bars, s->room * sizeof *s->bars);
    }
    s->bars[s->count++] = b;
    if (all > s->highest)
        s->highest = all;
}

static void add_model(struct survey *s, const char *name)
{
    size_t i = 0;
    while (i < s->model_count && strcmp(s->models[i].name, name) != 0)
        i++;
    if (i == MODELS_MAX)
        return;
    if (i == s->model_count) {
        s->models[i].name = xstrdup(name);
        s->models[i].calls = 0;
        s->model_count++;
    }
    s->models[i].calls++;
}

static int survey(struct page *p, struct survey *s, struct err *e)
{
    struct call_query q = {.session_id = p->session_id, .sort = SORT_ID, .limit = READER_PAGE_MAX};
    for (bool has_more = true; has_more;) {
        struct call_page page;
        if (reader_calls(p->x->db, &q, &page, e) != 0)
            return -1;
        for (size_t i = 0; i < page.count; i++) {
            const struct call *c = &page.calls[i];
            const char *model = c->model_served ? c->model_served : c->model_sent ? c->model_sent : c->model_asked;
            q.after_id = c->id;
            s->calls++;
            add_bar(s, c);
            if (model)
                add_model(s, model);
        }
        has_more = page.has_more && page.count > 0;
        call_page_done(&page);
    }
    return 0;
}

static void survey_done(struct survey *s)
{
    for (size_t i = 0; i < s->model_count; i++)
        free(s->models[i].name);
    free(s->bars);
}

/* ---- The head --------------------------------------------------------------------------------- */

static void put_figure(struct buf *out, const char *name, const char *value, const char *more)
{
    buf_printf(out, "<div><dt>%s</dt><dd>%s%s%s%s</dd></div>\n", name, value, *more ? " <small>" : "", more, *more ? "</small>" : "");
}

static void put_figures(struct buf *out, const struct session *s)
{
    const struct totals *t = &s->totals;
    char text[TEXT_SHORT_MAX], more[64] = "";
    int64_t in = t->tokens_in + t->tokens_cache_read + t->tokens_cache_write_5m + t->tokens_cache_write_1h;
    snprintf(text, sizeof text, "%lld", (long long)t->calls);
    if (t->errors)
        snprintf(more, sizeof more, "%lld failed", (long long)t->errors);
    put_figure(out, "calls", text, more);
    text_count(text, in);
    snprintf(more, sizeof more, "%lld%% from cache", (long long)(in ? t->tokens_cache_read * 100 / in : 0));
    put_figure(out, "tokens in", text, more);
    text_count(text, t->tokens_out);
    put_figure(out, "tokens out", text, "");
    text_usd(text, t->cost_microusd);
    snprintf(more, sizeof more, "%lld of unknown price", (long long)t->unpriced_calls);
    put_figure(out, "cost", text, t->unpriced_calls ? more : "");
    if (t->cache_breaks) {
        char cost[TEXT_SHORT_MAX];
        text_usd(cost, t->cache_break_microusd);
        snprintf(text, sizeof text, "%lld", (long long)t->cache_breaks);
        put_figure(out, "cache breaks", text, cost);
    }
    text_ms(text, s->last_at - s->first_at);
    put_figure(out, "lasted", text, "");
}

static void put_head(struct page *p, const struct session *s, const struct survey *v)
{
    struct buf *out = &p->x->out;
    char from[OUT_TIME_MAX];
    out_time(from, s->first_at, true);
    buf_puts(out, "<header><h1>");
    page_put_string(p, s->title ? s->title : s->session_id);
    buf_printf(out, "</h1>\n<p class=sub>%.16s, session ", from);
    page_put_string(p, s->session_id);
    buf_puts(out, "</p>\n<dl>\n");
    put_figures(out, s);
    buf_puts(out, "</dl>\n<p class=sub>");
    for (size_t i = 0; i < v->model_count; i++) {
        buf_puts(out, i ? ", " : "");
        page_put_string(p, v->models[i].name);
        buf_printf(out, " (%lld)", (long long)v->models[i].calls);
    }
    buf_puts(out, "</p>\n");
    if (v->calls < s->totals.calls)
        buf_printf(out, "<p class=note>%lld older calls are no longer in the log</p>\n", (long long)(s->totals.calls - v->calls));
}

/* ---- The chart: what each call read, wrote and sent anew ------------------------------------------ */

static void put_piece(struct buf *out, const char *class, double x, double *y, int64_t tokens, int64_t highest)
{
    double high = (double)tokens * CHART_HIGH / (double)highest;
    *y -= high;
    if (tokens)
        buf_printf(out, "<rect class=%s x=\"%.1f\" y=\"%.2f\" width=\".8\" height=\"%.2f\"/>", class, x, *y, high);
}

static void put_bar(struct buf *out, const struct bar *b, size_t at, int64_t highest)
{
    char read[TEXT_SHORT_MAX], written[TEXT_SHORT_MAX], fresh[TEXT_SHORT_MAX];
    double y = CHART_HIGH;
    text_count(read, b->read);
    text_count(written, b->written);
    text_count(fresh, b->fresh);
    buf_printf(out, "<a href=\"#c%lld\"><title>#%lld: %s read from the cache, %s written to it, %s neither</title>", (long long)b->id,
               (long long)b->id, read, written, fresh);
    put_piece(out, "read", (double)at + .1, &y, b->read, highest);
    put_piece(out, "write", (double)at + .1, &y, b->written, highest);
    put_piece(out, "fresh", (double)at + .1, &y, b->fresh, highest);
    buf_puts(out, "</a>");
}

static void put_chart(struct buf *out, const struct survey *v)
{
    size_t every = (v->count + BARS_MAX - 1) / BARS_MAX;
    char most[TEXT_SHORT_MAX];
    if (v->count < 2)
        return;
    text_count(most, v->highest);
    size_t wide = v->count / every + 1;
    buf_printf(out, "<svg viewBox=\"0 0 %zu %d\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"tokens of each call\">",
               wide < 30 ? 30 : wide, CHART_HIGH);
    for (size_t i = 0; i < v->count; i += every)
        put_bar(out, &v->bars[i], i / every, v->highest);
    buf_printf(out, "</svg>\n<p class=legend>What each call sent, up to %s tokens: <i class=read></i> read from the cache "
               "<i class=write></i> written to it <i class=fresh></i> neither</p>\n", most);
}

/* ---- Agents ------------------------------------------------------------------------------------------ */

static int put_agent(struct page *p, size_t i, struct err *e)
{
    const struct agent_row *a = &p->agents.rows[i];
    struct buf *out = &p->x->out;
    char text[TEXT_SHORT_MAX];
    p->is_told[i] = true;
    buf_puts(out, "<details class=agent><summary><b>");
    page_put_string(p, a->type ? a->type : "subagent");
    buf_puts(out, "</b> ");
    page_put_string(p, a->description ? a->description : a->agent_id);
    buf_printf(out, " <small>%lld call%s, ", (long long)a->totals.calls, a->totals.calls == 1 ? "" : "s");
    text_count(text, a->totals.tokens_out);
    buf_printf(out, "%s out, ", text);
    html_put_usd(out, a->totals.cost_microusd);
    buf_puts(out, "</small></summary>\n");
    p->depth++;
    int r = page_put_talk(p, a->agent_id, e);
    p->depth--;
    buf_puts(out, "</details>\n");
    return r;
}

int page_put_agents_of(struct page *p, const char *tool_use_id, struct err *e)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < p->agents.count && p->depth < PAGE_DEPTH_MAX; i++) {
        const struct agent_row *a = &p->agents.rows[i];
        if (a->agent_id && !p->is_told[i] && a->tool_use_id && strcmp(a->tool_use_id, tool_use_id) == 0)
            r = put_agent(p, i, e);
    }
    return r;
}

static int put_other_agents(struct page *p, struct err *e)
{
    int r = 0;
    bool has_head = false;
    for (size_t i = 0; r == 0 && i < p->agents.count; i++) {
        if (!p->agents.rows[i].agent_id || p->is_told[i])
            continue;
        if (!has_head)
            buf_puts(&p->x->out, "<h2>Subagents whose start is not in the log</h2>\n");
        has_head = true;
        r = put_agent(p, i, e);
    }
    return r;
}

/* ---- The page ------------------------------------------------------------------------------------------ */

static int put_body(struct page *p, const struct session *s, struct err *e)
{
    struct survey v = {0};
    int r = survey(p, &v, e);
    if (r == 0) {
        put_head(p, s, &v);
        put_chart(&p->x->out, &v);
        buf_puts(&p->x->out, "</header>\n<main>\n");
        p->x->calls = (size_t)v.calls;
    }
    survey_done(&v);
    if (r == 0)
        r = page_put_talk(p, NULL, e);
    if (r == 0)
        r = put_other_agents(p, e);
    buf_puts(&p->x->out, "</main>\n<footer>written by spantop " SPANTOP_VERSION "</footer>\n</body></html>\n");
    return r == 0 ? export_flush(p->x, e) : r;
}

int page_write(struct export *x, const struct session *s, struct err *e)
{
    struct page p = {.x = x, .session_id = s->session_id};
    if (reader_agents(x->db, s->session_id, &p.agents, e) != 0)
        return -1;
    p.is_told = xcalloc(p.agents.count + 1, sizeof *p.is_told);
    const char *name = s->title ? s->title : s->session_id;
    char *title = page_clean(&p, name, strlen(name));
    html_put_head(&x->out, title, page_style);
    free(title);
    int r = put_body(&p, s, e);
    free(p.is_told);
    agent_page_done(&p.agents);
    return r;
}
