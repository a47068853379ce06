/* A command line sorted into options and words.
 *
 * An option is known by a table, so the same table parses and prints itself in
 * --help.  Options may stand before or after the command's own words: --name
 * VALUE, --name=VALUE, -h for --help, -V for --version, -o for --output; "--" ends them.
 * Memory: a struct args borrows argv; args_done() frees only its own lists. */
#ifndef SPANTOP_CLI_ARGS_H
#define SPANTOP_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"

/* Tables end with a name of NULL.  An option that may stand in spantop.conf, too,
 * has an example; what is not said is NULL. */
struct option_spec {
    const char *name;     /* without dashes */
    const char *value;    /* what --help calls the value; NULL: a flag */
    const char *help;     /* "": told elsewhere, help has no room; NULL: nobody need know */
    const char *fallback; /* the default, as it would be written */
    const char *example;  /* a value as it would stand in the file */
    const char *more;     /* what spantop.conf(5) says of it, in sentences */
};

struct arg {
    const struct option_spec *spec;
    const char *value; /* "" for a flag */
};

struct args {
    struct arg *options;
    size_t option_count;
    char **words; /* NULL-terminated; the command's own words, without its name */
    size_t word_count;
    /* What parses here; set by args_parse, used to catch a misspelt look-up. */
    const struct option_spec *tables[2];
};

/* Where the command's name stands in argv, or 0 when there is none.  tables
 * (NULL-terminated) hold every option of every command: which one is meant is
 * not known yet, but whether a value follows is. */
int args_find_command(int argc, char **argv, const struct option_spec *const *tables);

/* Sort argv, leaving out argv[0] and argv[command_at] (when not 0).
 * stops_at_word: the first word after the command ends the options (for `run`). */
NODISCARD int args_parse(struct args *a, int argc, char **argv, int command_at, bool stops_at_word,
                         const struct option_spec *common, const struct option_spec *own, struct err *e);
void args_done(struct args *a);

/* The last value given, or NULL.  The name must be in a table. */
const char *args_get(const struct args *a, const char *name);
bool args_has(const struct args *a, const char *name);

/* The entry of a table, or NULL. */
const struct option_spec *option_find(const struct option_spec *table, const char *name, size_t len);

/* How many edits turn a into b: insert, delete, replace, swap neighbours. */
size_t words_distance(const char *a, const char *b);

#endif
