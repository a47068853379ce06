#include "sim/ask.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/text.h"
#include "sim/jsonx.h"
#include "sim/models.h"

#define REMINDER_OPEN "<system-reminder>"
#define REMINDER_CLOSE "</system-reminder>"

/* The client wraps its own notes around the user's words; they are not a prompt. */
static void put_without_reminders(struct buf *out, const char *text)
{
    while (*text) {
        const char *open = strstr(text, REMINDER_OPEN);
        const char *close = open ? strstr(open, REMINDER_CLOSE) : NULL;
        if (!close) {
            buf_puts(out, text);
            break;
        }
        buf_put(out, text, (size_t)(open - text));
        text = close + strlen(REMINDER_CLOSE);
    }
    buf_putc(out, '\n');
}

static bool only_tool_results(const cJSON *content)
{
    const cJSON *block;
    bool result = false, directive = false;

    cJSON_ArrayForEach(block, content) {
        if (strcmp(jsonx_string(block, "type", ""), "tool_result") == 0)
            result = true;
        else if (strstr(jsonx_string(block, "text", ""), "[[sim "))
            directive = true;
    }
    return cJSON_IsArray(content) && result && !directive;
}

static void put_message_text(struct buf *out, const cJSON *content)
{
    const cJSON *block;

    if (content && cJSON_IsString(content))
        put_without_reminders(out, content->valuestring);
    if (cJSON_IsArray(content))
        cJSON_ArrayForEach(block, content)
            if (strcmp(jsonx_string(block, "type", ""), "text") == 0)
                put_without_reminders(out, jsonx_string(block, "text", ""));
}

/* The newest user message with words of its own; the answers that came after it
 * tell which step of its script is due. */
static void read_prompt(struct ask *a)
{
    const cJSON *messages = jsonx_get(a->body, "messages");
    const cJSON *message, *prompt = NULL;

    cJSON_ArrayForEach(message, messages) {
        const char *role = jsonx_string(message, "role", "");
        a->messages++;
        if (strcmp(role, "assistant") == 0)
            a->steps++;
        if (strcmp(role, "user") != 0 || only_tool_results(jsonx_get(message, "content")))
            continue;
        prompt = jsonx_get(message, "content");
        a->steps = 0;
    }
    put_message_text(&a->prompt, prompt);
}

static cJSON *decode_params(const char *header)
{
    size_t len = 0;
    char *text = header ? decode_base64(header, strlen(header), &len) : NULL;
    cJSON *params = text ? cJSON_ParseWithLength(text, len) : NULL;

    free(text);
    if (!cJSON_IsObject(params)) {
        cJSON_Delete(params);
        params = cJSON_CreateObject();
    }
    return params;
}

/* Order of force: body, then the body's respan_params, then the header. */
static void read_params(struct ask *a, const struct http_request *r)
{
    const char *header = http_header(r, "x-data-respan-params");
    const cJSON *item;

    a->params = decode_params(header ? header : http_header(r, "x-data-keywordsai-params"));
    cJSON_ArrayForEach(item, jsonx_path(a->body, "metadata/respan_params")) {
        cJSON_DeleteItemFromObjectCaseSensitive(a->params, item->string);
        cJSON_AddItemToObject(a->params, item->string, cJSON_Duplicate(item, 1));
    }
}

static const char *or_empty(const char *s) { return s ? s : ""; }

void ask_init(struct ask *a, const struct http_request *r, const cJSON *body)
{
    memset(a, 0, sizeof(*a));
    buf_init(&a->prompt);
    a->body = body;
    a->target = r->target;
    a->model = jsonx_string(body, "model", "");
    a->session = or_empty(http_header(r, "x-claude-code-session-id"));
    a->agent = or_empty(http_header(r, "x-claude-code-agent-id"));
    a->provider = or_empty(provider_find(http_header(r, "x-respan-route-provider")));
    a->stream = jsonx_bool(body, "stream", false);
    a->has_tools = jsonx_count(jsonx_get(body, "tools")) > 0;
    a->is_title = jsonx_path(body, "output_config/format/schema/properties/title") != NULL;
    read_prompt(a);
    read_params(a, r);
}

void ask_done(struct ask *a)
{
    buf_done(&a->prompt);
    cJSON_Delete(a->params);
}

bool ask_path_matches(const char *target, const cJSON *match)
{
    const char *path = jsonx_string(match, "path", NULL);
    return !path || text_glob(path, target);
}

static bool bool_fits(const cJSON *match, const char *key, bool is)
{
    const cJSON *want = jsonx_get(match, key);
    return !want || cJSON_IsTrue(want) == is;
}

bool ask_matches(const struct ask *a, const cJSON *match)
{
    const char *model = jsonx_string(match, "model", NULL);
    const char *provider = jsonx_string(match, "provider", NULL);
    const char *session = jsonx_string(match, "session", NULL);
    const char *agent = jsonx_string(match, "agent", NULL);
    const char *text = jsonx_string(match, "text", NULL);

    if (!ask_path_matches(a->target, match) || (model && !text_glob(model, a->model)))
        return false;
    if (provider && strcmp(provider, a->provider) != 0)
        return false;
    if (session && strcmp(session, a->session) != 0)
        return false;
    if (agent && (strcmp(agent, "subagent") == 0) != (*a->agent != '\0'))
        return false;
    if (text && !strstr(a->prompt.data, text))
        return false;
    return bool_fits(match, "stream", a->stream) && bool_fits(match, "tools", a->has_tools) && bool_fits(match, "title", a->is_title);
}
