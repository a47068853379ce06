/* The routes: what is switched, for whom.  One row a route, newest first, as
 * the newest wins among equals; rows that are off stay in the list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ui/app.h"
#include "ui/columns.h"
#include "ui/glyph.h"

void routes_done(struct app *a)
{
    for (size_t i = 0; i < a->route_title_count; i++)
        free(a->route_titles[i]); /* NOLINT(clang-analyzer-core.NullDereference): no count without a list */
    free(a->route_titles);
    a->route_titles = NULL;
    a->route_title_count = 0;
}

/* Sessions are named by their titles; read again when the routes changed. */
static void load_titles(struct app *a)
{
    const struct route_set *set = &a->data.routes;
    if (a->route_titles && a->route_titles_version == set->version && a->route_title_count == set->count)
        return;
    routes_done(a);
    a->route_titles = xcalloc(set->count + 1, sizeof(*a->route_titles));
    a->route_title_count = set->count;
    a->route_titles_version = set->version;
    for (size_t i = 0; i < set->count; i++) {
        struct session s;
        struct err e;
        if (!set->routes[i].session_id || reader_session(a->db, set->routes[i].session_id, &s, &e) != 0)
            continue;
        a->route_titles[i] = xstrdup(s.title);
        session_done(&s);
    }
}

/* Place in the list to place in the set. */
static size_t index_of(const struct app *a, size_t place)
{
    return a->data.routes.count - 1 - place;
}

static const struct route *selected(const struct app *a)
{
    size_t at = a->route_list.selected;
    return at < a->data.routes.count ? &a->data.routes.routes[index_of(a, at)] : NULL;
}

void routes_open(struct app *a)
{
    load_titles(a);
    a->route_list.selected = a->data.routes.count ? 0 : LIST_NONE;
    a->route_list.top = 0;
    a->route_armed_id = 0;
    a->overlay = PLACE_ROUTES;
}

static void toggle(struct app *a)
{
    struct err e = {""};
    const struct route *r = selected(a);
    if (!r)
        return;
    bool on = !route_is_on(r, clock_wall_ms());
    if (routes_enable(a->db, r->id, on, &e) < 0) {
        app_notice(a, INK_BAD, "%s", e.text);
        return;
    }
    app_notice(a, INK_GOOD, "Route %lld is %s from the next call.", (long long)r->id, on ? "in force" : "off");
    switch_watch(a);
    load_titles(a);
}

static void delete (struct app *a, bool is_sure)
{
    struct err e = {""};
    const struct route *r = selected(a);
    if (!r)
        return;
    int64_t id = r->id;
    if (!is_sure) {
        a->route_armed_id = id;
        app_notice(a, INK_WARN, "d once more deletes route %lld; Space only puts it off.", (long long)id);
        return;
    }
    if (routes_delete(a->db, id, &e) < 0) {
        app_notice(a, INK_BAD, "%s", e.text);
        return;
    }
    app_notice(a, INK_GOOD, "Route %lld is deleted.", (long long)id);
    switch_watch(a);
    load_titles(a);
}

static void edit(struct app *a, const struct route *r)
{
    route_form_open(&a->form, r);
    a->overlay = PLACE_ROUTE_FORM;
}

/* Of equal scopes the highest id wins: so it gets a new one. */
static void raise_it(struct app *a)
{
    struct err e = {""};
    const struct route *r = selected(a);
    int64_t id;
    if (!r || a->route_list.selected == 0)
        return;
    int64_t old_id = r->id;
    if (routes_raise(a->db, old_id, &id, &e) < 0) {
        app_notice(a, INK_BAD, "%s", e.text);
        return;
    }
    app_notice(a, INK_GOOD, "Route %lld is now the newest, %lld: of equal scopes it wins.", (long long)old_id, (long long)id);
    a->route_list.selected = 0;
    switch_watch(a);
    load_titles(a);
}

/* A title or the beginning of an id becomes the whole id; a session that is not
 * in the log yet may be named in whole. */
static int find_session(struct app *a, struct route *r)
{
    struct session s;
    struct err e = {""};
    if (!r->session_id)
        return 0;
    int rc = reader_session(a->db, r->session_id, &s, &e);
    if (rc == 0) {
        xreplace(&r->session_id, s.session_id);
        session_done(&s);
        return 0;
    }
    if (rc == 1 && strlen(r->session_id) == 36) /* a UUID, as Claude Code's are */
        return 0;
    route_form_say(&a->form, FORM_SESSION, e.text);
    return -1;
}

static void save(struct app *a)
{
    struct route r;
    struct err e = {""};
    int64_t id = a->form.id;
    if (route_form_read(&a->form, a->data.now_ms, &r) < 0)
        return;
    if (find_session(a, &r) == 0) {
        int rc = id ? routes_update(a->db, &r, &e) : routes_add(a->db, &r, &id, &e);
        if (rc < 0) {
            route_form_say(&a->form, a->form.at, e.text);
        } else {
            bool is_unknown = r.set_model && a->o->catalog && !catalog_find(a->o->catalog, r.set_model);
            a->overlay = PLACE_ROUTES;
            if (!r.id) /* the newest stands first */
                a->route_list.selected = 0;
            app_notice(a, is_unknown ? INK_WARN : INK_GOOD, "Route %lld is saved%s", (long long)id,
                       is_unknown ? "; its model is in no catalog: mind the spelling." : ".");
            switch_watch(a);
            load_titles(a);
        }
    }
    route_done(&r);
}

void routes_form_key(struct app *a, int key)
{
    enum action action = keys_action(PLACE_ROUTE_FORM, key);
    if (action == ACTION_ACCEPT)
        save(a);
    else if (action == ACTION_CANCEL)
        a->overlay = PLACE_ROUTES;
    else
        route_form_key(&a->form, key);
}

