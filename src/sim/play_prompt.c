/* The words are made here, not copied from any client: what matters is their size,
 * their order and where the marks stand. */
#include "sim/play_prompt.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/mem.h"
#include "sim/jsonx.h"
#include "sim/rng.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define GUIDES_A_TOOL 30     /* sentences; about 2 KB */
#define GUIDES_IN_SYSTEM 170 /* about 13 KB */
#define AGENT_TOOLS 21       /* a subagent gets the first ones */

struct tool {
    const char *name;
    const char *what;
    const char *params; /* space separated, a * marks the required ones */
};

static const struct tool tools[] = {
    {"Agent", "Launches a new agent that handles complex, multi-step tasks.", "description* prompt* subagent_type run_in_background"},
    {"Bash", "Executes a given bash command and returns its output.", "command* description timeout run_in_background"},
    {"CronCreate", "Schedules a prompt to run later in this session.", "schedule* prompt*"},
    {"CronDelete", "Takes back a scheduled prompt.", "id*"},
    {"CronList", "Lists the scheduled prompts of this session.", "all"},
    {"Edit", "Performs exact string replacements in files.", "file_path* old_string* new_string* replace_all"},
    {"EnterWorktree", "Creates an isolated worktree and moves into it.", "name"},
    {"ExitWorktree", "Leaves the worktree, keeping or dropping it.", "keep"},
    {"NotebookEdit", "Replaces, inserts or deletes a cell of a notebook.", "notebook_path* new_source* cell_id edit_mode"},
    {"Read", "Reads a file from the local filesystem.", "file_path* offset limit pages"},
    {"ReportFindings", "Reports structured findings to the caller.", "findings*"},
    {"SendMessage", "Sends a message to a running agent.", "to* summary message*"},
    {"Skill", "Loads a skill's instructions into the conversation.", "skill* args"},
    {"TaskCreate", "Adds an item to the session's task list.", "subject* description activeForm"},
    {"TaskGet", "Reads one item of the task list.", "id*"},
    {"TaskList", "Reads the whole task list.", "filter"},
    {"TaskStop", "Stops a running background task.", "task_id*"},
    {"TaskUpdate", "Changes an item of the task list.", "id* status subject"},
    {"WebFetch", "Fetches a URL and answers a question about its content.", "url* prompt*"},
    {"WebSearch", "Searches the web for current information.", "query* allowed_domains blocked_domains"},
    {"Write", "Writes a file to the local filesystem.", "file_path* content*"},
    {"AskUserQuestion", "Asks the user a question with a few choices.", "questions*"},
    {"EnterPlanMode", "Switches to planning before an implementation.", "reason"},
    {"ExitPlanMode", "Presents the finished plan for approval.", "plan*"},
    {"ScheduleWakeup", "Wakes the session up after a while.", "after_s* prompt*"},
    {"TaskOutput", "Reads what a background task has printed so far.", "task_id* block timeout"},
    {"Workflow", "Runs a stored sequence of steps.", "name* input"},
};

static const char *const guides[] = {
    "Prefer the dedicated tool over a shell command whenever one fits the task.",
    "Paths must be absolute, since the working directory may change between calls.",
    "Results longer than the limit are truncated at the end; ask for the rest with an offset.",
    "Independent calls belong into one message, so that they run in parallel.",
    "Do not repeat a call that has just failed in the same way; read its error first.",
    "Quote arguments that contain spaces.",
    "Never guess a value for a required parameter; ask the user instead.",
    "The call is refused when the file was not read earlier in the conversation.",
    "Output is returned with line numbers that are not part of the file.",
    "When the user names an exact value, use exactly that value.",
    "Long running commands go into the background, and their output is read later.",
    "Keep the description to one short sentence in the active voice.",
    "An empty result is a result: say so and go on.",
    "Changes that are hard to undo need the user's consent first.",
    "Use the smallest change that solves the task, and leave unrelated code alone.",
    "Follow the conventions of the surrounding code: names, libraries, formatting.",
    "Check that a library is in use in this project before relying on it.",
    "Run the project's own checks after a change, and report their result truthfully.",
    "Refer to code as path:line, so that the user can jump there.",
    "Keep answers short; a question that wants one word gets one word.",
    "Secrets and keys never go into files, logs or commits.",
    "Commit only when the user asks for it.",
    "Mark an item as done the moment it is done, not in batches.",
    "If a hook blocks a call, adjust to what it says instead of working around it.",
};

/* A run of sentences that is the same for the same seed. */
static void put_guides(struct buf *out, uint64_t seed, int count)
{
    struct rng rng = {seed};

    for (int i = 0; i < count; i++)
        buf_printf(out, "%s%s", i % 6 == 0 ? "\n\n" : " ", guides[rng_below(&rng, COUNT(guides))]);
}

static void add_block(cJSON *list, const char *text, bool marked)
{
    cJSON *block = cJSON_CreateObject();

    cJSON_AddStringToObject(block, "type", "text");
    cJSON_AddStringToObject(block, "text", text);
    if (marked)
        cJSON_AddStringToObject(cJSON_AddObjectToObject(block, "cache_control"), "type", "ephemeral");
    cJSON_AddItemToArray(list, block);
}

