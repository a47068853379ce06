/* Digesting routes: sorted by how specific they are, scopes as numbers.
 *
 * A call is compared with every route, so one comparison must cost about a
 * nanosecond: a session is a hash, a purpose a bit, and a glob is first tried by
 * the letter pairs it needs.  Only what passes is compared in full.  Parameters
 * are cut into members here, so that merging them for a call copies text and
 * parses nothing. */
#include "log/routes_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

/* A fork belongs to the agent it left, so it has two bits. */
enum {
    BIT_FORK_OF_AGENT = 1u << 16,
    BIT_UNKNOWN = 1u << 17,
    BITS_SIDE = 1u << PURPOSE_TITLE | 1u << PURPOSE_COUNT_TOKENS | 1u << PURPOSE_SIDE | 1u << PURPOSE_OTHER,
};

static const struct {
    const char *word;
    uint32_t bits;
} PURPOSE_WORDS[] = {
    {"main", 1u << PURPOSE_MAIN | 1u << PURPOSE_FORK},
    {"subagent", 1u << PURPOSE_SUBAGENT | BIT_FORK_OF_AGENT},
    {"fork", 1u << PURPOSE_FORK | BIT_FORK_OF_AGENT},
    {"title", 1u << PURPOSE_TITLE},
    {"count_tokens", 1u << PURPOSE_COUNT_TOKENS},
    {"side", BITS_SIDE},
    {"other", 1u << PURPOSE_OTHER},
};
enum { PURPOSE_WORD_COUNT = sizeof PURPOSE_WORDS / sizeof PURPOSE_WORDS[0] };

static uint32_t word_bits(const char *word)
{
    if (!word)
        return UINT32_MAX;
    for (size_t i = 0; i < PURPOSE_WORD_COUNT; i++)
        if (strcmp(word, PURPOSE_WORDS[i].word) == 0)
            return PURPOSE_WORDS[i].bits;
    return 0;
}

bool route_purpose_is_known(const char *word)
{
    return word && word_bits(word) != 0;
}

uint32_t route_purpose_bit(const struct route_subject *who)
{
    if (!who->has_purpose)
        return BIT_UNKNOWN;
    if (who->purpose == PURPOSE_FORK && who->agent_id)
        return BIT_FORK_OF_AGENT;
    return 1u << who->purpose;
}

uint64_t route_hash_session(const char *id)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *id; id++)
        hash = (hash ^ (unsigned char)*id) * 0x100000001b3u;
    return hash ? hash : 1; /* 0 means any */
}

static unsigned fold(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? c + 32u : c;
}

uint64_t route_pairs(const char *text, bool is_glob)
{
    uint64_t pairs = 0;
    for (const unsigned char *at = (const unsigned char *)text; at[0] && at[1]; at++) {
        if (is_glob && (at[0] == '*' || at[0] == '?' || at[1] == '*' || at[1] == '?'))
            continue;
        /* Beyond ASCII, folding is the matcher's affair: demand nothing. */
        if (is_glob && (at[0] >= 0x80 || at[1] >= 0x80))
            continue;
        pairs |= 1ull << ((fold(at[0]) * 37u + fold(at[1]) * 11u) & 63u);
    }
    return pairs;
}

static int rank_of(const struct route *r)
{
    return (r->session_id ? 4 : 0) + (r->purpose ? 2 : 0) + (r->model_glob ? 1 : 0);
}

/* Settings become header lines and JSON text: a control character in a hand-made
 * row must not end up there. */
static bool is_usable(const char *value)
{
    if (!value || !*value)
        return false;
    for (; *value; value++)
        if ((unsigned char)*value < 0x20 || *value == 0x7f)
            return false;
    return true;
}

static uint32_t intern_key(struct route_index *x, const char *key)
{
    for (size_t i = 0; i < x->key_count; i++)
        if (strcmp(x->keys[i], key) == 0)
            return (uint32_t)i;
    x->keys = xrealloc(x->keys, (x->key_count + 1) * sizeof *x->keys);
    x->keys[x->key_count] = xstrdup(key);
    return (uint32_t)x->key_count++;
}

