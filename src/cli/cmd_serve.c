/* spantop serve: the gateway alone, in the foreground. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/values.h"
#include "gateway/gateway.h"

static const struct option_spec options[] = {
    {"ready-fd", "N", NULL}, /* for the parent that starts us; see start.c */
    {"parent-fd", "N", NULL},
    {NULL, NULL, NULL},
};

/* -1: not given. */
static int fd_of(const struct cli *c, const char *name, int *fd, struct err *e)
{
    const char *text = args_get(&c->args, name);
    int64_t n = -1;
    if (text && value_int(name, text, 3, 1023, &n, e) != 0)
        return -1;
    *fd = (int)n;
    return 0;
}

/* The parent waits for a word: whatever fails before gateway_run() is told here. */
static void tell_parent(int fd, const struct err *e)
{
    if (fd < 0)
        return;
    dprintf(fd, "error %s\n", e->text);
    close(fd);
}

static int serve(struct cli *c, struct err *e)
{
    const struct settings *s = &c->settings;
    char *key = NULL;
    int ready_fd = -1, parent_fd = -1;
    if (fd_of(c, "ready-fd", &ready_fd, e) != 0 || fd_of(c, "parent-fd", &parent_fd, e) != 0)
        return CLI_USAGE;
    if (settings_key(s, &key, e) != 0) {
        tell_parent(ready_fd, e);
        key_free(key);
        return CLI_FAILED;
    }
    struct catalog *catalog = cli_catalog();
    char *cache, *own;
    cli_catalog_paths(&cache, &own);
    struct gateway_options o = {
        .listen = s->listen,
        .upstream = s->upstream,
        .api_base = s->api_base,
        .log_path = s->log_path,
        .respan_key = key,
        .key_from = settings_key_is_in_environment() ? "environment" : "file",
        .ca_file = s->ca_file,
        .catalog = catalog,
        .catalog_cache = s->fetch_models ? cache : NULL,
        .catalog_own = own,
        .keep_bodies = s->keep_bodies,
        .no_search = !s->index_texts,
        .redact = (const char *const *)s->redact,
        .alarms = s->alarms,
        .on_alarm = s->on_alarm,
        .queue_max_bytes = (size_t)s->queue_max_bytes,
        .body_max_bytes = (size_t)s->body_max_bytes,
        .held_max_bytes = (size_t)s->held_max_bytes,
        .max_log_bytes = s->max_log_bytes,
        .keep_days = s->keep_days,
        .upstream_idle_ms = s->upstream_idle_ms,
        .connect_timeout_ms = s->connect_timeout_ms,
        .pins = {.failures = (int)s->pin_failures,
                 .rest_ms = s->pin_rest_ms,
                 .long_wait_s = (s->pin_long_wait_ms + 999) / 1000},
        .ready_fd = ready_fd,
        .parent_fd = parent_fd,
        .print_ready = ready_fd < 0,
    };
    int r = gateway_run(&o, e);
    catalog_free(catalog);
    free(cache);
    free(own);
    key_free(key);
    return r == 0 ? CLI_DONE : CLI_FAILED;
}

const struct command command_serve = {
    .name = "serve",
    .summary = "run the gateway alone, in the foreground",
    .synopsis = "[--listen ADDR:PORT] [--upstream URL] [--log FILE]\n"
                "[--key-file FILE] [--ca-file FILE] [--keep TIME]\n"
                "[--no-bodies] [--redact PATTERN] [--max-log-bytes SIZE]",
    .text = "Prints one line when it listens. SIGTERM lets calls in flight finish, SIGINT\n"
            "does not. The Respan key that the local token of spantop env stands for comes\n"
            "from RESPAN_API_KEY, then --key-file. A key a client sends is passed on.",
    .example = "spantop serve --listen 127.0.0.1:5000 --keep 90d --max-log-bytes 2G",
    .options = options,
    .run = serve,
};
