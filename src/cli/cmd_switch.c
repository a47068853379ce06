/* spantop model and spantop provider: show, switch, clear.
 *
 * A switch is a row in `routes`; the very next call reads it.  The gateway's
 * health page tells which version of the routes it knows, so that a switch
 * which went into another log than the gateway's is noticed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/limits.h"
#include "cli/output.h"
#include "cli/scope.h"
#include "log/reader.h"
#include "log/routes.h"
#include "respan/switch_price.h"

static const struct option_spec options[] = {
    {"clear", NULL, "take the switch of this scope out"},
    {"session", "ID", "only this session: id, its beginning, or title"},
    {"for", "GLOB", "only calls asking for such a model; a TIME: 2h"},
    LIMIT_OPTIONS,
    {NULL, NULL, NULL},
};

struct change {
    enum route_setting what;
    const char *word;  /* "model", "provider" */
    const char *value; /* NULL: clear */
    char *session_id;
    const char *glob;
    struct route_limits limits;
};

static const char *value_of(const struct route *r, enum route_setting what)
{
    return what == ROUTE_MODEL ? r->set_model : r->set_provider;
}

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* "  since 14:02: 12 calls, $0.41; the first of 2 conversations wrote 284k tokens anew, $0.36" */
static int show_cost(struct db *db, const struct route *r, struct err *e)
{
    struct route_cost cost;
    char at[OUT_TIME_MAX], all[TEXT_SHORT_MAX], first[TEXT_SHORT_MAX], written[TEXT_SHORT_MAX];
    if (routes_cost(db, r, &cost, e) != 0)
        return -1;
    if (cost.calls == 0)
        return 0;
    out_time(at, r->created_at, true);
    text_usd(all, cost.cost_microusd);
    printf("  since %s: %lld %s, %s", at, (long long)cost.calls, cost.calls == 1 ? "call" : "calls", all);
    if (cost.first_written > 0) {
        text_usd(first, cost.first_microusd);
        text_count(written, cost.first_written);
        printf("; at first %s tokens were written anew: %s", written, first);
    }
    if (cost.unpriced_calls > 0)
        printf("; %lld of unknown price", (long long)cost.unpriced_calls);
    putchar('\n');
    return 0;
}

/* Every enabled setting of this kind; with a scope named, only its own. */
static int show(struct db *db, const struct change *c, struct err *e)
{
    struct route_set set;
    bool is_scoped = c->session_id || c->glob;
    size_t shown = 0;
    int64_t now_ms = clock_wall_ms();
    int rc = 0;
    if (routes_load(db, &set, e) != 0)
        return -1;
    for (size_t i = 0; rc == 0 && i < set.count; i++) {
        const struct route *r = &set.routes[i];
        if (!route_is_on(r, now_ms) || !value_of(r, c->what))
            continue;
        if (is_scoped && !(is_same(r->session_id, c->session_id) && is_same(r->model_glob, c->glob)))
            continue;
        char *line = scope_words(r->session_id, r->purpose, r->model_glob);
        char *holds = limits_words(r, now_ms);
        char *whole = xasprintf("%s for %s%s%s", value_of(r, c->what), line, holds ? ", " : "", holds ? holds : "");
        free(holds);
        out_text(whole, strlen(whole));
        putchar('\n');
        free(whole);
        free(line);
        shown++;
        rc = show_cost(db, r, e);
    }
    if (shown == 0)
        puts(c->what == ROUTE_MODEL ? "as sent" : "auto");
    route_set_done(&set);
    return rc;
}

static void print_price(const struct session *s, const struct switch_price *p)
{
    char tokens[TEXT_SHORT_MAX], now[TEXT_SHORT_MAX], next[TEXT_SHORT_MAX], then[TEXT_SHORT_MAX];
    text_count(tokens, s->context_tokens);
    text_usd(now, p->now_microusd);
    text_usd(next, p->next_microusd);
    text_usd(then, p->then_microusd);
    printf("next call re-reads %s tokens uncached: %s instead of %s, then %s a call\n", tokens, next, now, then);
    if (p->is_too_long)
        printf("these %s tokens are more than its context holds: it will refuse them, and the\n"
               "call goes up again as it came\n", tokens);
}

