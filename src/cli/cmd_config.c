/* spantop config: the config file checked, what is in force, and a file to begin with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/config_check.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/values.h"
#include "log/db.h"

static const struct option_spec options[] = {
    {"json", NULL, "show: as one JSON object"},
    {NULL, NULL, NULL},
};

/* --- check ------------------------------------------------------------------- */

/* A default file that is not there is no fault: all defaults are in force. */
static bool is_missing(const char *path, bool is_named)
{
    if (is_named || access(path, F_OK) == 0)
        return false;
    printf("there is no ");
    out_text(path, strlen(path));
    printf(", so the defaults hold; spantop config example > that file begins one\n");
    return true;
}

static int check_path(const char *path, struct err *e)
{
    struct config_check check;
    if (config_check_file(&check, path, e) != 0)
        return -1;
    size_t faults = check.faults;
    for (size_t i = 0; i < check.count; i++) {
        out_text(check.findings[i].text, strlen(check.findings[i].text));
        putchar('\n');
    }
    if (faults == 0) {
        out_text(path, strlen(path));
        printf(": %zu setting%s, no fault\n", check.settings, check.settings == 1 ? "" : "s");
    }
    config_check_done(&check);
    if (faults)
        return err_set(e, "%s has %zu fault%s; each is told above", path, faults, faults == 1 ? "" : "s");
    return 0;
}

static int check(const struct cli *c, struct err *e)
{
    bool is_named = c->args.word_count > 1;
    char *path = is_named ? path_absolute(c->args.words[1]) : sources_config_path(&c->args, &is_named);
    int r = is_missing(path, is_named) ? 0 : check_path(path, e);
    free(path);
    return r;
}

/* --- show -------------------------------------------------------------------- */

/* A setting in force. */
struct in_force {
    const char *name;
    char *value; /* as it would be written; NULL: none */
    enum source source;
    char where[160];
};

static void name_source(struct in_force *f, const struct found *found)
{
    f->source = found->source;
    snprintf(f->where, sizeof f->where, "%s", found->source == FROM_DEFAULT ? "default" : found->what);
    if (found->source == FROM_FILE) /* "FILE:LINE: name" */
        f->where[strlen(f->where) - strlen(f->name) - 2] = '\0';
}

/* What another variable than SPANTOP_… decides. */
static void apply_variable(struct in_force *f, const char *variable)
{
    const char *value = getenv(variable);
    if (f->source != FROM_DEFAULT || !value || !*value)
        return;
    f->source = FROM_ENVIRONMENT;
    snprintf(f->where, sizeof f->where, "%s", variable);
}

static char *written(const struct option_spec *o, const struct found *found, const struct settings *s)
{
    bool on = found->text && !*found->text; /* a flag on the command line */
    struct err ignored;
    if (strcmp(o->name, "upstream") == 0)
        return xstrdup(s->upstream);
    if (strcmp(o->name, "log") == 0)
        return xstrdup(s->log_path);
    if (strcmp(o->name, "key-file") == 0)
        return xstrdup(s->key_file);
    if (strcmp(o->name, "ca-file") == 0)
        return xstrdup(s->ca_file);
    if (strcmp(o->name, "redact") == 0 && s->redact)
        return xstrdup(s->redact[1] ? "several patterns" : "one pattern"); /* a pattern may be a secret itself */
    if (strcmp(o->name, "on-alarm") == 0)
        return xstrdup(s->on_alarm ? "a command" : option_default(o)); /* so may a webhook's address */
    if (o->value)
        return xstrdup(found->text ? found->text : option_default(o));
    if (!on && found->text && value_bool(o->name, found->text, &on, &ignored) != 0)
        return NULL;
    return xstrdup(on ? "yes" : "no");
}

static struct in_force look_up(const struct sources *from, const struct option_spec *o, const struct settings *s)
{
    struct in_force f = {.name = o->name};
    struct found found = sources_find(from, o->name);
    f.value = written(o, &found, s);
    name_source(&f, &found);
    if (strcmp(o->name, "upstream") == 0)
        apply_variable(&f, "RESPAN_BASE_URL");
    if (strcmp(o->name, "no-color") == 0 && !s->color && f.source == FROM_DEFAULT) {
        xreplace(&f.value, "yes");
        apply_variable(&f, "NO_COLOR");
    }
    if (strcmp(o->name, "no-unicode") == 0 && !s->unicode && f.source == FROM_DEFAULT) {
        xreplace(&f.value, "yes");
        f.source = FROM_ENVIRONMENT;
        snprintf(f.where, sizeof f.where, "locale");
    }
    return f;
}

