/* Where Claude Code and shells keep their settings.  Callers free the paths;
 * NULL when HOME does not say. */
#ifndef SPANTOP_CLI_CLAUDE_FILES_H
#define SPANTOP_CLI_CLAUDE_FILES_H

#include "base/err.h"

/* Strongest last. */
enum claude_scope {
    CLAUDE_USER,    /* ~/.claude/settings.json, or in CLAUDE_CONFIG_DIR */
    CLAUDE_PROJECT, /* .claude/settings.json */
    CLAUDE_LOCAL,   /* .claude/settings.local.json */
    CLAUDE_MANAGED, /* the administrator's */
    CLAUDE_SCOPES
};
char *claude_settings_path(enum claude_scope scope, struct err *e);
/* ~/.claude.json: state, not settings; knows the keys its user agreed to. */
char *claude_state_path(struct err *e);
char *claude_profile_path(const char *shell_name, struct err *e);

#endif
