#include "sim/play_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/jsonx.h"

/* The content blocks of a whole stream, as the client would keep them. */
static void take_event(cJSON *content, const cJSON *e)
{
    const char *type = jsonx_string(e, "type", "");
    cJSON *block = cJSON_GetArrayItem(content, (int)jsonx_int(e, "index", 0));
    const cJSON *delta = jsonx_get(e, "delta");
    static const char *const parts[][2] = {{"text", "text"}, {"thinking", "thinking"}, {"signature", "signature"}, {"partial_json", "input_text"}};

    if (strcmp(type, "content_block_start") == 0) {
        cJSON_AddItemToArray(content, cJSON_Duplicate(jsonx_get(e, "content_block"), 1));
        return;
    }
    if (strcmp(type, "content_block_delta") != 0 || !block)
        return;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const char *piece = jsonx_string(delta, parts[i][0], NULL);
        char *joined;
        if (!piece)
            continue;
        joined = xasprintf("%s%s", jsonx_string(block, parts[i][1], ""), piece);
        cJSON_DeleteItemFromObjectCaseSensitive(block, parts[i][1]);
        cJSON_AddStringToObject(block, parts[i][1], joined);
        free(joined);
    }
}

/* Tool inputs came as text: make them values. */
static void settle_inputs(cJSON *content)
{
    cJSON *block;

    cJSON_ArrayForEach(block, content) {
        cJSON *input = cJSON_Parse(jsonx_string(block, "input_text", ""));
        if (strcmp(jsonx_string(block, "type", ""), "tool_use") != 0) {
            cJSON_Delete(input);
            continue;
        }
        cJSON_DeleteItemFromObjectCaseSensitive(block, "input_text");
        cJSON_DeleteItemFromObjectCaseSensitive(block, "input");
        cJSON_AddItemToObject(block, "input", input ? input : cJSON_CreateObject());
    }
}

/* NULL when the stream did not come to its message_stop. */
cJSON *play_read_stream(const struct buf *body)
{
    cJSON *content = cJSON_CreateArray();
    const char *at = body->data;
    bool stopped = false;

    while ((at = strstr(at, "data: "))) {
        size_t len = strcspn(at += 6, "\n");
        cJSON *e = cJSON_ParseWithLength(at, len);
        take_event(content, e);
        stopped = stopped || strcmp(jsonx_string(e, "type", ""), "message_stop") == 0;
        cJSON_Delete(e);
    }
    if (stopped) {
        settle_inputs(content);
        return content;
    }
    cJSON_Delete(content);
    return NULL;
}

cJSON *play_read_plain(const struct buf *body)
{
    cJSON *message = cJSON_ParseWithLength(body->data, body->len);
    cJSON *content = cJSON_DetachItemFromObjectCaseSensitive(message, "content");

    cJSON_Delete(message);
    if (cJSON_IsArray(content))
        return content;
    cJSON_Delete(content);
    return NULL;
}
