/* spantop routes and spantop route …: the rows of `routes`, as a table and by hand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/limits.h"
#include "cli/output.h"
#include "cli/route_params.h"
#include "cli/scope.h"
#include "cli/table.h"
#include "cli/values.h"
#include "log/routes.h"

static const struct option_spec route_options[] = {
    {"session", "ID", "only this session: id, its beginning, or title"},
    {"agent", "WHO", "only main, subagent or side calls"},
    {"for", "GLOB", "only calls that ask for such a model; a TIME: 2h"},
    LIMIT_OPTIONS,
    {"model", "M", "send this model instead"},
    {"provider", "P", "pin this provider"},
    PARAM_OPTIONS,
    {"note", "TEXT", "a word to yourself"},
    {NULL, NULL, NULL},
};

static const struct option_spec routes_options[] = {
    {"json", NULL, "as a JSON array"},
    {"all", NULL, "disabled ones, too"},
    {NULL, NULL, NULL},
};

/* --- Listing ----------------------------------------------------------------- */

static const char *on_word(const struct route *r, int64_t now_ms)
{
    return route_is_on(r, now_ms) ? "yes" : route_is_over(r, now_ms) ? "over" : "no";
}

/* Its note, and the preset it belongs to. */
static void put_note(struct table *t, const struct route *r)
{
    char *both = r->preset ? xasprintf("preset %s%s%s", r->preset, r->note ? ": " : "", r->note ? r->note : "") : NULL;
    table_put(t, both ? both : r->note);
    free(both);
}

static void print_routes(const struct route_set *set, bool all)
{
    static const struct table_column columns[] = {
        {.title = "ID", .right = true},      {.title = "ON"},       {.title = "FOR", .shrinks = true},
        {.title = "MODEL", .shrinks = true}, {.title = "PROVIDER"}, {.title = "PARAMS", .shrinks = true},
        {.title = "HOLDS", .shrinks = true}, {.title = "NOTE", .shrinks = true},
    };
    struct table t;
    size_t shown = 0;
    int64_t now_ms = clock_wall_ms();
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < set->count; i++) {
        const struct route *r = &set->routes[i];
        char id[24];
        if (!all && !route_is_on(r, now_ms))
            continue;
        snprintf(id, sizeof id, "%lld", (long long)r->id);
        char *words = scope_words(r->session_id, r->purpose, r->model_glob);
        table_put(&t, id);
        char *holds = limits_words(r, now_ms);
        table_put(&t, on_word(r, now_ms));
        table_put(&t, words);
        table_put(&t, r->set_model);
        table_put(&t, r->set_provider);
        table_put(&t, r->params_json);
        table_put(&t, holds);
        put_note(&t, r);
        free(holds);
        free(words);
        shown++;
    }
    if (shown)
        table_print(&t, true, out_columns());
    else
        puts("no routes: every call goes as it is sent");
    table_done(&t);
}

static void print_routes_json(const struct route_set *set, bool all)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < set->count; i++) {
        const struct route *r = &set->routes[i];
        if (!all && !route_is_on(r, clock_wall_ms()))
            continue;
        cJSON *j = cJSON_CreateObject();
        json_add_count(j, "id", r->id);
        cJSON_AddBoolToObject(j, "enabled", r->enabled);
        json_add_text(j, "session_id", r->session_id);
        json_add_text(j, "model_glob", r->model_glob);
        json_add_text(j, "purpose", r->purpose);
        json_add_text(j, "set_model", r->set_model);
        json_add_text(j, "set_provider", r->set_provider);
        json_add_text(j, "params_json", r->params_json);
        json_add_count(j, "created_at", r->created_at);
        json_add_text(j, "note", r->note);
        json_add_count(j, "max_calls", r->max_calls > 0 ? r->max_calls : -1);
        json_add_count(j, "calls_taken", r->calls_taken);
        json_add_count(j, "until_at", r->until_at > 0 ? r->until_at : -1);
        json_add_text(j, "preset", r->preset);
        cJSON_AddItemToArray(list, j);
    }
    out_json(list);
}

