/* spantop models: the catalog. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/table.h"

static const struct option_spec options[] = {
    {"json", NULL, "as a JSON array, prices in dollars per million tokens"},
    {NULL, NULL, NULL},
};

static const char *thinking_word(enum thinking_kind kind)
{
    switch (kind) {
    case THINKING_NONE:
        return "none";
    case THINKING_BUDGET:
        return "budget";
    case THINKING_BUDGET_ADAPTIVE:
        return "budget, adaptive";
    case THINKING_ADAPTIVE:
        return "adaptive";
    case THINKING_ALWAYS:
        return "always";
    case THINKING_UNKNOWN:
        break;
    }
    return NULL;
}

static void put_price(struct table *t, int64_t microusd)
{
    char text[TEXT_SHORT_MAX];
    text_usd(text, microusd);
    table_put(t, text);
}

static void put_providers(struct table *t, char *const *providers)
{
    struct buf list;
    buf_init(&list);
    for (; providers && *providers; providers++)
        buf_printf(&list, "%s%s", list.len ? " " : "", *providers);
    table_put(t, list.len ? list.data : NULL);
    buf_done(&list);
}

static void print_table(const struct catalog *catalog, int today)
{
    static const struct table_column columns[] = {
        {.title = "MODEL"},
        {.title = "IN $/M", .right = true},
        {.title = "OUT $/M", .right = true},
        {.title = "READ $/M", .right = true, .drop = 1},
        {.title = "CONTEXT", .right = true},
        {.title = "THINKING", .drop = 2},
        {.title = "PROVIDERS", .shrinks = true, .min_width = 14},
        {.title = "SOURCE", .drop = 3},
    };
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < catalog_count(catalog); i++) {
        const struct model *m = catalog_at(catalog, i);
        const struct price *p = model_price_on(m, today);
        char context[TEXT_SHORT_MAX];
        text_count(context, m->context_tokens);
        table_put(&t, m->name);
        put_price(&t, p ? p->in : -1);
        put_price(&t, p ? p->out : -1);
        put_price(&t, p ? p->cache_read : -1);
        table_put(&t, context);
        table_put(&t, thinking_word(m->thinking));
        put_providers(&t, m->providers);
        table_put(&t, m->source);
    }
    table_print(&t, true, out_columns());
    table_done(&t);
    char *sources = cli_catalog_sources(catalog);
    out_text(sources, strlen(sources));
    putchar('\n');
    free(sources);
}

static void add_usd(cJSON *object, const char *name, int64_t microusd)
{
    if (microusd < 0)
        cJSON_AddNullToObject(object, name);
    else
        cJSON_AddNumberToObject(object, name, (double)microusd / 1e6);
}

static cJSON *model_json(const struct model *m, int today)
{
    cJSON *j = cJSON_CreateObject(), *providers = cJSON_CreateArray();
    const struct price *p = model_price_on(m, today);
    json_add_text(j, "model", m->name);
    add_usd(j, "in", p ? p->in : -1);
    add_usd(j, "out", p ? p->out : -1);
    add_usd(j, "cache_read", p ? p->cache_read : -1);
    add_usd(j, "cache_write_5m", p ? p->cache_write_5m : -1);
    add_usd(j, "cache_write_1h", p ? p->cache_write_1h : -1);
    json_add_count(j, "context_tokens", m->context_tokens);
    json_add_count(j, "max_output_tokens", m->max_output_tokens);
    json_add_text(j, "thinking", thinking_word(m->thinking));
    for (char *const *name = m->providers; name && *name; name++)
        cJSON_AddItemToArray(providers, cJSON_CreateString(*name));
    cJSON_AddItemToObject(j, "providers", providers);
    json_add_text(j, "source", m->source);
    return j;
}

static int models(struct cli *c, struct err *e)
{
    (void)e;
    int today = clock_day_number(clock_wall_ms());
    struct catalog *catalog = cli_catalog();
    if (args_has(&c->args, "json")) {
        cJSON *list = cJSON_CreateArray();
        for (size_t i = 0; i < catalog_count(catalog); i++)
            cJSON_AddItemToArray(list, model_json(catalog_at(catalog, i), today));
        out_json(list);
    } else {
        print_table(catalog, today);
    }
    catalog_free(catalog);
    return CLI_DONE;
}

const struct command command_models = {
    .name = "models",
    .summary = "the catalog: model, price, context, providers",
    .synopsis = "[--json]",
    .text = "Prices are today's, in dollars per million tokens. What Respan's model list says\n"
            "(fetched daily by the gateway) wins over what is built in; your own file,\n"
            "$XDG_CONFIG_HOME/spantop/catalog.json, wins over both.",
    .example = "spantop models",
    .options = options,
    .run = models,
};
