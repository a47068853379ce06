/* The config file: lines of `name = value`, named as the options are.
 *
 * Reading it does not stop at a fault: each one is kept with its line, so that
 * `spantop config check` can tell all of them and other commands the first.
 * Memory: owns its strings; config_done() frees them. */
#ifndef SPANTOP_CLI_CONFIG_H
#define SPANTOP_CLI_CONFIG_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"

/* An entry stays a pair of strings until the setting is asked for. */
struct config_entry {
    char *name;
    char *value;
    unsigned line;
};

struct config_fault {
    unsigned line;
    char *text; /* a sentence with path and line */
};

struct config {
    char *path; /* NULL: no file was read */
    struct config_entry *entries;
    size_t count;
    struct config_fault *faults;
    size_t fault_count;
};

/* -1 when the file cannot be read at all; faults in it are no failure here. */
NODISCARD int config_read(struct config *c, const char *path, struct err *e);
void config_done(struct config *c);
/* -1 with the first fault if there is any; the check tells them all. */
NODISCARD int config_refuse(const struct config *c, struct err *e);
/* The first entry of that name counts; NULL: none. */
const struct config_entry *config_find(const struct config *c, const char *name);

/* s without white space around it; writes into s. */
char *config_trim(char *s);

#endif
