/* Starting, finding and ending the gateway from a command.
 *
 * The gateway is `spantop serve`, started by fork and exec in a session of its
 * own, so that neither the terminal nor the dashboard's end reaches it.  It says
 * over a pipe when it listens, or why it does not. */
#ifndef SPANTOP_CLI_START_H
#define SPANTOP_CLI_START_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "cli/command.h"
#include "log/peer.h"

/* What the child of a demo needs otherwise. */
struct start_options {
    const struct settings *settings;
    const char *program;       /* argv[0], for where /proc does not tell */
    const char *demo_upstream; /* NULL: no demo.  Else the child ends with its parent and
                                  knows nothing of the user's key, proxy or config */
};

struct started {
    struct peer peer;
    bool is_ours; /* started by this process just now */
    pid_t pid;    /* of the child if is_ours */
    int use_fd;   /* tells other commands that we use it; closed when we end */
};

/* Attach to the log's gateway or start one; 0 and *s once it listens.  May be
 * called again with the same *s after the gateway died. */
NODISCARD int gateway_start(const struct start_options *o, struct started *s, struct err *e);

/* Does any other command use this gateway, too? */
bool gateway_is_shared(const struct started *s);

/* Is p's process really this log's gateway?  Compares the token with the health page. */
NODISCARD int gateway_verify(const struct peer *p, struct peer_health *h, struct err *e);

/* SIGTERM (or SIGINT if now) and wait until it let go of the log.  *last is what
 * health said before; progress (may be NULL) is called once if calls are in flight. */
NODISCARD int gateway_stop(const char *log_path, const struct peer *p, bool now, void (*progress)(int64_t in_flight),
                           struct err *e);

/* Wait until the running gateway (if any) has read routes_version or later:
 * 0 it has, 1 no gateway runs, -1 it has not within a second. */
NODISCARD int gateway_await_routes(const char *log_path, int64_t version, struct err *e);

/* Where calls go: what the running gateway uses counts, unless the user asks for
 * another.  Caller frees. */
char *gateway_upstream(const struct settings *s);
/* Respan's API beside it, or NULL.  Caller frees. */
char *gateway_api_base(const struct settings *s);

#endif
