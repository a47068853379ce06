/* spantop env: the lines that route a shell's Claude Code through the gateway. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/client_env.h"
#include "cli/command.h"
#include "cli/output.h"

static const struct option_spec options[] = {
    {"shell", "NAME", "bash, zsh, fish or powershell (bash)"},
    {"direct", NULL, "to Respan itself, past the gateway"},
    {NULL, NULL, NULL},
};

/* A login or a token exported elsewhere would beat the key: it is set to nothing. */
static void put_lines(struct buf *out, enum shell shell, const struct client_env *env)
{
    shell_set(out, shell, "ANTHROPIC_BASE_URL", env->base_url);
    shell_set(out, shell, "ANTHROPIC_API_KEY", env->token);
    shell_set(out, shell, "ANTHROPIC_AUTH_TOKEN", "");
}

/* The key itself is never printed: the lines name where it is. */
static int put_direct_lines(struct buf *out, enum shell shell, const struct settings *s, struct err *e)
{
    const char *key = getenv("RESPAN_API_KEY");
    if ((!key || !*key) && !s->key_file)
        return err_set(e, "no Respan key: set RESPAN_API_KEY, or name a file that holds it with --key-file");
    shell_set(out, shell, "ANTHROPIC_BASE_URL", s->upstream);
    if (key && *key)
        shell_set_from_variable(out, shell, "ANTHROPIC_API_KEY", "RESPAN_API_KEY");
    else
        shell_set_from_file(out, shell, "ANTHROPIC_API_KEY", s->key_file);
    shell_set(out, shell, "ANTHROPIC_AUTH_TOKEN", "");
    return 0;
}

static void put_hint(const struct cli *c, struct buf *out, enum shell shell, bool is_direct)
{
    static const char *const words[] = {
        [SHELL_POSIX] = "env", [SHELL_FISH] = "env --shell fish", [SHELL_POWERSHELL] = "env --shell powershell"};
    static const char *const around[][2] = {[SHELL_POSIX] = {"eval \"$(", ")\""},
                                            [SHELL_FISH] = {"", " | source"},
                                            [SHELL_POWERSHELL] = {"", " | Out-String | Invoke-Expression"}};
    buf_printf(out, "# Put these into this shell, then start claude in it:\n#   %s", around[shell][0]);
    cli_command_line(c, words[shell], out);
    buf_printf(out, "%s%s\n", is_direct ? " --direct" : "", around[shell][1]);
}

static int env(struct cli *c, struct err *e)
{
    enum shell shell = SHELL_POSIX;
    const char *name = args_get(&c->args, "shell");
    bool is_direct = args_has(&c->args, "direct");
    struct client_env client;
    struct buf out;
    if (name && shell_parse(name, &shell, e) != 0)
        return CLI_USAGE;
    buf_init(&out);
    int r = 0;
    if (is_direct)
        r = put_direct_lines(&out, shell, &c->settings, e);
    else if ((r = client_env_load(&c->settings, &client, e)) == 0)
        put_lines(&out, shell, &client);
    if (r == 0 && out_is_terminal())
        put_hint(c, &out, shell, is_direct);
    if (r == 0)
        out_text(out.data, out.len);
    buf_done(&out);
    return r == 0 ? CLI_DONE : CLI_FAILED;
}

const struct command command_env = {
    .name = "env",
    .summary = "print the lines that route a shell's claude here",
    .synopsis = "[--shell bash|zsh|fish|powershell] [--direct]",
    .text = "ANTHROPIC_API_KEY becomes a local token that only this gateway takes; the Respan\n"
            "key stays with the gateway. --direct gives the lines for Respan without it.",
    .example = "eval \"$(spantop env)\"\nspantop env --shell fish | source",
    .options = options,
    .run = env,
};
