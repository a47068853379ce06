#include "gateway/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "anthropic/request.h"
#include "base/json.h"
#include "base/mem.h"
#include "respan/compat.h"
#include "respan/params.h"

void routed_done(struct routed *r)
{
    blob_unref(r->sent);
    free(r->model_asked);
    free(r->model_sent);
    free(r->provider);
    free(r->note);
    free(r->changes);
    *r = (struct routed){0};
}

static void add_note(struct routed *r, const char *text)
{
    char *both = r->note ? xasprintf("%s; %s", r->note, text) : xstrdup(text);
    free(r->note);
    r->note = both;
}

/* --- The model: bytes of the body ------------------------------------------------ */

static void list_changes(struct routed *r, const struct compat *plan, const char *model)
{
    struct buf out;
    char *first = xasprintf("model %s → %s", r->model_asked ? r->model_asked : "unknown", model);
    buf_init(&out);
    buf_putc(&out, '[');
    json_quote(&out, first, strlen(first));
    for (char *const *c = plan->changes; c && *c; c++) {
        buf_putc(&out, ',');
        json_quote(&out, *c, strlen(*c));
    }
    buf_putc(&out, ']');
    r->changes = buf_take(&out, NULL);
    free(first);
}

static void drop_betas(struct compat *plan, struct headers *h, struct routed *r)
{
    const char *value = headers_get(h, "anthropic-beta");
    struct buf rest;
    if (!value)
        return;
    buf_init(&rest);
    if (compat_filter_betas(plan, value, &rest)) {
        r->has_headers_changed = true;
        if (rest.len)
            (void)headers_replace(h, "anthropic-beta", rest.data);
        else
            headers_remove(h, "anthropic-beta");
    }
    buf_done(&rest);
}

static struct blob *splice(const struct blob *body, const struct compat *plan)
{
    struct buf out;
    struct blob *sent = NULL;
    buf_init(&out);
    if (request_splice(body->data, body->len, plan->splices, plan->splice_count, &out) == 0)
        sent = blob_copy(out.data, out.len);
    buf_done(&out);
    return sent;
}

static void keep_as_it_came(struct routed *r)
{
    blob_unref(r->sent);
    r->sent = NULL;
}

static void note_switch(struct routed *r, struct compat *plan, struct headers *h, const struct route *route)
{
    drop_betas(plan, h, r);
    list_changes(r, plan, route->set_model);
    r->model_route = route->id;
}

static void switch_model(const struct router *router, struct routed *r, const struct blob *body, struct headers *h,
                         const struct route *route)
{
    const char *model = route->set_model;
    struct compat plan;
    const struct model *from = router->catalog && r->model_asked ? catalog_find(router->catalog, r->model_asked) : NULL;
    const struct model *to = router->catalog ? catalog_find(router->catalog, model) : NULL;
    if (compat_plan(&plan, body->data, body->len, model, from, to) != 0) {
        add_note(r, "the body names no model, so none was switched");
    } else if (!(r->sent = splice(body, &plan))) {
        add_note(r, "no memory to switch the model");
    } else {
        r->model_sent = xstrdup(model);
        if (bytes_eq(blob_bytes(r->sent), blob_bytes(body)))
            keep_as_it_came(r); /* the client asks for that model anyway */
        else
            note_switch(r, &plan, h, route);
    }
    compat_done(&plan);
}

/* --- Pin and parameters: headers ---------------------------------------------------- */

static void set_pin(const struct router *router, struct headers *h, struct routed *r, const struct route *route)
{
    if (router->pins && !pins_take(router->pins, route->id, router->now_us)) {
        char text[160];
        int64_t rest_us = pins_rest_us(router->pins, route->id, router->now_us);
        snprintf(text, sizeof text, "the pin rests for %lld s more because its provider failed", (long long)(rest_us / 1000000 + 1));
        add_note(r, text);
        return;
    }
    (void)headers_replace(h, PARAMS_PIN_HEADER, route->set_provider);
    r->has_headers_changed = true;
    r->pin_route = route->id;
}

/* A session's id becomes part of a JSON text and of a name at Respan. */
static bool is_plain_id(const char *id)
{
    size_t len = id ? strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.") : 0;
    return len > 0 && len <= 128 && !id[len];
}

