#include "sim/compose.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/directive.h"
#include "sim/jsonx.h"
#include "sim/prose.h"

/* How the client's /compact begins its request for a summary. */
#define COMPACT_MARK "create a detailed summary of the conversation"

struct fired {
    uint64_t key;
    int count;
};

void composer_init(struct composer *c, uint64_t seed)
{
    memset(c, 0, sizeof(*c));
    c->seed = seed;
    c->script = cJSON_CreateArray();
}

void composer_done(struct composer *c)
{
    cJSON_Delete(c->script);
    free(c->fired);
    memset(c, 0, sizeof(*c));
}

void composer_reset(struct composer *c)
{
    uint64_t seed = c->seed;
    composer_done(c);
    composer_init(c, seed);
}

int composer_add_script(struct composer *c, const cJSON *json, struct err *e)
{
    const cJSON *first = cJSON_IsArray(json) ? json->child : json;

    for (const cJSON *item = first; item; item = cJSON_IsArray(json) ? item->next : NULL) {
        struct answer probe;
        int bad;
        answer_init(&probe);
        bad = answer_from_json(&probe, item, e);
        answer_done(&probe);
        if (bad)
            return -1;
    }
    for (const cJSON *item = first; item; item = cJSON_IsArray(json) ? item->next : NULL)
        cJSON_AddItemToArray(c->script, cJSON_Duplicate(item, 1));
    return 0;
}

/* The first item of the script that fits, taken out. */
static cJSON *take_script(struct composer *c, const struct ask *q)
{
    int i = 0;
    const cJSON *item;

    cJSON_ArrayForEach(item, c->script) {
        if (ask_matches(q, jsonx_get(item, "match")))
            return cJSON_DetachItemFromArray(c->script, i);
        i++;
    }
    return NULL;
}

/* May a directive's fault strike once more for this prompt? */
static bool may_fire(struct composer *c, uint64_t key, int times)
{
    for (size_t i = 0; i < c->fired_count; i++) {
        if (c->fired[i].key != key)
            continue;
        if (times > 0 && c->fired[i].count >= times)
            return false;
        c->fired[i].count++;
        return true;
    }
    c->fired = xrealloc(c->fired, (c->fired_count + 1) * sizeof(*c->fired));
    c->fired[c->fired_count++] = (struct fired){key, 1};
    return true;
}

static uint64_t prompt_key(const struct ask *q)
{
    uint64_t h = rng_hash(q->steps, q->session, strlen(q->session));
    h = rng_hash(h, q->agent, strlen(q->agent));
    /* messages: the same words later in a session are another prompt. */
    return rng_hash(h + q->messages, q->prompt.data, q->prompt.len);
}

/* The words a side call is about: what stands in <session>, or all, directives out. */
static void put_subject(const struct ask *q, struct buf *out)
{
    const char *open = strstr(q->prompt.data, "<session>");
    const char *close = open ? strstr(open, "</session>") : NULL;
    char *words = close ? xstrndup(open + strlen("<session>"), (size_t)(close - open) - strlen("<session>")) : xstrdup(q->prompt.data);

    directive_strip(words, out);
    free(words);
}

static void add_title(struct answer *a, const struct ask *q)
{
    const cJSON *schema = jsonx_path(q->body, "output_config/format/schema");
    struct buf plain;
    cJSON *value;
    char *text;

    buf_init(&plain);
    put_subject(q, &plain);
    value = prose_fill_schema(schema, "", plain.data, 0);
    text = jsonx_print(value);
    answer_add(a, BLOCK_TEXT, text);
    free(text);
    cJSON_Delete(value);
    buf_done(&plain);
}

static const cJSON *tool_named(const struct ask *q, const char *name)
{
    const cJSON *tools = jsonx_get(q->body, "tools");
    const cJSON *tool;

    cJSON_ArrayForEach(tool, tools)
        if (!name || strcmp(jsonx_string(tool, "name", ""), name) == 0)
            return tool;
    return NULL;
}

