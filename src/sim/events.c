#include "sim/events.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sim/elements.h"
#include "sim/jsonx.h"

/* The pace of the models people use: 55 to 85 tokens a second. */
#define US_PER_TOKEN_MIN 11800
#define US_PER_TOKEN_SPREAD 6400
/* Deltas carry one to six tokens; the API batches like that. */
#define DELTA_BYTES_MIN 6
#define DELTA_BYTES_SPREAD 18

static void override_one(int64_t *slot, const cJSON *usage, const char *key) { *slot = jsonx_int(usage, key, *slot); }

void figures_override(struct figures *f, const cJSON *usage)
{
    const cJSON *split = jsonx_get(usage, "cache_creation");
    int64_t written = f->in.write_5m + f->in.write_1h;

    override_one(&f->in.input, usage, "input_tokens");
    override_one(&f->in.read, usage, "cache_read_input_tokens");
    override_one(&f->out, usage, "output_tokens");
    override_one(&written, usage, "cache_creation_input_tokens");
    if (written != f->in.write_5m + f->in.write_1h) {
        f->in.write_5m = written;
        f->in.write_1h = 0;
    }
    override_one(&f->in.write_5m, split, "ephemeral_5m_input_tokens");
    override_one(&f->in.write_1h, split, "ephemeral_1h_input_tokens");
}

static cJSON *make_usage(const struct answer *a, const struct figures *f, int64_t out)
{
    cJSON *usage = cJSON_CreateObject();
    cJSON *split = cJSON_CreateObject();
    const cJSON *item;

    cJSON_AddNumberToObject(usage, "input_tokens", (double)f->in.input);
    cJSON_AddNumberToObject(usage, "cache_creation_input_tokens", (double)(f->in.write_5m + f->in.write_1h));
    cJSON_AddNumberToObject(usage, "cache_read_input_tokens", (double)f->in.read);
    cJSON_AddNumberToObject(split, "ephemeral_5m_input_tokens", (double)f->in.write_5m);
    cJSON_AddNumberToObject(split, "ephemeral_1h_input_tokens", (double)f->in.write_1h);
    cJSON_AddItemToObject(usage, "cache_creation", split);
    cJSON_AddNumberToObject(usage, "output_tokens", (double)out);
    cJSON_AddStringToObject(usage, "service_tier", "standard");
    /* A null in the script takes the field out. */
    cJSON_ArrayForEach(item, a->usage)
        if (cJSON_IsNull(item))
            cJSON_DeleteItemFromObjectCaseSensitive(usage, item->string);
    return usage;
}

static struct event *add(struct event_list *list, const char *name, cJSON *data)
{
    char *text = jsonx_print(data);
    struct event *e;

    list->v = xrealloc(list->v, (list->count + 1) * sizeof(*list->v));
    e = &list->v[list->count++];
    memset(e, 0, sizeof(*e));
    e->bytes = xasprintf("event: %s\ndata: %s\n\n", name, text);
    e->len = strlen(e->bytes);
    free(text);
    cJSON_Delete(data);
    return e;
}

static cJSON *typed(const char *type)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "type", type);
    return object;
}

static cJSON *indexed(const char *type, size_t index)
{
    cJSON *object = typed(type);
    cJSON_AddNumberToObject(object, "index", (double)index);
    return object;
}

static cJSON *make_message(const struct answer *a, const char *id, const char *model, const struct figures *f, int64_t out)
{
    cJSON *m = cJSON_CreateObject();

    cJSON_AddStringToObject(m, "model", model);
    cJSON_AddStringToObject(m, "id", id);
    cJSON_AddStringToObject(m, "type", "message");
    cJSON_AddStringToObject(m, "role", "assistant");
    cJSON_AddItemToObject(m, "content", cJSON_CreateArray());
    cJSON_AddNullToObject(m, "stop_reason");
    cJSON_AddNullToObject(m, "stop_sequence");
    cJSON_AddItemToObject(m, "usage", make_usage(a, f, out));
    return m;
}

static cJSON *make_block(const struct answer_block *b, bool whole)
{
    cJSON *block;

    if (b->kind == BLOCK_TEXT) {
        block = typed("text");
        cJSON_AddStringToObject(block, "text", whole ? b->text : "");
    } else if (b->kind == BLOCK_THINKING) {
        block = typed("thinking");
        cJSON_AddStringToObject(block, "thinking", whole ? b->text : "");
        cJSON_AddStringToObject(block, "signature", whole ? b->name : "");
    } else {
        block = typed("tool_use");
        cJSON_AddStringToObject(block, "id", b->id);
        cJSON_AddStringToObject(block, "name", b->name);
        cJSON_AddItemToObject(block, "input", whole ? cJSON_Parse(b->text) : cJSON_CreateObject());
    }
    return block;
}

static void add_delta(struct event_list *list, size_t index, const char *type, const char *key, const char *text)
{
    cJSON *e = indexed("content_block_delta", index);
    cJSON *delta = typed(type);

    cJSON_AddStringToObject(delta, key, text);
    cJSON_AddItemToObject(e, "delta", delta);
    add(list, "content_block_delta", e)->is_delta = true;
}

/* Length of the next piece of about `want` bytes that ends between characters and,
 * if it can, behind a space. */
