/* The lines of each tab of Inspect. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "ui/columns.h"
#include "ui/glyph.h"
#include "ui/inspect.h"

/* ---- Overview -------------------------------------------------------------- */

static void add_count(struct pager *p, const char *label, int64_t n)
{
    char text[32];
    if (n < 0)
        return;
    snprintf(text, sizeof(text), "%lld", (long long)n);
    pager_add_value(p, label, INK_PLAIN, text);
}

static void add_time(struct pager *p, const char *label, int64_t at_ms)
{
    if (at_ms <= 0)
        return;
    time_t at = (time_t)(at_ms / 1000);
    struct tm local;
    char day[48], text[64];
    localtime_r(&at, &local);
    strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &local);
    snprintf(text, sizeof(text), "%s.%03d", day, (int)(at_ms % 1000));
    pager_add_value(p, label, INK_PLAIN, text);
}

/* 359141 as 359,141: counts of an answer are compared digit by digit. */
static void grouped(char out[32], int64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)n), used = 0;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
}

/* To the micro-dollar: here one call is looked at, and what it cost is often less than a cent. */
static void exact_usd(char out[32], int64_t microusd)
{
    snprintf(out, 32, "$%lld.%06lld", (long long)(microusd / 1000000), (long long)(microusd % 1000000));
}

static void token_line(struct pager *p, const char *name, int64_t tokens, int64_t price)
{
    char count[32], cost[32] = "", text[96];
    if (tokens < 0)
        return;
    grouped(count, tokens);
    if (price >= 0)
        exact_usd(cost, (int64_t)((double)tokens * (double)price / 1e6 + 0.5));
    snprintf(text, sizeof(text), "%11s  %12s", count, cost);
    pager_add_value(p, name, tokens ? INK_PLAIN : INK_DIM, text);
}

static void add_tokens(struct pager *p, const struct call *c, const struct catalog *catalog)
{
    const char *name = c->model_served ? c->model_served : c->model_sent ? c->model_sent : c->model_asked;
    const struct model *m = catalog && name ? catalog_find(catalog, name) : NULL;
    const struct price *price = m ? model_price_on(m, clock_day_number(c->started_at)) : NULL;
    static const struct price none = {
        .in = -1, .out = -1, .cache_read = -1, .cache_write_5m = -1, .cache_write_1h = -1};
    const struct price *x = price ? price : &none;
    const struct usage *u = &c->usage;
    if (u->in < 0 && u->out < 0 && u->cache_read < 0)
        return;
    pager_add_heading(p, "Tokens");
    token_line(p, "input", u->in, x->in);
    token_line(p, "cache read", u->cache_read, x->cache_read);
    token_line(p, "cache write 5m", u->cache_write_5m, x->cache_write_5m);
    token_line(p, "cache write 1h", u->cache_write_1h, x->cache_write_1h);
    token_line(p, "output", u->out, x->out);
    char cost[32] = "unknown", text[128], other[32];
    if (c->cost_microusd >= 0)
        exact_usd(cost, c->cost_microusd);
    const char *source = cost_source_name(c->cost_source);
    snprintf(text, sizeof(text), "%11s  %12s%s%s", "", cost, source ? "  by " : "", source ? source : "");
    pager_add_value(p, "cost", STYLE_BOLD, text);
    if (!c->cost_differs)
        return;
    exact_usd(other, c->cost_catalog_microusd);
    snprintf(text, sizeof(text), "%11s  %12s  by catalog", "", other);
    pager_add_value(p, "differs", INK_WARN, text);
}

static void add_models(struct pager *p, const struct call *c)
{
    bool is_switched = c->model_asked && c->model_sent && strcmp(c->model_asked, c->model_sent) != 0;
    pager_add_heading(p, "Model and provider");
    pager_add_value(p, "asked", INK_PLAIN, c->model_asked);
    pager_add_value(p, "sent", is_switched ? INK_SWITCHED : INK_PLAIN, c->model_sent);
    pager_add_value(p, "served", INK_PLAIN, c->model_served);
    pager_add_value(p, "provider pinned", INK_SWITCHED, c->provider_pinned);
    pager_add_value(p, "provider served", INK_PLAIN, c->provider_served);
    pager_add_value(p, "route", INK_SWITCHED, c->route_note);
    pager_add_value(p, "changed", INK_PLAIN, c->changes);
    pager_add_value(p, "Respan's cache", INK_PLAIN,
                    c->respan_cache == 1   ? "hit"
                    : c->respan_cache == 0 ? "miss"
                                           : NULL);
}

