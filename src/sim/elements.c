#include "sim/elements.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/jsonx.h"
#include "sim/rng.h"

/* What the API adds around each element (role, delimiters), about. */
#define TOKENS_AROUND 3
/* A picture or a scanned page counts by its area, not by its base64. */
#define TOKENS_IMAGE 1600

int64_t tokens_of_bytes(size_t len) { return len == 0 ? 0 : (int64_t)((len + 3) / 4); }

static enum cache_mark read_mark(const cJSON *item)
{
    const cJSON *control = jsonx_get(item, "cache_control");
    const char *ttl;

    if (!control || cJSON_IsNull(control))
        return MARK_NONE;
    if (strcmp(jsonx_string(control, "type", ""), "ephemeral") != 0)
        return MARK_BAD;
    ttl = jsonx_string(control, "ttl", "5m");
    if (strcmp(ttl, "5m") == 0)
        return MARK_5M;
    return strcmp(ttl, "1h") == 0 ? MARK_1H : MARK_BAD;
}

static int64_t block_tokens(const cJSON *item, const char *text)
{
    const char *type = jsonx_string(item, "type", "");
    if (strcmp(type, "image") == 0 || strcmp(type, "document") == 0)
        return TOKENS_IMAGE;
    return tokens_of_bytes(strlen(text)) + TOKENS_AROUND;
}

static void add(struct elements *e, const char *kind, const char *text, int64_t tokens, enum cache_mark mark)
{
    struct element *el;
    uint64_t before[2] = {0, 0x5bd1e995};

    if (e->count > 0)
        memcpy(before, e->v[e->count - 1].prefix, sizeof(before));
    if (e->count == e->cap) {
        e->cap = e->cap ? e->cap * 2 : 64;
        e->v = xrealloc(e->v, e->cap * sizeof(*e->v));
    }
    el = &e->v[e->count++];
    for (int i = 0; i < 2; i++)
        el->prefix[i] = rng_hash(rng_hash(before[i], kind, strlen(kind)), text, strlen(text));
    el->tokens = tokens;
    el->mark = mark;
    e->tokens += tokens;
    e->marks += mark != MARK_NONE;
}

static void add_item(struct elements *e, const char *kind, const cJSON *item)
{
    enum cache_mark mark = read_mark(item);
    cJSON *copy = NULL;
    char *text;

    if (mark != MARK_NONE || jsonx_get(item, "cache_control")) {
        copy = cJSON_Duplicate(item, 1);
        cJSON_DeleteItemFromObjectCaseSensitive(copy, "cache_control");
    }
    text = jsonx_print(copy ? copy : item);
    add(e, kind, text, block_tokens(item, text), mark);
    free(text);
    cJSON_Delete(copy);
}

static void add_text(struct elements *e, const char *kind, const char *s)
{
    cJSON *block = cJSON_CreateObject();

    cJSON_AddStringToObject(block, "type", "text");
    cJSON_AddStringToObject(block, "text", s);
    add_item(e, kind, block);
    cJSON_Delete(block);
}

static void add_content(struct elements *e, const char *kind, const cJSON *content)
{
    const cJSON *block;

    if (cJSON_IsString(content)) {
        add_text(e, kind, content->valuestring);
        return;
    }
    cJSON_ArrayForEach(block, content)
        add_item(e, kind, block);
}

void elements_read(struct elements *out, const cJSON *body)
{
    const cJSON *item;

    memset(out, 0, sizeof(*out));
    cJSON_ArrayForEach(item, jsonx_get(body, "tools"))
        add_item(out, "tool", item);
    add_content(out, "system", jsonx_get(body, "system"));
    cJSON_ArrayForEach(item, jsonx_get(body, "messages"))
        add_content(out, jsonx_string(item, "role", "user"), jsonx_get(item, "content"));
    /* A cache_control of the whole request stands for one on its last element. */
    if (out->count > 0 && read_mark(body) != MARK_NONE && out->v[out->count - 1].mark == MARK_NONE) {
        out->v[out->count - 1].mark = read_mark(body);
        out->marks++;
    }
}

void elements_done(struct elements *e)
{
    free(e->v);
    memset(e, 0, sizeof(*e));
}
