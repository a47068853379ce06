/* spantop reconcile: our log against Respan's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/reconcile.h"
#include "cli/reconcile_read.h"
#include "cli/start.h"
#include "cli/table.h"
#include "cli/values.h"

#define LIMIT_MS  60000 /* a page */
#define SHOWN_MAX 20 /* of each kind, to people; --json has all */

static const struct option_spec options[] = {
    {"since", "TIME", "1h, 1d, 7d, today or all (1d)"},
    {"json", NULL, "as one JSON object, with every call that differs"},
    {NULL, NULL, NULL},
};

/* ---- Telling people ---------------------------------------------------------------------- */

static const char *plural(size_t n)
{
    return n == 1 ? "call" : "calls";
}

static void put_usd(struct table *t, int64_t microusd)
{
    char text[32];
    snprintf(text, sizeof text, "%s$%.6f", microusd < 0 ? "-" : "", (double)(microusd < 0 ? -microusd : microusd) / 1e6);
    table_put(t, text);
}

static void put_cost(struct table *t, int64_t microusd)
{
    if (microusd < 0)
        table_put(t, NULL);
    else
        put_usd(t, microusd);
}

static void put_count(struct table *t, int64_t n)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)n);
    table_put(t, text);
}

static void print_sums(const struct reconcile *r)
{
    static const struct table_column columns[] = {
        {.title = ""}, {.title = "HERE", .right = true}, {.title = "RESPAN", .right = true}, {.title = "MORE THERE", .right = true}};
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof *columns);
    table_put(&t, "cost");
    put_usd(&t, r->here.cost_microusd);
    put_usd(&t, r->there.cost_microusd);
    put_usd(&t, r->there.cost_microusd - r->here.cost_microusd);
    table_put(&t, "tokens in");
    put_count(&t, r->here.tokens_in);
    put_count(&t, r->there.tokens_in);
    put_count(&t, r->there.tokens_in - r->here.tokens_in);
    table_put(&t, "tokens out");
    put_count(&t, r->here.tokens_out);
    put_count(&t, r->there.tokens_out);
    put_count(&t, r->there.tokens_out - r->here.tokens_out);
    table_print(&t, true, out_columns());
    table_done(&t);
}

static void put_pair(struct table *t, bool differs, int64_t here, int64_t there)
{
    char text[64];
    snprintf(text, sizeof text, "%lld / %lld", (long long)here, (long long)there);
    table_put(t, differs ? text : "=");
}

static void print_differing(const struct reconcile *r)
{
    static const struct table_column columns[] = {
        {.title = "ID", .right = true},        {.title = "STATE"},
        {.title = "MODEL", .shrinks = true},   {.title = "IN", .right = true},
        {.title = "OUT", .right = true},       {.title = "COST HERE", .right = true},
        {.title = "COST RESPAN", .right = true},
    };
    struct table t;
    size_t shown = 0;
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < r->call_count && shown < SHOWN_MAX; i++) {
        const struct reconcile_call *c = &r->calls[i];
        if (!c->differs || c->started_at < r->since_ms)
            continue;
        put_count(&t, c->id);
        table_put(&t, call_state_name(c->state));
        table_put(&t, c->model);
        put_pair(&t, c->differs & DIFFERS_IN, c->here.tokens_in, c->there.tokens_in);
        put_pair(&t, c->differs & DIFFERS_OUT, c->here.tokens_out, c->there.tokens_out);
        put_cost(&t, c->here.cost_microusd);
        put_cost(&t, c->there.cost_microusd);
        shown++;
    }
    printf("\n%zu %s (here / Respan)%s\n", r->differing, r->differing == 1 ? "call differs" : "calls differ",
           shown < r->differing ? "; the first:" : ":");
    table_print(&t, true, out_columns());
    table_done(&t);
}

static void print_missing_there(const struct reconcile *r)
{
    static const struct table_column columns[] = {
        {.title = "ID", .right = true}, {.title = "STARTED"}, {.title = "STATE"}, {.title = "MODEL", .shrinks = true}, {.title = "RESPAN'S ID"}};
    struct table t;
    size_t shown = 0;
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < r->call_count && shown < SHOWN_MAX; i++) {
        const struct reconcile_call *c = &r->calls[i];
        char at[OUT_TIME_MAX];
        if (!reconcile_is_missing(r, c))
            continue;
        out_time(at, c->started_at, true);
        put_count(&t, c->id);
        table_put(&t, at);
        table_put(&t, call_state_name(c->state));
        table_put(&t, c->model);
        table_put(&t, c->log_id);
        shown++;
    }
    printf("\n%zu %s no row at Respan%s\n", r->missing_there, r->missing_there == 1 ? "call has" : "calls have",
           shown < r->missing_there ? "; the first:" : ":");
    table_print(&t, true, out_columns());
    table_done(&t);
}

static void print_missing_here(const struct reconcile *r)
{
    static const struct table_column columns[] = {
        {.title = "RESPAN'S ID"}, {.title = "AT"}, {.title = "MODEL", .shrinks = true}, {.title = "COST", .right = true}};
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < r->missing_here_count && i < SHOWN_MAX; i++) {
        const struct reconcile_row *row = &r->missing_here[i];
        table_put(&t, row->log_id);
        table_put(&t, row->timestamp);
        table_put(&t, row->model);
        put_cost(&t, row->there.cost_microusd);
    }
    printf("\n%zu %s of no call here (other machines and other programs have theirs there, too)%s\n", r->missing_here_count,
           r->missing_here_count == 1 ? "row at Respan is" : "rows at Respan are",
           r->missing_here_count > SHOWN_MAX ? "; the first:" : ":");
    table_print(&t, true, out_columns());
    table_done(&t);
}