static void make_overview(struct inspect *x)
{
    struct pager *p = &x->pager;
    const struct call *c = &x->call;
    char text[TEXT_SHORT_MAX];
    unsigned bad = call_is_failed(c) ? INK_BAD | STYLE_BOLD : INK_PLAIN;
    pager_add_value(p, "state", bad, call_state_name(c->state));
    add_count(p, "status", c->status);
    pager_add_value(p, "error", INK_BAD, c->error_type);
    pager_add_value(p, "", INK_BAD, c->error_message);
    pager_add_value(p, "stop reason", INK_PLAIN, c->stop_reason);
    pager_add_value(p, "cache break", INK_WARN, c->cache_break);
    if (c->attempt > 1)
        add_count(p, "attempt", c->attempt);
    add_tokens(p, c, x->catalog);
    add_models(p, c);
    pager_add_heading(p, "Who");
    pager_add_value(p, "session", INK_PLAIN, c->session_title);
    pager_add_value(p, "session id", INK_DIM, c->session_id);
    pager_add_value(p, "agent", INK_DIM, c->agent_id);
    pager_add_value(p, "parent agent", INK_DIM, c->parent_agent_id);
    pager_add_value(p, "purpose", INK_PLAIN, c->has_purpose ? purpose_name(c->purpose) : NULL);
    pager_add_value(p, "folder", INK_PLAIN, c->work_dir);
    pager_add_heading(p, "Call");
    char line[512];
    snprintf(line, sizeof(line), "%.20s %.480s", c->method ? c->method : "", c->path ? c->path : "");
    pager_add_value(p, "request", INK_PLAIN, line);
    add_time(p, "started", c->started_at);
    add_time(p, "finished", c->finished_at);
    text_bytes(text, c->bytes_in);
    pager_add_value(p, "sent bytes", INK_PLAIN, c->bytes_in >= 0 ? text : NULL);
    text_bytes(text, c->bytes_out);
    pager_add_value(p, "answer bytes", INK_PLAIN, c->bytes_out >= 0 ? text : NULL);
    pager_add_value(p, "bodies", INK_PLAIN, body_state_name(c->body_state));
    pager_add_value(p, "request id", INK_DIM, c->request_id);
    pager_add_value(p, "Respan log id", INK_DIM, c->respan_log_id);
}

/* ---- Bodies ---------------------------------------------------------------- */

/* Errors begin with a small letter, as they follow a name elsewhere. */
void inspect_say(struct inspect *x, const char *why)
{
    char text[ERR_TEXT_MAX + 1];
    snprintf(text, sizeof(text), "%s", why[0] ? why : "Nothing was kept.");
    if (text[0] >= 'a' && text[0] <= 'z')
        text[0] = (char)(text[0] - 'a' + 'A');
    pager_add_text(&x->pager, INK_DIM, 0, text, strlen(text));
}

/* Why there is no body; a call that still runs has none yet. */
void inspect_say_missing(struct inspect *x, const char *why)
{
    if (x->call.state == CALL_OPEN)
        inspect_say(x, "The call is still running; this comes when it ends.");
    else
        inspect_say(x, why);
}

/* ---- Headers --------------------------------------------------------------- */

static void add_headers(struct pager *p, const char *title, const char *json)
{
    if (!json)
        return;
    size_t len = strlen(json);
    struct json_iter all = json_array(json, len, json_skip_space(json, len, 0));
    struct buf name, value;
    buf_init(&name);
    buf_init(&value);
    pager_add_heading(p, title);
    while (json_next(&all)) {
        if (json[all.value.off] != '[')
            continue;
        struct json_iter pair = json_array(json, all.value.off + all.value.len, all.value.off);
        buf_reset(&name);
        buf_reset(&value);
        if (json_next(&pair))
            json_text(json, pair.value, &name);
        if (json_next(&pair))
            json_text(json, pair.value, &value);
        buf_puts(&name, ": ");
        buf_put(&name, value.data, value.len);
        pager_add_text(p, INK_PLAIN, 2, name.data, name.len);
    }
    buf_done(&name);
    buf_done(&value);
}

static void make_headers(struct inspect *x)
{
    add_headers(&x->pager, "Request, as Claude Code sent it", x->call.request_headers);
    add_headers(&x->pager, "Request, as it went upstream", x->call.sent_headers);
    add_headers(&x->pager, "Response", x->call.response_headers);
    if (x->pager.count == 0)
        pager_add(&x->pager, INK_DIM, 0,
                  x->call.state == CALL_OPEN ? "The call is still running; headers come when it ends."
                                             : "No headers were kept.");
}

void inspect_ready(struct inspect *x, struct db *db)
{
    if (x->is_open && !x->is_made)
        inspect_make(x, db);
}

void inspect_make(struct inspect *x, struct db *db)
{
    size_t top = x->pager.top, rows = x->pager.rows;
    pager_done(&x->pager);
    pager_init(&x->pager, x->width - 4);
    x->pager.top = top;
    x->pager.rows = rows ? rows : 1;
    switch (x->tab) {
    case TAB_OVERVIEW:
        make_overview(x);
        break;
    case TAB_REQUEST:
        inspect_make_request(x, db);
        break;
    case TAB_RESPONSE:
        inspect_make_response(x, db);
        break;
    case TAB_HEADERS:
        make_headers(x);
        break;
    case TAB_CACHE:
        inspect_make_cache(x, db);
        break;
    case TAB_RAW:
        inspect_make_raw(x, db);
        break;
    case TAB_COUNT_:
        break;
    }
    x->is_made = true;
    if (x->wanted_part >= 0)
        x->cursor = inspect_title_line(x, x->wanted_part);
    x->wanted_part = -1;
    if (x->cursor >= x->pager.count)
        x->cursor = x->pager.count ? x->pager.count - 1 : 0;
    inspect_search_mark(x);
}
