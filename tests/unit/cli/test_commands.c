/* The table of commands and its help. */
#include "tests/unit/test.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"

#define SCREEN_ROWS    24
#define SCREEN_COLUMNS 80

/* What print says.  Caller frees. */
static char *printed(void (*print)(const struct command *), const struct command *c)
{
    char *text = NULL;
    size_t len = 0;
    FILE *screen = stdout, *memory = open_memstream(&text, &len);
    assert_non_null(memory);
    stdout = memory;
    print(c);
    fclose(memory);
    stdout = screen;
    return text;
}

static void expect_fits(const char *name, char *text)
{
    int rows = 0;
    for (const char *at = text; *at; rows++) {
        size_t len = strcspn(at, "\n");
        if (text_width(at, len) > SCREEN_COLUMNS)
            fail_msg("help of %s: wider than %d columns: %.*s", name, SCREEN_COLUMNS, (int)len, at);
        at += len + (at[len] == '\n');
    }
    if (rows > SCREEN_ROWS)
        fail_msg("help of %s has %d lines, more than a screen of %d", name, rows, SCREEN_ROWS);
    if (!strstr(text, "Example"))
        fail_msg("help of %s shows no example", name);
    free(text);
}

static void print_list(const struct command *unused)
{
    (void)unused;
    command_print_list();
}

static void print_options(const struct command *unused)
{
    (void)unused;
    command_print_options(false);
}

static void print_gateway_options(const struct command *unused)
{
    (void)unused;
    command_print_options(true);
}

static void test_every_help_fits_a_screen_and_shows_an_example(void **state)
{
    (void)state;
    setlocale(LC_ALL, "C.UTF-8");
    expect_fits("spantop", printed(print_list, NULL));
    expect_fits("options", printed(print_options, NULL));
    expect_fits("gateway", printed(print_gateway_options, NULL));
    expect_fits("dashboard", printed(command_print_help, &command_dashboard));
    for (size_t i = 0; commands[i]; i++)
        expect_fits(commands[i]->name, printed(command_print_help, commands[i]));
}

static void test_every_example_names_its_command(void **state)
{
    (void)state;
    for (size_t i = 0; commands[i]; i++) {
        char word[64];
        snprintf(word, sizeof word, "spantop %s", commands[i]->name);
        if (!strstr(commands[i]->example, word))
            fail_msg("the example of %s does not show \"%s\"", commands[i]->name, word);
    }
}

/* The command's name is looked for before it is known whose options they are:
 * so an option must be a flag everywhere, or nowhere. */
static void test_an_option_is_a_flag_everywhere_or_nowhere(void **state)
{
    (void)state;
    for (size_t i = 0; commands[i]; i++) {
        for (const struct option_spec *o = commands[i]->options; o && o->name; o++) {
            size_t len = strlen(o->name);
            assert_null(option_find(common_options, o->name, len));
            for (size_t j = 0; commands[j]; j++) {
                const struct option_spec *other = option_find(commands[j]->options, o->name, len);
                if (other && !other->value != !o->value)
                    fail_msg("--%s takes a value in %s only", o->name, commands[o->value ? i : j]->name);
            }
        }
    }
}

static void test_near_misses_get_a_suggestion(void **state)
{
    (void)state;
    static const struct {
        const char *word, *meant; /* NULL: no suggestion */
    } table[] = {
        {"modle", "model"}, {"statu", "status"}, {"clals", "calls"}, {"stpo", "stop"}, {"demos", "demo"},
        {"sho", "show"}, {"provder", "provider"}, {"xyz", NULL}, {"x", NULL}, {"configure", NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err e = {""};
        char want[64];
        command_refuse(table[i].word, &e);
        snprintf(want, sizeof want, "did you mean %s?", table[i].meant ? table[i].meant : "");
        if (table[i].meant ? !strstr(e.text, want) : strstr(e.text, "did you mean") != NULL)
            fail_msg("\"%s\": %s", table[i].word, e.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_help_fits_a_screen_and_shows_an_example),
        cmocka_unit_test(test_every_example_names_its_command),
        cmocka_unit_test(test_an_option_is_a_flag_everywhere_or_nowhere),
        cmocka_unit_test(test_near_misses_get_a_suggestion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
