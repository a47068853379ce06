/* Models: names, prices by day, limits, what parameters they take.
 *
 * Three sources: the built-in data/catalog.json (dated), a cache fetched from
 * Respan's model list (its answer as it came), the user's own file (laid out as
 * data/catalog.json).  What a later one says of a model wins, field by field.
 * A model that no source knows has no price; it never gets another's.
 * Thread: a loaded catalog may be shared.  catalog_replace() may come meanwhile, on
 *         one thread; listing (count, at) belongs to that thread then. */
#ifndef SPANTOP_RESPAN_CATALOG_H
#define SPANTOP_RESPAN_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "anthropic/usage.h"
#include "base/err.h"

enum thinking_kind {
    THINKING_UNKNOWN,
    THINKING_NONE,
    THINKING_BUDGET,          /* only type enabled with budget_tokens */
    THINKING_BUDGET_ADAPTIVE, /* both */
    THINKING_ADAPTIVE,        /* adaptive; enabled is refused */
    THINKING_ALWAYS,          /* adaptive, cannot be switched off */
};

/* Prices of one period, in micro-dollars per million tokens; -1 unknown. */
struct price {
    int from_day;            /* YYYYMMDD, inclusive; 0 = always */
    int64_t in;
    int64_t out;
    int64_t cache_read;
    int64_t cache_write_5m;
    int64_t cache_write_1h;
    int64_t web_search;      /* micro-dollars a search */
    /* Surcharges as factors in thousandths; -1 unknown.  They multiply. */
    int64_t long_above;      /* tokens of context above which the next two hold; -1: at no length */
    int64_t long_in;         /* all four classes of input */
    int64_t long_out;
    int64_t fast;            /* fast mode */
    int64_t us_only;         /* inference kept in the US */
    int64_t batch;
};

struct model {
    char *name;              /* canonical, e.g. claude-opus-5-5 */
    char *label;             /* short: opus-5-5 */
    char **providers;        /* NULL-terminated; slugs like anthropic, vertex_ai, bedrock */
    struct price *prices;    /* by from_day, rising */
    size_t price_count;
    int64_t context_tokens;  /* -1 unknown */
    int64_t max_output_tokens;
    enum thinking_kind thinking;
    int takes_effort;        /* 1 yes, 0 no, -1 unknown */
    char **effort_levels;    /* NULL-terminated; NULL: any, as far as known */
    int takes_structured;    /* output_config.format: 1 yes, 0 no, -1 unknown */
    char **aliases;          /* NULL-terminated; other exact names */
    const char *source;      /* the last one that said anything: "built-in", "respan", "user" */
};

struct catalog;

/* cache_path and user_path may be NULL or missing files.  A damaged one is left
 * out and told in *warning (its text "" when all was well); the built-in one always loads. */
struct catalog *catalog_load(const char *cache_path, const char *user_path, struct err *warning);
void catalog_free(struct catalog *c);
/* From now on c is what fresh says (taken).  Models found before stay good until the
 * next but one replacement. */
void catalog_replace(struct catalog *c, struct catalog *fresh);
/* Is it a model list as Respan gives it, with one model at least? */
NODISCARD int catalog_check_list(const char *json, size_t len, struct err *e);
size_t catalog_count(const struct catalog *c);
const struct model *catalog_at(const struct catalog *c, size_t i);
/* The date of the built-in data, YYYY-MM-DD. */
const char *catalog_date(const struct catalog *c);
/* Exact name, alias, or with a provider in front and version marks
 * (vertex_ai/claude-sonnet-4-5@20250929, bedrock/us.anthropic.NAME-v1:0,
 * NAME[1m]); NULL when unknown. Never by likeness. */
const struct model *catalog_find(const struct catalog *c, const char *name);
/* The price in force on that day (YYYYMMDD); NULL when none is known. */
const struct price *model_price_on(const struct model *m, int day);
/* The pins a user may choose: slugs in a sensible order, NULL-terminated. */
const char *const *catalog_providers(const struct catalog *c);

/* Cost of one answer in micro-dollars, rounded half up once; -1 when the model,
 * the price of a class or surcharge that was used, or the tokens in or out are unknown.  Cache
 * and search counts that no answer named cost nothing. */
int64_t catalog_cost_microusd(const struct catalog *c, const char *model, int day, const struct usage *u);

#endif
