#include "cli/call_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/output.h"

/* --- A row ------------------------------------------------------------------- */

const struct table_column call_columns[] = {
    {.title = "ID", .right = true, .min_width = 4},
    {.title = "TIME", .min_width = 8},
    {.title = "SESSION", .shrinks = true, .min_width = 8},
    {.title = "WHO", .min_width = 4, .drop = 4},
    {.title = "MODEL", .shrinks = true, .min_width = 12},
    {.title = "PROVIDER", .shrinks = true, .min_width = 8, .drop = 2},
    {.title = "STATE", .min_width = 7},
    {.title = "ST", .right = true, .min_width = 3},
    {.title = "IN", .right = true, .min_width = 4},
    {.title = "CACHE", .right = true, .min_width = 5, .drop = 5},
    {.title = "OUT", .right = true, .min_width = 4},
    {.title = "TTFT", .right = true, .min_width = 4, .drop = 1},
    {.title = "TOOK", .right = true, .min_width = 5, .drop = 3},
    {.title = "COST", .right = true, .min_width = 6},
};
const size_t call_column_count = sizeof call_columns / sizeof *call_columns;

static const char *short_model(const char *name)
{
    return name && strncmp(name, "claude-", 7) == 0 ? name + 7 : name;
}

static void put_model(struct table *t, const struct call *c)
{
    struct buf text;
    const char *asked = short_model(c->model_asked);
    const char *sent = short_model(c->model_served ? c->model_served : c->model_sent);
    const char *arrow = strcmp(out_dash(), "-") == 0 ? "->" : "→";
    buf_init(&text);
    if (asked && sent && strcmp(asked, sent) != 0)
        buf_printf(&text, "%s %s %s", asked, arrow, sent);
    else if (asked || sent)
        buf_puts(&text, asked ? asked : sent);
    table_put(t, text.len ? text.data : NULL);
    buf_done(&text);
}

static void put_session(struct table *t, const struct call *c)
{
    char id[9];
    if (c->session_title || !c->session_id) {
        table_put(t, c->session_title);
        return;
    }
    snprintf(id, sizeof id, "%.8s", c->session_id); /* as git shortens its ids */
    table_put(t, id);
}

static void cache_share(char text[TEXT_SHORT_MAX], const struct usage *u)
{
    int64_t all = usage_context(u);
    if (u->cache_read < 0 || all <= 0)
        snprintf(text, TEXT_SHORT_MAX, "%s", out_dash());
    else
        snprintf(text, TEXT_SHORT_MAX, "%lld%%", (long long)(u->cache_read * 100 / all));
}

static bool has_input(const struct usage *u)
{
    return u->in >= 0 || u->cache_read >= 0 || u->cache_write_5m >= 0 || u->cache_write_1h >= 0;
}

void call_put_row(struct table *t, const struct call *c)
{
    char id[24], status[24], time[OUT_TIME_MAX], text[TEXT_SHORT_MAX];
    snprintf(id, sizeof id, "%lld", (long long)c->id);
    snprintf(status, sizeof status, "%lld", (long long)c->status);
    out_time(time, c->started_at, clock_day_number(c->started_at) != clock_day_number(clock_wall_ms()));
    table_put(t, id);
    table_put(t, time);
    put_session(t, c);
    table_put(t, c->has_purpose ? purpose_name(c->purpose) : NULL);
    put_model(t, c);
    table_put(t, c->provider_served ? c->provider_served : c->provider_pinned);
    table_put(t, call_state_name(c->state));
    table_put(t, c->status > 0 ? status : NULL);
    text_count(text, has_input(&c->usage) ? usage_context(&c->usage) : -1);
    table_put(t, text);
    cache_share(text, &c->usage);
    table_put(t, text);
    text_count(text, c->state == CALL_OPEN && c->usage.out < 0 ? c->live_tokens_out : c->usage.out);
    table_put(t, text);
    text_ms(text, c->ttft_ms);
    table_put(t, text);
    text_ms(text, c->state == CALL_OPEN ? clock_wall_ms() - c->started_at : c->duration_ms);
    table_put(t, text);
    text_usd(text, c->cost_microusd);
    table_put(t, text);
}

/* --- The overview ------------------------------------------------------------- */

static void line(const char *name, const char *text)
{
    struct buf clean;
    if (!text || !*text)
        return;
    buf_init(&clean);
    text_clean(&clean, text, strlen(text), false, false);
    printf("%-12s %s\n", name, clean.data);
    buf_done(&clean);
}