static void print_text(const struct reconcile *r)
{
    char since[OUT_TIME_MAX];
    out_time(since, r->since_ms, true);
    printf("in both logs since %s: %zu %s\n", since, r->compared, plural(r->compared));
    print_sums(r);
    if (r->unpriced)
        printf("without the cost of %zu %s that only one side knows\n", r->unpriced, plural(r->unpriced));
    if (r->landing)
        printf("not compared: %zu %s running or just ended, whose rows may still come\n", r->landing, plural(r->landing));
    if (r->unnamed)
        printf("not compared: %zu %s whose answer named no row at Respan\n", r->unnamed, plural(r->unnamed));
    if (r->differing)
        print_differing(r);
    if (r->missing_there)
        print_missing_there(r);
    if (r->missing_here_count)
        print_missing_here(r);
    if (!r->differing && !r->missing_there && !r->missing_here_count)
        puts("both agree");
}

/* ---- Telling programs ---------------------------------------------------------------------- */

static cJSON *figures_json(const struct figures *f)
{
    cJSON *j = cJSON_CreateObject();
    json_add_count(j, "tokens_in", f->tokens_in);
    json_add_count(j, "tokens_out", f->tokens_out);
    json_add_count(j, "cost_microusd", f->cost_microusd);
    return j;
}

static cJSON *call_json(const struct reconcile_call *c)
{
    cJSON *j = cJSON_CreateObject();
    json_add_count(j, "id", c->id);
    json_add_text(j, "respan_log_id", c->log_id);
    json_add_text(j, "state", call_state_name(c->state));
    json_add_text(j, "model", c->model);
    json_add_count(j, "started_at", c->started_at);
    cJSON_AddItemToObject(j, "here", figures_json(&c->here));
    if (c->has_row)
        cJSON_AddItemToObject(j, "respan", figures_json(&c->there));
    return j;
}

static cJSON *row_json(const struct reconcile_row *row)
{
    cJSON *j = cJSON_CreateObject();
    json_add_text(j, "respan_log_id", row->log_id);
    json_add_text(j, "model", row->model);
    json_add_text(j, "timestamp", row->timestamp);
    cJSON_AddItemToObject(j, "respan", figures_json(&row->there));
    return j;
}

static void print_json(const struct reconcile *r)
{
    cJSON *j = cJSON_CreateObject();
    json_add_count(j, "since", r->since_ms);
    json_add_count(j, "compared", (int64_t)r->compared);
    cJSON_AddItemToObject(j, "here", figures_json(&r->here));
    cJSON_AddItemToObject(j, "respan", figures_json(&r->there));
    json_add_count(j, "unpriced", (int64_t)r->unpriced);
    json_add_count(j, "landing", (int64_t)r->landing);
    json_add_count(j, "without_log_id", (int64_t)r->unnamed);
    cJSON *differing = cJSON_AddArrayToObject(j, "differing");
    cJSON *missing_there = cJSON_AddArrayToObject(j, "missing_at_respan");
    cJSON *missing_here = cJSON_AddArrayToObject(j, "missing_here");
    for (size_t i = 0; i < r->call_count; i++) {
        const struct reconcile_call *c = &r->calls[i];
        if (c->differs && c->started_at >= r->since_ms)
            cJSON_AddItemToArray(differing, call_json(c));
        else if (reconcile_is_missing(r, c))
            cJSON_AddItemToArray(missing_there, call_json(c));
    }
    for (size_t i = 0; i < r->missing_here_count; i++)
        cJSON_AddItemToArray(missing_here, row_json(&r->missing_here[i]));
    out_json(j);
}

/* ---- The command ---------------------------------------------------------------------------- */

static int check_places(const char *base, const char *key, struct err *e)
{
    if (!base)
        return err_set(e, "this upstream has no log that could be asked; name Respan's API with RESPAN_BASE_URL");
    if (!key)
        return err_set(e, "Respan's log opens to a key only; put it into RESPAN_API_KEY or name a file with --key-file");
    return 0;
}

static int reconcile(struct cli *c, struct err *e)
{
    const char *since = args_get(&c->args, "since");
    const struct settings *s = &c->settings;
    int64_t since_ms, now_ms = clock_wall_ms();
    char *key = NULL;
    struct reconcile r;
    if (value_since(since ? since : "1d", now_ms, &since_ms, e) != 0)
        return CLI_USAGE;
    char *base = gateway_api_base(s);
    reconcile_init(&r, since_ms, now_ms);
    int rc = settings_key(s, &key, e);
    if (rc == 0)
        rc = check_places(base, key, e);
    if (rc == 0)
        rc = reconcile_read(&r, s, base, key, LIMIT_MS, e);
    if (rc == 0 && args_has(&c->args, "json"))
        print_json(&r);
    else if (rc == 0)
        print_text(&r);
    reconcile_done(&r);
    key_free(key);
    free(base);
    return rc == 0 ? CLI_DONE : CLI_FAILED;
}

const struct command command_reconcile = {
    .name = "reconcile",
    .summary = "compare the log with Respan's own",
    .synopsis = "[--since 1h|1d|…] [--json] [--key-file FILE]",
    .text = "By the id of Respan's log row: calls that one side lacks, and calls whose\n"
            "tokens or cost (by more than 1 %) differ, with totals. The key comes from\n"
            "RESPAN_API_KEY, then --key-file.",
    .example = "spantop reconcile --since 7d",
    .options = options,
    .run = reconcile,
};