static int routes(struct cli *c, struct err *e)
{
    struct route_set set;
    bool all = args_has(&c->args, "all");
    struct db *db = db_open(c->settings.log_path, DB_READ, e);
    int r = db ? routes_load(db, &set, e) : -1;
    if (r == 0) {
        if (args_has(&c->args, "json"))
            print_routes_json(&set, all);
        else
            print_routes(&set, all);
        route_set_done(&set);
    }
    db_close(db);
    return r == 0 ? CLI_DONE : CLI_FAILED;
}

/* --- Editing ------------------------------------------------------------------- */

/* An option that is given replaces, an empty one takes out. */
static void take_text(const struct args *a, const char *name, char **slot)
{
    const char *value = args_get(a, name);
    if (value)
        xreplace(slot, *value ? value : NULL);
}

static int take_limits(const struct args *a, struct route *r, struct err *e)
{
    struct route_limits limits;
    bool was_over = route_is_over(r, clock_wall_ms());
    if (!limits_are_given(a))
        return 0;
    if (limits_take(a, &limits, e) != 0)
        return -1;
    if (limits.max_calls > 0 || args_has(a, "for-next")) {
        r->max_calls = limits.max_calls;
        r->calls_taken = 0;
    }
    if (limits.until_at > 0 || args_has(a, "until"))
        r->until_at = limits.until_at;
    if (was_over && !route_is_over(r, clock_wall_ms()))
        r->enabled = true;
    return 0;
}

static int take_settings(struct cli *c, struct db *db, struct route *r, struct err *e)
{
    const struct args *a = &c->args;
    const char *session = args_get(a, "session");
    take_text(a, "agent", &r->purpose);
    if (limits_glob(a))
        xreplace(&r->model_glob, *limits_glob(a) ? limits_glob(a) : NULL);
    take_text(a, "model", &r->set_model);
    take_text(a, "provider", &r->set_provider);
    take_text(a, "note", &r->note);
    if ((r->purpose && scope_check_purpose(r->purpose, e) != 0) ||
        (r->set_model && name_check("model", r->set_model, e) != 0) ||
        (r->set_provider && name_check("provider", r->set_provider, e) != 0) ||
        route_params_take(a, &r->params_json, e) != 0 || take_limits(a, r, e) != 0)
        return CLI_USAGE;
    if (args_has(a, "model") && r->set_model) {
        char *full = model_full_name(r->set_model);
        free(r->set_model);
        r->set_model = full;
    }
    if (session) {
        char *id = NULL;
        if (*session && session_resolve(db, session, &id, e) != 0)
            return CLI_FAILED;
        free(r->session_id);
        r->session_id = id;
    }
    if (!r->set_model && !r->set_provider && !r->params_json)
        return cli_usage(e, "a route needs something to set: --model, --provider, --cache, --params …");
    return CLI_DONE;
}

static int confirm(struct cli *c, struct db *db, const char *did, int64_t id, struct err *e)
{
    if (routes_tell_gateway(db, c->settings.log_path, e) != 0)
        return CLI_FAILED;
    printf("route %lld %s\n", (long long)id, did);
    return CLI_DONE;
}

static int add(struct cli *c, struct db *db, struct err *e)
{
    struct route r = {.enabled = true};
    int64_t id = 0;
    int status = take_settings(c, db, &r, e);
    if (status == CLI_DONE)
        status = routes_add(db, &r, &id, e) == 0 ? confirm(c, db, "added", id, e) : CLI_FAILED;
    route_done(&r);
    return status;
}