/* Where the Respan key comes from; never the key. */
static const char *key_source(const struct settings *s)
{
    const char *variable = getenv("RESPAN_API_KEY");
    return variable && *variable ? "RESPAN_API_KEY" : s->key_file;
}

static void show_table(const struct sources *from, const struct settings *s)
{
    static const struct table_column columns[] = {
        {.title = "SETTING"},
        {.title = "VALUE", .shrinks = true, .min_width = 14},
        {.title = "FROM", .shrinks = true, .min_width = 14},
    };
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (const struct option_spec *o = common_options; o->name; o++) {
        if (!o->example)
            continue;
        struct in_force f = look_up(from, o, s);
        table_put(&t, f.name);
        table_put(&t, f.value);
        table_put(&t, f.where);
        free(f.value);
    }
    table_print(&t, true, out_columns());
    table_done(&t);
    const char *key = key_source(s);
    key = key ? key : "nowhere: clients have to bring their own";
    printf("The Respan key comes from ");
    out_text(key, strlen(key));
    putchar('\n');
}

static void show_json(const struct sources *from, const struct settings *s)
{
    static const char *const words[] = {
        [FROM_DEFAULT] = "default", [FROM_OPTION] = "option", [FROM_ENVIRONMENT] = "environment", [FROM_FILE] = "file"};
    cJSON *j = cJSON_CreateObject(), *list = cJSON_CreateArray();
    json_add_text(j, "file", from->config.path);
    for (const struct option_spec *o = common_options; o->name; o++) {
        if (!o->example)
            continue;
        struct in_force f = look_up(from, o, s);
        cJSON *item = cJSON_CreateObject();
        json_add_text(item, "name", f.name);
        json_add_text(item, "value", f.value);
        json_add_text(item, "source", words[f.source]);
        json_add_text(item, "where", f.where);
        cJSON_AddItemToArray(list, item);
        free(f.value);
    }
    cJSON_AddItemToObject(j, "settings", list);
    json_add_text(j, "key_from", key_source(s));
    out_json(j);
}

static int show(const struct cli *c, struct err *e)
{
    struct sources from;
    struct settings s = {0};
    int r = sources_open(&from, &c->args, e);
    if (r == 0)
        r = config_refuse(&from.config, e);
    if (r == 0)
        r = settings_from(&s, &from, e);
    if (r == 0 && args_has(&c->args, "json"))
        show_json(&from, &s);
    else if (r == 0)
        show_table(&from, &s);
    settings_done(&s);
    sources_done(&from);
    return r;
}

/* --- example ------------------------------------------------------------------ */

static void print_example(void)
{
    puts("# spantop.conf: what spantop's options would say, one NAME = VALUE a line.\n"
         "# Option and environment go first. spantop config check finds every fault.");
    for (const struct option_spec *o = common_options; o->name; o++) {
        if (o->example)
            printf("\n# %s\n# Default: %s\n#%s = %s\n", o->more, option_default(o), o->name, o->example);
    }
}

/* --- The command ---------------------------------------------------------------- */

static int config(struct cli *c, struct err *e)
{
    const char *verb = c->args.word_count ? c->args.words[0] : "show";
    bool is_check = strcmp(verb, "check") == 0;
    if (c->args.word_count > 1 && !is_check)
        return cli_usage(e, "\"%s\" is one word too many for spantop config %s", c->args.words[1], verb);
    if (is_check)
        return check(c, e);
    if (strcmp(verb, "show") == 0)
        return show(c, e);
    if (strcmp(verb, "example") != 0)
        return cli_usage(e, "spantop config knows check, show and example, not \"%s\"", verb);
    print_example();
    return CLI_DONE;
}

const struct command command_config = {
    .name = "config",
    .is_minor = true,
    .summary = "check the config file, show what is in force and why",
    .synopsis = "show [--json]\n"
                "check [FILE]\n"
                "example",
    .text = "The file is $XDG_CONFIG_HOME/spantop/spantop.conf or what --config names: lines\n"
            "of NAME = VALUE, named as the options are. check tells every fault with its\n"
            "line (status 1) and warns where others could get at the key. show tells each\n"
            "setting and where it comes from, never a key. example prints a file to edit.",
    .example = "spantop config check\nspantop config show --json",
    .options = options,
    .words = (const char *const[]){"show", "check", "example", NULL},
    .max_words = 2,
    .loads_no_settings = true,
    .run = config,
};
