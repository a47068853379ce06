/* Where the value of a setting comes from: option, environment, config file, in
 * that order; the default is left to who asks.
 *
 * The config file is the one named by --config or SPANTOP_CONFIG, else
 * $XDG_CONFIG_HOME/spantop/spantop.conf (~/.config), which may be missing.
 * Memory: a struct sources borrows args and owns what it read; found texts
 * belong to either, or to the environment. */
#ifndef SPANTOP_CLI_SOURCES_H
#define SPANTOP_CLI_SOURCES_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "cli/args.h"
#include "cli/config.h"

enum source { FROM_DEFAULT, FROM_OPTION, FROM_ENVIRONMENT, FROM_FILE };

struct sources {
    const struct args *args;
    struct config config;
    bool ignores_environment; /* to judge what the file says, and nothing else */
};

struct found {
    const char *text; /* NULL: nobody says */
    enum source source;
    char what[160]; /* who says: "--listen", "SPANTOP_LISTEN", "/etc/spantop.conf:3: listen" */
};

/* -1 when a file that must be there cannot be read; its faults are in config. */
NODISCARD int sources_open(struct sources *from, const struct args *args, struct err *e);
void sources_done(struct sources *from);

struct found sources_find(const struct sources *from, const char *name);
/* A variable that is no SPANTOP_…; NULL when it is empty. */
const char *sources_variable(const struct sources *from, const char *variable);

/* The file that would be read.  Caller frees; *is_named: it must be there. */
char *sources_config_path(const struct args *args, bool *is_named);
/* Relative to the folder we are in; caller frees. */
char *path_absolute(const char *path);

#endif
