#include "cli/claude_files.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

/* $variable/rest, or ~/fallback/rest. */
static char *below(const char *variable, const char *fallback, const char *rest, struct err *e)
{
    const char *dir = variable ? getenv(variable) : NULL;
    const char *home = getenv("HOME");
    if (dir && *dir)
        return file_join(dir, rest);
    if (!home || !*home) {
        err_set(e, "HOME is not set, so it is not known where %s is", rest);
        return NULL;
    }
    return xasprintf("%s/%s%s%s", home, fallback, *fallback ? "/" : "", rest);
}

static char *below_here(const char *rest, struct err *e)
{
    char *cwd = getcwd(NULL, 0);
    char *path = cwd ? file_join(cwd, rest) : NULL;
    free(cwd);
    if (!path)
        err_set(e, "the current folder is gone; change into another one");
    return path;
}

char *claude_settings_path(enum claude_scope scope, struct err *e)
{
    switch (scope) {
    case CLAUDE_USER:
        return below("CLAUDE_CONFIG_DIR", ".claude", "settings.json", e);
    case CLAUDE_PROJECT:
        return below_here(".claude/settings.json", e);
    case CLAUDE_LOCAL:
        return below_here(".claude/settings.local.json", e);
    case CLAUDE_MANAGED:
    case CLAUDE_SCOPES:
        break;
    }
    /* Claude Code's place for them on a Mac, known by the folder that every Mac has. */
    bool is_mac = access("/Library/Application Support", F_OK) == 0;
    return xstrdup(is_mac ? "/Library/Application Support/ClaudeCode/managed-settings.json"
                          : "/etc/claude-code/managed-settings.json");
}

char *claude_state_path(struct err *e)
{
    return below("CLAUDE_CONFIG_DIR", "", ".claude.json", e);
}

char *claude_profile_path(const char *shell_name, struct err *e)
{
    if (strcmp(shell_name, "zsh") == 0)
        return below("ZDOTDIR", "", ".zshrc", e);
    if (strcmp(shell_name, "fish") == 0)
        return below("XDG_CONFIG_HOME", ".config", "fish/config.fish", e);
    if (strcmp(shell_name, "powershell") == 0 || strcmp(shell_name, "pwsh") == 0)
        return below("XDG_CONFIG_HOME", ".config", "powershell/profile.ps1", e);
    if (strcmp(shell_name, "sh") == 0)
        return below(NULL, "", ".profile", e);
    return below(NULL, "", ".bashrc", e);
}
