/* Choosing: which routes hold for one call.  Pure, on the proxy thread.
 *
 * The index has the routes in the order in which they win, so one walk finds
 * everything: the first that fits and has a setting decides that setting. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "log/routes.h"
#include "log/routes_index.h"

/* The call, digested like the routes. */
struct subject {
    const struct route_subject *who;
    uint64_t session;
    uint64_t pairs;
    uint32_t purpose;
};

struct choosing {
    const struct route_set *set;
    const struct route_index *index;
    struct route_choice *choice;
    unsigned char *seen; /* by key number: a more specific route has it */
    struct buf params;
    struct buf note;
};

static struct subject digest(const struct route_subject *who)
{
    return (struct subject){
        .who = who,
        .session = who->session_id ? route_hash_session(who->session_id) : 0,
        .pairs = who->model ? route_pairs(who->model, false) : 0,
        .purpose = route_purpose_bit(who),
    };
}

bool route_is_over(const struct route *r, int64_t now_ms)
{
    if (r->max_calls > 0 && r->calls_taken >= r->max_calls)
        return true;
    return r->until_at > 0 && now_ms >= r->until_at;
}

bool route_is_on(const struct route *r, int64_t now_ms)
{
    return r->enabled && !route_is_over(r, now_ms);
}

static bool fits(const struct route_entry *entry, const struct route *r, const struct subject *s)
{
    if (entry->session && entry->session != s->session)
        return false;
    if (!(entry->purposes & s->purpose) || (entry->glob_pairs & ~s->pairs))
        return false;
    if (entry->session && strcmp(r->session_id, s->who->session_id) != 0)
        return false;
    if (route_is_over(r, s->who->now_ms))
        return false;
    return !r->model_glob || (s->who->model && text_glob(r->model_glob, s->who->model));
}

void route_scope_text(struct buf *out, const struct route *r)
{
    const char *glue = "";
    if (r->session_id) {
        buf_printf(out, "session %s", r->session_id);
        glue = "+";
    }
    if (r->purpose) {
        buf_printf(out, "%s%s", glue, r->purpose);
        glue = "+";
    }
    if (r->model_glob) {
        buf_printf(out, "%s%s", glue, r->model_glob);
        glue = "+";
    }
    if (!*glue)
        buf_puts(out, "every call");
}

/* In a call's own note the session's id would only repeat a column. */
static void note_route(struct buf *note, const struct route *r)
{
    if (note->len > 0)
        buf_puts(note, "; ");
    buf_printf(note, "#%lld ", (long long)r->id);
    if (r->session_id)
        buf_puts(note, r->purpose || r->model_glob ? "session+" : "session");
    if (!r->session_id || r->purpose || r->model_glob) {
        struct route rest = *r;
        rest.session_id = NULL;
        route_scope_text(note, &rest);
    }
    buf_puts(note, " → ");
}

static void take_params(struct choosing *c, const struct route_entry *entry, const struct route *r)
{
    const struct route_index *x = c->index;
    bool any = false;
    if (!c->seen)
        c->seen = xcalloc(x->key_count, 1);
    for (uint32_t i = 0; i < entry->param_count; i++) {
        const struct route_param *param = &x->params[entry->first_param + i];
        if (c->seen[param->key])
            continue;
        c->seen[param->key] = 1;
        buf_putc(&c->params, c->params.len == 0 ? '{' : ',');
        buf_put(&c->params, param->text.data, param->text.len);
        if (!any)
            note_route(&c->note, r);
        if (!c->choice->params)
            c->choice->params = r;
        buf_printf(&c->note, "%s%s", any ? ", " : "", x->keys[param->key]);
        any = true;
    }
}

static void count_call(struct route_choice *choice, const struct route *r)
{
    if (r->max_calls > 0 && choice->limited_count < ROUTE_LIMITED_MAX)
        choice->limited[choice->limited_count++] = r->id;
}

static void take_settings(struct choosing *c, const struct route_entry *entry, const struct route *r)
{
    size_t before = c->note.len;
    if (entry->sets_model && !c->choice->model) {
        c->choice->model = r;
        note_route(&c->note, r);
        buf_puts(&c->note, r->set_model);
    }
    if (entry->sets_provider && !c->choice->provider) {
        c->choice->provider = r;
        note_route(&c->note, r);
        buf_printf(&c->note, "provider %s", r->set_provider);
    }
    if (entry->param_count > 0)
        take_params(c, entry, r);
    if (c->note.len > before)
        count_call(c->choice, r);
}

static void walk(struct choosing *c, const struct subject *s)
{
    for (size_t i = 0; i < c->index->count; i++) {
        const struct route_entry *entry = &c->index->entries[i];
        if (i >= c->index->param_entries_end && c->choice->model && c->choice->provider)
            return;
        const struct route *r = &c->set->routes[entry->route];
        if (fits(entry, r, s))
            take_settings(c, entry, r);
    }
}

void route_choose(const struct route_set *s, const struct route_subject *who, struct route_choice *choice)
{
    *choice = (struct route_choice){0};
    if (s->count == 0)
        return;
    struct route_index *made = s->index ? NULL : route_index_new(s);
    struct choosing c = {.set = s, .index = s->index ? s->index : made, .choice = choice};
    struct subject subject = digest(who);
    buf_init(&c.params);
    buf_init(&c.note);
    walk(&c, &subject);
    if (c.params.len > 0) {
        buf_putc(&c.params, '}');
        choice->params_json = buf_take(&c.params, NULL);
    }
    if (c.note.len > 0)
        choice->note = buf_take(&c.note, NULL);
    buf_done(&c.params);
    buf_done(&c.note);
    free(c.seen);
    route_index_free(made);
}

void route_choice_done(struct route_choice *c)
{
    free(c->params_json);
    free(c->note);
    *c = (struct route_choice){0};
}

bool route_set_needs_body(const struct route_set *s)
{
    if (s->count == 0)
        return false;
    if (s->index)
        return s->index->needs_body;
    struct route_index *made = route_index_new(s);
    bool needs = made->needs_body;
    route_index_free(made);
    return needs;
}

int64_t route_set_ends_at(const struct route_set *s)
{
    return s->index ? s->index->ends_at : INT64_MAX;
}

void route_done(struct route *r)
{
    free(r->session_id);
    free(r->model_glob);
    free(r->purpose);
    free(r->set_model);
    free(r->set_provider);
    free(r->params_json);
    free(r->note);
    free(r->preset);
    *r = (struct route){0};
}

void route_set_done(struct route_set *s)
{
    for (size_t i = 0; i < s->count; i++)
        route_done(&s->routes[i]);
    free(s->routes);
    route_index_free(s->index);
    *s = (struct route_set){0};
}
