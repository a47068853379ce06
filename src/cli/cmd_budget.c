/* spantop budget: show, set, remove, lift.
 *
 * A budget is a row in `budgets`; the gateway reads it before the very next call. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/values.h"
#include "log/budgets.h"

#define USD_MAX  1e9 /* beyond it somebody means "no budget" */
#define RATE_MAX 1000000

static const struct option_spec options[] = {
    {"warn", NULL, "at the limit: show it (set, rm)"},
    {"block", NULL, "at the limit: stop calls (set, rm; the default of set)"},
    {"for", "TIME", "lift: how long, 1h when not given; 0s ends a lift"},
    {"json", NULL, "show: as one JSON object"},
    {NULL, NULL, NULL},
};

/* --- Showing ---------------------------------------------------------------------- */

static const char *const moods[] = {"fine", "warns", "blocks", "lifted"};

static void put_amount(struct table *t, enum budget_scope scope, int64_t amount)
{
    struct buf text;
    buf_init(&text);
    budget_amount(&text, scope, amount);
    table_put(t, text.data);
    buf_done(&text);
}

static void put_state(struct table *t, const struct budget_state *s)
{
    char until[OUT_TIME_MAX], text[OUT_TIME_MAX + 16];
    if (s->mood != BUDGET_LIFTED) {
        table_put(t, moods[s->mood]);
        return;
    }
    out_time(until, s->budget.lifted_until, true);
    snprintf(text, sizeof text, "lifted until %s", until);
    table_put(t, text);
}

static void print_text(const struct budget_page *p)
{
    static const struct table_column columns[] = {
        {.title = "BUDGET"},  {.title = "LEVEL"}, {.title = "LIMIT", .right = true}, {.title = "USED", .right = true},
        {.title = "STATE"},   {.title = "WHO", .shrinks = true},
    };
    struct table t;
    if (p->count == 0) {
        puts("no budget; `spantop budget set day 20` stops calls at 20 dollars a day");
        return;
    }
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < p->count; i++) {
        const struct budget_state *s = &p->states[i];
        table_put(&t, budget_scope_name(s->budget.scope));
        table_put(&t, budget_level_name(s->budget.level));
        put_amount(&t, s->budget.scope, s->budget.limit);
        put_amount(&t, s->budget.scope, s->used);
        put_state(&t, s);
        table_put(&t, s->who ? s->who : "");
    }
    table_print(&t, true, out_columns());
    table_done(&t);
}

static void print_json(const struct budget_page *p)
{
    cJSON *j = cJSON_CreateObject(), *list = cJSON_CreateArray();
    for (size_t i = 0; i < p->count; i++) {
        const struct budget_state *s = &p->states[i];
        bool is_rate = s->budget.scope == BUDGET_RATE;
        cJSON *one = cJSON_CreateObject();
        json_add_text(one, "budget", budget_scope_name(s->budget.scope));
        json_add_text(one, "level", budget_level_name(s->budget.level));
        json_add_count(one, is_rate ? "limit_calls" : "limit_microusd", s->budget.limit);
        json_add_count(one, is_rate ? "used_calls" : "used_microusd", s->used);
        json_add_text(one, "state", moods[s->mood]);
        json_add_count(one, "lifted_until", s->budget.lifted_until > 0 ? s->budget.lifted_until : -1);
        json_add_text(one, "who", s->who);
        cJSON_AddItemToArray(list, one);
    }
    cJSON_AddItemToObject(j, "budgets", list);
    out_json(j);
}

static int show(struct cli *c, struct db *db, struct err *e)
{
    struct budget_page page;
    if (budgets_status(db, clock_wall_ms(), &page, e) != 0)
        return CLI_FAILED;
    if (args_has(&c->args, "json"))
        print_json(&page);
    else
        print_text(&page);
    budget_page_done(&page);
    return CLI_DONE;
}

/* --- Changing --------------------------------------------------------------------- */

static int read_limit(enum budget_scope scope, const char *text, int64_t *limit, struct err *e)
{
    double usd;
    if (scope == BUDGET_RATE)
        return value_int("the calls a minute", text, 0, RATE_MAX, limit, e);
    if (value_real("the limit in dollars", text[0] == '$' ? text + 1 : text, 0, USD_MAX, &usd, e) != 0)
        return -1;
    *limit = (int64_t)llround(usd * 1e6);
    return 0;
}

static unsigned levels_of(const struct args *a)
{
    return (args_has(a, "warn") ? 1u << BUDGET_WARN : 0) | (args_has(a, "block") ? 1u << BUDGET_BLOCK : 0);
}

