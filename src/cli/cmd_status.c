/* spantop status: is it up, where, since when, and how it fares. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/start.h"
#include "log/reader.h"

static const struct option_spec options[] = {
    {"json", NULL, "as one JSON object"},
    {NULL, NULL, NULL},
};

struct state {
    bool is_running;
    struct peer peer;
    struct peer_health health;
    bool has_size;
    struct log_size size;
    struct err problem; /* "": none known */
};

/* No log yet is no error: there is just nothing to measure.  Nor is one that cannot be
 * read when a gateway runs: just then its user looks here for what is wrong. */
static int look(const struct settings *s, struct state *st, struct err *e)
{
    *st = (struct state){0};
    int r = peer_find(s->log_path, &st->peer, e);
    if (r < 0 || (r == 0 && gateway_verify(&st->peer, &st->health, e) != 0))
        return -1;
    st->is_running = r == 0;
    if (st->health.problem[0])
        err_set(&st->problem, "%s", st->health.problem);
    struct err why = {""};
    struct db *db = db_open(s->log_path, DB_READ, &why);
    if (db)
        st->has_size = reader_size(db, &st->size, &why) == 0;
    db_close(db);
    if (st->has_size || (!db && !st->is_running))
        return 0;
    if (!st->is_running)
        return err_set(e, "%s", why.text);
    if (!st->problem.text[0])
        st->problem = why;
    return 0;
}

static void print_json(const struct settings *s, const struct state *st)
{
    cJSON *j = cJSON_CreateObject();
    const struct peer_health *h = &st->health;
    bool up = st->is_running;
    cJSON_AddBoolToObject(j, "running", up);
    json_add_text(j, "address", up ? st->peer.address : NULL);
    json_add_count(j, "pid", up ? st->peer.pid : -1);
    json_add_text(j, "version", up ? h->version : NULL);
    json_add_text(j, "upstream", up ? st->peer.upstream : NULL);
    json_add_count(j, "started_at", up ? h->started_at : -1);
    json_add_count(j, "in_flight", up ? h->in_flight : -1);
    json_add_count(j, "calls", up ? h->calls : -1);
    json_add_count(j, "dropped", up ? h->dropped : -1);
    json_add_count(j, "dropped_bodies", up ? h->dropped_bodies : -1);
    json_add_count(j, "refused", up ? h->refused : -1);
    json_add_count(j, "routes_version", up ? h->routes_version : -1);
    json_add_text(j, "problem", st->problem.text[0] ? st->problem.text : NULL);
    json_add_text(j, "notice", up && h->notice[0] ? h->notice : NULL);
    json_add_text(j, "log", s->log_path);
    json_add_count(j, "log_bytes", st->has_size ? st->size.file_bytes : -1);
    json_add_count(j, "log_calls", st->has_size ? st->size.calls : -1);
    json_add_count(j, "body_bytes", st->has_size ? st->size.raw_body_bytes : -1);
    json_add_count(j, "stored_body_bytes", st->has_size ? st->size.stored_body_bytes : -1);
    out_json(j);
}

static void print_line(const char *name, const char *text)
{
    printf("%-9s ", name);
    out_text(text, strlen(text));
    putchar('\n');
}

static void print_running(const struct state *st)
{
    char line[512], since[OUT_TIME_MAX], age[TEXT_SHORT_MAX];
    const struct peer_health *h = &st->health;
    out_time(since, h->started_at, true);
    text_ms(age, clock_wall_ms() - h->started_at);
    snprintf(line, sizeof line, "running at %s (pid %lld, version %s)", st->peer.address, (long long)st->peer.pid,
             h->version);
    print_line("gateway", line);
    print_line("upstream", st->peer.upstream);
    snprintf(line, sizeof line, "%s, for %s", since, age);
    print_line("since", line);
    snprintf(line, sizeof line, "%lld in flight, %lld in all, %lld refused", (long long)h->in_flight,
             (long long)h->calls, (long long)h->refused);
    print_line("calls", line);
    snprintf(line, sizeof line, h->dropped_bodies ? "%lld, and %lld bodies" : "%lld", (long long)h->dropped,
             (long long)h->dropped_bodies);
    print_line("dropped", line);
    if (st->problem.text[0])
        print_line("problem", st->problem.text);
    if (h->notice[0])
        print_line("notice", h->notice);
}

static void print_catalog(void)
{
    struct err warning = {""};
    struct catalog *c = cli_catalog_quiet(&warning);
    char *sources = cli_catalog_sources(c);
    print_line("catalog", sources);
    if (warning.text[0])
        print_line("problem", warning.text);
    free(sources);
    catalog_free(c);
}

static void print_text(const struct settings *s, const struct state *st)
{
    char line[256], file[TEXT_SHORT_MAX], raw[TEXT_SHORT_MAX], stored[TEXT_SHORT_MAX];
    if (st->is_running)
        print_running(st);
    else
        print_line("gateway", "not running; spantop starts it");
    print_catalog();
    print_line("log", s->log_path);
    if (!st->has_size) {
        print_line("size", st->is_running ? "unknown" : "no log yet");
        return;
    }
    text_bytes(file, st->size.file_bytes);
    text_bytes(raw, st->size.raw_body_bytes);
    text_bytes(stored, st->size.stored_body_bytes);
    snprintf(line, sizeof line, "%s, %lld calls; %s of bodies in %s", file, (long long)st->size.calls, raw, stored);
    print_line("size", line);
}

static int status(struct cli *c, struct err *e)
{
    struct state st;
    if (look(&c->settings, &st, e) != 0)
        return CLI_FAILED;
    if (args_has(&c->args, "json"))
        print_json(&c->settings, &st);
    else
        print_text(&c->settings, &st);
    return CLI_DONE;
}

const struct command command_status = {
    .name = "status",
    .summary = "is the gateway up, where, since when; size of the log",
    .synopsis = "[--json]",
    .text = "dropped counts calls the log could not take, dropped_bodies those it took\n"
            "without their bodies; what is not known is null in JSON.\n"
            "Status 0 whether it runs or not: see \"running\".",
    .example = "spantop status --json",
    .options = options,
    .run = status,
};
