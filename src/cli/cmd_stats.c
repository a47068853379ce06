/* spantop stats: sums over a stretch of time, grouped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/csv.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/values.h"
#include "log/reader.h"

static const struct option_spec options[] = {
    {"since", "TIME", "1h, 1d, 7d, today or all (today)"},
    {"by", "WHAT", "model, provider, session, day, purpose, folder"},
    {"json", NULL, "as one JSON object"},
    {"csv", NULL, "as a table for spreadsheets, costs in micro-dollars"},
    {NULL, NULL, NULL},
};

static const struct {
    const char *name;
    const char *title;
    enum group_by by;
} groups[] = {
    {"model", "MODEL", GROUP_MODEL}, {"provider", "PROVIDER", GROUP_PROVIDER}, {"session", "SESSION", GROUP_SESSION},
    {"day", "DAY", GROUP_DAY},       {"purpose", "PURPOSE", GROUP_PURPOSE},
    {"folder", "FOLDER", GROUP_FOLDER},
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

static void put_usd(struct table *t, int64_t microusd)
{
    char text[TEXT_SHORT_MAX + 1];
    text_usd(text + 1, microusd < 0 ? -microusd : microusd);
    text[0] = '-';
    table_put(t, microusd < 0 ? text : text + 1);
}

static void put_row(struct table *t, const char *name, const struct totals *sum, int64_t ttft_ms, int64_t saved_microusd)
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
    put_usd(t, sum->cache_break_microusd);
    put_usd(t, saved_microusd);
    put_usd(t, sum->cost_microusd);
}

static void print_text(const struct group_page *page, const char *title)
{
    struct table_column columns[] = {
        {.title = title, .shrinks = true}, {.title = "CALLS", .right = true}, {.title = "ERRORS", .right = true},
        {.title = "IN", .right = true},    {.title = "CACHE", .right = true}, {.title = "OUT", .right = true},
        {.title = "TTFT", .right = true, .drop = 1}, {.title = "BREAKS", .right = true, .drop = 2},
        {.title = "SAVED", .right = true, .drop = 3}, {.title = "COST", .right = true},
    };
    struct totals all = {0};
    int64_t saved_microusd = 0;
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < page->count; i++) {
        const struct group_row *row = &page->rows[i];
        put_row(&t, row->label ? row->label : row->key, &row->totals, row->ttft_ms_mean, row->cache_saved_microusd);
        add_totals(&all, &row->totals);
        saved_microusd += row->cache_saved_microusd;
    }
    put_row(&t, "all", &all, -1, saved_microusd);
    table_print(&t, true, out_columns());
    table_done(&t);
    if (all.unpriced_calls > 0)
        printf("without the cost of %lld calls whose price is unknown\n", (long long)all.unpriced_calls);
}

/* json_add_count() takes what is below 0 as unknown; this may be a loss. */
static void add_saved_json(cJSON *j, int64_t microusd)
{
    cJSON_AddNumberToObject(j, "cache_saved_microusd", (double)microusd);
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
    int64_t saved_microusd = 0;
    json_add_count(j, "since", since_ms);
    json_add_text(j, "by", by);
    for (size_t i = 0; i < page->count; i++) {
        const struct group_row *row = &page->rows[i];
        cJSON *r = cJSON_CreateObject();
        json_add_text(r, by, row->key);
        json_add_text(r, "title", row->label);
        add_totals_json(r, &row->totals);
        add_saved_json(r, row->cache_saved_microusd);
        saved_microusd += row->cache_saved_microusd;
        json_add_count(r, "ttft_ms_mean", row->ttft_ms_mean);
        cJSON_AddItemToArray(rows, r);
        add_totals(&all, &row->totals);
    }
    cJSON_AddItemToObject(j, "rows", rows);
    add_totals_json(sums, &all);
    add_saved_json(sums, saved_microusd);
    cJSON_AddItemToObject(j, "totals", sums);
    out_json(j);
}

static void print_csv_text(const char *s)
{
    struct buf out;
    buf_init(&out);
    csv_put_cell(&out, s);
    out_text(out.data, out.len);
    buf_done(&out);
}

static void print_csv(const struct group_page *page, const char *by)
{
    printf("%s,title,calls,errors,retries,tokens_in,tokens_cache_read,tokens_cache_write_5m,tokens_cache_write_1h,tokens_out,"
           "cost_microusd,unpriced_calls,cache_breaks,cache_break_microusd,cache_saved_microusd,ttft_ms_mean\n", by);
    for (size_t i = 0; i < page->count; i++) {
        const struct group_row *row = &page->rows[i];
        const struct totals *t = &row->totals;
        const int64_t figures[] = {t->calls, t->errors, t->retries, t->tokens_in, t->tokens_cache_read, t->tokens_cache_write_5m,
                                   t->tokens_cache_write_1h, t->tokens_out, t->cost_microusd, t->unpriced_calls, t->cache_breaks,
                                   t->cache_break_microusd, row->cache_saved_microusd};
        print_csv_text(row->key);
        putchar(',');
        print_csv_text(row->label);
        for (size_t k = 0; k < sizeof figures / sizeof *figures; k++)
            printf(",%lld", (long long)figures[k]);
        if (row->ttft_ms_mean >= 0)
            printf(",%lld\n", (long long)row->ttft_ms_mean);
        else
            puts(",");
    }
}

static int find_group(const char *name, size_t *group, struct err *e)
{
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        if (strcmp(groups[i].name, name) == 0) {
            *group = i;
            return 0;
        }
    }
    return err_set(e, "--by is one of model, provider, session, day, purpose and folder, not \"%s\"", name);
}

static int add_savings(struct db *db, int64_t since_ms, enum group_by by, struct group_page *page, struct err *e)
{
    struct catalog *catalog = cli_catalog();
    int r = reader_group_savings(db, since_ms, by, catalog, page, e);
    catalog_free(catalog);
    if (r != 0)
        group_page_done(page);
    return r;
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
    if (r == 0)
        r = add_savings(db, since_ms, groups[group].by, &page, e);
    db_close(db);
    if (r != 0)
        return CLI_FAILED;
    if (args_has(&c->args, "csv"))
        print_csv(&page, groups[group].name);
    else if (args_has(&c->args, "json"))
        print_json(&page, groups[group].name, since_ms);
    else
        print_text(&page, groups[group].title);
    group_page_done(&page);
    return CLI_DONE;
}

const struct command command_stats = {
    .name = "stats",
    .summary = "sums of calls, tokens and cost",
    .synopsis = "[--since TIME] [--by model|provider|session|day|purpose|folder]\n"
                "[--since TIME] [--by WHAT] --json|--csv",
    .text = "IN counts cache reads and writes, too; CACHE is the share read from it. BREAKS\n"
            "is what cache breaks cost, SAVED what the input would have cost more without a\n"
            "cache.",
    .example = "spantop stats --since 7d --by day",
    .options = options,
    .run = stats,
};
