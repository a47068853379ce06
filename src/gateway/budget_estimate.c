#include "gateway/budget_estimate.h"

#include <string.h>

#include "base/json.h"

#define BYTES_PER_TOKEN   4      /* English and code; Claude's tokenizers make 3 to 4.5 of it */
#define PICTURE_TOKENS    1600   /* Anthropic scales larger ones down to about this */
#define SHORT_CACHE_MS    INT64_C(300000)
#define LONG_CACHE_MS     INT64_C(3600000)
/* `"media_type":"image/png","data":"`, in whatever order a client writes it. */
#define PICTURE_HEAD_MAX  64

/* --- Pictures ---------------------------------------------------------------- */

/* The length of the "data" string that begins close behind `at`; 0: none there. */
static size_t picture_data(struct bytes b, size_t at)
{
    static const char mark[] = "\"data\":";
    size_t room = b.len - at < PICTURE_HEAD_MAX ? b.len - at : PICTURE_HEAD_MAX;
    const char *data = memmem(b.data + at, room, mark, sizeof mark - 1);
    if (!data)
        return 0;
    size_t start = json_skip_space(b.data, b.len, (size_t)(data - b.data) + sizeof mark - 1);
    size_t end = start < b.len && b.data[start] == '"' ? json_skip_string(b.data, b.len, start) : JSON_NONE;
    return end == JSON_NONE ? 0 : end - start;
}

int64_t estimate_text_bytes(struct bytes b, int64_t *pictures)
{
    static const char mark[] = "\"image/";
    size_t text = b.len;
    size_t at = 0;
    *pictures = 0;
    for (const char *found; b.len - at >= sizeof mark && (found = memmem(b.data + at, b.len - at, mark, sizeof mark - 1));) {
        at = (size_t)(found - b.data) + sizeof mark - 1;
        size_t len = picture_data(b, at);
        text -= len;
        at += len;
        *pictures += len > 0;
    }
    return (int64_t)text;
}

/* --- Conversations -------------------------------------------------------------- */

static uint64_t mix(uint64_t h, const char *s)
{
    for (; s && *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
    return (h ^ 0xff) * UINT64_C(1099511628211);
}

static uint64_t hash(const char *s)
{
    return mix(UINT64_C(14695981039346656037), s);
}

static uint64_t key_of(const struct estimate_subject *s)
{
    return s->session_id ? mix(hash(s->session_id), s->agent_id) | 1 : 0;
}

static const struct conversation_cost *find(const struct estimates *e, uint64_t key)
{
    for (size_t i = 0; key && i < CONVERSATIONS_MAX; i++)
        if (e->known[i].key == key)
            return &e->known[i];
    return NULL;
}

static bool is_cached(const struct conversation_cost *c, const struct estimate_subject *s)
{
    int64_t lives_ms = c->is_long ? LONG_CACHE_MS : SHORT_CACHE_MS;
    return s->model && c->model == hash(s->model) && s->now_ms - c->ended_ms < lives_ms;
}

struct usage estimate_usage(const struct estimates *e, const struct estimate_subject *s)
{
    const struct conversation_cost *c = find(e, key_of(s));
    struct usage u = {.in = s->text_bytes / BYTES_PER_TOKEN};
    if (c && c->text_bytes > 0 && s->text_bytes >= c->text_bytes) {
        /* It has grown: what it was is counted already. */
        u.in = c->context + (s->text_bytes - c->text_bytes) / BYTES_PER_TOKEN;
        u.cache_read = is_cached(c, s) ? c->context : 0;
    }
    u.in -= u.cache_read;
    u.in += s->pictures * PICTURE_TOKENS;
    return u;
}

void estimate_learn(struct estimates *e, const struct estimate_subject *s, const struct usage *u)
{
    uint64_t key = key_of(s);
    struct conversation_cost *c = (struct conversation_cost *)find(e, key);
    if (!key || u->in < 0)
        return;
    if (!c) {
        c = &e->known[0];
        for (size_t i = 1; i < CONVERSATIONS_MAX && c->key; i++)
            if (!e->known[i].key || e->known[i].ended_ms < c->ended_ms)
                c = &e->known[i];
        *c = (struct conversation_cost){.key = key};
    }
    if (u->cache_write_1h > 0 || u->cache_write_5m > 0)
        c->is_long = u->cache_write_1h > 0;
    c->model = s->model ? hash(s->model) : 0;
    c->text_bytes = s->text_bytes;
    c->context = usage_context(u);
    c->ended_ms = s->now_ms;
}
