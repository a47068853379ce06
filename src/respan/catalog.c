#include "respan/catalog.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "anthropic/field.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/embedded.h"
#include "respan/catalog_source.h"

/* Respan lists some hundred models in about 100 KB. */
#define SOURCE_MAX ((size_t)16 << 20)

/* Longer than any slug; a longer one is nobody's. */
#define NAME_MAX_BYTES 256

#define TOKENS_PER_PRICE INT64_C(1000000)

/* --- Loading ------------------------------------------------------------------ */

/* A missing file is no source; a damaged one is told and left out. */
static void read_file(struct catalog *c, const char *path, const char *source, struct err *warning)
{
    struct buf text;
    struct err e = {{0}};

    if (!path || access(path, F_OK) != 0)
        return;
    buf_init_max(&text, SOURCE_MAX);
    if (file_read(path, SOURCE_MAX, &text, &e) != 0 || catalog_read(c, text.data, text.len, source, &e) != 0)
        err_set(warning, "The model catalog %s is left out: %s", path, e.text);
    buf_done(&text);
}

struct catalog *catalog_load(const char *cache_path, const char *user_path, struct err *warning)
{
    struct catalog *c = xcalloc(1, sizeof *c);
    struct err e;

    if (warning)
        warning->text[0] = '\0';
    /* Part of the program, and a unit test reads it: it cannot be damaged. */
    if (catalog_read(c, data_catalog_json, data_catalog_json_len, "built-in", &e) != 0)
        abort();
    read_file(c, cache_path, "respan", warning);
    read_file(c, user_path, "user", warning);
    return c;
}

static const struct catalog *now(const struct catalog *c)
{
    const struct catalog *newer = atomic_load_explicit(&c->newer, memory_order_acquire);
    return newer ? newer : c;
}

/* The first block stays: it is what everybody holds.  The one before the newest
 * stays, too, since somebody may be reading a model of it just now; replacements
 * are a day apart. */
void catalog_replace(struct catalog *c, struct catalog *fresh)
{
    struct catalog *last = atomic_load_explicit(&c->newer, memory_order_relaxed);

    fresh->older = last;
    if (last) {
        catalog_free(last->older);
        last->older = NULL;
    }
    atomic_store_explicit(&c->newer, fresh, memory_order_release);
}

int catalog_check_list(const char *json, size_t len, struct err *e)
{
    struct catalog c = {0};
    int rc = catalog_read(&c, json, len, "respan", e);

    if (rc == 0 && (c.count == 0 || c.models[0]->source == NULL))
        rc = err_set(e, "it names no model");
    for (size_t i = 0; i < c.count; i++)
        model_free(c.models[i]);
    free(c.models);
    strings_free(c.providers);
    free(c.date);
    return rc;
}

void catalog_free(struct catalog *c)
{
    if (!c)
        return;
    catalog_free(atomic_load_explicit(&c->newer, memory_order_relaxed));
    catalog_free(c->older);
    for (size_t i = 0; i < c->count; i++)
        model_free(c->models[i]);
    free(c->models);
    strings_free(c->providers);
    free(c->date);
    free(c);
}

size_t catalog_count(const struct catalog *c)
{
    return now(c)->count;
}

const struct model *catalog_at(const struct catalog *c, size_t i)
{
    return now(c)->models[i];
}

const char *catalog_date(const struct catalog *c)
{
    return now(c)->date;
}

const char *const *catalog_providers(const struct catalog *c)
{
    return (const char *const *)now(c)->providers;
}

/* --- Finding ------------------------------------------------------------------ */

static bool has_alias(const struct model *m, const char *name)
{
    for (char **alias = m->aliases; alias && *alias; alias++)
        if (strcmp(*alias, name) == 0)
            return true;
    return false;
}

static const struct model *find_exact(const struct catalog *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->models[i]->name, name) == 0)
            return c->models[i];
    for (size_t i = 0; i < c->count; i++)
        if (has_alias(c->models[i], name))
            return c->models[i];
    return NULL;
}

static bool drop_tail(char *name, const char *tail)
{
    size_t len = strlen(name);
    size_t tail_len = strlen(tail);

    if (len <= tail_len || strcmp(name + len - tail_len, tail) != 0)
        return false;
    name[len - tail_len] = '\0';
    return true;
}

