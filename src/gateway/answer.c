#include "gateway/answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anthropic/error.h"
#include "base/json.h"
#include "gateway/budget.h"
#include "gateway/record.h"

void answer_put_call_id(const struct exchange *x, struct headers *h)
{
    char id[32];
    if (x->id <= 0)
        return;
    snprintf(id, sizeof id, "%" PRId64, x->id);
    (void)headers_put(h, "x-spantop-call-id", id);
}

/* The whole answer at once: it is small, and fits into the client's queue. */
static void answer_whole(struct exchange *x, int status, const struct headers *h, const char *body, size_t len)
{
    bool is_head = strcmp(x->method, "HEAD") == 0;
    x->state = EXCHANGE_FINISHING;
    x->status = status;
    record_keep(x, body, len);
    if (client_answer(x->client, status, h, (int64_t)len) != 0)
        return;
    if (!is_head && len > 0 && client_send(x->client, body, len) != 0)
        client_end(x->client, false);
    else
        client_end(x->client, true);
}

void answer_error(struct exchange *x, const struct refusal *r)
{
    struct headers h;
    struct buf body;
    char request_id[48];
    headers_init(&h);
    buf_init(&body);
    snprintf(request_id, sizeof request_id, "spantop_%" PRId64, x->id > 0 ? x->id : 0);
    error_body_write(&body, r->type, r->message, request_id);
    (void)headers_put(&h, "Content-Type", "application/json");
    (void)headers_put(&h, "x-spantop-error", r->code);
    if (r->status == 429) /* a budget: only a person can lift it */
        (void)headers_put(&h, "x-should-retry", "false");
    /* Neither a gateway that stops nor a crowded one keeps connections. */
    if (r->status == 503 || refusal_is_of_the_head(r))
        (void)headers_put(&h, "Connection", "close");
    answer_put_call_id(x, &h);
    answer_whole(x, r->status, &h, body.data, body.len);
    buf_done(&body);
    headers_done(&h);
}

void answer_json(struct exchange *x, const char *json, size_t len)
{
    struct headers h;
    headers_init(&h);
    (void)headers_put(&h, "Content-Type", "application/json");
    answer_put_call_id(x, &h);
    if (x->id > 0)
        record_head(x, &h);
    answer_whole(x, 200, &h, json, len);
    headers_done(&h);
}

void answer_empty(struct exchange *x)
{
    struct headers h;
    headers_init(&h);
    answer_whole(x, 200, &h, "", 0);
    headers_done(&h);
}

void answer_health(struct exchange *x)
{
    struct gateway *g = x->g;
    struct journal_stats stats;
    struct buf out;
    /* A command that made a switch looks here whether it was taken. */
    (void)gateway_routes(g);
    journal_stats(g->journal, &stats);
    buf_init(&out);
    buf_printf(&out, "{\"status\":\"%s\",\"version\":", g->is_stopping ? "stopping" : "ok");
    json_quote(&out, g->peer.version, strlen(g->peer.version));
    buf_printf(&out,
               ",\"started_at\":%" PRId64 ",\"in_flight\":%" PRId64 ",\"calls\":%" PRId64 ",\"dropped\":%" PRId64
               ",\"dropped_bodies\":%" PRId64 ",\"refused\":%" PRId64 ",\"routes_version\":%" PRId64 ",\"instance\":",
               g->peer.started_at, g->in_flight, g->calls, stats.dropped_rows + g->unlogged, stats.dropped_bodies,
               g->refused, g->routes_version);
    json_quote(&out, g->peer.token, strlen(g->peer.token));
    buf_puts(&out, ",\"problem\":");
    const char *problem = stats.error[0] ? stats.error : g->routes_problem.text;
    json_quote(&out, problem, strlen(problem));
    buf_puts(&out, ",\"notice\":");
    json_quote(&out, stats.notice, strlen(stats.notice));
    buf_printf(&out, ",\"key\":\"%s\",\"refusal\":\"%s\"", g->options->respan_key ? g->options->key_from : "none",
               g->last_refusal ? g->last_refusal : "");
    budget_put_health(g, &out);
    buf_puts(&out, "}");
    answer_json(x, out.data, out.len);
    buf_done(&out);
}
