/* A command of spantop, and what each of them gets.
 *
 * To add one: write src/cli/cmd_NAME.c with a `const struct command`, name it
 * at the end of this file and in the list of commands.c. */
#ifndef SPANTOP_CLI_COMMAND_H
#define SPANTOP_CLI_COMMAND_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "cli/args.h"
#include "cli/options.h"
#include "respan/catalog.h"

enum cli_status { CLI_DONE, CLI_FAILED, CLI_USAGE };

struct command;

/* What a command's own words are, where the catalog or the log knows them. */
enum words_are { WORDS_ARE_FREE, WORDS_ARE_CALLS, WORDS_ARE_MODELS, WORDS_ARE_PROVIDERS };

struct cli {
    const struct command *command;
    struct args args;
    struct settings settings;
    const char *program; /* argv[0] */
};

struct command {
    const char *name;
    const char *summary;  /* one line, for the list of commands */
    const char *synopsis; /* "[--json] [--last N]"; lines below each other */
    const char *text;     /* what --help says beyond that, or "" */
    const char *example;  /* lines that can be typed as they stand */
    const struct option_spec *options; /* its own; may be NULL */
    const char *const *words; /* what its first word may be, for completion; NULL: anything */
    enum words_are words_are; /* for completion, too */
    size_t min_words;
    size_t max_words;
    bool is_minor;        /* the list of commands only names it, so that it fits a screen */
    bool stops_at_word;   /* what follows its first word belongs to somebody else */
    bool loads_no_settings; /* runs with a config file that is broken, too; c->settings is empty */
    /* The exit status.  A sentence in e goes to stderr; with CLI_USAGE a hint follows. */
    int (*run)(struct cli *c, struct err *e);
};

/* NULL-terminated, in the order of --help. */
extern const struct command *const commands[];
extern const struct command command_dashboard; /* no command's name given */

const struct command *command_find(const char *name);
/* Fills e with "there is no command …" and the nearest one. */
void command_refuse(const char *name, struct err *e);
void command_print_help(const struct command *c);
void command_print_list(void);
void command_print_options(bool of_gateway);

/* The catalog with the user's own and Respan's prices; a damaged file is told
 * on stderr and left out.  Caller frees. */
struct catalog *cli_catalog(void);
/* Where the fetched and the user's own one lie (caller frees both). */
void cli_catalog_paths(char **cache, char **own);
/* The same without a word; the warning's text is "" when all was well. */
struct catalog *cli_catalog_quiet(struct err *warning);
/* "built in 2026-11-22, Respan's list of 2026-11-22 14:02, your own file"; caller frees. */
char *cli_catalog_sources(const struct catalog *c);
/* One cleaned line on stderr: "spantop: …". */
void cli_say(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* That so many calls were left out of a search, on stderr; nothing for 0. */
void cli_tell_unsearched(int64_t calls);
/* Fill e with a sentence about wrong usage; CLI_USAGE. */
int cli_usage(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Append "spantop WORDS" as the user would have to type it: the path this
 * program was called by, --log if it was given. */
void cli_command_line(const struct cli *c, const char *words, struct buf *out);

extern const struct command command_serve, command_stop, command_status, command_run, command_env, command_setup, command_doctor, command_model,
    command_provider, command_models, command_routes, command_route, command_preset, command_calls, command_show, command_stats, command_budget, command_report,
    command_reconcile, command_demo, command_sim, command_config, command_service, command_completion,
    command_export, command_replay, command_search, command_alarms;

#endif
