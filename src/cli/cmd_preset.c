/* spantop preset: named sets of routes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/scope.h"
#include "cli/table.h"
#include "log/presets.h"
#include "log/routes.h"

static const struct option_spec options[] = {
    {"json", NULL, "list: as a JSON array"},
    {NULL, NULL, NULL},
};

static void print_list(const struct preset_list *list)
{
    static const struct table_column columns[] = {
        {.title = "PRESET"}, {.title = "ROUTES", .right = true}, {.title = "IN USE"}};
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < list->count; i++) {
        char count[24];
        snprintf(count, sizeof count, "%lld", (long long)list->items[i].routes);
        table_put(&t, list->items[i].name);
        table_put(&t, count);
        table_put(&t, list->items[i].is_used ? "yes" : "no");
    }
    if (list->count)
        table_print(&t, true, out_columns());
    else
        puts("no presets; spantop preset save NAME keeps the routes that hold now");
    table_done(&t);
}

static void print_json(const struct preset_list *list)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < list->count; i++) {
        cJSON *j = cJSON_CreateObject();
        json_add_text(j, "name", list->items[i].name);
        json_add_count(j, "routes", list->items[i].routes);
        json_add_count(j, "saved_at", list->items[i].saved_at);
        cJSON_AddBoolToObject(j, "in_use", list->items[i].is_used);
        cJSON_AddItemToArray(array, j);
    }
    out_json(array);
}

static int list(struct cli *c, struct db *db, struct err *e)
{
    struct preset_list all;
    if (presets_load(db, &all, e) != 0)
        return -1;
    if (args_has(&c->args, "json"))
        print_json(&all);
    else
        print_list(&all);
    presets_done(&all);
    return 0;
}

static void say(const char *line)
{
    out_text(line, strlen(line));
    putchar('\n');
}

static int save(struct db *db, const char *name, struct err *e)
{
    int64_t count = 0;
    if (preset_save(db, name, &count, e) != 0)
        return -1;
    char *line = xasprintf("preset %s has %lld %s", name, (long long)count, count == 1 ? "route" : "routes");
    say(line);
    free(line);
    return 0;
}

static int use(struct cli *c, struct db *db, const char *name, struct err *e)
{
    if (preset_use(db, name, e) != 0 || routes_tell_gateway(db, c->settings.log_path, e) != 0)
        return -1;
    char *line = xasprintf("preset %s, from the next call on; spantop preset off ends it", name);
    say(line);
    free(line);
    return 0;
}

static int off(struct cli *c, struct db *db, struct err *e)
{
    int r = preset_off(db, e);
    if (r == 0)
        r = routes_tell_gateway(db, c->settings.log_path, e);
    if (r >= 0)
        puts(r == 1 ? "no preset is in use" : "preset off: the routes are as before it");
    return r < 0 ? -1 : 0;
}

static int rm(struct db *db, const char *name, struct err *e)
{
    char *used = preset_used(db);
    int r = preset_delete(db, name, e);
    if (r == 0)
        puts(used && strcmp(used, name) == 0 ? "preset removed; its routes hold until spantop preset off"
                                             : "preset removed");
    free(used);
    return r;
}

static int act(struct cli *c, struct db *db, struct err *e)
{
    const char *verb = c->args.words[0], *name = c->args.words[1];
    switch (verb[0]) {
    case 's':
        return save(db, name, e);
    case 'u':
        return use(c, db, name, e);
    case 'o':
        return off(c, db, e);
    case 'r':
        return rm(db, name, e);
    default:
        return list(c, db, e);
    }
}

static int check_words(const struct args *a, struct err *e)
{
    static const struct {
        const char *verb;
        bool has_name;
    } verbs[] = {{"save", true}, {"use", true}, {"off", false}, {"list", false}, {"rm", true}};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(a->words[0], verbs[i].verb) != 0)
            continue;
        if (verbs[i].has_name && a->word_count < 2)
            return cli_usage(e, "spantop preset %s needs a name", verbs[i].verb);
        if (!verbs[i].has_name && a->word_count > 1)
            return cli_usage(e, "\"%s\" is one word too many for spantop preset %s", a->words[1], verbs[i].verb);
        return CLI_DONE;
    }
    return cli_usage(e, "spantop preset knows save, use, off, list and rm, not \"%s\"", a->words[0]);
}

static int preset(struct cli *c, struct err *e)
{
    int status = check_words(&c->args, e);
    if (status != CLI_DONE)
        return status;
    bool is_reading = strcmp(c->args.words[0], "list") == 0;
    struct db *db = db_open(c->settings.log_path, is_reading ? DB_READ : DB_WRITE, e);
    if (!db)
        return CLI_FAILED;
    int r = act(c, db, e);
    db_close(db);
    return r == 0 ? CLI_DONE : CLI_FAILED;
}

const struct command command_preset = {
    .name = "preset",
    .summary = "named sets of routes: keep, use, leave",
    .synopsis = "save NAME | use NAME | off | list [--json] | rm NAME",
    .text = "save keeps the routes that hold now. use puts them in the place of all others,\n"
            "at once; off brings back what held before.",
    .example = "spantop preset save cheap\nspantop preset use cheap\nspantop preset off",
    .options = options,
    .min_words = 1,
    .max_words = 2,
    .words = (const char *const[]){"save", "use", "off", "list", "rm", NULL},
    .run = preset,
};
