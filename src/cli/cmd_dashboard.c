/* spantop without a command: the gateway, started or the running one, and the
 * dashboard. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/command.h"
#include "cli/leave.h"
#include "cli/output.h"
#include "cli/screen.h"
#include "cli/start.h"

static char *setup_lines(const struct cli *c)
{
    struct buf b, command;
    buf_init(&b);
    buf_init(&command);
    cli_command_line(c, "env", &command);
    buf_printf(&b, "eval \"$(%s)\"\nclaude", command.data);
    buf_done(&command);
    return buf_take(&b, NULL);
}

/* A gateway that was there before stays when we leave, and knows no key then either. */
static char *key_lines(const struct cli *c, const struct started *g)
{
    struct buf b, command;
    buf_init(&b);
    buf_init(&command);
    cli_command_line(c, "stop", &command);
    if (!g->is_ours)
        buf_printf(&b, "%s\n", command.data);
    buf_reset(&command);
    cli_command_line(c, "", &command);
    buf_printf(&b, "export RESPAN_API_KEY=YOUR-KEY\n%s", command.data);
    buf_done(&command);
    return buf_take(&b, NULL);
}

static void tell_leaving(const struct cli *c, const struct started *g, bool stays)
{
    struct buf stop;
    if (!stays)
        return;
    buf_init(&stop);
    cli_command_line(c, "stop", &stop);
    cli_say("the gateway goes on at %s; end it with: %s", g->peer.address, stop.data);
    buf_done(&stop);
}

static int dashboard(struct cli *c, struct err *e)
{
    struct screen screen = {.start = {.settings = &c->settings, .program = c->program}};
    struct err leaving = {""};
    bool stays;
    if (gateway_start(&screen.start, &screen.gateway, e) != 0)
        return CLI_FAILED;
    char *setup = setup_lines(c), *key = key_lines(c, &screen.gateway);
    struct catalog *catalog = cli_catalog();
    int r = screen_run(&screen, catalog, &(struct screen_lines){setup, key}, false, e);
    catalog_free(catalog);
    free(setup);
    free(key);
    if (gateway_leave(&c->settings, &screen.gateway, &stays, &leaving) != 0)
        cli_say("%s", leaving.text);
    else
        tell_leaving(c, &screen.gateway, stays);
    return r == 0 ? CLI_DONE : CLI_FAILED;
}

const struct command command_dashboard = {
    .name = "",
    .summary = "the gateway and the dashboard",
    .synopsis = "[--listen ADDR:PORT] [--upstream URL] [--log FILE] [--no-color]",
    .text = "Starts the log's gateway, or uses the running one. Where stdout is no terminal,\n"
            "one line a finished call.",
    .example = "spantop",
    .run = dashboard,
};