/* What the switch does to the money of one session; nothing where that is not known. */
static void show_price(struct db *db, const struct change *c)
{
    struct session s;
    struct err ignored;
    struct switch_price price;
    if (!c->value || !c->session_id || reader_session(db, c->session_id, &s, &ignored) != 0)
        return;
    struct catalog *catalog = cli_catalog();
    bool is_model = c->what == ROUTE_MODEL;
    struct switch_about about = {
        .model_from = s.model,
        .model_to = is_model ? c->value : s.model,
        .context_tokens = s.context_tokens,
        .is_1h = s.totals.tokens_cache_write_1h > s.totals.tokens_cache_write_5m,
        .day = clock_day_number(clock_wall_ms()),
    };
    if (!is_same(is_model ? s.model : s.provider, c->value) && switch_price(catalog, &about, &price))
        print_price(&s, &price);
    catalog_free(catalog);
    session_done(&s);
}

static int apply(struct db *db, const struct change *c, const char *log_path, struct err *e)
{
    struct route_scope scope = {.session_id = c->session_id, .model_glob = c->glob};
    if (routes_switch_limited(db, c->what, &scope, c->value, &c->limits, e) != 0 || routes_tell_gateway(db, log_path, e) != 0)
        return -1;
    char *words = scope_words(c->session_id, NULL, c->glob);
    char *line = c->value ? xasprintf("%s %s for %s, from the next call on", c->word, c->value, words)
                          : xasprintf("%s %s for %s, from the next call on", c->word,
                                      c->what == ROUTE_MODEL ? "as sent" : "auto", words);
    out_text(line, strlen(line));
    putchar('\n');
    free(line);
    free(words);
    show_price(db, c);
    return 0;
}

static int run_switch(struct cli *c, enum route_setting what, struct err *e)
{
    const char *name = c->args.word_count ? c->args.words[0] : NULL;
    bool clears = args_has(&c->args, "clear");
    struct change change = {
        .what = what, .word = what == ROUTE_MODEL ? "model" : "provider", .glob = limits_glob(&c->args)};
    const char *session = args_get(&c->args, "session");
    if (name && clears)
        return cli_usage(e, "either a %s or --clear, not both", change.word);
    if (!name && limits_are_given(&c->args))
        return cli_usage(e, "--for-next, --until and --for TIME need a %s that holds so long", change.word);
    if (limits_take(&c->args, &change.limits, e) != 0 || (name && name_check(change.word, name, e) != 0) ||
        (change.glob && name_check("model glob", change.glob, e) != 0))
        return CLI_USAGE;
    struct db *db = db_open(c->settings.log_path, name || clears ? DB_WRITE : DB_READ, e);
    if (!db)
        return CLI_FAILED;
    char *full = name && what == ROUTE_MODEL ? model_full_name(name) : xstrdup(name);
    change.value = full;
    int r = session ? session_resolve(db, session, &change.session_id, e) : 0;
    if (r == 0)
        r = name || clears ? apply(db, &change, c->settings.log_path, e) : show(db, &change, e);
    free(full);
    free(change.session_id);
    db_close(db);
    return r == 0 ? CLI_DONE : CLI_FAILED;
}

static int model(struct cli *c, struct err *e)
{
    return run_switch(c, ROUTE_MODEL, e);
}

static int provider(struct cli *c, struct err *e)
{
    return run_switch(c, ROUTE_PROVIDER, e);
}

const struct command command_model = {
    .name = "model",
    .summary = "show, switch or clear the model, for all or one session",
    .synopsis = "[NAME|--clear] [--session ID] [--for GLOB] [--until TIME] …",
    .text = "The switch holds from the very next call. Without a name: what is in force.\n"
            "A name replaces, --clear removes every model setting of exactly that scope.",
    .example = "spantop model claude-sonnet-5-5\n"
               "spantop model claude-haiku-5-5 --for 'claude-sonnet-*'\n"
               "spantop model --clear",
    .options = options,
    .max_words = 1,
    .words_are = WORDS_ARE_MODELS,
    .run = model,
};

const struct command command_provider = {
    .name = "provider",
    .summary = "show, pin or unpin the provider",
    .synopsis = "[NAME|--clear] [--session ID] [--for GLOB] [--until TIME] …",
    .text = "The pin holds from the very next call, as the header X-Respan-Route-Provider.\n"
            "Without a name: what is in force. spantop models lists providers.",
    .example = "spantop provider vertex_ai\nspantop provider --clear",
    .options = options,
    .max_words = 1,
    .words_are = WORDS_ARE_PROVIDERS,
    .run = provider,
};
