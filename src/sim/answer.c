#include "sim/answer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/text.h"
#include "sim/elements.h"
#include "sim/jsonx.h"

#define SIGNATURE_BYTES 240 /* the real ones have a few hundred */
#define TOKENS_OF_A_TOOL 12 /* name and framing of a tool call, about */

void answer_init(struct answer *a)
{
    memset(a, 0, sizeof(*a));
    a->delay_ms = -1;
    a->first_ms = -1;
}

void answer_done(struct answer *a)
{
    for (size_t i = 0; i < a->count; i++) {
        free(a->blocks[i].text);
        free(a->blocks[i].name);
        free(a->blocks[i].id);
    }
    free(a->blocks);
    free(a->stop_reason);
    free(a->model);
    free(a->provider);
    cJSON_Delete(a->usage);
    cJSON_Delete(a->events);
    answer_init(a);
}

static struct answer_block *add_block(struct answer *a, enum block_kind kind, const char *text)
{
    struct answer_block *b;

    a->blocks = xrealloc(a->blocks, (a->count + 1) * sizeof(*a->blocks));
    b = &a->blocks[a->count++];
    memset(b, 0, sizeof(*b));
    b->kind = kind;
    b->text = xstrdup(text);
    return b;
}

void answer_add(struct answer *a, enum block_kind kind, const char *text) { add_block(a, kind, text); }

void answer_add_tool(struct answer *a, const char *name, const char *input, const char *id)
{
    struct answer_block *b = add_block(a, BLOCK_TOOL, input);
    b->name = xstrdup(name);
    b->id = xstrdup(id);
}

void answer_copy(struct answer *to, const struct answer *from)
{
    answer_init(to);
    for (size_t i = 0; i < from->count; i++) {
        struct answer_block *b = add_block(to, from->blocks[i].kind, from->blocks[i].text);
        b->name = xstrdup(from->blocks[i].name);
        b->id = xstrdup(from->blocks[i].id);
    }
    to->stop_reason = xstrdup(from->stop_reason);
    to->model = xstrdup(from->model);
    to->provider = xstrdup(from->provider);
    to->usage = from->usage ? cJSON_Duplicate(from->usage, 1) : NULL;
    to->events = from->events ? cJSON_Duplicate(from->events, 1) : NULL;
    to->chunks = from->chunks;
    to->delay_ms = from->delay_ms;
    to->first_ms = from->first_ms;
}

static void drop_last(struct answer *a)
{
    struct answer_block *b = &a->blocks[--a->count];
    free(b->text);
    free(b->name);
    free(b->id);
}

void answer_drop_tools(struct answer *a)
{
    size_t keep = 0;

    for (size_t i = 0; i < a->count; i++) {
        struct answer_block b = a->blocks[i];
        if (b.kind != BLOCK_TOOL) {
            a->blocks[keep++] = b;
            continue;
        }
        free(b.text);
        free(b.name);
        free(b.id);
    }
    a->count = keep;
}

static int check_item(const cJSON *item, struct err *e)
{
    const cJSON *tool;

    if (!cJSON_IsObject(item))
        return err_set(e, "a script item is an object like {\"text\":\"hello\"}");
    cJSON_ArrayForEach(tool, jsonx_get(item, "tool_use"))
        if (!jsonx_string(tool, "name", NULL))
            return err_set(e, "a script item's tool_use needs a name");
    return 0;
}