/* Bedrock: [REGION.]anthropic.NAME-vN[:M] */
static const char *drop_bedrock(char *name)
{
    static const char vendor[] = "anthropic.";
    char *at = name;

    if (strncmp(at, vendor, sizeof vendor - 1) != 0) {
        at += strspn(at, "abcdefghijklmnopqrstuvwxyz");
        if (*at++ != '.' || strncmp(at, vendor, sizeof vendor - 1) != 0)
            return name;
    }
    at += sizeof vendor - 1;
    char *mark = strstr(at, "-v");
    if (mark && strspn(mark + 2, "0123456789:") == strlen(mark + 2))
        *mark = '\0';
    return at;
}

/* The bare name in a slug with marks; work is scratch space. */
static const char *bare_name(const char *slug, char work[NAME_MAX_BYTES])
{
    const char *slash = strrchr(slug, '/');

    field_copy(work, NAME_MAX_BYTES, slash ? slash + 1 : slug, strlen(slash ? slash + 1 : slug));
    drop_tail(work, "[1m]"); /* Claude Code's mark for the long context */
    if (!drop_tail(work, "@default") && !drop_tail(work, "@latest")) {
        char *at = strchr(work, '@'); /* Vertex: NAME@DATE */
        if (at)
            *at = '-';
    }
    return drop_bedrock(work);
}

const struct model *catalog_find(const struct catalog *c, const char *name)
{
    char work[NAME_MAX_BYTES];

    if (!name || !name[0] || strlen(name) >= NAME_MAX_BYTES)
        return NULL;
    c = now(c);
    const struct model *m = find_exact(c, name);
    return m ? m : find_exact(c, bare_name(name, work));
}

/* --- Money ---------------------------------------------------------------------- */

const struct price *model_price_on(const struct model *m, int day)
{
    const struct price *found = NULL;

    for (size_t i = 0; i < m->price_count && m->prices[i].from_day <= day; i++)
        found = &m->prices[i];
    return found;
}

/* *sum += count × price; -1 when that is not known. */
static int add_cost(int64_t *sum, int64_t count, int64_t price)
{
    int64_t product;

    if (count <= 0)
        return 0;
    if (price < 0 || __builtin_mul_overflow(count, price, &product) || __builtin_add_overflow(*sum, product, sum))
        return -1;
    return 0;
}

static int64_t scaled(int64_t price, int64_t thousandths)
{
    int64_t product;
    if (price < 0 || __builtin_mul_overflow(price, thousandths, &product))
        return -1;
    return product / 1000;
}

static void scale(struct price *p, int64_t in, int64_t out)
{
    p->in = scaled(p->in, in);
    p->cache_read = scaled(p->cache_read, in);
    p->cache_write_5m = scaled(p->cache_write_5m, in);
    p->cache_write_1h = scaled(p->cache_write_1h, in);
    p->out = scaled(p->out, out);
}

/* The price of this answer's tokens; -1 when a surcharge is not known. */
static int add_surcharges(struct price *p, const struct usage *u)
{
    const struct {
        unsigned extra;
        int64_t factor;
    } extras[] = {{USAGE_FAST, p->fast}, {USAGE_US_ONLY, p->us_only}, {USAGE_BATCH, p->batch}, {USAGE_OTHER_TIER, -1}};
    if (p->long_above >= 0 && usage_context(u) > p->long_above)
        scale(p, p->long_in, p->long_out);
    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++) {
        if (!(u->extras & extras[i].extra))
            continue;
        if (extras[i].factor < 0)
            return -1;
        scale(p, extras[i].factor, extras[i].factor);
    }
    return 0;
}

int64_t catalog_cost_microusd(const struct catalog *c, const char *model, int day, const struct usage *u)
{
    const struct model *m = catalog_find(c, model);
    const struct price *listed = m ? model_price_on(m, day) : NULL;
    int64_t sum = 0;
    int64_t searches = 0;

    if (!listed || u->in < 0 || u->out < 0)
        return -1;
    struct price p = *listed;
    if (add_surcharges(&p, u) != 0 || add_cost(&sum, u->in, p.in) != 0 || add_cost(&sum, u->out, p.out) != 0 ||
        add_cost(&sum, u->cache_read, p.cache_read) != 0 ||
        add_cost(&sum, u->cache_write_5m, p.cache_write_5m) != 0 ||
        add_cost(&sum, u->cache_write_1h, p.cache_write_1h) != 0 ||
        add_cost(&searches, u->web_searches, p.web_search) != 0 || sum > INT64_MAX - TOKENS_PER_PRICE)
        return -1;
    return (sum + TOKENS_PER_PRICE / 2) / TOKENS_PER_PRICE + searches;
}
