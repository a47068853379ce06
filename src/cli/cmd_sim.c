/* spantop sim: the simulated Respan alone, in the foreground. */
#include <stdlib.h>

#include "cli/command.h"
#include "cli/values.h"
#include "sim/sim.h"

static const struct option_spec options[] = {
    {"port", "N", "where it listens on 127.0.0.1; 0: any free port"},
    {"speed", "F", "1 human speed, 10 ten times as fast, 0 no waits (1)"},
    {"seed", "N", "same seed, same answers (1)"},
    {"faults", "JSON", "faults to make, as for POST /sim/faults"},
    {"provider-mix", NULL, "spread sessions over providers"},
    {"log-latency", "TIME", "until a log row can be looked up (1500ms)"},
    {NULL, NULL, NULL},
};

static int read_options(const struct args *a, struct sim_options *o, struct err *e)
{
    int64_t port = 0, seed = 1, latency_ms = o->log_latency_ms;
    const char *text = args_get(a, "port");
    if (!text)
        return err_set(e, "spantop sim needs a port: spantop sim --port N (0: any free one)");
    if (value_int("--port", text, 0, 65535, &port, e) != 0)
        return -1;
    if ((text = args_get(a, "speed")) && value_real("--speed", text, 0, 1000, &o->speed, e) != 0)
        return -1;
    if ((text = args_get(a, "seed")) && value_int("--seed", text, 0, INT64_MAX, &seed, e) != 0)
        return -1;
    if ((text = args_get(a, "log-latency")) && value_duration("--log-latency", text, 1, &latency_ms, e) != 0)
        return -1;
    if (latency_ms > 3600000)
        return err_set(e, "--log-latency is an hour at most");
    o->port = (uint16_t)port;
    o->seed = (uint64_t)seed;
    o->log_latency_ms = (int)latency_ms;
    o->faults = args_get(a, "faults");
    o->provider_mix = args_has(a, "provider-mix");
    return 0;
}

static int sim(struct cli *c, struct err *e)
{
    struct sim_options o;
    sim_options_init(&o);
    if (read_options(&c->args, &o, e) != 0)
        return CLI_USAGE;
    return sim_run(&o, e) == 0 ? CLI_DONE : CLI_FAILED;
}

const struct command command_sim = {
    .name = "sim",
    .is_minor = true,
    .summary = "run the simulated Respan alone",
    .synopsis = "--port N [--speed F] [--seed N] [--faults JSON] [--provider-mix]",
    .text = "Takes any key that does not begin with \"bad\". Prompts may hold directives such\n"
            "as [[sim text hello]] or [[sim status 529]]; src/sim/sim.h lists them.",
    .example = "spantop sim --port 4800\nspantop serve --upstream http://127.0.0.1:4800/api/anthropic/",
    .options = options,
    .run = sim,
};
