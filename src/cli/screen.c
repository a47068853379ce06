#include "cli/screen.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/output.h"
#include "ui/dashboard.h"

/* Where it was: that is where clients look for it. */
static int restart(void *arg, struct err *e)
{
    struct screen *s = arg;
    struct settings where = *s->start.settings;
    struct start_options again = s->start;
    bool was_ours = s->gateway.is_ours;
    where.listen = s->address;
    again.settings = &where;
    if (was_ours && s->gateway.pid > 0)
        waitpid(s->gateway.pid, NULL, WNOHANG);
    if (gateway_start(&again, &s->gateway, e) == 0)
        return 0;
    s->gateway.is_ours = was_ours;
    s->gateway.pid = -1;
    return -1;
}

int screen_run(struct screen *s, const struct catalog *catalog, const char *setup_lines, bool is_demo, struct err *e)
{
    const struct settings *settings = s->start.settings;
    snprintf(s->address, sizeof s->address, "%s", s->gateway.peer.address);
    struct dashboard_options o = {
        .log_path = settings->log_path,
        .upstream = s->gateway.peer.upstream,
        .listen = s->address,
        .catalog = catalog,
        .is_demo = is_demo,
        .color = settings->color,
        .unicode = settings->unicode,
        .bell = settings->bell,
        .setup_lines = setup_lines,
        .restart_gateway = restart,
        .arg = s,
    };
    if (out_is_terminal() && isatty(STDIN_FILENO))
        return dashboard_run(&o, e);
    return dashboard_plain(&o, e);
}