void routes_key(struct app *a, int key)
{
    enum action action = keys_action(PLACE_ROUTES, key);
    int64_t armed = a->route_armed_id;
    a->route_armed_id = 0;
    if (app_act_anywhere(a, action))
        return;
    switch (action) {
    case ACTION_BACK:
        a->overlay = 0;
        break;
    case ACTION_OPEN:
        if (selected(a))
            edit(a, selected(a));
        break;
    case ACTION_ADD:
        edit(a, NULL);
        break;
    case ACTION_RAISE:
        raise_it(a);
        break;
    case ACTION_TOGGLE:
        toggle(a);
        break;
    case ACTION_DELETE:
        delete (a, armed && selected(a) && selected(a)->id == armed);
        break;
    case ACTION_NONE:
        break;
    default:
        list_move(&a->route_list, a->data.routes.count, action);
        break;
    }
}

/* ---- Drawing ------------------------------------------------------------- */

static void scope_words(const struct app *a, size_t index, char *out, size_t size)
{
    const struct route *r = &a->data.routes.routes[index];
    const char *title = index < a->route_title_count ? a->route_titles[index] : NULL;
    size_t used = 0;
    out[0] = '\0';
    if (r->session_id)
        used += (size_t)snprintf(out, size, "session %.60s", title ? title : r->session_id);
    if (r->purpose && used < size)
        used += (size_t)snprintf(out + used, size - used, "%s%.20s calls", used ? ", " : "", r->purpose);
    if (r->model_glob && used < size)
        used += (size_t)snprintf(out + used, size - used, "%sonly %.40s", used ? ", " : "", r->model_glob);
    if (!used)
        snprintf(out, size, "every session");
}

/* What there is to say beyond the settings: how long it holds, whose preset, the note. */
static void note_words(const struct route *r, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    if (r->max_calls > 0)
        used += (size_t)snprintf(out, size, "%lld of %lld calls  ", (long long)r->calls_taken, (long long)r->max_calls);
    if (r->until_at > 0 && used < size) {
        char at[24];
        struct tm t;
        time_t end = (time_t)(r->until_at / 1000);
        localtime_r(&end, &t);
        strftime(at, sizeof(at), "%m-%d %H:%M", &t);
        used += (size_t)snprintf(out + used, size - used, "until %s  ", at);
    }
    if (r->preset && used < size)
        used += (size_t)snprintf(out + used, size - used, "preset %.40s  ", r->preset);
    if (r->note && used < size)
        snprintf(out + used, size - used, "%.200s", r->note);
}

static void draw_row(struct canvas *c, int row, const struct app *a, size_t index, bool is_selected)
{
    const struct route *r = &a->data.routes.routes[index];
    char text[160], note[320];
    int scope = c->cols >= 100 ? 34 : 22, model = c->cols >= 100 ? 24 : 18, at = 2;
    int64_t now_ms = clock_wall_ms();
    bool on = route_is_on(r, now_ms);
    unsigned ink = on ? INK_PLAIN : INK_DIM, set = on ? INK_SWITCHED : INK_DIM;
    canvas_put(c, row, at, 4, on ? INK_GOOD : INK_DIM, on ? "on" : route_is_over(r, now_ms) ? "over" : "off");
    canvas_printf(c, row, at += 4, 5, INK_DIM, "%4lld", (long long)r->id);
    scope_words(a, index, text, sizeof(text));
    canvas_put(c, row, at += 6, scope, ink, text);
    canvas_put(c, row, at += scope + 2, model, set,
               r->set_model ? model_short(a->o->catalog, r->set_model) : glyphs()->dash);
    canvas_put(c, row, at += model + 2, 12, set, r->set_provider ? r->set_provider : glyphs()->dash);
    at += 14;
    int used = canvas_put(c, row, at, c->cols - 1 - at, set, r->params_json);
    note_words(r, note, sizeof(note));
    canvas_put(c, row, at + used + (used ? 2 : 0), c->cols - 1 - at - used - (used ? 2 : 0), INK_DIM, note);
    if (!is_selected)
        return;
    canvas_put(c, row, 0, 1, INK_SELECTED, glyphs()->pointer);
    canvas_restyle(c, row, 0, c->cols, INK_SELECTED);
}

static void draw_head(struct canvas *c, int row)
{
    int scope = c->cols >= 100 ? 34 : 22, model = c->cols >= 100 ? 24 : 18;
    canvas_put(c, row, 6, 5, INK_DIM, "  ID");
    canvas_put(c, row, 12, scope, INK_DIM, "FOR");
    canvas_put(c, row, 14 + scope, model, INK_DIM, "MODEL");
    canvas_put(c, row, 16 + scope + model, 12, INK_DIM, "PROVIDER");
    canvas_put(c, row, 30 + scope + model, 20, INK_DIM, "PARAMETERS, NOTE");
}

void routes_draw(struct canvas *c, struct app *a, int top, int bottom)
{
    size_t count = a->data.routes.count;
    load_titles(a);
    canvas_heading(c, top++, 1, c->cols - 2, "Routes");
    if (count == 0) {
        canvas_put(c, top, 2, c->cols - 3, INK_DIM,
                   "Nothing is switched: every call goes up as Claude Code sent it.  m and p switch, a adds a route.");
        return;
    }
    draw_head(c, top++);
    list_settle(&a->route_list, count, bottom > top ? (size_t)(bottom - top) : 1);
    for (size_t i = 0; i < a->route_list.rows && a->route_list.top + i < count; i++) {
        size_t place = a->route_list.top + i;
        draw_row(c, top + (int)i, a, index_of(a, place), place == a->route_list.selected);
    }
}
