/* --session, --agent and --for: for whom a switch or a route holds. */
#ifndef SPANTOP_CLI_SCOPE_H
#define SPANTOP_CLI_SCOPE_H

#include "base/attr.h"
#include "base/err.h"
#include "cli/args.h"
#include "log/db.h"
#include "log/routes.h"

/* The full id of a session named by id, a prefix of it, or its title; a name the
 * log does not know is taken as an id that is yet to come, and said so on stderr.
 * Caller frees. */
NODISCARD int session_resolve(struct db *db, const char *name, char **session_id, struct err *e);

/* --agent main|subagent|side, or any purpose of `calls`. */
NODISCARD int scope_check_purpose(const char *purpose, struct err *e);

/* In words: "every session", "session api-refactor, model opus-*".  Caller frees. */
char *scope_words(const char *session_id, const char *purpose, const char *model_glob);

/* Wait until the running gateway has read the routes as they are now; without one a
 * word on stderr.  -1: it has not. */
NODISCARD int routes_tell_gateway(struct db *db, const char *log_path, struct err *e);

/* "opus-5-5", as lists show it, means claude-opus-5-5; any other name is taken as it
 * stands, since new models come faster than catalogs, with a word on stderr.  Caller frees. */
char *model_full_name(const char *name);

/* A model or provider name that can go upstream: visible ASCII, not too long. */
NODISCARD int name_check(const char *what, const char *name, struct err *e);

#endif