static size_t piece_len(const char *s, size_t want)
{
    size_t len = 0, left = strlen(s);

    while (len < left) {
        size_t step = text_utf8_len(s + len, left - len);
        len += step ? step : 1;
        if (len >= want && (s[len - 1] == ' ' || len >= want + DELTA_BYTES_MIN))
            break;
    }
    return len;
}

static size_t chunk_len(const char *s, size_t want)
{
    size_t len = 0, left = strlen(s);

    while (len < left && len < want) {
        size_t step = text_utf8_len(s + len, left - len);
        len += step ? step : 1;
    }
    return len;
}

static void add_pieces(struct event_list *list, const struct answer *a, size_t index, struct rng *rng)
{
    static const char *const types[] = {"text_delta", "thinking_delta", "input_json_delta"};
    static const char *const keys[] = {"text", "thinking", "partial_json"};
    const struct answer_block *b = &a->blocks[index];
    size_t even = a->chunks > 0 && b->kind == BLOCK_TEXT ? (strlen(b->text) + (size_t)a->chunks - 1) / (size_t)a->chunks : 0;
    const char *at = b->text;

    if (b->kind == BLOCK_TOOL)
        add_delta(list, index, types[b->kind], keys[b->kind], "");
    while (*at) {
        size_t len = even ? chunk_len(at, even) : piece_len(at, DELTA_BYTES_MIN + rng_below(rng, DELTA_BYTES_SPREAD));
        char *piece = xstrndup(at, len);
        struct event *e;
        add_delta(list, index, types[b->kind], keys[b->kind], piece);
        e = &list->v[list->count - 1];
        e->tokens = tokens_of_bytes(len);
        e->is_exact = a->delay_ms >= 0;
        e->delay_us = e->is_exact ? a->delay_ms * 1000 : (int64_t)len * (US_PER_TOKEN_MIN + rng_below(rng, US_PER_TOKEN_SPREAD)) / 4;
        free(piece);
        at += len;
    }
}

static void add_block_events(struct event_list *list, const struct answer *a, size_t index, struct rng *rng)
{
    cJSON *start = indexed("content_block_start", index);

    cJSON_AddItemToObject(start, "content_block", make_block(&a->blocks[index], false));
    add(list, "content_block_start", start);
    add_pieces(list, a, index, rng);
    if (a->blocks[index].kind == BLOCK_THINKING)
        add_delta(list, index, "signature_delta", "signature", a->blocks[index].name);
    add(list, "content_block_stop", indexed("content_block_stop", index));
}

static void add_end(struct event_list *list, const struct answer *a, const struct figures *f)
{
    cJSON *e = typed("message_delta");
    cJSON *delta = cJSON_CreateObject();

    cJSON_AddStringToObject(delta, "stop_reason", a->stop_reason);
    cJSON_AddNullToObject(delta, "stop_sequence");
    cJSON_AddItemToObject(e, "delta", delta);
    cJSON_AddItemToObject(e, "usage", make_usage(a, f, f->out));
    add(list, "message_delta", e);
    add(list, "message_stop", typed("message_stop"));
}

static void build_given(struct event_list *list, const cJSON *events)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, events) {
        const cJSON *data = jsonx_get(item, "data");
        add(list, jsonx_string(item, "event", "message"), data ? cJSON_Duplicate(data, 1) : cJSON_CreateObject());
    }
}

void events_build(struct event_list *list, const struct answer *a, const char *id, const char *model, const struct figures *f,
                  struct rng *rng)
{
    cJSON *start;

    memset(list, 0, sizeof(*list));
    if (a->events) {
        build_given(list, a->events);
        return;
    }
    start = typed("message_start");
    cJSON_AddItemToObject(start, "message", make_message(a, id, model, f, EVENTS_OUT_AT_START));
    add(list, "message_start", start);
    for (size_t i = 0; i < a->count; i++) {
        add_block_events(list, a, i, rng);
        if (i == 0) { /* where the API puts its first ping */
            struct event ping = *add(list, "ping", typed("ping"));
            memmove(&list->v[3], &list->v[2], (list->count - 3) * sizeof(ping));
            list->v[2] = ping;
        }
    }
    add_end(list, a, f);
}

void events_done(struct event_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->v[i].bytes);
    free(list->v);
    memset(list, 0, sizeof(*list));
}

void events_plain(struct buf *out, const struct answer *a, const char *id, const char *model, const struct figures *f)
{
    cJSON *m = make_message(a, id, model, f, f->out);
    cJSON *content = cJSON_GetObjectItemCaseSensitive(m, "content");
    char *text;

    for (size_t i = 0; i < a->count; i++)
        cJSON_AddItemToArray(content, make_block(&a->blocks[i], true));
    cJSON_ReplaceItemInObjectCaseSensitive(m, "stop_reason", cJSON_CreateString(a->stop_reason));
    text = jsonx_print(m);
    buf_puts(out, text);
    free(text);
    cJSON_Delete(m);
}

int64_t events_duration_us(const struct event_list *list)
{
    int64_t sum = 0;
    for (size_t i = 0; i < list->count; i++)
        sum += list->v[i].delay_us;
    return sum;
}
