/* What is wrong with a config file: every line's fault, and what lets others at
 * the key.  Nothing but the file counts: no option, no environment.
 * Memory: owns its findings; config_check_done() frees them. */
#ifndef SPANTOP_CLI_CONFIG_CHECK_H
#define SPANTOP_CLI_CONFIG_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"

struct config_finding {
    unsigned line;   /* 0: the file itself */
    bool is_warning; /* spantop would start all the same */
    char *text;      /* a sentence, path and line in front */
};

struct config_check {
    struct config_finding *findings; /* by line */
    size_t count;
    size_t faults;
    size_t settings; /* that the file makes */
};

/* -1 when the file cannot be read. */
NODISCARD int config_check_file(struct config_check *check, const char *path, struct err *e);
void config_check_done(struct config_check *check);

#endif
