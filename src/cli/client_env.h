/* What a client of the gateway (Claude Code) needs in its environment, and how
 * each shell says it. */
#ifndef SPANTOP_CLI_CLIENT_ENV_H
#define SPANTOP_CLI_CLIENT_ENV_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "cli/options.h"
#include "log/peer.h"

struct client_env {
    char base_url[128];          /* http://127.0.0.1:4777/api/anthropic/ */
    char token[LOCAL_TOKEN_MAX]; /* stands for the Respan key, for this gateway only */
};

/* For the log's running gateway, or for the one that --listen would start. */
NODISCARD int client_env_load(const struct settings *s, struct client_env *env, struct err *e);

enum shell { SHELL_POSIX, SHELL_FISH, SHELL_POWERSHELL };
NODISCARD int shell_parse(const char *name, enum shell *shell, struct err *e);
/* Append the line that sets name to value, quoted so that value is taken as it is. */
void shell_set(struct buf *out, enum shell shell, const char *name, const char *value);
/* Append the line that sets name from another variable, or from a file's text;
 * so that no key is ever printed. */
void shell_set_from_variable(struct buf *out, enum shell shell, const char *name, const char *variable);
void shell_set_from_file(struct buf *out, enum shell shell, const char *name, const char *path);

#endif