int answer_from_json(struct answer *a, const cJSON *item, struct err *e)
{
    const cJSON *tool;

    if (check_item(item, e) < 0)
        return -1;
    if (jsonx_string(item, "thinking", NULL))
        answer_add(a, BLOCK_THINKING, jsonx_string(item, "thinking", ""));
    if (jsonx_string(item, "text", NULL))
        answer_add(a, BLOCK_TEXT, jsonx_string(item, "text", ""));
    cJSON_ArrayForEach(tool, jsonx_get(item, "tool_use")) {
        const cJSON *input = jsonx_get(tool, "input");
        char *text = input ? jsonx_print(input) : xstrdup("{}");
        answer_add_tool(a, jsonx_string(tool, "name", ""), text, jsonx_string(tool, "id", NULL));
        free(text);
    }
    xreplace(&a->stop_reason, jsonx_string(item, "stop_reason", NULL));
    xreplace(&a->model, jsonx_string(item, "model", NULL));
    xreplace(&a->provider, jsonx_string(item, "provider", NULL));
    if (cJSON_IsObject(jsonx_get(item, "usage")))
        a->usage = cJSON_Duplicate(jsonx_get(item, "usage"), 1);
    if (cJSON_IsArray(jsonx_get(item, "events")))
        a->events = cJSON_Duplicate(jsonx_get(item, "events"), 1);
    a->chunks = (int)jsonx_int(item, "chunks", 0);
    a->delay_ms = jsonx_int(item, "delay_ms", -1);
    a->first_ms = jsonx_int(item, "first_ms", -1);
    return 0;
}

char *make_id(struct rng *rng, const char *prefix, int len)
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    size_t head = strlen(prefix);
    char *id = xmalloc(head + (size_t)len + 1);

    memcpy(id, prefix, head);
    for (int i = 0; i < len; i++)
        id[head + (size_t)i] = alphabet[rng_below(rng, sizeof(alphabet) - 1)];
    id[head + (size_t)len] = '\0';
    return id;
}

char *make_message_id(struct rng *rng, const char *kind, const char *provider)
{
    const char *mark = strcmp(provider, "vertex_ai") == 0 ? "vrtx_" : strcmp(provider, "bedrock") == 0 ? "bdrk_" : "";
    char *prefix = xasprintf("%s_%s01", kind, mark);
    char *id = make_id(rng, prefix, 22);

    free(prefix);
    return id;
}

static char *make_signature(struct rng *rng)
{
    unsigned char bytes[SIGNATURE_BYTES];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)rng_next(rng);
    return encode_base64(bytes, sizeof(bytes));
}

static int64_t block_tokens(const struct answer_block *b)
{
    return tokens_of_bytes(strlen(b->text)) + (b->kind == BLOCK_TOOL ? TOKENS_OF_A_TOOL : 0);
}

int64_t answer_tokens(const struct answer *a)
{
    int64_t sum = 0;
    for (size_t i = 0; i < a->count; i++)
        sum += block_tokens(&a->blocks[i]);
    return sum > 0 ? sum : 1;
}

/* Cut the words where max_tokens ends them; a tool call that does not fit goes. */
static void cut(struct answer *a, int64_t max_tokens)
{
    int64_t sum = 0;

    for (size_t i = 0; i < a->count; i++) {
        struct answer_block *b = &a->blocks[i];
        int64_t room = max_tokens - sum;
        sum += block_tokens(b);
        if (sum <= max_tokens)
            continue;
        while (a->count > i + 1)
            drop_last(a);
        if (b->kind == BLOCK_TOOL || room <= 0) {
            drop_last(a);
        } else {
            size_t keep = 0, limit = (size_t)room * 4;
            while (keep < strlen(b->text)) {
                size_t step = text_utf8_len(b->text + keep, strlen(b->text + keep));
                if (keep + (step ? step : 1) > limit)
                    break;
                keep += step ? step : 1;
            }
            b->text[keep] = '\0';
        }
        xreplace(&a->stop_reason, "max_tokens");
        return;
    }
}

void answer_finish(struct answer *a, struct rng *rng, const char *provider, int64_t max_tokens)
{
    bool tools = false;

    if (max_tokens > 0 && !a->usage)
        cut(a, max_tokens);
    for (size_t i = 0; i < a->count; i++) {
        struct answer_block *b = &a->blocks[i];
        if (b->kind == BLOCK_TOOL && !b->id)
            b->id = make_message_id(rng, "toolu", provider);
        if (b->kind == BLOCK_THINKING && !b->name)
            b->name = make_signature(rng);
        tools = tools || b->kind == BLOCK_TOOL;
    }
    if (!a->stop_reason)
        a->stop_reason = xstrdup(tools ? "tool_use" : "end_turn");
}