static int set(struct cli *c, struct db *db, enum budget_scope scope, struct err *e)
{
    unsigned levels = levels_of(&c->args);
    struct buf text;
    int64_t limit;
    if (read_limit(scope, c->args.words[2], &limit, e) != 0)
        return CLI_USAGE;
    if (levels == 0)
        levels = 1u << BUDGET_BLOCK;
    buf_init(&text);
    budget_amount(&text, scope, limit);
    for (enum budget_level l = BUDGET_WARN; l <= BUDGET_BLOCK; l++) {
        if (!(levels >> l & 1))
            continue;
        if (budgets_put(db, scope, l, limit, e) != 0) {
            buf_done(&text);
            return CLI_FAILED;
        }
        printf("%s budget: %s at %s%s, from the next call on\n", budget_scope_name(scope),
               l == BUDGET_WARN ? "a warning" : "calls stop", text.data, scope == BUDGET_RATE ? " a minute" : "");
    }
    buf_done(&text);
    return CLI_DONE;
}

static int rm(struct cli *c, struct db *db, enum budget_scope scope, struct err *e)
{
    unsigned levels = levels_of(&c->args);
    int r = budgets_remove(db, scope, levels ? levels : 1u << BUDGET_WARN | 1u << BUDGET_BLOCK, e);
    if (r == 0)
        printf("%s budget removed\n", budget_scope_name(scope));
    if (r == 1)
        err_set(e, "there is no such %s budget; spantop budget shows what there is", budget_scope_name(scope));
    return r == 0 ? CLI_DONE : CLI_FAILED;
}

static int lift(struct cli *c, struct db *db, const enum budget_scope *scope, struct err *e)
{
    const char *span = args_get(&c->args, "for");
    char until[OUT_TIME_MAX];
    int64_t ms = BUDGET_LIFT_MS;
    int count;
    if (span && value_duration("--for", span, 0, &ms, e) != 0)
        return CLI_USAGE;
    int64_t at = clock_wall_ms() + ms;
    if (budgets_lift(db, scope, at, &count, e) != 0)
        return CLI_FAILED;
    if (count == 0) {
        err_set(e, "there is no budget that blocks; spantop budget shows what there is");
        return CLI_FAILED;
    }
    out_time(until, at, true);
    if (ms > 0)
        printf("lifted until %s\n", until);
    else
        puts("no longer lifted");
    return CLI_DONE;
}

/* --- The words ---------------------------------------------------------------------- */

enum verb { SHOW, SET, RM, LIFT };

static int read_words(const struct args *a, enum verb *verb, enum budget_scope *scope, struct err *e)
{
    static const struct {
        const char *word;
        enum verb verb;
        size_t min, max;
        const char *form;
    } verbs[] = {{"show", SHOW, 1, 1, "show"},
                 {"set", SET, 3, 3, "set call|session|day|month USD, or set rate N"},
                 {"rm", RM, 2, 2, "rm call|session|day|month|rate"},
                 {"lift", LIFT, 1, 2, "lift [call|session|day|month|rate]"}};
    *verb = SHOW;
    if (a->word_count == 0)
        return CLI_DONE;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(a->words[0], verbs[i].word) != 0)
            continue;
        *verb = verbs[i].verb;
        if (a->word_count < verbs[i].min || a->word_count > verbs[i].max)
            return cli_usage(e, "it is spantop budget %s", verbs[i].form);
        if (a->word_count > 1 && !budget_scope_parse(a->words[1], scope))
            return cli_usage(e, "a budget is one of call, session, day, month and rate, not \"%s\"", a->words[1]);
        return CLI_DONE;
    }
    return cli_usage(e, "spantop budget knows set, rm, lift and show, not \"%s\"", a->words[0]);
}

static int budget(struct cli *c, struct err *e)
{
    enum budget_scope scope = BUDGET_CALL;
    enum verb verb;
    int status = read_words(&c->args, &verb, &scope, e);
    if (status != CLI_DONE)
        return status;
    struct db *db = db_open(c->settings.log_path, verb == SHOW ? DB_READ : DB_WRITE, e);
    if (!db)
        return CLI_FAILED;
    switch (verb) {
    case SET:
        status = set(c, db, scope, e);
        break;
    case RM:
        status = rm(c, db, scope, e);
        break;
    case LIFT:
        status = lift(c, db, c->args.word_count > 1 ? &scope : NULL, e);
        break;
    case SHOW:
        status = show(c, db, e);
        break;
    }
    db_close(db);
    return status;
}

const struct command command_budget = {
    .name = "budget",
    .summary = "show, set or lift limits on what is spent",
    .synopsis = "[--json]\n"
                "set call|session|day|month USD [--warn] [--block]\n"
                "set rate CALLS [--warn] [--block]\n"
                "rm call|session|day|month|rate [--warn] [--block]\n"
                "lift [call|session|day|month|rate] [--for TIME]",
    .text = "A blocked call is answered with 429 billing_error, at which Claude Code stops;\n"
            "running calls finish. rate counts the calls that begin within a minute.",
    .example = "spantop budget set day 20\nspantop budget set session 5 --warn\nspantop budget lift --for 30m",
    .options = options,
    .max_words = 3,
    .words = (const char *const[]){"set", "rm", "lift", "show", NULL},
    .run = budget,
};
