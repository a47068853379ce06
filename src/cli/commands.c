#include "cli/command.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/output.h"
#include "cli/values.h"

#define HELP_COLUMNS 80
#define HELP_HEAD    25 /* the option, before what it does */

const struct command *const commands[] = {
    &command_serve,
    &command_stop,
    &command_status,
    &command_run,
    &command_env,
    &command_setup,
    &command_doctor,
    &command_model,
    &command_provider,
    &command_models,
    &command_routes,
    &command_route,
    &command_preset,
    &command_calls,
    &command_show,
    &command_search,
    &command_stats,
    &command_budget,
    &command_reconcile,
    &command_demo,
    &command_report,
    &command_export,
    &command_replay,
    &command_alarms,
    &command_sim,
    &command_config,
    &command_service,
    &command_completion,
    NULL,
};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; commands[i]; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

void command_refuse(const char *name, struct err *e)
{
    const struct command *near = NULL;
    size_t best = SIZE_MAX;
    size_t len = strlen(name);
    for (size_t i = 0; commands[i]; i++) {
        size_t distance = words_distance(name, commands[i]->name);
        /* A beginning is as good as one slip: "stat" means status or stats. */
        if (len >= 2 && strncmp(name, commands[i]->name, len) == 0)
            distance = 1;
        if (distance < best) {
            best = distance;
            near = commands[i];
        }
    }
    size_t allowed = len <= 4 ? 1 : 2;
    if (near && best <= allowed)
        err_set(e, "there is no command \"%s\"; did you mean %s?", name, near->name);
    else
        err_set(e, "there is no command \"%s\"", name);
}

/* --- Help ------------------------------------------------------------------ */

static void print_option(const struct option_spec *s, const char *help)
{
    char head[64];
    snprintf(head, sizeof head, "--%s%s%s", s->name, s->value ? " " : "", s->value ? s->value : "");
    printf("  %-22s %s", head, help);
    bool fits = s->fallback && HELP_HEAD + strlen(help) + strlen(s->fallback) + 3 <= HELP_COLUMNS;
    if (fits) /* what does not stands in spantop.conf(5) */
        printf(" (%s)", s->fallback);
    putchar('\n');
}

static void print_lines(const char *before, const char *lines)
{
    const char *pad = before;
    while (*lines) {
        int len = (int)strcspn(lines, "\n");
        printf("%s%.*s\n", pad, len, lines);
        lines += len + (lines[len] == '\n');
    }
}

void command_print_help(const struct command *c)
{
    printf("spantop%s%s: %s\n\n", *c->name ? " " : "", c->name, c->summary);
    char usage[64];
    snprintf(usage, sizeof usage, "  spantop%s%s ", *c->name ? " " : "", c->name);
    print_lines(usage, *c->synopsis ? c->synopsis : "[OPTIONS]");
    if (*c->text) {
        putchar('\n');
        print_lines("", c->text);
    }
    if (c->options && c->options[0].name) {
        putchar('\n');
        for (const struct option_spec *s = c->options; s->name; s++) {
            if (s->help && *s->help)
                print_option(s, s->help);
        }
    }
    printf("\nExample:\n");
    print_lines("  ", c->example);
    printf("Common options: spantop help options\n");
}

void command_print_list(void)
{
    printf("spantop: a terminal monitoring gateway for Claude Code\n"
           "  spantop %-9s start the gateway or use the running one; the dashboard\n",
           "");
    for (size_t i = 0; commands[i]; i++)
        if (!commands[i]->is_minor)
            printf("  spantop %-9s %s\n", commands[i]->name, commands[i]->summary);
    printf("and");
    for (size_t i = 0; commands[i]; i++)
        if (commands[i]->is_minor)
            printf(" %s", commands[i]->name);
    putchar('\n');
    printf("More: spantop COMMAND --help, spantop help options. Example: spantop run claude\n");
}

/* Those that only the gateway heeds are a page of their own. */
void command_print_options(bool of_gateway)
{
    static const char mark[] = "gateway: ";
    printf(of_gateway ? "Options of the gateway (serve, and what starts it):\n"
                      : "Options of every command, before or after its own words:\n");
    for (const struct option_spec *s = common_options; s->name; s++) {
        bool is_marked = s->help && strncmp(s->help, mark, strlen(mark)) == 0;
        if (s->help && *s->help && is_marked == of_gateway)
            print_option(s, s->help + (is_marked ? strlen(mark) : 0));
    }
    if (!of_gateway)
        printf("What the gateway keeps, bounds and waits for: spantop help gateway\n");
    printf("Order: option, environment (SPANTOP_KEY_FILE), config (key-file = …), default.\n"
           "Example: spantop serve --listen 127.0.0.1:5000 --log /tmp/try.db\n");
}

/* --- What commands share ----------------------------------------------------- */

void cli_catalog_paths(char **cache, char **own)
{
    char *cache_dir = file_xdg("CACHE"), *config_dir = file_xdg("CONFIG");
    *cache = file_join(cache_dir, "models.json");
    *own = file_join(config_dir, "catalog.json");
    free(cache_dir);
    free(config_dir);
}

struct catalog *cli_catalog_quiet(struct err *warning)
{
    char *cache, *own;
    cli_catalog_paths(&cache, &own);
    struct catalog *c = catalog_load(cache, own, warning);
    free(cache);
    free(own);
    return c;
}

struct catalog *cli_catalog(void)
{
    struct err warning = {""};
    struct catalog *c = cli_catalog_quiet(&warning);
    if (warning.text[0])
        cli_say("%s", warning.text);
    return c;
}

char *cli_catalog_sources(const struct catalog *c)
{
    struct buf out;
    struct stat st;
    char *cache, *own, at[OUT_TIME_MAX];
    cli_catalog_paths(&cache, &own);
    buf_init(&out);
    buf_printf(&out, "built in %s", catalog_date(c));
    if (stat(cache, &st) == 0) {
        out_time(at, (int64_t)st.st_mtime * 1000, true);
        buf_printf(&out, ", Respan's list of %s", at);
    }
    if (access(own, F_OK) == 0)
        buf_printf(&out, ", your own %s", own);
    free(cache);
    free(own);
    return buf_take(&out, NULL);
}

void cli_say(const char *fmt, ...)
{
    struct buf raw, clean;
    va_list args;
    buf_init(&raw);
    buf_init(&clean);
    va_start(args, fmt);
    buf_vprintf(&raw, fmt, args);
    va_end(args);
    text_clean(&clean, raw.data, raw.len, false, false);
    fflush(stdout); /* so that the two come in order where both go to one place */
    fprintf(stderr, "spantop: %s\n", clean.data);
    buf_done(&raw);
    buf_done(&clean);
}

void cli_tell_unsearched(int64_t calls)
{
    if (calls > 0)
        cli_say("%lld %s not in the search index yet and not searched; a gateway that runs without --no-search puts them in, "
                "or `spantop doctor --rebuild` at once",
                (long long)calls, calls == 1 ? "call is" : "calls are");
}

int cli_usage(struct err *e, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, args);
    va_end(args);
    return CLI_USAGE;
}

void cli_command_line(const struct cli *c, const char *words, struct buf *out)
{
    const char *log = args_get(&c->args, "log");
    char *here = strchr(c->program, '/') ? realpath(c->program, NULL) : NULL;
    shell_word(out, here ? here : "spantop");
    free(here);
    if (log) {
        buf_puts(out, " --log ");
        shell_word(out, c->settings.log_path);
    }
    if (*words)
        buf_printf(out, " %s", words);
}