static void put_environment(struct buf *out, const char *cwd, const char *model)
{
    buf_printf(out,
               "\n\n# Environment\nYou have been invoked in the following environment:\n - Primary working directory: %s\n"
               " - Is a git repository: true\n - Platform: linux\n - Shell: bash\n - OS Version: Linux 6.1.0\n"
               " - You are powered by the model %s.\n\ngitStatus: This is the git status at the start of the conversation.\n"
               "Current branch: main\n\nMain branch (you will usually use this for PRs): main\n\nStatus:\n(clean)\n",
               cwd, model);
}

char *prompt_system(const char *cwd, const char *model, bool is_agent, uint64_t salt)
{
    cJSON *list = cJSON_CreateArray();
    struct buf text;
    char *billing = xasprintf("x-anthropic-billing-header: cc_version=2.1.197.%03x; cc_entrypoint=cli;%s", (unsigned)(salt & 0xfff),
                              is_agent ? " cc_is_subagent=true;" : "");
    char *json;

    buf_init(&text);
    add_block(list, billing, false);
    add_block(list, is_agent ? "You are an agent of Claude Code, Anthropic's official CLI for Claude, launched by another agent."
                             : "You are Claude Code, Anthropic's official CLI for Claude.", true);
    buf_puts(&text, is_agent ? "Given the task, use the tools available to complete it. Do what was asked; nothing more, nothing less."
                             : "You are an interactive agent that helps users with software engineering tasks. Use the instructions below and "
                               "the tools available to you to assist the user.");
    put_guides(&text, is_agent ? 91 : 17, is_agent ? GUIDES_IN_SYSTEM / 4 : GUIDES_IN_SYSTEM);
    put_environment(&text, cwd, model);
    add_block(list, text.data, true);
    json = jsonx_print(list);
    buf_done(&text);
    free(billing);
    cJSON_Delete(list);
    return json;
}

static cJSON *make_schema(const char *params)
{
    cJSON *schema = cJSON_CreateObject();
    cJSON *properties, *required;

    cJSON_AddStringToObject(schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
    cJSON_AddStringToObject(schema, "type", "object");
    properties = cJSON_AddObjectToObject(schema, "properties");
    required = cJSON_AddArrayToObject(schema, "required");
    while (*params) {
        size_t len = strcspn(params, " ");
        bool must = params[len - 1] == '*';
        char *name = xstrndup(params, must ? len - 1 : len);
        char *what = xasprintf("The %s to use%s", name, must ? "" : " (optional)");
        cJSON *property = cJSON_AddObjectToObject(properties, name);
        cJSON_AddStringToObject(property, "type", "string");
        cJSON_AddStringToObject(property, "description", what);
        if (must)
            cJSON_AddItemToArray(required, cJSON_CreateString(name));
        free(what);
        free(name);
        params += len;
        params += *params == ' ';
    }
    cJSON_AddBoolToObject(schema, "additionalProperties", false);
    return schema;
}

char *prompt_tools(bool is_agent)
{
    cJSON *list = cJSON_CreateArray();
    char *json;

    for (size_t i = 0; i < (is_agent ? AGENT_TOOLS : COUNT(tools)); i++) {
        cJSON *tool = cJSON_CreateObject();
        struct buf text;
        buf_init(&text);
        buf_puts(&text, tools[i].what);
        put_guides(&text, 1000 + i, GUIDES_A_TOOL);
        cJSON_AddStringToObject(tool, "name", tools[i].name);
        cJSON_AddStringToObject(tool, "description", text.data);
        cJSON_AddItemToObject(tool, "input_schema", make_schema(tools[i].params));
        cJSON_AddItemToArray(list, tool);
        buf_done(&text);
    }
    json = jsonx_print(list);
    cJSON_Delete(list);
    return json;
}

char *prompt_aside(bool is_agent)
{
    struct buf text;
    char *aside;

    buf_init(&text);
    buf_puts(&text, "Available agent types for the Agent tool:\n- Explore: Fast, read-only search over a code base. (Tools: Read, Bash)\n"
                    "- general-purpose: Researches questions and carries out multi-step tasks. (Tools: all)\n- Plan: Designs an implementation.");
    put_guides(&text, is_agent ? 41 : 43, is_agent ? 20 : 60);
    aside = buf_take(&text, NULL);
    buf_done(&text);
    return aside;
}

char *prompt_notes(const char *cwd)
{
    struct buf text;
    char *notes;

    buf_init(&text);
    buf_printf(&text, "<system-reminder>\nAs you answer the user's questions, you can use the following context:\n# claudeMd\nContents of "
                      "%s/CLAUDE.md (project instructions, checked into the codebase):\n\n# Working here\n", cwd);
    put_guides(&text, rng_hash(5, cwd, strlen(cwd)), 24);
    buf_puts(&text, "\n\n      IMPORTANT: this context may or may not be relevant to your tasks.\n</system-reminder>\n");
    notes = buf_take(&text, NULL);
    buf_done(&text);
    return notes;
}