static void add_member(struct route_index *x, struct route_entry *entry, uint32_t key, struct bytes text)
{
    for (uint32_t i = 0; i < entry->param_count; i++) {
        struct route_param *old = &x->params[entry->first_param + i];
        if (old->key == key) { /* twice in one object: the last one counts, as in JavaScript */
            old->text = text;
            return;
        }
    }
    x->params = xrealloc(x->params, (x->param_count + 1) * sizeof *x->params);
    x->params[x->param_count++] = (struct route_param){key, text};
    entry->param_count++;
}

/* A params_json that is no object is worth nothing; rows made by hand may have one. */
static void add_params(struct route_index *x, struct route_entry *entry, const char *json)
{
    entry->first_param = (uint32_t)x->param_count;
    if (!json)
        return;
    size_t len = strlen(json);
    size_t at = json_skip_space(json, len, 0);
    if (at >= len || json[at] != '{')
        return;
    struct buf key;
    buf_init(&key);
    struct json_iter it = json_object(json, len, at);
    while (json_next(&it)) {
        struct span quoted = {it.key.off - 1, it.key.len + 2};
        buf_reset(&key);
        if (json_text(json, quoted, &key) != 0)
            continue;
        struct bytes text = {json + quoted.off, it.value.off + it.value.len - quoted.off};
        add_member(x, entry, intern_key(x, key.data), text);
    }
    if (it.bad) {
        x->param_count = entry->first_param;
        entry->param_count = 0;
    }
    buf_done(&key);
}

static void add_entry(struct route_index *x, const struct route *r, size_t place)
{
    struct route_entry entry = {
        .session = r->session_id ? route_hash_session(r->session_id) : 0,
        .glob_pairs = r->model_glob ? route_pairs(r->model_glob, true) : 0,
        .purposes = word_bits(r->purpose),
        .route = (uint32_t)place,
        .sets_model = is_usable(r->set_model),
        .sets_provider = is_usable(r->set_provider),
    };
    if (entry.purposes == 0)
        return;
    add_params(x, &entry, r->params_json);
    if (!entry.sets_model && !entry.sets_provider && entry.param_count == 0)
        return;
    x->needs_body |= entry.sets_model || r->purpose || r->model_glob;
    x->entries[x->count++] = entry;
    if (r->until_at > 0 && r->until_at < x->ends_at)
        x->ends_at = r->until_at;
}

/* The most specific first, then the highest id. */
static int compare_routes(const void *left, const void *right)
{
    const struct route *a = *(const struct route *const *)left, *b = *(const struct route *const *)right;
    if (rank_of(a) != rank_of(b))
        return rank_of(b) - rank_of(a);
    return (a->id < b->id) - (a->id > b->id);
}

static const struct route **enabled_in_order(const struct route_set *s, size_t *count)
{
    const struct route **list = xcalloc(s->count + 1, sizeof *list);
    *count = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->routes[i].enabled)
            list[(*count)++] = &s->routes[i];
    qsort(list, *count, sizeof *list, compare_routes);
    return list;
}

struct route_index *route_index_new(const struct route_set *s)
{
    struct route_index *x = xcalloc(1, sizeof *x);
    x->entries = xcalloc(s->count + 1, sizeof *x->entries);
    x->ends_at = INT64_MAX;
    size_t enabled;
    const struct route **list = enabled_in_order(s, &enabled);
    for (size_t i = 0; i < enabled; i++)
        add_entry(x, list[i], (size_t)(list[i] - s->routes));
    free(list);
    for (size_t i = 0; i < x->count; i++)
        if (x->entries[i].param_count > 0)
            x->param_entries_end = i + 1;
    return x;
}

void route_index_free(struct route_index *x)
{
    if (!x)
        return;
    for (size_t i = 0; i < x->key_count; i++)
        free(x->keys[i]);
    free(x->keys);
    free(x->params);
    free(x->entries);
    free(x);
}
