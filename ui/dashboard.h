/* The dashboard: reads the log, writes routes, owns the terminal.
 * It includes nothing of the gateway; what it needs done it asks through hooks. */
#ifndef SPANTOP_UI_DASHBOARD_H
#define SPANTOP_UI_DASHBOARD_H

#include <stdbool.h>

#include "base/err.h"
#include "respan/catalog.h"

struct dashboard_options {
    const char *log_path;
    const char *upstream; /* for the head line */
    const char *listen;   /* where the gateway is, or should be */
    const struct catalog *catalog;
    bool is_demo;            /* says DEMO plainly, always visible */
    bool color;              /* false: --no-color or NO_COLOR */
    bool bell;               /* ring the terminal's at an alarm */
    bool unicode;            /* false: --no-unicode or a locale that cannot */
    const char *setup_lines; /* the lines to type in the other terminal (no secret in them) */
    const char *key_lines;   /* and here, where there is no Respan key */
    /* Start the gateway again after it died; NULL when that cannot be done. */
    int (*restart_gateway)(void *arg, struct err *e);
    /* Play the demo on this terminal until it is left; NULL when that cannot be done. */
    int (*play_demo)(void *arg, struct err *e);
    void *arg;
};

/* Full screen until the user leaves. */
NODISCARD int dashboard_run(const struct dashboard_options *o, struct err *e);
/* stdout is no terminal: one line a finished call, until the pipe closes or SIGINT. */
NODISCARD int dashboard_plain(const struct dashboard_options *o, struct err *e);

#endif