/* Where the route's parameters go up anyway, Respan is told the session, too. */
static char *route_params(const struct route_choice *choice, const char *session_id, struct err *e)
{
    return is_plain_id(session_id) ? params_with_thread(choice->params_json, session_id, e) : xstrdup(choice->params_json);
}

/* The client's own parameters win over a route's, key by key. */
static void set_params(struct headers *h, struct routed *r, const struct route_choice *choice, const char *session_id)
{
    const char *names[] = {PARAMS_HEADER, PARAMS_HEADER_LEGACY};
    struct err e;
    char *client_json = NULL;
    char *ours = NULL;
    char *merged = NULL;
    char *value = NULL;
    for (size_t i = 0; i < 2 && !client_json; i++) {
        const char *sent = headers_get(h, names[i]);
        if (!sent)
            continue;
        client_json = params_decode(sent, &e);
        if (!client_json) {
            add_note(r, "the client's own Respan parameters are unreadable and were passed on alone");
            return;
        }
    }
    ours = route_params(choice, session_id, &e);
    merged = ours ? params_merge(ours, client_json, &e) : NULL;
    value = merged ? params_encode(merged) : NULL;
    if (value) {
        headers_remove(h, PARAMS_HEADER);
        headers_remove(h, PARAMS_HEADER_LEGACY);
        (void)headers_put(h, PARAMS_HEADER, value);
        r->has_headers_changed = true;
        r->params_route = choice->params ? choice->params->id : 0;
    } else {
        add_note(r, "the route's parameters are no JSON object and were left out");
    }
    free(client_json);
    free(ours);
    free(merged);
    free(value);
}

/* --- All together ----------------------------------------------------------------------- */

static void read_subject(const struct router *router, const char *rest, const struct blob *body,
                         const struct headers *h, struct request_facts *facts, struct route_subject *who)
{
    const char *session_id = headers_get(h, "X-Claude-Code-Session-Id");
    const char *agent_id = headers_get(h, "x-claude-code-agent-id");
    *who = (struct route_subject){.session_id = session_id, .agent_id = agent_id, .now_ms = router->now_ms};
    if (!body || !route_set_needs_body(router->routes))
        return;
    request_read_facts(rest, agent_id, session_id, body->data, body->len, facts);
    who->model = facts->model[0] ? facts->model : NULL;
    who->session_id = facts->session_id[0] ? facts->session_id : session_id;
    who->has_purpose = true;
    who->purpose = facts->purpose;
}

void refused_routes_add(struct refused_routes *r, int64_t id, int64_t version)
{
    if (r->version != version)
        r->count = 0;
    r->version = version;
    if (r->count < REFUSED_ROUTES_MAX)
        r->ids[r->count++] = id;
}

static bool is_usable(const struct router *router, const struct route *route)
{
    const struct refused_routes *r = router->refused;
    if (!route)
        return false;
    for (size_t i = 0; r && r->version == router->routes->version && i < r->count; i++)
        if (r->ids[i] == route->id)
            return false;
    return true;
}

void router_apply(const struct router *router, const char *rest, const struct blob *body, struct headers *h,
                  struct routed *r)
{
    const struct route_set *routes = router->routes;
    struct request_facts facts;
    struct route_subject who;
    struct route_choice choice = {0};
    *r = (struct routed){0};
    if (routes && routes->count > 0) {
        read_subject(router, rest, body, h, &facts, &who);
        r->model_asked = xstrdup(who.model);
        route_choose(routes, &who, &choice);
        r->note = xstrdup(choice.note);
        /* It is lent by the headers, which change below. */
        char *session_id = choice.params ? xstrdup(who.session_id) : NULL;
        if (is_usable(router, choice.model) && body)
            switch_model(router, r, body, h, choice.model);
        if (is_usable(router, choice.provider))
            set_pin(router, h, r, choice.provider);
        if (is_usable(router, choice.params))
            set_params(h, r, &choice, session_id);
        free(session_id);
        r->limited_count = choice.limited_count;
        memcpy(r->limited, choice.limited, sizeof r->limited);
        route_choice_done(&choice);
    }
    r->provider = xstrdup(headers_get(h, PARAMS_PIN_HEADER));
}
