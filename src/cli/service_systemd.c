/* systemd's user manager.  What a unit may forbid itself there without mounts of
 * its own (those need user namespaces, which many systems switch off) it forbids. */
#include "cli/service.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sys.h"
#include "cli/tool.h"

#define UNIT "spantop.service"

static char *unit_path(void)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config && *config == '/')
        return xasprintf("%s/systemd/user/" UNIT, config);
    return xasprintf("%s/.config/systemd/user/" UNIT, home ? home : "");
}

/* One word of a unit's line.  % begins a specifier everywhere, $ a variable in a command. */
static void put_word(struct buf *out, const char *word, bool is_command)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@+=:,./-";
    if (*word && word[strspn(word, plain)] == '\0') {
        buf_puts(out, word);
        return;
    }
    buf_putc(out, '"');
    for (; *word; word++) {
        if (*word == '"' || *word == '\\')
            buf_putc(out, '\\');
        else if (*word == '%' || (*word == '$' && is_command))
            buf_putc(out, *word);
        if ((unsigned char)*word < ' ')
            buf_printf(out, "\\x%02x", (unsigned)(unsigned char)*word);
        else
            buf_putc(out, *word);
    }
    buf_putc(out, '"');
}

static void put_unit_text(const struct service_spec *spec, struct buf *out)
{
    buf_puts(out, "# " SERVICE_MARK "\n"
                  "[Unit]\n"
                  "Description=spantop, the gateway between Claude Code and Respan\n"
                  "Documentation=man:spantop(1)\n"
                  "StartLimitIntervalSec=300\n"
                  "StartLimitBurst=5\n"
                  "\n"
                  "[Service]\n"
                  "Type=exec\n"
                  "ExecStart=");
    for (size_t i = 0; spec->argv[i]; i++) {
        buf_puts(out, i ? " " : "");
        put_word(out, spec->argv[i], true);
    }
    buf_putc(out, '\n');
    for (size_t i = 0; spec->variables && spec->variables[i]; i++) {
        buf_puts(out, "Environment=");
        put_word(out, spec->variables[i], false);
        buf_putc(out, '\n');
    }
    /* 2 is wrong usage: trying again helps nobody.  Calls in flight have 30 s. */
    buf_puts(out, "Restart=on-failure\n"
                  "RestartSec=2\n"
                  "RestartPreventExitStatus=2\n"
                  "TimeoutStopSec=40\n"
                  "UMask=0077\n"
                  "LimitCORE=0\n"
                  "NoNewPrivileges=yes\n"
                  "LockPersonality=yes\n"
                  "RestrictRealtime=yes\n"
                  "RestrictSUIDSGID=yes\n"
                  "RestrictNamespaces=yes\n"
                  "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n"
                  "SystemCallArchitectures=native\n"
                  "SystemCallFilter=@system-service\n"
                  "SystemCallErrorNumber=EPERM\n"
                  "\n"
                  "[Install]\n"
                  "WantedBy=default.target\n");
}

static int reload(struct err *e)
{
    const char *const argv[] = {"systemctl", "--user", "daemon-reload", NULL};
    return service_tool(argv, e);
}

static int start(const char *path, struct err *e)
{
    const char *const enable[] = {"systemctl", "--user", "enable", UNIT, NULL};
    const char *const restart[] = {"systemctl", "--user", "restart", UNIT, NULL};
    (void)path;
    return reload(e) == 0 && service_tool(enable, e) == 0 ? service_tool(restart, e) : -1;
}

static int stop(const char *path, struct err *e)
{
    const char *const argv[] = {"systemctl", "--user", "disable", "--now", UNIT, NULL};
    (void)path;
    return service_tool(argv, e);
}

/* The folders, too, where nobody else has put anything into them. */
static void forget(const char *path)
{
    char *user = file_dir_of(path), *wants = file_join(user, "default.target.wants"), *systemd = file_dir_of(user);
    rmdir(wants);
    if (rmdir(user) == 0)
        rmdir(systemd);
    free(wants);
    free(user);
    free(systemd);
    const char *const reset[] = {"systemctl", "--user", "reset-failed", UNIT, NULL};
    struct err ignored;
    if (reload(&ignored) == 0)
        tool_run(reset, NULL); /* fails where it never failed */
}

static void ask(const char *path, struct service_state *state)
{
    const char *const enabled[] = {"systemctl", "--user", "is-enabled", "--quiet", UNIT, NULL};
    const char *const active[] = {"systemctl", "--user", "is-active", "--quiet", UNIT, NULL};
    (void)path;
    state->is_enabled = tool_run(enabled, NULL) == 0;
    state->is_running = tool_run(active, NULL) == 0;
}

static int has_key(struct err *e)
{
    static const char name[] = "RESPAN_API_KEY=";
    const char *const argv[] = {"systemctl", "--user", "show-environment", NULL};
    struct buf out;
    buf_init_max(&out, TOOL_OUTPUT_MAX);
    if (buf_reserve(&out, TOOL_OUTPUT_MAX) != 0) /* a buffer that grows leaves copies behind */
        return err_set(e, "no memory to ask systemctl");
    int status = tool_run(argv, &out);
    int r = strncmp(out.data, name, strlen(name)) == 0 || strstr(out.data, "\nRESPAN_API_KEY=");
    if (status != 0) {
        out.data[strcspn(out.data, "\n")] = '\0';
        r = err_set(e, "systemd's manager of this user does not answer (%s); log in as that user first",
                    *out.data ? out.data : "it says nothing");
    }
    if (out.cap)
        sys_wipe(out.data, out.cap);
    buf_done(&out);
    return r;
}

const struct service_manager service_systemd = {
    .name = "systemd",
    .tool = "systemctl",
    .logs = "journalctl --user -u " UNIT,
    .path = unit_path,
    .put_text = put_unit_text,
    .start = start,
    .stop = stop,
    .forget = forget,
    .ask = ask,
    .has_key = has_key,
};
