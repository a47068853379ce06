#include "sim/play_talk.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "sim/jsonx.h"
#include "sim/play_prompt.h"

#define MAX_TOKENS 64000

void talk_init(struct talk *t, const char *model, const char *cwd, const char *session, bool is_agent, uint64_t salt)
{
    struct buf user;

    memset(t, 0, sizeof(*t));
    t->model = model;
    t->cwd = cwd;
    t->session = session;
    t->is_agent = is_agent;
    buf_init(&t->older);
    t->system = prompt_system(cwd, model, is_agent, salt);
    t->tools = prompt_tools(is_agent);
    buf_init(&user);
    buf_printf(&user, "{\"device_id\":\"%016llx%016llx\",\"account_uuid\":\"\",\"session_id\":\"%s\"}", (unsigned long long)rng_mix(7),
               (unsigned long long)rng_mix(11), session);
    t->user_id = buf_take(&user, NULL);
    buf_done(&user);
}

void talk_done(struct talk *t)
{
    buf_done(&t->older);
    cJSON_Delete(t->newest);
    free(t->aside);
    free(t->system);
    free(t->tools);
    free(t->user_id);
    memset(t, 0, sizeof(*t));
}

/* A user message of one text block is sent as a plain string once it is not the newest. */
static void put_older(struct buf *out, const cJSON *message)
{
    const cJSON *content = jsonx_get(message, "content");
    const cJSON *only = jsonx_count(content) == 1 ? content->child : NULL;
    char *text;

    if (out->len > 0)
        buf_putc(out, ',');
    if (only && strcmp(jsonx_string(message, "role", ""), "user") == 0 && strcmp(jsonx_string(only, "type", ""), "text") == 0) {
        const char *words = jsonx_string(only, "text", "");
        buf_puts(out, "{\"role\":\"user\",\"content\":");
        json_quote(out, words, strlen(words));
        buf_putc(out, '}');
        return;
    }
    text = jsonx_print(message);
    buf_puts(out, text);
    free(text);
}

static void put_marked(struct buf *out, const cJSON *message)
{
    cJSON *copy = cJSON_Duplicate(message, 1);
    const cJSON *content = jsonx_get(copy, "content");
    cJSON *last = content ? cJSON_GetArrayItem(content, jsonx_count(content) - 1) : NULL;
    char *text;

    if (last) {
        cJSON *mark = cJSON_AddObjectToObject(last, "cache_control");
        cJSON_AddStringToObject(mark, "type", "ephemeral");
    }
    text = jsonx_print(copy);
    if (out->data[out->len - 1] != '[')
        buf_putc(out, ',');
    buf_puts(out, text);
    free(text);
    cJSON_Delete(copy);
}

static void put_aside(const struct talk *t, struct buf *out)
{
    if (!t->aside)
        return;
    buf_puts(out, ",{\"role\":\"system\",\"content\":");
    json_quote(out, t->aside, strlen(t->aside));
    buf_putc(out, '}');
}

void talk_add(struct talk *t, const char *role, cJSON *content)
{
    if (t->newest) {
        put_older(&t->older, t->newest);
        cJSON_Delete(t->newest);
        put_aside(t, &t->older);
        xreplace(&t->aside, NULL);
    }
    t->newest = cJSON_CreateObject();
    cJSON_AddStringToObject(t->newest, "role", role);
    cJSON_AddItemToObject(t->newest, "content", content);
}

static void add_text(cJSON *content, const char *words)
{
    cJSON *block = cJSON_CreateObject();

    cJSON_AddStringToObject(block, "type", "text");
    cJSON_AddStringToObject(block, "text", words);
    cJSON_AddItemToArray(content, block);
}

void talk_say(struct talk *t, const char *words)
{
    bool is_first = !t->newest && t->older.len == 0;
    cJSON *content = cJSON_CreateArray();

    if (is_first) {
        char *notes = prompt_notes(t->cwd);
        add_text(content, notes);
        free(notes);
    }
    add_text(content, words);
    talk_add(t, "user", content);
    if (is_first)
        t->aside = prompt_aside(t->is_agent);
}

static void put_tail(const struct talk *t, bool stream, struct buf *out)
{
    buf_printf(out, "],\"system\":%s,\"tools\":%s,\"metadata\":{\"user_id\":", t->system, t->tools);
    json_quote(out, t->user_id, strlen(t->user_id));
    buf_printf(out, "},\"max_tokens\":%d,\"thinking\":{\"type\":\"%s\"}", MAX_TOKENS, t->is_agent ? "disabled" : "adaptive");
    if (!t->is_agent)
        buf_puts(out, ",\"context_management\":{\"edits\":[{\"type\":\"clear_thinking_20251015\",\"keep\":\"all\"}]}");
    buf_printf(out, ",\"output_config\":{\"effort\":\"high\"}%s}", stream ? ",\"stream\":true" : "");
}

static void put_front(const struct talk *t, struct buf *out)
{
    buf_reset(out);
    buf_printf(out, "{\"model\":\"%s\",\"messages\":[", t->model);
    buf_put(out, t->older.data, t->older.len);
    if (t->newest)
        put_marked(out, t->newest);
    put_aside(t, out);
}

void talk_body(const struct talk *t, bool stream, struct buf *out)
{
    put_front(t, out);
    put_tail(t, stream, out);
}

void talk_fork_body(const struct talk *t, const char *words, struct buf *out)
{
    put_front(t, out);
    buf_puts(out, ",{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":");
    json_quote(out, words, strlen(words));
    buf_puts(out, "}]}");
    put_tail(t, true, out);
}

void talk_title_body(const struct talk *t, const char *words, struct buf *out)
{
    char *session = xasprintf("<session>\n%s\n</session>\n\nWrite the title in the language the user wrote in.", words);

    buf_reset(out);
    buf_printf(out, "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":", t->model);
    json_quote(out, session, strlen(session));
    buf_puts(out, "}]}],\"system\":[{\"type\":\"text\",\"text\":\"x-anthropic-billing-header: cc_version=2.1.197.0c1; cc_entrypoint=cli;\"},"
                  "{\"type\":\"text\",\"text\":\"You are Claude Code, Anthropic's official CLI for Claude.\"},"
                  "{\"type\":\"text\",\"text\":\"Generate a concise, sentence-case title (3-7 words) that captures the main topic or goal of "
                  "this coding session. Return JSON with a single \\\"title\\\" field.\"}],\"tools\":[],\"metadata\":{\"user_id\":");
    json_quote(out, t->user_id, strlen(t->user_id));
    buf_printf(out, "},\"max_tokens\":%d,\"thinking\":{\"type\":\"disabled\"},\"output_config\":{\"effort\":\"high\",\"format\":{\"type\":"
                    "\"json_schema\",\"schema\":{\"type\":\"object\",\"properties\":{\"title\":{\"type\":\"string\"}},\"required\":"
                    "[\"title\"],\"additionalProperties\":false}}},\"stream\":true}", MAX_TOKENS);
    free(session);
}

void talk_compact(struct talk *t, const char *summary)
{
    char *words = xasprintf("This session is being continued from a previous conversation that ran out of context. The summary below covers "
                            "the earlier portion of the conversation.\n\n%s", summary);

    buf_reset(&t->older);
    cJSON_Delete(t->newest);
    t->newest = NULL;
    xreplace(&t->aside, NULL);
    talk_say(t, words);
    free(words);
}

size_t talk_size(const struct talk *t) { return t->older.len; }