static void print_names(const struct call *c)
{
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "%s %s", c->method ? c->method : "?", c->path ? c->path : "?");
    line("request", b.data);
    line("session", c->session_id);
    line("title", c->session_title);
    line("agent", c->agent_id);
    line("parent", c->parent_agent_id);
    line("purpose", c->has_purpose ? purpose_name(c->purpose) : NULL);
    line("folder", c->work_dir);
    line("asked", c->model_asked);
    line("sent", c->model_sent);
    line("served", c->model_served);
    buf_reset(&b);
    buf_printf(&b, "%s%s%s%s", c->provider_served ? c->provider_served : "", c->provider_pinned ? " (pinned to " : "",
               c->provider_pinned ? c->provider_pinned : "", c->provider_pinned ? ")" : "");
    line("provider", b.data);
    line("route", c->route_note);
    buf_done(&b);
}

static void print_times(const struct call *c)
{
    char started[OUT_TIME_MAX], ttfb[TEXT_SHORT_MAX], ttft[TEXT_SHORT_MAX], took[TEXT_SHORT_MAX], text[256];
    out_time(started, c->started_at, true);
    line("started", started);
    text_ms(ttfb, c->ttfb_ms);
    text_ms(ttft, c->ttft_ms);
    text_ms(took, c->state == CALL_OPEN ? clock_wall_ms() - c->started_at : c->duration_ms);
    snprintf(text, sizeof text, "%s to the first byte, %s to the first content, %s in all", ttfb, ttft, took);
    line("times", text);
    snprintf(text, sizeof text, "%lld", (long long)c->attempt);
    if (c->attempt > 1)
        line("tries", text);
}

static void put_exact(struct buf *b, const char *name, int64_t n)
{
    if (n >= 0)
        buf_printf(b, "%s%s %lld", b->len ? ", " : "", name, (long long)n);
}

static void print_figures(const struct call *c)
{
    struct buf b;
    char text[TEXT_SHORT_MAX];
    buf_init(&b);
    put_exact(&b, "in", c->usage.in);
    put_exact(&b, "cache read", c->usage.cache_read);
    put_exact(&b, "cache write 5m", c->usage.cache_write_5m);
    put_exact(&b, "1h", c->usage.cache_write_1h);
    put_exact(&b, "out", c->usage.out);
    line("tokens", b.data);
    if (c->cost_microusd >= 0) {
        text_usd(text, c->cost_microusd);
        buf_reset(&b);
        buf_printf(&b, "%s (%s)", text, c->cost_source == COST_RESPAN ? "from Respan" : "from the catalog");
        text_usd(text, c->cost_catalog_microusd);
        if (c->cost_differs)
            buf_printf(&b, ", the catalog says %s", text);
        line("cost", b.data);
    }
    buf_reset(&b);
    put_exact(&b, "request", c->bytes_in);
    put_exact(&b, "answer", c->bytes_out);
    buf_printf(&b, "; bodies %s", body_state_name(c->body_state));
    line("bytes", b.data);
    buf_done(&b);
}

static void print_break(const struct call *c)
{
    char cost[TEXT_SHORT_MAX];
    struct buf b;
    if (!c->cache_break)
        return;
    buf_init(&b);
    text_usd(cost, c->cache_break_microusd);
    buf_printf(&b, c->cache_break_microusd >= 0 ? "%s, cost %s" : "%s", c->cache_break, cost);
    line("cache break", b.data);
    buf_done(&b);
}

void call_print_overview(const struct call *c)
{
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "%lld, %s", (long long)c->id, call_state_name(c->state));
    if (c->status > 0)
        buf_printf(&b, ", status %lld", (long long)c->status);
    if (c->stop_reason)
        buf_printf(&b, ", %s", c->stop_reason);
    line("call", b.data);
    buf_reset(&b);
    if (c->error_type || c->error_message)
        buf_printf(&b, "%s%s%s", c->error_type ? c->error_type : "", c->error_type && c->error_message ? ": " : "",
                   c->error_message ? c->error_message : "");
    line("error", b.data);
    buf_done(&b);
    print_names(c);
    print_times(c);
    print_figures(c);
    print_break(c);
    line("changed", c->changes);
    line("request id", c->request_id);
    line("Respan log", c->respan_log_id);
}
