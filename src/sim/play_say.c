#include "sim/play_say.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "sim/prose.h"

static void add_remark(const struct play_say *p, cJSON *item)
{
    struct buf text;

    buf_init(&text);
    story_remark(p->rng, &text);
    if (text.len > 0)
        cJSON_AddStringToObject(item, "text", text.data);
    buf_done(&text);
}

static void add_tool(cJSON *list, const char *name, const char *input)
{
    cJSON *tool = cJSON_CreateObject();

    cJSON_AddStringToObject(tool, "name", name);
    cJSON_AddItemToObject(tool, "input", cJSON_Parse(input));
    cJSON_AddItemToArray(list, tool);
}

static void add_thought(const struct play_say *p, cJSON *item)
{
    struct buf text;

    if (p->is_agent || rng_below(p->rng, 3) == 0)
        return; /* agents have thinking switched off */
    buf_init(&text);
    story_thought(p->story, p->rng, &text);
    cJSON_AddStringToObject(item, "thinking", text.data);
    buf_done(&text);
}

cJSON *play_say_tools(const struct play_say *p)
{
    cJSON *item = cJSON_CreateObject();
    unsigned count = rng_below(p->rng, 5) == 0 ? 2 : 1;
    cJSON *list;

    add_thought(p, item);
    add_remark(p, item);
    list = cJSON_AddArrayToObject(item, "tool_use");
    for (unsigned i = 0; i < count; i++) {
        const char *tool = story_pick_tool(p->rng);
        struct buf input;
        buf_init(&input);
        story_tool_input(p->story, tool, p->rng, &input);
        add_tool(list, tool, input.data);
        buf_done(&input);
    }
    return item;
}

cJSON *play_say_agents(const struct play_say *p, const char *prompt)
{
    static const char *const tasks[] = {"Find every caller", "Check the tests for gaps"};
    cJSON *item = cJSON_CreateObject();
    unsigned count = 1 + rng_below(p->rng, PLAY_AGENTS_MAX);
    cJSON *list;

    add_thought(p, item);
    cJSON_AddStringToObject(item, "text", "I'll have that looked up in parallel.");
    list = cJSON_AddArrayToObject(item, "tool_use");
    for (unsigned i = 0; i < count; i++) {
        char *task = xasprintf("%s — %s in this repository and report file and line.", prompt, tasks[i]);
        struct buf input;
        buf_init(&input);
        buf_printf(&input, "{\"description\":\"%s\",\"prompt\":", tasks[i]);
        json_quote(&input, task, strlen(task));
        buf_printf(&input, ",\"subagent_type\":\"%s\"}", i ? "general-purpose" : "Explore");
        add_tool(list, "Agent", input.data);
        buf_done(&input);
        free(task);
    }
    return item;
}

cJSON *play_say_end(const struct play_say *p, const char *prompt)
{
    cJSON *item = cJSON_CreateObject();
    struct buf text;

    add_thought(p, item);
    buf_init(&text);
    prose_answer(&text, prompt, 60 + (int)rng_below(p->rng, 220), p->rng);
    cJSON_AddStringToObject(item, "text", text.data);
    buf_done(&text);
    return item;
}

/* Now and then the upstream is overloaded, and rarely a stream breaks. */
void play_add_trouble(const struct play_say *p, cJSON *item)
{
    unsigned n = rng_below(p->rng, 160);

    if (n < 3) {
        cJSON_AddNumberToObject(item, "status_once", n == 0 ? 429 : 529);
    } else if (n == 3) {
        cJSON *fault = cJSON_AddObjectToObject(item, "fault_once");
        cJSON_AddStringToObject(fault, "stage", "between_events");
        cJSON_AddStringToObject(fault, "fault", "reset");
    }
}
