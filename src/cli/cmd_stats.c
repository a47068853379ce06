/* spantop stats: sums over a stretch of time, grouped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/values.h"
#include "log/reader.h"

static const struct option_spec options[] = {
    {"since", "TIME", "1h, 1d, 7d, today or all (today)"},
    {"by", "WHAT", "model, provider, session, day or purpose (model)"},
    {"json", NULL, "as one JSON object"},
    {NULL, NULL, NULL},
};

static const struct {
    const char *name;
    const char *title;
    enum group_by by;
} groups[] = {
    {"model", "MODEL", GROUP_MODEL}, {"provider", "PROVIDER", GROUP_PROVIDER}, {"session", "SESSION", GROUP_SESSION},
    {"day", "DAY", GROUP_DAY},       {"purpose", "PURPOSE", GROUP_PURPOSE},
};
#define GROUP_COUNT (sizeof groups / sizeof *groups)

static int64_t input_of(const struct totals *t)
{
    return t->tokens_in + t->tokens_cache_read + t->tokens_cache_write_5m + t->tokens_cache_write_1h;
}

static void add_totals(struct totals *sum, const struct totals *t)
{
    sum->calls += t->calls;
    sum->errors += t->errors;
    sum->retries += t->retries;
    sum->tokens_in += t->tokens_in;
    sum->tokens_cache_read += t->tokens_cache_read;
    sum->tokens_cache_write_5m += t->tokens_cache_write_5m;
    sum->tokens_cache_write_1h += t->tokens_cache_write_1h;
    sum->tokens_out += t->tokens_out;
    sum->cost_microusd += t->cost_microusd;
    sum->unpriced_calls += t->unpriced_calls;
    sum->cache_breaks += t->cache_breaks;
    sum->cache_break_microusd += t->cache_break_microusd;
}

static void put_row(struct table *t, const char *name, const struct totals *sum, int64_t ttft_ms)
{
    char text[TEXT_SHORT_MAX];
    int64_t input = input_of(sum);
    table_put(t, name);
    text_count(text, sum->calls);
    table_put(t, text);
    text_count(text, sum->errors);
    table_put(t, text);
    text_count(text, input);
    table_put(t, text);
    snprintf(text, sizeof text, "%lld%%", input ? (long long)(sum->tokens_cache_read * 100 / input) : 0);
    table_put(t, input ? text : NULL);
    text_count(text, sum->tokens_out);
    table_put(t, text);
    text_ms(text, ttft_ms);
    table_put(t, text);
    text_usd(text, sum->cost_microusd);
    table_put(t, text);
}

static void print_text(const struct group_page *page, const char *title)
{
    struct table_column columns[] = {
        {.title = title, .shrinks = true}, {.title = "CALLS", .right = true}, {.title = "ERRORS", .right = true},
        {.title = "IN", .right = true},    {.title = "CACHE", .right = true}, {.title = "OUT", .right = true},
        {.title = "TTFT", .right = true},  {.title = "COST", .right = true},
    };
    struct totals all = {0};
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < page->count; i++) {
        const struct group_row *row = &page->rows[i];
        put_row(&t, row->label ? row->label : row->key, &row->totals, row->ttft_ms_mean);
        add_totals(&all, &row->totals);
    }
    put_row(&t, "all", &all, -1);
    table_print(&t, true, out_columns());
    table_done(&t);
    if (all.unpriced_calls > 0)
        printf("without the cost of %lld calls whose price is unknown\n", (long long)all.unpriced_calls);
}

static void add_totals_json(cJSON *j, const struct totals *t)
{
    json_add_count(j, "calls", t->calls);
    json_add_count(j, "errors", t->errors);
    json_add_count(j, "retries", t->retries);
    json_add_count(j, "tokens_in", t->tokens_in);
    json_add_count(j, "tokens_cache_read", t->tokens_cache_read);
    json_add_count(j, "tokens_cache_write_5m", t->tokens_cache_write_5m);
    json_add_count(j, "tokens_cache_write_1h", t->tokens_cache_write_1h);
    json_add_count(j, "tokens_out", t->tokens_out);
    json_add_count(j, "cost_microusd", t->cost_microusd);
    json_add_count(j, "unpriced_calls", t->unpriced_calls);
    json_add_count(j, "cache_breaks", t->cache_breaks);
    json_add_count(j, "cache_break_microusd", t->cache_break_microusd);
}

static void print_json(const struct group_page *page, const char *by, int64_t since_ms)
{
    cJSON *j = cJSON_CreateObject(), *rows = cJSON_CreateArray(), *sums = cJSON_CreateObject();
    struct totals all = {0};
    json_add_count(j, "since", since_ms);
    json_add_text(j, "by", by);
    for (size_t i = 0; i < page->count; i++) {
        const struct group_row *row = &page->rows[i];
        cJSON *r = cJSON_CreateObject();
        json_add_text(r, by, row->key);
        json_add_text(r, "title", row->label);
        add_totals_json(r, &row->totals);
        json_add_count(r, "ttft_ms_mean", row->ttft_ms_mean);
        cJSON_AddItemToArray(rows, r);
        add_totals(&all, &row->totals);
    }
    cJSON_AddItemToObject(j, "rows", rows);
    add_totals_json(sums, &all);
    cJSON_AddItemToObject(j, "totals", sums);
    out_json(j);
}

static int find_group(const char *name, size_t *group, struct err *e)
{
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        if (strcmp(groups[i].name, name) == 0) {
            *group = i;
            return 0;
        }
    }
    return err_set(e, "--by is one of model, provider, session, day and purpose, not \"%s\"", name);
}

static int stats(struct cli *c, struct err *e)
{
    const char *since = args_get(&c->args, "since"), *by = args_get(&c->args, "by");
    struct group_page page;
    int64_t since_ms;
    size_t group = 0;
    if (value_since(since ? since : "today", clock_wall_ms(), &since_ms, e) != 0 ||
        find_group(by ? by : "model", &group, e) != 0)
        return CLI_USAGE;
    struct db *db = db_open(c->settings.log_path, DB_READ, e);
    int r = db ? reader_groups(db, since_ms, groups[group].by, &page, e) : -1;
    db_close(db);
    if (r != 0)
        return CLI_FAILED;
    if (args_has(&c->args, "json"))
        print_json(&page, groups[group].name, since_ms);
    else
        print_text(&page, groups[group].title);
    group_page_done(&page);
    return CLI_DONE;
}

const struct command command_stats = {
    .name = "stats",
    .summary = "sums of calls, tokens and cost",
    .synopsis = "[--since 1h|1d|…] [--by model|provider|session|day] [--json]",
    .text = "IN counts cache reads and writes, too; CACHE is the share read from it.",
    .example = "spantop stats --since 7d --by day",
    .options = options,
    .run = stats,
};
