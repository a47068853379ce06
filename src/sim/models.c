#include "sim/models.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* 64K and 128K as the API counts them. */
#define OUT_64K 64000
#define OUT_128K 128000
#define CONTEXT_200K 200000
#define CONTEXT_1M 1000000

static const struct model table[] = {
    {"claude-fable-5-1", NULL, "Claude Fable 5.1", 10000, 50000, CONTEXT_1M, OUT_128K, 1024, THINKS_ALWAYS, true},
    {"claude-opus-5-5", NULL, "Claude Opus 5.5", 4000, 20000, CONTEXT_1M, OUT_128K, 1024, THINKS_ALWAYS, true},
    {"claude-opus-5", NULL, "Claude Opus 5", 5000, 25000, CONTEXT_1M, OUT_128K, 1024, THINKS_ADAPTIVE, true},
    {"claude-opus-4-8", NULL, "Claude Opus 4.8", 5000, 25000, CONTEXT_1M, OUT_128K, 1024, THINKS_ADAPTIVE, true},
    {"claude-opus-4-7", NULL, "Claude Opus 4.7", 5000, 25000, CONTEXT_1M, OUT_128K, 1024, THINKS_ADAPTIVE, true},
    {"claude-opus-4-6", NULL, "Claude Opus 4.6", 5000, 25000, CONTEXT_1M, OUT_128K, 1024, THINKS_BOTH, true},
    {"claude-opus-4-5-20251101", "claude-opus-4-5", "Claude Opus 4.5", 5000, 25000, CONTEXT_200K, OUT_64K, 1024, THINKS_BUDGET, true},
    {"claude-sonnet-5-5", NULL, "Claude Sonnet 5.5", 2000, 10000, CONTEXT_1M, OUT_128K, 1024, THINKS_ADAPTIVE, true},
    {"claude-sonnet-5", NULL, "Claude Sonnet 5", 2000, 10000, CONTEXT_1M, OUT_128K, 1024, THINKS_ADAPTIVE, true},
    {"claude-sonnet-4-6", NULL, "Claude Sonnet 4.6", 3000, 15000, CONTEXT_1M, OUT_64K, 1024, THINKS_BOTH, true},
    {"claude-sonnet-4-5-20250929", "claude-sonnet-4-5", "Claude Sonnet 4.5", 3000, 15000, CONTEXT_200K, OUT_64K, 1024, THINKS_BUDGET, false},
    {"claude-haiku-5-5", NULL, "Claude Haiku 5.5", 100, 500, CONTEXT_1M, OUT_128K, 2048, THINKS_ADAPTIVE, true},
    {"claude-haiku-4-5-20251001", "claude-haiku-4-5", "Claude Haiku 4.5", 1000, 5000, CONTEXT_200K, OUT_64K, 2048, THINKS_BUDGET, false},
};

size_t model_count(void) { return sizeof(table) / sizeof(table[0]); }
const struct model *model_at(size_t i) { return &table[i]; }

const char *provider_find(const char *name)
{
    static const char *const names[][2] = {
        {"anthropic", "anthropic"}, {"vertex_ai", "vertex_ai"}, {"vertex", "vertex_ai"}, {"bedrock", "bedrock"},
        {"aws_bedrock", "bedrock"}, {"azure", "azure"},
    };
    for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i][0]) == 0)
            return names[i][1];
    return NULL;
}

static const struct model *find_exact(const char *name)
{
    for (size_t i = 0; i < model_count(); i++)
        if (strcmp(table[i].name, name) == 0 || (table[i].alias && strcmp(table[i].alias, name) == 0))
            return &table[i];
    return NULL;
}

/* Bedrock writes "anthropic.NAME-v1:0", sometimes with a region in front. */
static char *trim_slug(const char *slug)
{
    const char *dot = strstr(slug, "anthropic.");
    char *name = xstrdup(dot ? dot + strlen("anthropic.") : slug);
    char *cut;

    if ((cut = strchr(name, '[')))
        *cut = '\0';
    if ((cut = strstr(name, "-v1:")))
        *cut = '\0';
    if ((cut = strchr(name, '@'))) /* Vertex: NAME@DATE */
        *cut = '-';
    return name;
}

const struct model *model_find(const char *slug, const char **provider)
{
    const char *slash = strrchr(slug, '/');
    const struct model *m;
    char *name;

    if (slash) {
        char *first = xstrndup(slug, strcspn(slug, "/"));
        const char *known = provider_find(first);
        free(first);
        if (!known)
            return NULL;
        if (provider)
            *provider = known;
        slug = slash + 1;
    }
    name = trim_slug(slug);
    m = find_exact(name);
    free(name);
    return m;
}

int64_t model_cost_nanousd(const struct model *m, const struct pcache_use *use, int64_t out_tokens)
{
    /* Prices are multiples of 100 nano-dollars, so that each product is exact. */
    return use->input * m->in_nanousd + use->read * (m->in_nanousd / 10) + use->write_5m * (m->in_nanousd * 5 / 4) +
           use->write_1h * (m->in_nanousd * 2) + out_tokens * m->out_nanousd;
}
