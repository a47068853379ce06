#include "gateway/budget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anthropic/request.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/json.h"
#include "base/mem.h"
#include "gateway/budget_estimate.h"
#include "gateway/target.h"
#include "log/budgets.h"

#define RATE_SECONDS 60

/* One call on its way. */
struct budget_hold {
    struct budget_hold *prev, *next;
    struct exchange *x;
    char *model; /* as sent */
    char *session_id;
    char *agent_id;
    int64_t text_bytes;
    int64_t pictures;
    int64_t estimate; /* micro-dollars; 0 for a model without a price */
};

struct budgets {
    struct budget_watch *watch;
    const struct catalog *catalog;
    struct estimates estimates;
    struct budget_hold *holds;
    struct err problem;
    char last_session[64]; /* whose budget the health page tells */
    int64_t rate_second;   /* the newest of the seconds below */
    int64_t rate[RATE_SECONDS]; /* calls let through in each of the last seconds */
};

struct budgets *budgets_new(const char *log_path, const struct catalog *catalog)
{
    struct budgets *b = xcalloc(1, sizeof *b);
    struct err e;
    b->catalog = catalog;
    b->watch = budget_watch_open(log_path, &e);
    if (b->watch)
        return b;
    diag_line("no budget holds: %s", e.text);
    budgets_free(b);
    return NULL;
}

void budgets_swap(struct budgets *b, struct budget_watch *fresh)
{
    budget_watch_swap(b->watch, fresh);
}

void budgets_free(struct budgets *b)
{
    if (!b)
        return;
    budget_watch_close(b->watch);
    free(b);
}

/* --- Calls a minute ------------------------------------------------------------- */

static void turn_rate(struct budgets *b)
{
    int64_t now = clock_mono_us() / 1000000;
    int64_t passed = now - b->rate_second;
    for (int64_t i = 1; i <= passed && i <= RATE_SECONDS; i++)
        b->rate[(now - passed + i) % RATE_SECONDS] = 0;
    if (passed > RATE_SECONDS)
        memset(b->rate, 0, sizeof b->rate);
    b->rate_second = now;
}

static int64_t calls_this_minute(struct budgets *b)
{
    int64_t sum = 0;
    turn_rate(b);
    for (size_t i = 0; i < RATE_SECONDS; i++)
        sum += b->rate[i];
    return sum;
}

/* --- Money ------------------------------------------------------------------------- */

static int64_t known(int64_t n)
{
    return n > 0 ? n : 0;
}

/* As far as its answer has come: its own count of the input, the output so far. */
static int64_t cost_so_far(const struct budgets *b, const struct budget_hold *h)
{
    const struct tap_facts *f = h->x->tap ? tap_peek(h->x->tap) : NULL;
    if (!f || f->usage.in < 0)
        return h->estimate;
    struct usage u = f->usage;
    bool is_estimate;
    u.out = tap_tokens_out(h->x->tap, &is_estimate);
    const char *model = f->model[0] ? f->model : h->model;
    return known(catalog_cost_microusd(b->catalog, model, clock_day_number(h->x->started_ms), &u));
}

struct tally {
    int64_t call;     /* what the next call will cost; 0: none is meant */
    int64_t session;  /* spent and running */
    int64_t day;
    int64_t month;
    int64_t rate;
};

static struct tally count(struct budgets *b, const char *session_id, int64_t now_ms)
{
    struct budget_spent spent;
    budget_watch_spent(b->watch, session_id, now_ms, &spent);
    struct tally t = {.session = spent.session, .day = spent.day, .month = spent.month, .rate = calls_this_minute(b)};
    for (const struct budget_hold *h = b->holds; h; h = h->next) {
        int64_t cost = cost_so_far(b, h);
        t.day += cost;
        t.month += cost;
        if (session_id && h->session_id && strcmp(session_id, h->session_id) == 0)
            t.session += cost;
    }
    return t;
}