static int edit(struct cli *c, struct db *db, int64_t id, struct err *e)
{
    struct route_set set;
    struct route *r = NULL;
    if (routes_load(db, &set, e) != 0)
        return CLI_FAILED;
    for (size_t i = 0; i < set.count; i++) {
        if (set.routes[i].id == id)
            r = &set.routes[i];
    }
    int status = r ? take_settings(c, db, r, e) : CLI_FAILED;
    if (!r)
        err_set(e, "there is no route %lld; spantop routes --all lists them", (long long)id);
    else if (status == CLI_DONE)
        status = routes_update(db, r, e) == 0 ? confirm(c, db, "changed", id, e) : CLI_FAILED;
    route_set_done(&set);
    return status;
}

static int act_on(struct cli *c, struct db *db, const char *verb, int64_t id, struct err *e)
{
    if (strcmp(verb, "edit") == 0)
        return edit(c, db, id, e);
    if (strcmp(verb, "rm") == 0)
        return routes_delete(db, id, e) == 0 ? confirm(c, db, "removed", id, e) : CLI_FAILED;
    if (strcmp(verb, "raise") == 0) {
        int64_t new_id;
        if (routes_raise(db, id, &new_id, e) != 0)
            return CLI_FAILED;
        return confirm(c, db, "is now the newest", new_id, e);
    }
    bool on = strcmp(verb, "enable") == 0;
    return routes_enable(db, id, on, e) == 0 ? confirm(c, db, on ? "enabled" : "disabled", id, e) : CLI_FAILED;
}

static int check_verb(const struct args *a, struct err *e)
{
    static const char *const verbs[] = {"add", "edit", "enable", "disable", "raise", "rm"};
    const char *verb = a->words[0];
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verb, verbs[i]) != 0)
            continue;
        if (i == 0 && a->word_count > 1)
            return cli_usage(e, "\"%s\" is one word too many for spantop route add", a->words[1]);
        if (i > 0 && a->word_count < 2)
            return cli_usage(e, "spantop route %s needs the route's id; spantop routes lists them", verb);
        if (i >= 2 && a->option_count > 0 &&
            (args_has(a, "model") || args_has(a, "provider") || limits_are_given(a) || route_params_are_given(a)))
            return cli_usage(e, "spantop route %s changes no settings; spantop route edit does", verb);
        return CLI_DONE;
    }
    return cli_usage(e, "spantop route knows add, edit, enable, disable, raise and rm, not \"%s\"", verb);
}

static int route(struct cli *c, struct err *e)
{
    const struct args *a = &c->args;
    int64_t id = 0;
    int status = check_verb(a, e);
    if (status != CLI_DONE)
        return status;
    for (size_t i = 1; i < a->word_count; i++) {
        if (value_int("a route's id", a->words[i], 1, INT64_MAX, &id, e) != 0)
            return CLI_USAGE;
    }
    struct db *db = db_open(c->settings.log_path, DB_WRITE, e);
    if (!db)
        return CLI_FAILED;
    if (a->word_count == 1)
        status = add(c, db, e);
    for (size_t i = 1; i < a->word_count && status == CLI_DONE; i++) {
        if (value_int("a route's id", a->words[i], 1, INT64_MAX, &id, e) == 0)
            status = act_on(c, db, a->words[0], id, e);
    }
    db_close(db);
    return status;
}

const struct command command_routes = {
    .name = "routes",
    .summary = "all routes in force",
    .synopsis = "[--all] [--json]",
    .text = "For each setting the most specific route wins (session, agent, model, none),\n"
            "then the newest.",
    .example = "spantop routes",
    .options = routes_options,
    .run = routes,
};

const struct command command_route = {
    .name = "route",
    .summary = "add, edit, enable, disable or remove routes",
    .synopsis = "add [--session ID] [--agent WHO] [--for GLOB] SETTINGS\n"
                "edit ID SETTINGS | enable ID… | disable ID… | raise ID… | rm ID…",
    .text = PARAM_OPTIONS_TEXT,
    .example = "spantop route add --agent subagent --model claude-haiku-5-5 --for-next 10",
    .options = route_options,
    .min_words = 1,
    .max_words = 64,
    .words = (const char *const[]){"add", "edit", "enable", "disable", "raise", "rm", NULL},
    .run = route,
};
