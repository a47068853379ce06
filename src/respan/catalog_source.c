/* A source is read into patches first: models of which only what the source says
 * is filled in.  Only when all of it was understood are they merged, so a damaged
 * file changes nothing. */
#include "respan/catalog_source.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "respan/tree.h"

#define MICRO 1e6

/* Above any price per million tokens; a bigger number is a slip of the unit. */
#define USD_MAX 1e6

/* --- Lists of strings ------------------------------------------------------------ */

void strings_free(char **list)
{
    for (char **s = list; s && *s; s++)
        free(*s);
    free(list);
}

void strings_add(char ***list, const char *s)
{
    size_t count = 0;

    for (; *list && (*list)[count]; count++)
        if (strcmp((*list)[count], s) == 0)
            return;
    *list = xrealloc(*list, (count + 2) * sizeof **list);
    (*list)[count] = xstrdup(s);
    (*list)[count + 1] = NULL;
}

/* --- Models ------------------------------------------------------------------------ */

static struct model *model_new(const char *name)
{
    struct model *m = xcalloc(1, sizeof *m);

    m->name = xstrdup(name);
    m->context_tokens = -1;
    m->max_output_tokens = -1;
    m->thinking = THINKING_UNKNOWN;
    m->takes_effort = -1;
    m->takes_structured = -1;
    return m;
}

void model_free(struct model *m)
{
    if (!m)
        return;
    free(m->name);
    free(m->label);
    strings_free(m->providers);
    strings_free(m->effort_levels);
    strings_free(m->aliases);
    free(m->prices);
    free(m);
}

static bool is_date(const char *s, size_t digits)
{
    return strlen(s) == digits && strspn(s, "0123456789") == digits;
}

/* claude-haiku-4-5-20251001 → haiku-4-5 */
static char *label_of(const char *name)
{
    static const char brand[] = "claude-";
    const char *start = strncmp(name, brand, sizeof brand - 1) == 0 ? name + sizeof brand - 1 : name;
    const char *dash = strrchr(start, '-');

    return dash && dash > start && is_date(dash + 1, 8) ? xstrndup(start, (size_t)(dash - start)) : xstrdup(start);
}

static bool is_claude(const char *name)
{
    return strstr(name, "claude-") != NULL;
}

/* Anthropic prices its cache as multiples of the input price, for every model. */
static void fill_cache_prices(const char *name, struct price *p)
{
    if (!is_claude(name) || p->in < 0)
        return;
    if (p->cache_read < 0)
        p->cache_read = (p->in + 5) / 10;
    if (p->cache_write_5m < 0)
        p->cache_write_5m = (p->in * 5 + 2) / 4;
    if (p->cache_write_1h < 0)
        p->cache_write_1h = p->in * 2;
}

/* --- Patches ------------------------------------------------------------------------- */

struct patches {
    struct model **models;
    size_t count;
};

static void patches_done(struct patches *p)
{
    for (size_t i = 0; i < p->count; i++)
        model_free(p->models[i]);
    free(p->models);
}

static struct model *patches_add(struct patches *p, const char *name)
{
    p->models = xrealloc(p->models, (p->count + 1) * sizeof(struct model *));
    return p->models[p->count++] = model_new(name);
}

/* --- The catalog's own layout ---------------------------------------------------------- */

/* Missing is unknown; -1 when it is there and no such list. */
static int read_strings(const cJSON *o, const char *key, char ***list, const char *model, struct err *e)
{
    const cJSON *array = tree_member(o, key);
    const cJSON *item;

    if (!array)
        return 0;
    if (!cJSON_IsArray(array))
        return err_set(e, "\"%s\" of model %s must be a list of strings", key, model);
    cJSON_ArrayForEach(item, array)
    {
        if (!cJSON_IsString(item) || !item->valuestring[0])
            return err_set(e, "\"%s\" of model %s must be a list of strings", key, model);
        strings_add(list, item->valuestring);
    }
    return 0;
}

static int read_tokens(const cJSON *o, const char *key, int64_t *tokens, const char *model, struct err *e)
{
    const cJSON *v = tree_member(o, key);

    if (!v)
        return 0;
    if (!cJSON_IsNumber(v) || !(v->valuedouble >= 1 && v->valuedouble <= 1e12))
        return err_set(e, "\"%s\" of model %s must be a number of tokens", key, model);
    *tokens = (int64_t)v->valuedouble;
    return 0;
}