/* tool_choice leaves the model no choice: the named tool, or any. */
static bool add_forced_tool(struct answer *a, const struct ask *q)
{
    const cJSON *choice = jsonx_get(q->body, "tool_choice");
    const char *type = jsonx_string(choice, "type", "auto");
    const cJSON *tool = NULL;
    cJSON *input;
    char *text;

    if (strcmp(type, "tool") == 0)
        tool = tool_named(q, jsonx_string(choice, "name", ""));
    else if (strcmp(type, "any") == 0)
        tool = tool_named(q, NULL);
    if (!tool)
        return false;
    input = prose_fill_schema(jsonx_get(tool, "input_schema"), "", q->prompt.data, 0);
    text = jsonx_print(input);
    answer_add_tool(a, jsonx_string(tool, "name", ""), text, NULL);
    free(text);
    cJSON_Delete(input);
    return true;
}

static void add_prose(struct answer *a, const struct ask *q, int words, struct rng *rng)
{
    struct buf text, plain;

    buf_init(&text);
    buf_init(&plain);
    directive_strip(q->prompt.data, &plain);
    prose_answer(&text, plain.data, words, rng);
    answer_add(a, BLOCK_TEXT, text.data);
    buf_done(&plain);
    buf_done(&text);
}

/* /compact sends the newest prompt once more in front of its own words, so that
 * prompt's directives must not count again. */
static bool add_summary(struct answer *a, const struct ask *q, struct rng *rng)
{
    struct buf text, plain;

    if (!strstr(q->prompt.data, COMPACT_MARK))
        return false;
    buf_init(&text);
    buf_init(&plain);
    directive_strip(q->prompt.data, &plain);
    prose_summary(&text, plain.data, rng);
    answer_add(a, BLOCK_TEXT, text.data);
    buf_done(&plain);
    buf_done(&text);
    return true;
}

/* The due fault of a step: the first that has turns left. */
static struct fault *due_fault(struct composer *c, const struct ask *q, struct directive *d)
{
    for (size_t i = 0; i < d->fault_count; i++) {
        struct fault *f = d->faults[i];
        if (!may_fire(c, rng_mix(prompt_key(q) + i), f->times))
            continue;
        d->faults[i] = NULL;
        return f;
    }
    return NULL;
}

/* A dictated answer may ask for trouble before it: "status_once" or "fault_once",
 * which strikes the first try only. */
static struct fault *dictated_fault(struct composer *c, const struct ask *q, const cJSON *item)
{
    const cJSON *once = jsonx_get(item, "fault_once");
    struct fault *f = fault_new();

    f->status = (int)jsonx_int(item, "status_once", 0);
    if (f->status == 429) {
        f->headers = cJSON_CreateObject();
        cJSON_AddStringToObject(f->headers, "retry-after", "3"); /* a demo does not wait a minute */
    }
    f->stage = fault_stage_find(jsonx_string(once, "stage", NULL));
    f->kind = fault_kind_find(jsonx_string(once, "fault", NULL));
    if ((f->status != 0 || f->kind != FAULT_NONE) && may_fire(c, rng_mix(~prompt_key(q)), 1))
        return f;
    fault_free(f);
    return NULL;
}

static void from_directives(struct composer *c, const struct ask *q, struct rng *rng, struct answer *a, struct fault **fault)
{
    struct directive d;

    directive_read(&d, q->prompt.data, q->steps);
    *fault = due_fault(c, q, &d);
    answer_done(a);
    *a = d.answer;
    answer_init(&d.answer);
    if (!q->has_tools) /* a side call that quotes the prompt cannot call tools */
        answer_drop_tools(a);
    if (a->count == 0 || (a->count == 1 && a->blocks[0].kind == BLOCK_THINKING))
        add_prose(a, q, d.words, rng);
    if (d.delay_ms > 0)
        a->first_ms = d.delay_ms;
    directive_done(&d);
}

void composer_answer(struct composer *c, const struct ask *q, const cJSON *header, struct rng *rng, struct answer *a, struct fault **fault)
{
    cJSON *item;

    answer_init(a);
    *fault = NULL;
    if (header && answer_from_json(a, header, NULL) == 0) {
        *fault = dictated_fault(c, q, header);
        return;
    }
    if (q->is_title) {
        add_title(a, q);
        return;
    }
    item = take_script(c, q);
    if (item) {
        answer_from_json(a, item, NULL);
        cJSON_Delete(item);
        return;
    }
    if (jsonx_path(q->body, "output_config/format/schema")) {
        add_title(a, q); /* any schema is filled the same way */
        return;
    }
    if (add_forced_tool(a, q) || add_summary(a, q, rng))
        return;
    from_directives(c, q, rng, a, fault);
}
