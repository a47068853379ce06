/* spantop replay: a logged call once more, by another model or provider if wanted.
 *
 * It goes the way the client's calls go, through the running gateway, and leaves
 * nothing behind but its own row: the model is switched in the bytes that are sent,
 * the pin is a header of that one call, no route is made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/replay.h"
#include "cli/scope.h"
#include "cli/values.h"
#include "log/peer.h"

static const struct option_spec options[] = {
    {"model", "NAME", "ask this model instead"},
    {"provider", "NAME", "pin this provider; auto: none"},
    {"yes", NULL, "send it without asking; it costs money"},
    {"json", NULL, "both rows and answers as a JSON object"},
    {NULL, NULL, NULL},
};

/* ---- The key, as `spantop run` gives it to the client ---------------------------------------- */

static int find_key(const struct settings *s, const struct client_env *env, const char **key, struct err *e)
{
    const char *own = getenv("ANTHROPIC_API_KEY");
    char *respan = NULL;
    if (settings_key(s, &respan, e) != 0)
        return -1;
    *key = !respan && own && *own ? own : env->token;
    key_free(respan);
    return 0;
}

static int find_gateway(const struct settings *s, struct err *e)
{
    struct peer p;
    int r = peer_find(s->log_path, &p, e);
    if (r > 0)
        return err_set(e, "no gateway runs for %s; start it with spantop serve, or name another log with --log", s->log_path);
    return r;
}

/* ---- What it costs, before it does ------------------------------------------------------------- */

static bool agrees(void)
{
    char answer[16] = "";
    fputs("Send it? [y/N] ", stdout);
    fflush(stdout);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static void say(const char *begin, const struct buf *line)
{
    fputs(begin, stdout);
    out_text(line->data, line->len);
    putchar('\n');
    fflush(stdout);
}

/* 0: go on; CLI_USAGE: nobody was there to ask; CLI_FAILED: no. */
static int ask(struct cli *c, const struct replay *r, struct err *e)
{
    struct buf line;
    int status = CLI_DONE;
    bool is_json = args_has(&c->args, "json");
    buf_init(&line);
    replay_put_price(r, &line);
    if (args_has(&c->args, "yes")) {
        if (is_json)
            cli_say("sending %s", line.data);
        else
            say("sending ", &line);
    } else if (!isatty(STDIN_FILENO) || !out_is_terminal()) {
        status = cli_usage(e, "this sends %s; add --yes to send it", line.data);
    } else {
        say("This sends ", &line);
        if (!agrees()) {
            err_set(e, "nothing was sent");
            status = CLI_FAILED;
        }
    }
    buf_done(&line);
    return status;
}

/* ---- The command ----------------------------------------------------------------------------------- */

static int tell(struct cli *c, const struct replay *r, struct err *e)
{
    if (args_has(&c->args, "json"))
        replay_print_json(r);
    else
        replay_print(r);
    if (r->again.state == CALL_DONE)
        return CLI_DONE;
    err_set(e, "call %lld ended as %s%s%.300s", (long long)r->call_id, call_state_name(r->again.state), r->again.error_message ? ": " : "",
            r->again.error_message ? r->again.error_message : "");
    return CLI_FAILED;
}

static int send_and_tell(struct cli *c, struct replay *r, struct db *db, struct err *e)
{
    struct client_env env;
    const char *key;
    if (find_gateway(&c->settings, e) != 0 || client_env_load(&c->settings, &env, e) != 0 || find_key(&c->settings, &env, &key, e) != 0)
        return CLI_FAILED;
    int status = ask(c, r, e);
    if (status != CLI_DONE)
        return status;
    if (replay_send(r, &env, key, e) != 0 || replay_collect(r, db, e) != 0)
        return CLI_FAILED;
    return tell(c, r, e);
}

static int replay_run_on(struct cli *c, struct replay *r, int64_t id, struct err *e)
{
    struct db *db = db_open(c->settings.log_path, DB_READ, e);
    struct catalog *catalog = db ? cli_catalog() : NULL;
    int status = CLI_FAILED;
    if (db && replay_plan(r, db, catalog, id, e) == 0 && replay_check_routes(r, db, e) == 0)
        status = send_and_tell(c, r, db, e);
    catalog_free(catalog);
    db_close(db);
    return status;
}

static int replay(struct cli *c, struct err *e)
{
    const char *model = args_get(&c->args, "model"), *provider = args_get(&c->args, "provider");
    struct replay r;
    int64_t id;
    if (value_int("a call's id", c->args.words[0], 1, INT64_MAX, &id, e) != 0 || (model && name_check("model", model, e) != 0) ||
        (provider && name_check("provider", provider, e) != 0))
        return CLI_USAGE;
    char *full = model ? model_full_name(model) : NULL;
    replay_init(&r);
    r.model = full;
    r.is_unpinned = provider && strcmp(provider, "auto") == 0;
    r.provider = r.is_unpinned ? NULL : provider;
    r.tells = out_is_terminal() && !args_has(&c->args, "json");
    int status = replay_run_on(c, &r, id, e);
    replay_done(&r);
    free(full);
    return status;
}

const struct command command_replay = {
    .name = "replay",
    .is_minor = true,
    .summary = "send a logged call again and compare the answers",
    .synopsis = "ID [--model NAME] [--provider NAME] [--yes] [--json]",
    .text = "Through the running gateway, in a session of its own (replay-ID). It costs what\n"
            "a call costs, says how much before, and asks; elsewhere than on a terminal it\n"
            "wants --yes. Leaves no route behind.",
    .example = "spantop replay 42\nspantop replay 42 --model claude-haiku-5-5 --yes",
    .options = options,
    .min_words = 1,
    .max_words = 1,
    .words_are = WORDS_ARE_CALLS,
    .run = replay,
};