static int64_t used_of(const struct tally *t, enum budget_scope scope)
{
    switch (scope) {
    case BUDGET_SESSION:
        return t->session;
    case BUDGET_DAY:
        return t->day;
    case BUDGET_MONTH:
        return t->month;
    case BUDGET_RATE:
        return t->rate;
    default:
        return 0;
    }
}

static bool is_over(const struct budget *b, const struct tally *t)
{
    int64_t used = used_of(t, b->scope);
    int64_t more = b->scope == BUDGET_RATE ? 1 : t->call;
    return used >= b->limit || used + more > b->limit;
}

/* --- Words --------------------------------------------------------------------------- */

static void put_why(struct buf *out, const struct budget *b, const struct tally *t)
{
    static const char *const when[] = {"", "in this session", "today", "this month", "in the last minute"};
    buf_printf(out, "the %s budget of ", budget_scope_name(b->scope));
    budget_amount(out, b->scope, b->limit);
    if (b->scope == BUDGET_CALL) {
        buf_puts(out, " does not allow this call, whose input alone would cost about ");
        budget_amount(out, b->scope, t->call);
        return;
    }
    buf_puts(out, b->scope == BUDGET_RATE ? " a minute is reached: " : " is reached: ");
    budget_amount(out, b->scope, used_of(t, b->scope));
    buf_printf(out, " %s %s", b->scope == BUDGET_RATE ? "began" : "spent", when[b->scope]);
    if (b->scope != BUDGET_RATE && t->call > 0) {
        buf_puts(out, " and about ");
        budget_amount(out, b->scope, t->call);
        buf_puts(out, " for this call's input");
    }
}

static char *refusal_of(const struct budget *b, const struct tally *t)
{
    struct buf out;
    const char *scope = budget_scope_name(b->scope);
    buf_init(&out);
    put_why(&out, b, t);
    buf_printf(&out, "; `spantop budget lift` (or b in the dashboard) lets calls through for an hour, `spantop budget set %s %s` "
               "changes the limit", scope, b->scope == BUDGET_RATE ? "N" : "USD");
    return buf_take(&out, NULL);
}

/* --- A call's way ----------------------------------------------------------------------- */

static struct budget_hold *hold_new(struct budgets *b, struct exchange *x)
{
    struct budget_hold *h = xcalloc(1, sizeof *h);
    struct request_facts f;
    struct bytes body = x->request ? blob_bytes(x->request) : (struct bytes){"", 0};
    const char *session_id = headers_get(x->client_headers, "X-Claude-Code-Session-Id");
    const char *agent_id = headers_get(x->client_headers, "x-claude-code-agent-id");
    request_read_facts(x->rest, agent_id, session_id, body.data, body.len, &f);
    h->x = x;
    h->model = xstrdup(x->routed.model_sent ? x->routed.model_sent : f.model);
    h->session_id = f.session_id[0] ? xstrdup(f.session_id) : NULL;
    h->agent_id = xstrdup(agent_id);
    h->text_bytes = estimate_text_bytes(body, &h->pictures);
    struct estimate_subject s = {h->session_id, h->agent_id, h->model, h->text_bytes, h->pictures, x->started_ms};
    struct usage u = estimate_usage(&b->estimates, &s);
    h->estimate = known(catalog_cost_microusd(b->catalog, h->model, clock_day_number(x->started_ms), &u));
    return h;
}

static void hold_free(struct budget_hold *h)
{
    free(h->model);
    free(h->session_id);
    free(h->agent_id);
    free(h);
}

static void hold_link(struct budgets *b, struct budget_hold *h)
{
    h->next = b->holds;
    if (h->next)
        h->next->prev = h;
    b->holds = h;
    h->x->budget = h;
}

static void hold_unlink(struct budgets *b, struct budget_hold *h)
{
    if (h->next)
        h->next->prev = h->prev;
    if (h->prev)
        h->prev->next = h->next;
    else
        b->holds = h->next;
    h->x->budget = NULL;
}