static int read_yes_no(const cJSON *o, const char *key, int *yes, const char *model, struct err *e)
{
    const cJSON *v = tree_member(o, key);

    if (!v)
        return 0;
    if (!cJSON_IsBool(v))
        return err_set(e, "\"%s\" of model %s must be true or false", key, model);
    *yes = cJSON_IsTrue(v) ? 1 : 0;
    return 0;
}

static int read_thinking(const cJSON *o, enum thinking_kind *kind, const char *model, struct err *e)
{
    static const char *const words[] = {
        [THINKING_NONE] = "none",         [THINKING_BUDGET] = "budget", [THINKING_BUDGET_ADAPTIVE] = "budget+adaptive",
        [THINKING_ADAPTIVE] = "adaptive", [THINKING_ALWAYS] = "always",
    };
    const cJSON *v = tree_member(o, "thinking");

    if (!v)
        return 0;
    for (size_t i = THINKING_NONE; i <= THINKING_ALWAYS; i++)
        if (cJSON_IsString(v) && strcmp(v->valuestring, words[i]) == 0) {
            *kind = (enum thinking_kind)i;
            return 0;
        }
    return err_set(e, "\"thinking\" of model %s must be none, budget, budget+adaptive, adaptive or always", model);
}

static bool usd_to_micro(const cJSON *v, int64_t *microusd)
{
    if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0 && v->valuedouble <= USD_MAX))
        return false;
    *microusd = llround(v->valuedouble * MICRO);
    return true;
}

/* "2026-11-01" → 20261101; 0 when it is none. */
static int read_day(const char *s)
{
    unsigned y, m, d;
    int used = 0;

    if (sscanf(s, "%4u-%2u-%2u%n", &y, &m, &d, &used) != 3 || used != 10 || s[used] || m < 1 || m > 12 || d < 1 ||
        d > 31)
        return 0;
    return (int)(y * 10000 + m * 100 + d);
}

static struct price unknown_price(void)
{
    return (struct price){.in = -1, .out = -1, .cache_read = -1, .cache_write_5m = -1, .cache_write_1h = -1, .web_search = -1,
                          .long_above = -1, .long_in = -1, .long_out = -1, .fast = -1, .us_only = -1, .batch = -1};
}

#define FACTOR_MAX 1000 /* above any surcharge; a bigger number is a slip */

/* A factor like 1.1 as thousandths; one that is absent leaves *thousandths. */
static bool read_factor(const cJSON *o, const char *key, int64_t *thousandths)
{
    const cJSON *v = tree_member(o, key);
    if (!v)
        return true;
    if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0 && v->valuedouble <= FACTOR_MAX))
        return false;
    *thousandths = llround(v->valuedouble * 1000);
    return true;
}

static int read_surcharges(const cJSON *o, struct price *p, const char *model, struct err *e)
{
    const cJSON *lengthy = tree_member(o, "long");
    const cJSON *above = lengthy ? tree_member(lengthy, "above") : NULL;
    if (!read_factor(o, "fast", &p->fast) || !read_factor(o, "us_only", &p->us_only) || !read_factor(o, "batch", &p->batch))
        return err_set(e, "\"fast\", \"us_only\" and \"batch\" of model %s must be factors like 1.1", model);
    if (!lengthy)
        return 0;
    if (!cJSON_IsNumber(above) || !(above->valuedouble >= 0 && above->valuedouble <= 1e9) ||
        !read_factor(lengthy, "in", &p->long_in) || !read_factor(lengthy, "out", &p->long_out) || p->long_in < 0 || p->long_out < 0)
        return err_set(e, "\"long\" of model %s must have \"above\" (tokens), \"in\" and \"out\" (factors)", model);
    p->long_above = (int64_t)above->valuedouble;
    return 0;
}

static int read_price(const cJSON *o, struct price *p, const char *model, struct err *e)
{
    const struct {
        const char *key;
        int64_t *value;
    } fields[] = {
        {"in", &p->in},
        {"out", &p->out},
        {"cache_read", &p->cache_read},
        {"cache_write_5m", &p->cache_write_5m},
        {"cache_write_1h", &p->cache_write_1h},
        {"web_search", &p->web_search},
    };
    const cJSON *from = tree_member(o, "from");

    if (!cJSON_IsObject(o))
        return err_set(e, "\"prices\" of model %s must be a list of objects with \"in\" and \"out\"", model);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const cJSON *v = tree_member(o, fields[i].key);
        if (v && !usd_to_micro(v, fields[i].value))
            return err_set(e, "the price \"%s\" of model %s must be in US dollars, 0 or more", fields[i].key, model);
    }
    if (from) {
        p->from_day = cJSON_IsString(from) ? read_day(from->valuestring) : 0;
        if (p->from_day == 0)
            return err_set(e, "a price of model %s has a \"from\" that is no date like 2026-11-01", model);
    }
    fill_cache_prices(model, p);
    return read_surcharges(o, p, model, e);
}

