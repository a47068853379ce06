/* macOS's launchd: an agent of the user's session. */
#include "cli/service.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/sys.h"
#include "cli/tool.h"

#define LABEL "spantop.gateway"

static const char *home(void)
{
    const char *folder = getenv("HOME");
    return folder ? folder : "";
}

static char *plist_path(void)
{
    return xasprintf("%s/Library/LaunchAgents/" LABEL ".plist", home());
}

static void put_string(struct buf *out, const char *indent, const char *tag, const char *text, size_t len)
{
    buf_printf(out, "%s<%s>", indent, tag);
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '&')
            buf_puts(out, "&amp;");
        else if (text[i] == '<')
            buf_puts(out, "&lt;");
        else if (text[i] == '>')
            buf_puts(out, "&gt;");
        else
            buf_putc(out, text[i]);
    }
    buf_printf(out, "</%s>\n", tag);
}

static void put_variables(struct buf *out, char *const *variables)
{
    buf_puts(out, "    <key>EnvironmentVariables</key>\n    <dict>\n");
    for (; variables && *variables; variables++) {
        size_t name = strcspn(*variables, "=");
        put_string(out, "        ", "key", *variables, name);
        put_string(out, "        ", "string", *variables + name + 1, strlen(*variables + name + 1));
    }
    buf_puts(out, "    </dict>\n");
}

static void put_plist_text(const struct service_spec *spec, struct buf *out)
{
    char *messages = xasprintf("%s/Library/Logs/spantop.log", home());
    buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                  "<!-- " SERVICE_MARK " -->\n"
                  "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
                  "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
                  "<plist version=\"1.0\">\n"
                  "<dict>\n"
                  "    <key>Label</key>\n    <string>" LABEL "</string>\n"
                  "    <key>ProgramArguments</key>\n    <array>\n");
    for (size_t i = 0; spec->argv[i]; i++)
        put_string(out, "        ", "string", spec->argv[i], strlen(spec->argv[i]));
    buf_puts(out, "    </array>\n");
    put_variables(out, spec->variables);
    /* Again after a crash, not after spantop stop; calls in flight have 30 s. */
    buf_puts(out, "    <key>RunAtLoad</key>\n    <true/>\n"
                  "    <key>KeepAlive</key>\n    <dict>\n"
                  "        <key>SuccessfulExit</key>\n        <false/>\n"
                  "    </dict>\n"
                  "    <key>ExitTimeOut</key>\n    <integer>40</integer>\n"
                  "    <key>Umask</key>\n    <integer>63</integer>\n"
                  "    <key>StandardErrorPath</key>\n");
    put_string(out, "    ", "string", messages, strlen(messages));
    buf_puts(out, "</dict>\n</plist>\n");
    free(messages);
}

static char *domain(void)
{
    return xasprintf("gui/%lu", (unsigned long)getuid());
}

static int bootout(struct err *e)
{
    char *target = xasprintf("gui/%lu/" LABEL, (unsigned long)getuid());
    const char *const argv[] = {"launchctl", "bootout", target, NULL};
    int r = service_tool(argv, e);
    free(target);
    return r;
}

static bool is_loaded(struct buf *out)
{
    char *target = xasprintf("gui/%lu/" LABEL, (unsigned long)getuid());
    const char *const argv[] = {"launchctl", "print", target, NULL};
    bool loaded = tool_run(argv, out) == 0;
    free(target);
    return loaded;
}

static int start(const char *path, struct err *e)
{
    if (is_loaded(NULL) && bootout(e) != 0)
        return -1;
    char *where = domain();
    const char *const argv[] = {"launchctl", "bootstrap", where, path, NULL};
    int r = service_tool(argv, e);
    free(where);
    return r;
}

static int stop(const char *path, struct err *e)
{
    (void)path;
    return is_loaded(NULL) ? bootout(e) : 0;
}

static void forget(const char *path)
{
    (void)path; /* nothing of ours is left */
}

static void ask(const char *path, struct service_state *state)
{
    struct buf out;
    buf_init_max(&out, TOOL_OUTPUT_MAX);
    state->is_enabled = access(path, R_OK) == 0;
    state->is_running = is_loaded(&out) && strstr(out.data, "state = running");
    buf_done(&out);
}

static int has_key(struct err *e)
{
    const char *const argv[] = {"launchctl", "getenv", "RESPAN_API_KEY", NULL};
    struct buf out;
    (void)e;
    buf_init_max(&out, TOOL_OUTPUT_MAX);
    if (buf_reserve(&out, TOOL_OUTPUT_MAX) != 0) /* a buffer that grows leaves copies behind */
        return 0;
    int status = tool_run(argv, &out);
    int r = status == 0 && *out.data && *out.data != '\n';
    if (out.cap)
        sys_wipe(out.data, out.cap);
    buf_done(&out);
    return r;
}

const struct service_manager service_launchd = {
    .name = "launchd",
    .tool = "launchctl",
    .logs = "tail ~/Library/Logs/spantop.log",
    .path = plist_path,
    .put_text = put_plist_text,
    .start = start,
    .stop = stop,
    .forget = forget,
    .ask = ask,
    .has_key = has_key,
};
