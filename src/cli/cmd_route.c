/* spantop routes and spantop route …: the rows of `routes`, as a table and by hand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/scope.h"
#include "cli/start.h"
#include "cli/table.h"
#include "cli/values.h"
#include "log/routes.h"
#include "respan/params.h"

static const struct option_spec route_options[] = {
    {"session", "ID", "only this session: id, its beginning, or title"},
    {"agent", "WHO", "only main, subagent or side calls"},
    {"for", "GLOB", "only calls that ask for such a model"},
    {"model", "M", "send this model instead"},
    {"provider", "P", "pin this provider"},
    {"fallback", "A,B", "models Respan tries next"},
    {"cache", "off|on|TTL", "Respan's response cache; a TTL such as 1h"},
    {"params", "JSON", "other Respan parameters, an object"},
    {"note", "TEXT", "a word to yourself"},
    {NULL, NULL, NULL},
};

static const struct option_spec routes_options[] = {
    {"json", NULL, "as a JSON array"},
    {"all", NULL, "disabled ones, too"},
    {NULL, NULL, NULL},
};

/* --- Listing ----------------------------------------------------------------- */

static void print_routes(const struct route_set *set, bool all)
{
    static const struct table_column columns[] = {
        {.title = "ID", .right = true},      {.title = "ON"},       {.title = "FOR", .shrinks = true},
        {.title = "MODEL", .shrinks = true}, {.title = "PROVIDER"}, {.title = "PARAMS", .shrinks = true},
        {.title = "NOTE", .shrinks = true},
    };
    struct table t;
    size_t shown = 0;
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < set->count; i++) {
        const struct route *r = &set->routes[i];
        char id[24];
        if (!all && !r->enabled)
            continue;
        snprintf(id, sizeof id, "%lld", (long long)r->id);
        char *words = scope_words(r->session_id, r->purpose, r->model_glob);
        table_put(&t, id);
        table_put(&t, r->enabled ? "yes" : "no");
        table_put(&t, words);
        table_put(&t, r->set_model);
        table_put(&t, r->set_provider);
        table_put(&t, r->params_json);
        table_put(&t, r->note);
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
        if (!all && !r->enabled)
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

/* "a,b" → ["a","b"] */
static int fallback_json(const char *list, struct buf *out, struct err *e)
{
    buf_puts(out, "{\"fallback_models\":[");
    for (const char *at = list, *first = list; *at; at += *at == ',') {
        size_t len = strcspn(at, ",");
        char *name = xstrndup(at, len);
        int r = name_check("model", name, e);
        if (at != first)
            buf_putc(out, ',');
        json_quote(out, name, len);
        free(name);
        if (r != 0)
            return -1;
        at += len;
    }
    buf_puts(out, "]}");
    return 0;
}

/* Merge json (taken) over *params. */
static int merge_params(char **params, char *json, struct err *e)
{
    char *merged = json ? params_merge(*params, json, e) : NULL;
    free(json);
    if (!merged)
        return -1;
    free(*params);
    *params = merged;
    return 0;
}

static int take_params(const struct args *a, struct route *r, struct err *e)
{
    const char *fallback = args_get(a, "fallback"), *cache = args_get(a, "cache"), *params = args_get(a, "params");
    if (fallback && *fallback) {
        struct buf json;
        buf_init(&json);
        int bad =
            fallback_json(fallback, &json, e) != 0 || merge_params(&r->params_json, buf_take(&json, NULL), e) != 0;
        buf_done(&json);
        if (bad)
            return -1;
    }
    if (cache && merge_params(&r->params_json, params_from_cache_word(cache, e), e) != 0)
        return -1;
    if (params && !*params)
        xreplace(&r->params_json, NULL);
    else if (params && merge_params(&r->params_json, xstrdup(params), e) != 0)
        return err_prefix(e, "--params");
    return r->params_json ? params_check(r->params_json, e) : 0;
}

/* An option that is given replaces, an empty one takes out. */
static void take_text(const struct args *a, const char *name, char **slot)
{
    const char *value = args_get(a, name);
    if (value)
        xreplace(slot, *value ? value : NULL);
}

static int take_settings(struct cli *c, struct db *db, struct route *r, struct err *e)
{
    const struct args *a = &c->args;
    const char *session = args_get(a, "session");
    take_text(a, "agent", &r->purpose);
    take_text(a, "for", &r->model_glob);
    take_text(a, "model", &r->set_model);
    take_text(a, "provider", &r->set_provider);
    take_text(a, "note", &r->note);
    if ((r->purpose && scope_check_purpose(r->purpose, e) != 0) ||
        (r->set_model && name_check("model", r->set_model, e) != 0) ||
        (r->set_provider && name_check("provider", r->set_provider, e) != 0) || take_params(a, r, e) != 0)
        return CLI_USAGE;
    if (session) {
        char *id = NULL;
        if (*session && session_resolve(db, session, &id, e) != 0)
            return CLI_FAILED;
        free(r->session_id);
        r->session_id = id;
    }
    if (!r->set_model && !r->set_provider && !r->params_json)
        return cli_usage(e, "a route needs something to set: --model, --provider, --fallback, --cache or --params");
    return CLI_DONE;
}

static int confirm(struct cli *c, struct db *db, const char *did, int64_t id, struct err *e)
{
    int64_t version;
    if (routes_version(db, &version, e) != 0)
        return CLI_FAILED;
    int r = gateway_await_routes(c->settings.log_path, version, e);
    if (r < 0)
        return CLI_FAILED;
    if (r == 1)
        cli_say("no gateway runs for this log; it holds once one does");
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
    bool on = strcmp(verb, "enable") == 0;
    return routes_enable(db, id, on, e) == 0 ? confirm(c, db, on ? "enabled" : "disabled", id, e) : CLI_FAILED;
}

static int check_verb(const struct args *a, struct err *e)
{
    static const char *const verbs[] = {"add", "edit", "enable", "disable", "rm"};
    const char *verb = a->words[0];
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verb, verbs[i]) != 0)
            continue;
        if (i == 0 && a->word_count > 1)
            return cli_usage(e, "\"%s\" is one word too many for spantop route add", a->words[1]);
        if (i > 0 && a->word_count < 2)
            return cli_usage(e, "spantop route %s needs the route's id; spantop routes lists them", verb);
        if (i >= 2 && a->option_count > 0 && (args_has(a, "model") || args_has(a, "provider") || args_has(a, "params")))
            return cli_usage(e, "spantop route %s changes no settings; spantop route edit does", verb);
        return CLI_DONE;
    }
    return cli_usage(e, "spantop route knows add, edit, enable, disable and rm, not \"%s\"", verb);
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
                "edit ID SETTINGS | enable ID… | disable ID… | rm ID…",
    .text = "",
    .example = "spantop route add --agent subagent --model claude-haiku-5-5\nspantop route rm 3",
    .options = route_options,
    .min_words = 1,
    .max_words = 64,
    .run = route,
};
