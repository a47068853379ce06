#include "gateway/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "anthropic/request.h"
#include "base/json.h"
#include "base/mem.h"
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

static void note_model_change(struct routed *r, const char *model)
{
    struct buf out;
    buf_init(&out);
    buf_puts(&out, "[{\"what\":\"model\",\"from\":");
    if (r->model_asked)
        json_quote(&out, r->model_asked, strlen(r->model_asked));
    else
        buf_puts(&out, "null");
    buf_puts(&out, ",\"to\":");
    json_quote(&out, model, strlen(model));
    buf_puts(&out, "}]");
    r->changes = buf_take(&out, NULL);
}

static struct blob *splice_model(const struct blob *body, const struct span *spans, size_t count, struct bytes value)
{
    struct splice splices[REQUEST_SPLICES_MAX];
    struct buf out;
    struct blob *sent = NULL;
    for (size_t i = 0; i < count; i++)
        splices[i] = (struct splice){spans[i], value};
    buf_init(&out);
    if (request_splice(body->data, body->len, splices, count, &out) == 0)
        sent = blob_copy(out.data, out.len);
    buf_done(&out);
    return sent;
}

static void switch_model(struct routed *r, const struct blob *body, const char *model)
{
    struct span spans[REQUEST_SPLICES_MAX];
    struct buf value;
    size_t count = request_find_models(body->data, body->len, spans, REQUEST_SPLICES_MAX);
    if (count == 0) {
        add_note(r, "the body names no model, so none was switched");
        return;
    }
    buf_init(&value);
    json_quote(&value, model, strlen(model));
    bool is_same = true;
    for (size_t i = 0; i < count; i++)
        is_same = is_same && bytes_eq(bytes_at(body->data, spans[i]), buf_bytes(&value));
    if (!is_same) {
        r->sent = splice_model(body, spans, count, buf_bytes(&value));
        if (r->sent)
            note_model_change(r, model);
        else
            add_note(r, "no memory to switch the model");
    }
    if (is_same || r->sent)
        r->model_sent = xstrdup(model);
    buf_done(&value);
}

/* --- Pin and parameters: headers ---------------------------------------------------- */

static void set_pin(struct headers *h, struct routed *r, const char *provider)
{
    (void)headers_replace(h, PARAMS_PIN_HEADER, provider);
    r->has_headers_changed = true;
}

/* The client's own parameters win over a route's, key by key. */
static void set_params(struct headers *h, struct routed *r, const char *route_json)
{
    const char *names[] = {PARAMS_HEADER, PARAMS_HEADER_LEGACY};
    struct err e;
    char *client_json = NULL;
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
    merged = params_merge(route_json, client_json, &e);
    value = merged ? params_encode(merged) : NULL;
    if (value) {
        headers_remove(h, PARAMS_HEADER);
        headers_remove(h, PARAMS_HEADER_LEGACY);
        (void)headers_put(h, PARAMS_HEADER, value);
        r->has_headers_changed = true;
    } else {
        add_note(r, "the route's parameters are no JSON object and were left out");
    }
    free(client_json);
    free(merged);
    free(value);
}

/* --- All together ----------------------------------------------------------------------- */

static void read_subject(const struct route_set *routes, const char *rest, const struct blob *body,
                         const struct headers *h, struct request_facts *facts, struct route_subject *who)
{
    const char *session_id = headers_get(h, "X-Claude-Code-Session-Id");
    *who = (struct route_subject){.session_id = session_id};
    if (!body || !route_set_needs_body(routes))
        return;
    request_read_facts(rest, headers_get(h, "x-claude-code-agent-id"), session_id, body->data, body->len, facts);
    who->model = facts->model[0] ? facts->model : NULL;
    who->session_id = facts->session_id[0] ? facts->session_id : session_id;
    who->has_purpose = true;
    who->purpose = facts->purpose;
}

void router_apply(const struct route_set *routes, const char *rest, const struct blob *body, struct headers *h,
                  struct routed *r)
{
    struct request_facts facts;
    struct route_subject who;
    struct route_choice choice = {0};
    *r = (struct routed){0};
    if (routes && routes->count > 0) {
        read_subject(routes, rest, body, h, &facts, &who);
        r->model_asked = xstrdup(who.model);
        route_choose(routes, &who, &choice);
        r->note = xstrdup(choice.note);
        if (choice.model && body)
            switch_model(r, body, choice.model->set_model);
        if (choice.provider)
            set_pin(h, r, choice.provider->set_provider);
        if (choice.params_json)
            set_params(h, r, choice.params_json);
        route_choice_done(&choice);
    }
    r->provider = xstrdup(headers_get(h, PARAMS_PIN_HEADER));
}
