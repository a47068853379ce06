#include "cli/replay.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "anthropic/request.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/text.h"
#include "gateway/router.h"
#include "log/header_list.h"
#include "log/reader.h"
#include "log/routes.h"
#include "respan/params.h"

#define SETTLE_MS 10000 /* the end of a row is written within 300 ms on a machine that is not busy */

void replay_init(struct replay *r)
{
    *r = (struct replay){.least_microusd = -1, .most_microusd = -1};
    call_init(&r->first);
    call_init(&r->again);
    headers_init(&r->headers);
    buf_init(&r->answer);
    buf_init(&r->first_answer);
}

void replay_done(struct replay *r)
{
    call_done(&r->first);
    call_done(&r->again);
    blob_unref(r->body);
    if (r->headers.text.cap)
        sys_wipe(r->headers.text.data, r->headers.text.cap); /* the key */
    headers_done(&r->headers);
    buf_done(&r->answer);
    buf_done(&r->first_answer);
    free(r->changes);
}

/* ---- What goes out -------------------------------------------------------------------------- */

static int check_call(const struct call *c, struct err *e)
{
    if (c->state == CALL_OPEN)
        return err_set(e, "call %lld is still running; there is nothing to compare with yet", (long long)c->id);
    if (!c->method || strcmp(c->method, "POST") != 0 || !c->path || strncmp(c->path, "/v1/messages", 12) != 0)
        return err_set(e, "call %lld is %s %s; only calls to /v1/messages are sent again", (long long)c->id, c->method ? c->method : "?",
                       c->path ? c->path : "?");
    if (c->body_state == BODY_REDACTED)
        return err_set(e, "call %lld cannot be sent again: what --redact took out of its body is not in the log", (long long)c->id);
    return 0;
}

static int read_body(struct replay *r, struct db *db, struct err *e)
{
    struct buf body;
    struct err why = {""};
    buf_init(&body);
    int rc = reader_body(db, r->first.id, r->model ? BODY_REQUEST : BODY_SENT, &body, &why);
    if (rc != 0)
        rc = err_set(e, "call %lld cannot be sent again: %s", (long long)r->first.id, why.text);
    else if (!(r->body = blob_copy(body.data, body.len)))
        rc = err_set(e, "no memory for the body of call %lld", (long long)r->first.id);
    buf_done(&body);
    return rc;
}

