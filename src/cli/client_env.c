#include "cli/client_env.h"

#include <stdio.h>
#include <string.h>

#include "cli/values.h"

static const struct {
    const char *name;
    enum shell shell;
} shells[] = {
    {"bash", SHELL_POSIX}, {"zsh", SHELL_POSIX},       {"fish", SHELL_FISH}, {"powershell", SHELL_POWERSHELL},
    {"sh", SHELL_POSIX},   {"pwsh", SHELL_POWERSHELL},
};

/* A wildcard address is where to listen, not where to go. */
static void base_url_for(const char *address, char *url, size_t size)
{
    const char *port = strrchr(address, ':');
    size_t host_len = (size_t)(port - address);
    const char *host = address;
    if (strncmp(address, "0.0.0.0:", 8) == 0) {
        host = "127.0.0.1";
        host_len = strlen(host);
    } else if (strncmp(address, "[::]:", 5) == 0) {
        host = "[::1]";
        host_len = strlen(host);
    }
    snprintf(url, size, "http://%.*s%s/api/anthropic/", (int)host_len, host, port);
}

int client_env_load(const struct settings *s, struct client_env *env, struct err *e)
{
    struct peer p;
    int r = peer_find(s->log_path, &p, e);
    if (r < 0)
        return -1;
    const char *address = r == 0 && p.address[0] ? p.address : s->listen;
    if (strcmp(strrchr(address, ':'), ":0") == 0)
        return err_set(e, "no gateway runs, and --listen %s leaves its port open; start it first with spantop serve",
                       s->listen);
    base_url_for(address, env->base_url, sizeof env->base_url);
    return local_token_load(s->log_path, env->token, e);
}

int shell_parse(const char *name, enum shell *shell, struct err *e)
{
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(shells[i].name, name) == 0) {
            *shell = shells[i].shell;
            return 0;
        }
    }
    return err_set(e, "--shell is one of bash, zsh, fish and powershell, not \"%s\"", name);
}

/* In single quotes; what each shell treats specially there. */
static void quote_fish(struct buf *out, const char *s)
{
    buf_putc(out, '\'');
    for (; *s; s++) {
        if (*s == '\'' || *s == '\\')
            buf_putc(out, '\\');
        buf_putc(out, *s);
    }
    buf_putc(out, '\'');
}

/* PowerShell takes the four typographic single quotes (U+2018 to U+201B) for '. */
static void quote_powershell(struct buf *out, const char *s)
{
    buf_putc(out, '\'');
    while (*s) {
        bool typographic = strncmp(s, "\xe2\x80", 2) == 0 && (unsigned char)s[2] >= 0x98 && (unsigned char)s[2] <= 0x9b;
        size_t len = typographic ? 3 : 1;
        if (typographic || *s == '\'')
            buf_put(out, s, len);
        buf_put(out, s, len);
        s += len;
    }
    buf_putc(out, '\'');
}

void shell_set(struct buf *out, enum shell shell, const char *name, const char *value)
{
    switch (shell) {
    case SHELL_POSIX:
        buf_printf(out, "export %s=", name);
        if (*value)
            shell_quote(out, value);
        break;
    case SHELL_FISH:
        buf_printf(out, "set -gx %s ", name);
        quote_fish(out, value);
        break;
    case SHELL_POWERSHELL:
        buf_printf(out, "$env:%s = ", name);
        quote_powershell(out, value);
        break;
    }
    buf_putc(out, '\n');
}

void shell_set_from_variable(struct buf *out, enum shell shell, const char *name, const char *variable)
{
    switch (shell) {
    case SHELL_POSIX:
        buf_printf(out, "export %s=\"$%s\"\n", name, variable);
        break;
    case SHELL_FISH:
        buf_printf(out, "set -gx %s \"$%s\"\n", name, variable);
        break;
    case SHELL_POWERSHELL:
        buf_printf(out, "$env:%s = $env:%s\n", name, variable);
        break;
    }
}

void shell_set_from_file(struct buf *out, enum shell shell, const char *name, const char *path)
{
    switch (shell) {
    case SHELL_POSIX:
        buf_printf(out, "export %s=\"$(cat ", name);
        shell_quote(out, path);
        buf_puts(out, ")\"\n");
        break;
    case SHELL_FISH:
        buf_printf(out, "set -gx %s (cat ", name);
        quote_fish(out, path);
        buf_puts(out, ")\n");
        break;
    case SHELL_POWERSHELL:
        buf_printf(out, "$env:%s = (Get-Content -Raw -LiteralPath ", name);
        quote_powershell(out, path);
        buf_puts(out, ").Trim()\n");
        break;
    }
}