static int read_prices(const cJSON *o, struct model *m, struct err *e)
{
    const cJSON *array = tree_member(o, "prices");
    const cJSON *item;

    if (!array)
        return 0;
    if (!cJSON_IsArray(array))
        return err_set(e, "\"prices\" of model %s must be a list", m->name);
    m->prices = xcalloc((size_t)cJSON_GetArraySize(array) + 1, sizeof *m->prices);
    cJSON_ArrayForEach(item, array)
    {
        struct price p = unknown_price();
        if (read_price(item, &p, m->name, e) != 0)
            return -1;
        if (m->price_count > 0 && p.from_day <= m->prices[m->price_count - 1].from_day)
            return err_set(e, "the prices of model %s must stand in order of their \"from\"", m->name);
        m->prices[m->price_count++] = p;
    }
    return 0;
}

static int read_own_model(const cJSON *o, struct patches *patches, struct err *e)
{
    const cJSON *name = tree_member(o, "name");
    const cJSON *label = tree_member(o, "label");

    if (!cJSON_IsString(name) || !name->valuestring[0])
        return err_set(e, "a model has no \"name\"");
    struct model *m = patches_add(patches, name->valuestring);
    if (cJSON_IsString(label))
        m->label = xstrdup(label->valuestring);
    if (read_strings(o, "aliases", &m->aliases, m->name, e) != 0 ||
        read_strings(o, "providers", &m->providers, m->name, e) != 0 ||
        read_strings(o, "effort_levels", &m->effort_levels, m->name, e) != 0 ||
        read_tokens(o, "context", &m->context_tokens, m->name, e) != 0 ||
        read_tokens(o, "max_output", &m->max_output_tokens, m->name, e) != 0 ||
        read_yes_no(o, "effort", &m->takes_effort, m->name, e) != 0 ||
        read_yes_no(o, "structured", &m->takes_structured, m->name, e) != 0 ||
        read_thinking(o, &m->thinking, m->name, e) != 0)
        return -1;
    return read_prices(o, m, e);
}

/* --- Respan's model lists ---------------------------------------------------------------- */

/* Somebody else's data: what is not as expected is not there. */
static void read_respan_price(const cJSON *o, struct model *m)
{
    struct price p = unknown_price();

    if (!usd_to_micro(tree_member(o, "input_cost"), &p.in) || !usd_to_micro(tree_member(o, "output_cost"), &p.out) ||
        (p.in == 0 && p.out == 0)) /* how a price that Respan does not know looks */
        return;
    int64_t cache;
    if (usd_to_micro(tree_member(o, "cache_hit_input_cost"), &cache) && cache > 0)
        p.cache_read = cache;
    if (usd_to_micro(tree_member(o, "cache_creation_input_cost"), &cache) && cache > 0)
        p.cache_write_5m = cache;
    fill_cache_prices(m->name, &p);
    m->prices = xcalloc(1, sizeof *m->prices);
    m->prices[0] = p;
    m->price_count = 1;
}

static void read_respan_model(const cJSON *o, struct patches *patches)
{
    const cJSON *name = tree_member(o, "model_name");
    const cJSON *context = tree_member(o, "max_context_window");
    const cJSON *provider = tree_member(tree_member(o, "provider"), "provider_id");

    if (!cJSON_IsString(name) || !name->valuestring[0])
        return;
    struct model *m = patches_add(patches, name->valuestring);
    if (cJSON_IsNumber(context) && context->valuedouble >= 1 && context->valuedouble <= 1e12)
        m->context_tokens = (int64_t)context->valuedouble;
    if (cJSON_IsString(provider) && provider->valuestring[0])
        strings_add(&m->providers, provider->valuestring);
    read_respan_price(o, m);
}

/* --- Merging ------------------------------------------------------------------------------- */

static void move_strings(char ***to, char ***from)
{
    if (!*from)
        return;
    strings_free(*to);
    *to = *from;
    *from = NULL;
}