static const struct budget *find_block(const struct budget_set *set, const struct tally *t, int64_t now_ms)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct budget *b = &set->budgets[i];
        if (b->level == BUDGET_BLOCK && !budget_is_lifted(b, now_ms) && is_over(b, t))
            return b;
    }
    return NULL;
}

static void let_through(struct budgets *b)
{
    turn_rate(b);
    b->rate[b->rate_second % RATE_SECONDS]++;
}

bool budget_take(struct exchange *x)
{
    struct budgets *b = x->g->budgets;
    if (!b || x->attempt > 1 || target_is_count_tokens(x->rest))
        return true;
    const struct budget_set *set = budget_watch_poll(b->watch, route_watch_changes(x->g->routes), &b->problem);
    if (set->count == 0) {
        let_through(b);
        return true;
    }
    struct budget_hold *h = hold_new(b, x);
    int64_t now_ms = clock_wall_ms();
    struct tally t = count(b, h->session_id, now_ms);
    t.call = h->estimate;
    snprintf(b->last_session, sizeof b->last_session, "%s", h->session_id ? h->session_id : "");
    const struct budget *block = find_block(set, &t, now_ms);
    if (block) {
        x->budget_refusal = refusal_of(block, &t);
        hold_free(h);
        return false;
    }
    hold_link(b, h);
    let_through(b);
    return true;
}

/* As the journal will price it: by what the answer says, without output nothing. */
static void tell_end(struct budgets *b, const struct budget_hold *h)
{
    const struct exchange *x = h->x;
    const struct tap_facts *f = x->tap ? tap_peek(x->tap) : NULL;
    if (!f || f->usage.in < 0)
        return;
    const char *model = f->model[0] ? f->model : h->model;
    struct estimate_subject s = {h->session_id, h->agent_id, h->model, h->text_bytes, h->pictures, clock_wall_ms()};
    estimate_learn(&b->estimates, &s, &f->usage);
    budget_watch_ended(b->watch, x->id, h->session_id, x->started_ms,
                       catalog_cost_microusd(b->catalog, model, clock_day_number(x->started_ms), &f->usage));
}

void budget_release(struct exchange *x)
{
    struct budget_hold *h = x->budget;
    free(x->budget_refusal);
    x->budget_refusal = NULL;
    if (!h)
        return;
    tell_end(x->g->budgets, h);
    hold_unlink(x->g->budgets, h);
    hold_free(h);
}

/* --- Health ------------------------------------------------------------------------------ */

static void put_warning(struct buf *out, const struct budget *b, const struct tally *t, int64_t now_ms)
{
    struct buf text;
    buf_init(&text);
    put_why(&text, b, t);
    buf_puts(&text, b->level == BUDGET_WARN ? "" : budget_is_lifted(b, now_ms) ? " (lifted)" : " (calls are blocked)");
    json_quote(out, text.data, text.len);
    buf_done(&text);
}

void budget_put_health(struct gateway *g, struct buf *out)
{
    struct budgets *b = g->budgets;
    const struct budget_set *set = b ? budget_watch_poll(b->watch, route_watch_changes(g->routes), &b->problem) : NULL;
    int64_t now_ms = clock_wall_ms();
    struct tally t = {0};
    bool is_first = true;
    buf_printf(out, ",\"budgets_version\":%lld,\"warnings\":[", set ? (long long)set->version : 0);
    if (set && set->count > 0)
        t = count(b, b->last_session[0] ? b->last_session : NULL, now_ms);
    for (size_t i = 0; set && i < set->count; i++) {
        const struct budget *one = &set->budgets[i];
        if (one->scope == BUDGET_CALL || used_of(&t, one->scope) < one->limit)
            continue;
        buf_puts(out, is_first ? "" : ",");
        put_warning(out, one, &t, now_ms);
        is_first = false;
    }
    if (b && b->problem.text[0]) {
        buf_puts(out, is_first ? "" : ",");
        json_quote(out, b->problem.text, strlen(b->problem.text));
    }
    buf_puts(out, "]");
}
