/* spantop: find the command, gather its settings, run it, say what went wrong.
 *
 * Exit status: 0 done, 1 failed, 2 wrong usage; `run` gives its command's own. */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"

#define COMMANDS_MAX 64

static int tell(const struct cli *c, int status, const struct err *e)
{
    if (e->text[0])
        cli_say("%s", e->text);
    if (status == CLI_USAGE) {
        bool has_name = c->command && *c->command->name;
        fprintf(stderr, "Try: spantop %s%s--help\n", has_name ? c->command->name : "", has_name ? " " : "");
    }
    return status;
}

/* Every option of every command: enough to find where the command's name stands. */
static int find_command_word(int argc, char **argv)
{
    const struct option_spec *tables[COMMANDS_MAX + 2] = {common_options};
    size_t n = 1;
    for (size_t i = 0; commands[i] && n < COMMANDS_MAX; i++) {
        if (commands[i]->options)
            tables[n++] = commands[i]->options;
    }
    return args_find_command(argc, argv, tables);
}

static int check_words(const struct cli *c, struct err *e)
{
    const struct command *command = c->command;
    if (c->args.word_count > command->max_words)
        return cli_usage(e, "\"%s\" is one word too many for spantop %s", c->args.words[command->max_words],
                         command->name);
    if (c->args.word_count < command->min_words)
        return cli_usage(e, "spantop %s needs %s: spantop %s %s", command->name,
                         command->min_words == 1 ? "a word more" : "more words", command->name, command->synopsis);
    return CLI_DONE;
}

static int run_command(struct cli *c, struct err *e)
{
    int status = check_words(c, e);
    if (status != CLI_DONE)
        return status;
    if (!c->command->loads_no_settings && settings_load(&c->settings, &c->args, e) != 0)
        return CLI_USAGE;
    text_set_ascii(!c->settings.unicode && !c->command->loads_no_settings);
    status = c->command->run(c, e);
    return status < 0 ? CLI_FAILED : status;
}

/* spantop help [COMMAND|options|gateway] */
static int print_help_for(const char *topic, struct err *e)
{
    if (!topic) {
        command_print_list();
    } else if (strcmp(topic, "options") == 0) {
        command_print_options(false);
    } else if (strcmp(topic, "gateway") == 0) {
        command_print_options(true);
    } else {
        const struct command *command = command_find(topic);
        if (!command) {
            command_refuse(topic, e);
            return CLI_USAGE;
        }
        command_print_help(command);
    }
    return CLI_DONE;
}

static int dispatch(struct cli *c, int argc, char **argv, struct err *e)
{
    int at = find_command_word(argc, argv);
    if (at && strcmp(argv[at], "help") == 0)
        return print_help_for(at + 1 < argc ? argv[at + 1] : NULL, e);
    c->command = at ? command_find(argv[at]) : &command_dashboard;
    if (!c->command) {
        command_refuse(argv[at], e);
        return CLI_USAGE;
    }
    if (args_parse(&c->args, argc, argv, at, c->command->stops_at_word, common_options, c->command->options, e) != 0)
        return CLI_USAGE;
    if (args_has(&c->args, "version")) {
        printf("spantop %s\n", SPANTOP_VERSION);
        return CLI_DONE;
    }
    if (args_has(&c->args, "help")) {
        if (at)
            command_print_help(c->command);
        else
            command_print_list();
        return CLI_DONE;
    }
    return run_command(c, e);
}

/* The next file or socket would take the number of a standard one that is closed,
 * and a message end up in it.  Read-only, so that writing fails as it did. */
static void fill_standard_files(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    struct cli c = {.program = argc > 0 ? argv[0] : "spantop"};
    struct err e = {""};
    fill_standard_files();
    setlocale(LC_ALL, "");
    setlocale(LC_NUMERIC, "C"); /* figures in JSON and in prices have a point everywhere */
    signal(SIGPIPE, SIG_IGN);   /* a pipe that closed is seen by its write */
    int status = tell(&c, dispatch(&c, argc, argv, &e), &e);
    settings_done(&c.settings);
    args_done(&c.args);
    return out_finish(status);
}
