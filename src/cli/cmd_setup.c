/* spantop setup: Claude Code goes through the gateway wherever it is started. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/claude_files.h"
#include "cli/client_env.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/setup.h"
#include "cli/tool.h"

static const struct option_spec options[] = {
    {"global", NULL, "Claude Code's settings of this user (the default)"},
    {"project", NULL, ".claude/settings.local.json in this folder"},
    {"shell", "NAME", "the profile of bash, zsh, fish or powershell instead"},
    {"approve", NULL, "answer claude's question about the key: yes"},
    {"undo", NULL, "take it out again"},
    {"dry-run", NULL, "show what would change, change nothing"},
    {NULL, NULL, NULL},
};

struct job {
    const struct cli *cli;
    char *path; /* the settings file or profile */
    const char *shell_name;
    enum shell shell;
    bool is_undo;
    bool is_dry;
    struct client_env env;
};

/* The file will hold the local token: it must not end up in a commit. */
static int check_ignored(const char *path, struct err *e)
{
    const char *const inside[] = {"git", "rev-parse", "--is-inside-work-tree", NULL};
    const char *const ignored[] = {"git", "check-ignore", "-q", path, NULL};
    if (tool_run(inside, NULL) != 0 || tool_run(ignored, NULL) == 0)
        return 0;
    return err_set(e,
                   "git does not ignore %s, and the local token would get into a commit; first: echo "
                   "'.claude/settings.local.json' >> \"$(git rev-parse --git-path info/exclude)\"",
                   path);
}

static int find_target(struct job *j, struct err *e)
{
    const struct args *a = &j->cli->args;
    if (j->shell_name)
        j->path = claude_profile_path(j->shell_name, e);
    else
        j->path = args_has(a, "project") ? claude_settings_path(CLAUDE_LOCAL, e) : claude_settings_path(CLAUDE_USER, e);
    return j->path ? 0 : -1;
}

/* Prints or makes the change, then frees it. */
static int carry_out(const struct job *j, struct change_set *c, struct err *e)
{
    int r = 0;
    if (change_set_is_empty(c))
        printf("%s is as it should be\n", c->path);
    else if (j->is_dry)
        change_set_print(c);
    if (!j->is_dry)
        r = change_set_write(c, e);
    if (r == 0 && !j->is_dry && !change_set_is_empty(c))
        printf("%s %s%s%s%s\n", c->is_removed ? "deleted" : "wrote", c->path,
               c->backup && c->existed ? " (as it was: " : "", c->backup && c->existed ? c->backup : "",
               c->backup && c->existed ? ")" : "");
    return r;
}

static int set_up_file(struct job *j, struct err *e)
{
    struct change_set c = {0};
    int r = j->shell_name ? setup_profile(&c, j->path, j->shell, &j->env, e) : setup_settings(&c, j->path, &j->env, e);
    if (r == 0)
        r = carry_out(j, &c, e);
    change_set_done(&c);
    return r;
}

static bool agrees(void)
{
    char answer[16] = "";
    if (!isatty(STDIN_FILENO) || !out_is_terminal())
        return false;
    printf("Claude Code asks once whether to use an API key it does not know.\n"
           "Answer yes for it now, in ~/.claude.json? [y/N] ");
    fflush(stdout);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int approve(struct job *j, struct err *e)
{
    struct change_set c = {0};
    char *path = claude_state_path(e);
    if (!path)
        return -1;
    int r = setup_approve(&c, path, j->env.token, e);
    bool wanted = r == 0 && (change_set_is_empty(&c) || args_has(&j->cli->args, "approve") || (!j->is_dry && agrees()));
    if (wanted && !change_set_is_empty(&c))
        r = carry_out(j, &c, e);
    else if (r == 0 && !wanted)
        puts("At its next start claude asks about a custom API key: choose yes (or: spantop setup --approve)");
    change_set_done(&c);
    free(path);
    return r;
}

static void tell_next(const struct job *j)
{
    struct buf undo;
    if (j->is_dry)
        return;
    buf_init(&undo);
    cli_command_line(j->cli, "setup --undo", &undo);
    if (j->shell_name)
        buf_printf(&undo, " --shell %s", j->shell_name);
    else if (args_has(&j->cli->args, "project"))
        buf_puts(&undo, " --project");
    printf("claude now goes to %s: keep the gateway running (spantop). Back: %s\n", j->env.base_url, undo.data);
    buf_done(&undo);
}

static int set_up(struct job *j, struct err *e)
{
    if (client_env_load(&j->cli->settings, &j->env, e) != 0)
        return -1;
    if (args_has(&j->cli->args, "project") && !j->is_dry && check_ignored(j->path, e) != 0)
        return -1;
    if (set_up_file(j, e) != 0 || approve(j, e) != 0)
        return -1;
    tell_next(j);
    return 0;
}

static int undo_approval(struct job *j, struct err *e)
{
    struct change_set c = {0};
    char *path = claude_state_path(e);
    if (!path)
        return -1;
    int r = local_token_load(j->cli->settings.log_path, j->env.token, e);
    if (r == 0)
        r = setup_approve_undo(&c, path, j->env.token, e);
    if (r == 0)
        r = carry_out(j, &c, e);
    change_set_done(&c);
    free(path);
    return r < 0 ? -1 : 0;
}

static int undo(struct job *j, struct err *e)
{
    struct change_set c = {0};
    int r = j->shell_name ? setup_profile_undo(&c, j->path, e) : setup_settings_undo(&c, j->path, e);
    if (r > 0)
        printf("there is nothing of spantop setup in %s\n", j->path);
    if (r == 0)
        r = carry_out(j, &c, e);
    change_set_done(&c);
    return r < 0 ? -1 : undo_approval(j, e);
}

static int setup(struct cli *c, struct err *e)
{
    const struct args *a = &c->args;
    struct job j = {
        .cli = c, .shell_name = args_get(a, "shell"), .is_undo = args_has(a, "undo"), .is_dry = args_has(a, "dry-run")};
    if (args_has(a, "global") + args_has(a, "project") + (j.shell_name != NULL) > 1)
        return cli_usage(e, "--global, --project or --shell, one at a time");
    if (j.shell_name && shell_parse(j.shell_name, &j.shell, e) != 0)
        return CLI_USAGE;
    int r = find_target(&j, e);
    if (r == 0)
        r = j.is_undo ? undo(&j, e) : set_up(&j, e);
    free(j.path);
    return r == 0 ? CLI_DONE : CLI_FAILED;
}

const struct command command_setup = {
    .name = "setup",
    .summary = "route claude through the gateway wherever it is started",
    .synopsis = "[--global|--project|--shell NAME] [--undo] [--dry-run]",
    .text = "Writes three entries into `env` of Claude Code's settings and keeps everything\n"
            "else byte for byte, with a backup beside it. --undo brings it back.",
    .example = "spantop setup --dry-run\nspantop setup --project",
    .options = options,
    .run = setup,
};
