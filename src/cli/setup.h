/* What `spantop setup` does to files of other programs, and how it takes it back.
 *
 * Every change is worked out in memory first: what the file holds, what it will
 * hold.  So --dry-run, the real run and the tests look at the same thing. */
#ifndef SPANTOP_CLI_SETUP_H
#define SPANTOP_CLI_SETUP_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "cli/client_env.h"

struct change_set {
    char *path;
    bool existed;
    struct buf before;
    bool is_removed;  /* the file goes */
    struct buf after;
    char *backup;     /* file to write `before` into first, or NULL */
    char *leftovers[2]; /* files of an earlier setup to delete afterwards, or NULL */
};

void change_set_done(struct change_set *c);
bool change_set_is_empty(const struct change_set *c);
NODISCARD int change_set_write(const struct change_set *c, struct err *e);
/* What would change, line by line, to stdout. */
void change_set_print(const struct change_set *c);

/* The `env` block of one of Claude Code's settings files. */
NODISCARD int setup_settings(struct change_set *c, const char *path, const struct client_env *env, struct err *e);
/* The exact bytes from before if the file is as setup left it, else without setup's
 * entries.  1: there is nothing of setup in it. */
NODISCARD int setup_settings_undo(struct change_set *c, const char *path, struct err *e);

/* Claude Code's own note of which API keys its user agreed to (~/.claude.json). */
NODISCARD int setup_approve(struct change_set *c, const char *path, const char *token, struct err *e);
NODISCARD int setup_approve_undo(struct change_set *c, const char *path, const char *token, struct err *e);

/* A block between markers in a shell's profile. */
NODISCARD int setup_profile(struct change_set *c, const char *path, enum shell shell, const struct client_env *env,
                            struct err *e);
NODISCARD int setup_profile_undo(struct change_set *c, const char *path, struct err *e);

#endif
