/* spantop demo: the real gateway and dashboard in front of the simulated Respan,
 * with a made-up Claude Code that sends calls.
 *
 * The log lies in a folder of its own and the port is any free one, so that
 * nothing of the user's is touched; the folder goes when the demo ends.  The
 * gateway ends with this process even if that is killed. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/screen.h"
#include "cli/start.h"
#include "cli/values.h"
#include "sim/player.h"
#include "sim/sim.h"

#define DEMO_KEY "demo-key" /* the simulated Respan takes any */

static const struct option_spec options[] = {
    {"speed", "F", "1 is human speed, 10 ten times as fast (1)"},
    {"seed", "N", "same seed, same sessions (1)"},
    {NULL, NULL, NULL},
};

struct demo {
    double speed;
    int64_t seed;
    char *folder;
    struct settings settings; /* the user's, but for log and address */
    struct sim *sim;
    struct player *player;
    struct screen screen;
    bool has_gateway;
};

static int make_folder(struct demo *d, struct err *e)
{
    const char *place = getenv("XDG_RUNTIME_DIR");
    if (!place || !*place || access(place, W_OK) != 0)
        place = getenv("TMPDIR");
    if (!place || !*place)
        place = "/tmp";
    d->folder = file_join(place, "spantop-demo-XXXXXX");
    if (!mkdtemp(d->folder)) {
        err_set(e, "cannot make a folder for the demo in %s: %s", place, strerror(errno));
        free(d->folder);
        d->folder = NULL;
        return -1;
    }
    return 0;
}

/* The log, what SQLite and the gateway keep beside it; no folders. */
static void remove_folder(const char *folder)
{
    DIR *dir = folder ? opendir(folder) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char *path = file_join(folder, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlink(path);
        free(path);
    }
    if (dir)
        closedir(dir);
    if (folder)
        rmdir(folder);
}

static void copy_settings(struct demo *d, const struct settings *user)
{
    d->settings = (struct settings){
        .listen = xstrdup(user->listen_is_given ? user->listen : "127.0.0.1:0"),
        .log_path = file_join(d->folder, "log.db"),
        .color = user->color,
        .unicode = user->unicode,
        .keep_bodies = true,
        .index_texts = true,
    };
}

/* Signals are the dashboard's: the threads of the simulator and the player, and those
 * they start, must not take one.  Gives the mask of before. */
static sigset_t hold_signals(void)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    return before;
}

static int start(struct demo *d, const char *program, struct err *e)
{
    struct sim_options o;
    sim_options_init(&o);
    o.speed = d->speed;
    o.seed = (uint64_t)d->seed;
    o.provider_mix = true;
    sigset_t before = hold_signals();
    d->sim = sim_start(&o, e);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!d->sim)
        return -1;
    d->screen.start = (struct start_options){&d->settings, program, sim_base_url(d->sim)};
    if (gateway_start(&d->screen.start, &d->screen.gateway, e) != 0)
        return -1;
    d->has_gateway = true;
    char *url = xasprintf("http://%s/api/anthropic/", d->screen.gateway.peer.address);
    before = hold_signals();
    d->player = player_start(url, DEMO_KEY, d->speed, (unsigned)d->seed, e);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    free(url);
    return d->player ? 0 : -1;
}

static void finish(struct demo *d)
{
    struct err e = {""};
    struct peer p;
    player_stop(d->player);
    if (d->has_gateway && peer_find(d->settings.log_path, &p, &e) == 0 &&
        gateway_stop(d->settings.log_path, &p, true, NULL, &e) != 0)
        cli_say("%s", e.text);
    sim_stop(d->sim);
    remove_folder(d->folder);
    free(d->folder);
    settings_done(&d->settings);
}

static int show(struct demo *d, struct err *e)
{
    struct catalog *catalog = cli_catalog();
    char *lines = xasprintf(
        "export ANTHROPIC_BASE_URL=http://%s/api/anthropic/ ANTHROPIC_API_KEY=%s ANTHROPIC_AUTH_TOKEN=\nclaude",
        d->screen.gateway.peer.address, DEMO_KEY);
    int r = screen_run(&d->screen, catalog, &(struct screen_lines){lines, NULL}, true, e);
    free(lines);
    catalog_free(catalog);
    return r;
}

static int demo(struct cli *c, struct err *e)
{
    struct demo d = {.speed = 1, .seed = 1};
    const char *text;
    if (args_has(&c->args, "log"))
        return cli_usage(e, "the demo has a log of its own; leave --log out");
    if ((text = args_get(&c->args, "speed")) && value_real("--speed", text, 0.01, 1000, &d.speed, e) != 0)
        return CLI_USAGE;
    if ((text = args_get(&c->args, "seed")) && value_int("--seed", text, 0, INT32_MAX, &d.seed, e) != 0)
        return CLI_USAGE;
    int r = make_folder(&d, e);
    if (r == 0) {
        copy_settings(&d, &c->settings);
        r = start(&d, c->program, e);
    }
    if (r == 0)
        r = show(&d, e);
    finish(&d);
    return r == 0 ? CLI_DONE : CLI_FAILED;
}

const struct command command_demo = {
    .name = "demo",
    .summary = "everything against a simulated Respan; no key needed",
    .synopsis = "[--speed F] [--seed N]",
    .text = "Has a log and a port of its own and leaves nothing behind.",
    .example = "spantop demo --speed 4",
    .options = options,
    .run = demo,
};
