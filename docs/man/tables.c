/* The tables of commands, options and keys as Markdown, for the man pages: whatever
 * parses a command line, prints --help or dispatches a key is told there, too.
 *
 *   tables commands|options|settings|keys
 *
 * Linked with the program's own archives, at build time. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "ui/keys.h"

static void print_option(const struct option_spec *o, const char *what)
{
    printf("| `--%s%s%s` | %s", o->name, o->value ? " " : "", o->value ? o->value : "", what);
    if (o->fallback)
        printf(" (%s)", o->fallback);
    puts(" |");
}

static void print_code(const char *before, const char *lines)
{
    puts("```");
    while (*lines) {
        int len = (int)strcspn(lines, "\n");
        printf("%s%.*s\n", before, len, lines);
        lines += len + (lines[len] == '\n');
    }
    puts("```\n");
}

static void print_command(const struct command *c)
{
    char before[64];
    snprintf(before, sizeof before, "spantop%s%s ", *c->name ? " " : "", c->name);
    printf("### spantop%s%s\n\n%c%s.\n\n", *c->name ? " " : "", c->name, toupper((unsigned char)*c->summary),
           c->summary + 1);
    print_code(before, *c->synopsis ? c->synopsis : "[OPTIONS]");
    if (*c->text)
        printf("%s\n\n", c->text);
    if (c->options && c->options->name)
        puts("| option | |\n|---|---|");
    for (const struct option_spec *o = c->options; o && o->name; o++) {
        if (o->help)
            print_option(o, *o->help ? o->help : "see above");
    }
    puts("\nFor example:\n");
    print_code("", c->example);
}

static void print_commands(void)
{
    print_command(&command_dashboard);
    for (size_t i = 0; commands[i]; i++)
        print_command(commands[i]);
}

static void print_options(void)
{
    puts("| option | |\n|---|---|");
    for (const struct option_spec *o = common_options; o->name; o++)
        print_option(o, o->more ? o->more : *o->help ? o->help : "the version");
}

static void print_variable(const char *name)
{
    printf("SPANTOP_");
    for (; *name; name++)
        putchar(*name == '-' ? '_' : toupper((unsigned char)*name));
}

static void print_settings(void)
{
    for (const struct option_spec *o = common_options; o->name; o++) {
        if (!o->example)
            continue;
        printf("### %s\n\n%s\n\nDefault: %s. Variable: `", o->name, o->more, option_default(o));
        print_variable(o->name);
        printf("`.\n\n    %s = %s\n\n", o->name, o->example);
    }
}

static bool is_everywhere(const struct key_binding *k)
{
    const unsigned views = PLACE_LIVE | PLACE_CALLS | PLACE_SESSIONS | PLACE_CACHE | PLACE_SPEND;
    return (k->places & views) == views;
}

static void print_keys_of(const char *title, unsigned place, bool everywhere)
{
    const struct key_binding *k;
    printf("### %s\n\n| key | |\n|---|---|\n", title);
    for (size_t i = 0; (k = keys_at(place, i)); i++) {
        if (k->help && is_everywhere(k) == everywhere)
            printf("| `%s` | %s |\n", k->label, k->help);
    }
}

static void print_keys(void)
{
    static const struct {
        const char *title;
        unsigned place;
    } places[] = {
        {"Live and Calls", PLACE_LIVE},
        {"Sessions", PLACE_SESSIONS},
        {"Cache", PLACE_CACHE},
        {"Spend", PLACE_SPEND},
        {"A session's timeline", PLACE_TIMELINE},
        {"Inspect", PLACE_INSPECT},
        {"The routes", PLACE_ROUTES},
        {"The alarms", PLACE_ALARMS},
        {"Before the first call", PLACE_WELCOME},
    };
    print_keys_of("Everywhere", PLACE_LIVE, true);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        print_keys_of(places[i].title, places[i].place, false);
}

int main(int argc, char **argv)
{
    const char *what = argc == 2 ? argv[1] : "";
    if (strcmp(what, "commands") == 0)
        print_commands();
    else if (strcmp(what, "options") == 0)
        print_options();
    else if (strcmp(what, "settings") == 0)
        print_settings();
    else if (strcmp(what, "keys") == 0)
        print_keys();
    else
        return 2;
    return 0;
}
