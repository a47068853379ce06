#include "cli/screen.h"

#include <sys/wait.h>
#include <unistd.h>

#include "cli/output.h"
#include "ui/dashboard.h"

static int restart(void *arg, struct err *e)
{
    struct screen *s = arg;
    bool was_ours = s->gateway.is_ours;
    if (was_ours && s->gateway.pid > 0)
        waitpid(s->gateway.pid, NULL, WNOHANG);
    if (gateway_start(&s->start, &s->gateway, e) == 0)
        return 0;
    s->gateway.is_ours = was_ours;
    s->gateway.pid = -1;
    return -1;
}

int screen_run(struct screen *s, const struct catalog *catalog, const char *setup_lines, bool is_demo, struct err *e)
{
    const struct settings *settings = s->start.settings;
    struct dashboard_options o = {
        .log_path = settings->log_path,
        .upstream = s->gateway.peer.upstream,
        .listen = s->gateway.peer.address,
        .catalog = catalog,
        .is_demo = is_demo,
        .color = settings->color,
        .unicode = settings->unicode,
        .setup_lines = setup_lines,
        .restart_gateway = restart,
        .arg = s,
    };
    if (out_is_terminal() && isatty(STDIN_FILENO))
        return dashboard_run(&o, e);
    return dashboard_plain(&o, e);
}
