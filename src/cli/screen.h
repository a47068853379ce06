/* The dashboard as a command opens it: full screen on a terminal, plain lines
 * elsewhere, with a way to start the gateway again. */
#ifndef SPANTOP_CLI_SCREEN_H
#define SPANTOP_CLI_SCREEN_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "cli/start.h"
#include "respan/catalog.h"

struct screen {
    struct start_options start; /* how the gateway was started, and would be again */
    struct started gateway;
    char address[64]; /* where it listened first; set by screen_run */
};

/* What to type, told before the first call came: each line ends with a newline, but the last. */
struct screen_lines {
    const char *setup; /* in the other terminal */
    const char *key;   /* here, where there is no Respan key; NULL: none is needed */
};

/* Until the user leaves. */
NODISCARD int screen_run(struct screen *s, const struct catalog *catalog, const struct screen_lines *lines, bool is_demo,
                         struct err *e);

#endif