/* Of this connection, or of whom it belonged to. */
static bool is_left_out(const char *name)
{
    static const char *const names[] = {"host", "content-length", "accept-encoding", "expect", "x-api-key", "authorization",
                                        "x-claude-code-session-id", "x-claude-code-agent-id", "x-claude-code-parent-agent-id"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static int copy_headers(struct headers *h, const char *json, struct err *e)
{
    struct json_iter it = header_list(json);
    struct span name_at, value_at;
    struct buf name, value;
    int rc = 0;
    buf_init(&name);
    buf_init(&value);
    while (rc == 0 && header_next(&it, &name_at, &value_at)) {
        buf_reset(&name);
        buf_reset(&value);
        json_text(it.s, name_at, &name);
        json_text(it.s, value_at, &value);
        if (!is_left_out(name.data) && strcmp(value.data, HEADER_MASKED) != 0)
            rc = headers_put(h, name.data, value.data);
    }
    buf_done(&name);
    buf_done(&value);
    return rc == 0 ? 0 : err_set(e, "the call's headers are too long to be sent again");
}

/* The very thing that a route does, with a route that exists only here. */
static int switch_over(struct replay *r, const struct catalog *catalog, struct err *e)
{
    struct route route = {.id = 1, .enabled = true, .set_model = xstrdup(r->model), .set_provider = xstrdup(r->provider)};
    struct route_set set = {.routes = &route, .count = 1};
    struct router router = {.routes = &set, .catalog = catalog};
    struct routed routed;
    int rc = 0;
    router_apply(&router, r->first.path + 1, r->body, &r->headers, &routed);
    if (r->model && !routed.model_sent)
        rc = err_set(e, "the body of call %lld names no model that could be switched", (long long)r->first.id);
    if (routed.sent) {
        blob_unref(r->body);
        r->body = blob_ref(routed.sent);
    }
    r->changes = xstrdup(routed.changes);
    routed_done(&routed);
    route_done(&route);
    return rc;
}

static const char *model_wanted(const struct replay *r)
{
    return r->model ? r->model : r->first.model_sent ? r->first.model_sent : r->first.model_asked;
}

/* As the first was counted, with all that may be cached read, or none. */
static void price(struct replay *r, const struct catalog *catalog)
{
    const struct usage *u = &r->first.usage;
    struct usage least = *u, most = *u;
    int day = clock_day_number(clock_wall_ms());
    const char *model = model_wanted(r);
    int64_t read = u->cache_read > 0 ? u->cache_read : 0, w5 = u->cache_write_5m > 0 ? u->cache_write_5m : 0,
            w1 = u->cache_write_1h > 0 ? u->cache_write_1h : 0;
    if (!model || u->in < 0 || u->out < 0)
        return;
    least.cache_read = read + w5 + w1;
    least.cache_write_5m = least.cache_write_1h = 0;
    most.cache_read = 0;
    most.cache_write_5m = w1 > 0 ? w5 : read + w5;
    most.cache_write_1h = w1 > 0 ? read + w1 : 0;
    r->least_microusd = catalog_cost_microusd(catalog, model, day, &least);
    r->most_microusd = catalog_cost_microusd(catalog, model, day, &most);
}

int replay_plan(struct replay *r, struct db *db, const struct catalog *catalog, int64_t id, struct err *e)
{
    int found = reader_call(db, id, &r->first, e);
    if (found > 0)
        err_set(e, "there is no call %lld in the log; spantop calls lists them", (long long)id);
    if (found != 0 || check_call(&r->first, e) != 0 || read_body(r, db, e) != 0)
        return -1;
    const char *headers = !r->model && r->first.sent_headers ? r->first.sent_headers : r->first.request_headers;
    snprintf(r->session_id, sizeof r->session_id, "replay-%lld", (long long)id);
    if (copy_headers(&r->headers, headers, e) != 0 || headers_replace(&r->headers, "X-Claude-Code-Session-Id", r->session_id) != 0)
        return -1;
    if (r->is_unpinned)
        headers_remove(&r->headers, PARAMS_PIN_HEADER);
    else if (r->first.provider_pinned && headers_replace(&r->headers, PARAMS_PIN_HEADER, r->first.provider_pinned) != 0)
        return -1;
    if ((r->model || r->provider) && switch_over(r, catalog, e) != 0)
        return -1;
    price(r, catalog);
    return 0;
}

/* ---- Routes in force ------------------------------------------------------------------------------ */

static int refuse(const struct route *route, const char *what, const char *where, struct err *e)
{
    return err_set(e, "route %lld sends such calls to %s %s; pause it first: spantop route disable %lld", (long long)route->id, what, where,
                   (long long)route->id);
}

int replay_check_routes(const struct replay *r, struct db *db, struct err *e)
{
    struct route_set set;
    struct request_facts facts;
    struct route_choice choice = {0};
    int rc = 0;
    if (routes_load(db, &set, e) != 0)
        return -1;
    request_read_facts(r->first.path + 1, NULL, r->session_id, r->body->data, r->body->len, &facts);
    struct route_subject who = {.session_id = r->session_id, .model = facts.model, .has_purpose = true, .purpose = facts.purpose,
                                .now_ms = clock_wall_ms()};
    route_choose(&set, &who, &choice);
    if (r->model && choice.model && strcmp(choice.model->set_model, r->model) != 0)
        rc = refuse(choice.model, "model", choice.model->set_model, e);
    else if ((r->provider || r->is_unpinned) && choice.provider &&
             (r->is_unpinned || strcmp(choice.provider->set_provider, r->provider) != 0))
        rc = refuse(choice.provider, "provider", choice.provider->set_provider, e);
    route_choice_done(&choice);
    route_set_done(&set);
    return rc;
}

/* ---- What came ------------------------------------------------------------------------------------- */

int replay_collect(struct replay *r, struct db *db, struct err *e)
{
    struct err why = {""};
    int64_t end_us = clock_mono_us() + (int64_t)SETTLE_MS * 1000;
    for (;;) {
        call_done(&r->again);
        int rc = reader_call(db, r->call_id, &r->again, &why);
        if (rc < 0)
            return err_set(e, "%s", why.text);
        if (rc == 0 && r->again.state != CALL_OPEN)
            break;
        if (clock_mono_us() > end_us)
            return err_set(e, "the gateway has not written call %lld to its end yet; look again with spantop show %lld",
                           (long long)r->call_id, (long long)r->call_id);
        poll(NULL, 0, 20);
    }
    return reader_body(db, r->first.id, BODY_RESPONSE, &r->first_answer, &why) < 0 ? err_set(e, "%s", why.text) : 0;
}

void replay_put_price(const struct replay *r, struct buf *out)
{
    char tokens[TEXT_SHORT_MAX], least[TEXT_SHORT_MAX], most[TEXT_SHORT_MAX];
    const char *model = model_wanted(r);
    text_count(tokens, usage_context(&r->first.usage));
    text_usd(least, r->least_microusd);
    text_usd(most, r->most_microusd);
    if (usage_context(&r->first.usage) > 0)
        buf_printf(out, "%s tokens to %s", tokens, model ? model : "?");
    else
        buf_printf(out, "%zu bytes to %s", r->body->len, model ? model : "?");
    if (r->most_microusd < 0)
        buf_puts(out, ", at a price that is not known");
    else if (r->least_microusd < r->most_microusd)
        buf_printf(out, ", which costs from %s (all of it still in the cache) to %s (none), with an answer as long as the first", least, most);
    else
        buf_printf(out, ", which costs about %s with an answer as long as the first", most);
}
