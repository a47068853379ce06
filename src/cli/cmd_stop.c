/* spantop stop: end the log's gateway. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/start.h"

static const struct option_spec options[] = {
    {"now", NULL, "at once, without waiting for calls in flight"},
    {NULL, NULL, NULL},
};

static void tell_waiting(int64_t in_flight)
{
    printf("waiting for %lld call%s in flight (spantop stop --now does not)\n", (long long)in_flight,
           in_flight == 1 ? "" : "s");
    fflush(stdout);
}

static int stop(struct cli *c, struct err *e)
{
    struct peer p;
    int r = peer_find(c->settings.log_path, &p, e);
    if (r > 0)
        return err_set(e, "no gateway runs for %s; name another log with --log", c->settings.log_path);
    if (r < 0 || gateway_stop(c->settings.log_path, &p, args_has(&c->args, "now"), tell_waiting, e) != 0)
        return CLI_FAILED;
    printf("stopped the gateway at %s (pid %lld)\n", p.address, (long long)p.pid);
    return CLI_DONE;
}

const struct command command_stop = {
    .name = "stop",
    .summary = "end the running gateway after its calls in flight",
    .synopsis = "[--now]",
    .text = "Calls in flight have 30 seconds to finish; new ones get 503 meanwhile.",
    .example = "spantop stop",
    .options = options,
    .run = stop,
};