static void move_prices(struct model *m, struct model *patch)
{
    if (!patch->prices)
        return;
    /* Respan's list does not know what a search costs. */
    if (m->price_count > 0 && patch->price_count > 0 && patch->prices[patch->price_count - 1].web_search < 0)
        patch->prices[patch->price_count - 1].web_search = m->prices[m->price_count - 1].web_search;
    free(m->prices);
    m->prices = patch->prices;
    m->price_count = patch->price_count;
    patch->prices = NULL;
    patch->price_count = 0;
}

static void merge_fields(struct model *m, struct model *patch)
{
    if (patch->label)
        xreplace(&m->label, patch->label);
    move_strings(&m->aliases, &patch->aliases);
    move_strings(&m->effort_levels, &patch->effort_levels);
    move_prices(m, patch);
    if (patch->context_tokens >= 0)
        m->context_tokens = patch->context_tokens;
    if (patch->max_output_tokens >= 0)
        m->max_output_tokens = patch->max_output_tokens;
    if (patch->thinking != THINKING_UNKNOWN)
        m->thinking = patch->thinking;
    if (patch->takes_effort >= 0)
        m->takes_effort = patch->takes_effort;
    if (patch->takes_structured >= 0)
        m->takes_structured = patch->takes_structured;
}

static struct model *find_or_add(struct catalog *c, const char *name)
{
    const struct model *known = catalog_find(c, name);

    for (size_t i = 0; known && i < c->count; i++)
        if (c->models[i] == known)
            return c->models[i];
    c->models = xrealloc(c->models, (c->count + 1) * sizeof(struct model *));
    struct model *m = c->models[c->count++] = model_new(name);
    m->label = label_of(name);
    return m;
}

/* Respan lists a model once for each of its providers.  The first entry under
 * the model's own name says what it costs; the others add their provider. */
static void merge_respan(struct model *m, struct model *patch, const char *source, bool is_new)
{
    for (char **p = patch->providers; p && *p; p++)
        strings_add(&m->providers, *p);
    if (is_new || (m->source != source && strcmp(m->name, patch->name) == 0)) {
        merge_fields(m, patch);
        m->source = source;
    }
}

static void merge(struct catalog *c, struct patches *patches, const char *source, bool is_respan)
{
    for (size_t i = 0; i < patches->count; i++) {
        struct model *patch = patches->models[i];
        size_t before = c->count;
        struct model *m = find_or_add(c, patch->name);
        if (is_respan) {
            merge_respan(m, patch, source, c->count > before);
            continue;
        }
        move_strings(&m->providers, &patch->providers);
        merge_fields(m, patch);
        m->source = source;
    }
}

static void merge_head(struct catalog *c, const cJSON *root)
{
    const cJSON *date = tree_member(root, "date");
    char **providers = NULL;

    /* The date is the built-in data's; a user's file does not make it younger. */
    if (cJSON_IsString(date) && !c->date)
        c->date = xstrdup(date->valuestring);
    if (read_strings(root, "providers", &providers, "", NULL) == 0)
        move_strings(&c->providers, &providers);
    strings_free(providers);
    if (!c->date)
        c->date = xstrdup("");
    if (!c->providers)
        c->providers = xcalloc(1, sizeof *c->providers);
}

/* --- The whole -------------------------------------------------------------------------------- */

static const cJSON *find_list(const cJSON *root)
{
    static const char *const names[] = {"models", "results", "data"};

    if (cJSON_IsArray(root))
        return root;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (cJSON_IsArray(tree_member(root, names[i])))
            return tree_member(root, names[i]);
    return NULL;
}

static int read_list(const cJSON *list, struct patches *patches, bool *is_respan, struct err *e)
{
    const cJSON *item;

    *is_respan = cJSON_GetArraySize(list) > 0 && tree_member(list->child, "model_name");
    cJSON_ArrayForEach(item, list)
    {
        if (*is_respan)
            read_respan_model(item, patches);
        else if (read_own_model(item, patches, e) != 0)
            return -1;
    }
    return 0;
}

int catalog_read(struct catalog *c, const char *json, size_t len, const char *source, struct err *e)
{
    struct patches patches = {NULL, 0};
    bool is_respan;
    int result = -1;

    cJSON *root = tree_parse(json, len);
    const cJSON *list = find_list(root);
    if (!root)
        err_set(e, "it is no valid JSON");
    else if (!list)
        err_set(e, "it has no list of \"models\"");
    else
        result = read_list(list, &patches, &is_respan, e);
    if (result == 0) {
        merge(c, &patches, source, is_respan);
        merge_head(c, root);
    }
    patches_done(&patches);
    cJSON_Delete(root);
    return result;
}
