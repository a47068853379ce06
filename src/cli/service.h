/* The gateway as a service of its user, which starts with the session and again
 * after a crash: systemd's user manager or macOS's launchd.
 *
 * A manager is a table of functions.  Each file begins with SERVICE_MARK, so that
 * nobody's own file is overwritten or deleted.
 * Memory: paths are the caller's to free. */
#ifndef SPANTOP_CLI_SERVICE_H
#define SPANTOP_CLI_SERVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "cli/options.h"

#define SERVICE_MARK "Written by spantop service install; spantop service remove takes it away."

/* What the service runs, and with which variables ("NAME=value"); both NULL-terminated. */
struct service_spec {
    char **argv;
    char **variables;
};

/* program serve, the options that were given, the variables that are set here and
 * steer it.  Never RESPAN_API_KEY: a service's file is no place for a key. */
void service_spec_fill(struct service_spec *spec, const char *program, const struct args *args);
void service_spec_done(struct service_spec *spec);

struct service_state {
    bool is_installed; /* the file is there */
    bool is_enabled;   /* starts with the session */
    bool is_running;
};

struct service_manager {
    const char *name; /* "systemd" */
    const char *tool; /* what steers it: "systemctl" */
    const char *logs; /* where the gateway's messages are read */
    char *(*path)(void);
    void (*put_text)(const struct service_spec *spec, struct buf *out);
    /* The file has been written; (re)start, now and with each session. */
    int (*start)(const char *path, struct err *e);
    /* Stop for now and ever; the file is still there. */
    int (*stop)(const char *path, struct err *e);
    void (*forget)(const char *path); /* after the file was deleted */
    void (*ask)(const char *path, struct service_state *state);
    /* Does its environment, not ours, hold RESPAN_API_KEY?  -1: it cannot be asked. */
    int (*has_key)(struct err *e);
};

extern const struct service_manager service_systemd, service_launchd;

/* The one this machine has; NULL and e when there is none. */
const struct service_manager *service_manager_find(struct err *e);

/* Run its tool; -1 with the first line it said when it fails. */
NODISCARD int service_tool(const char *const argv[], struct err *e);

#endif
