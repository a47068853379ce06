#include "log/agents.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "anthropic/content.h"
#include "anthropic/field.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "log/sql.h"

/* One answer starts at most a few dozen agents, in a few hundred KB. */
#define ANSWER_MAX ((size_t)16 << 20)

/* A tool call that starts an agent. */
struct launch {
    uint64_t session; /* 0: free, or taken by its agent */
    XXH128_hash_t prompt;
    size_t prompt_len;
    int64_t call_id;
    char *parent_agent_id; /* NULL: the session's own agent */
    char *tool_use_id;
    char type[128];
    char description[256];
};

/* An agent whose launch was not seen yet, with its first message. */
struct waiting {
    uint64_t session; /* 0: free */
    char *session_id;
    char *agent_id;
    char *text;
    size_t text_len;
};

/* A row of the table `agent`, as far as it is known. */
struct change {
    struct change *next;
    char *session_id;
    char *agent_id;
    char *parent_agent_id;
    int64_t first_call_id; /* -1: said before */
    int64_t parent_call_id;
    char *tool_use_id;
    char *type;
    char *description;
};

struct agents {
    sqlite3_stmt *upsert;
    uint64_t known[AGENTS_KNOWN];
    size_t known_at;
    struct launch launches[AGENTS_LAUNCHES];
    size_t launch_at;
    struct waiting waiting[AGENTS_WAITING];
    size_t waiting_at;
    struct change *changes;
    struct change **last_change;
};

/* ---- Opening ---------------------------------------------------------------------- */

static const char SQL_UPSERT[] =
    "INSERT INTO agent(session_id, agent_id, parent_agent_id, first_call_id, parent_call_id, tool_use_id, type, description)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(session_id, agent_id) DO UPDATE SET"
    " parent_agent_id = coalesce(parent_agent_id, excluded.parent_agent_id),"
    " first_call_id = coalesce(first_call_id, excluded.first_call_id),"
    " parent_call_id = coalesce(parent_call_id, excluded.parent_call_id),"
    " tool_use_id = coalesce(tool_use_id, excluded.tool_use_id),"
    " type = coalesce(type, excluded.type),"
    " description = coalesce(description, excluded.description)";

struct agents *agents_open(sqlite3 *sq, struct err *e)
{
    struct agents *a = xcalloc(1, sizeof *a);
    a->last_change = &a->changes;
    a->upsert = sql_prepare(sq, SQL_UPSERT, e);
    if (a->upsert)
        return a;
    agents_free(a);
    return NULL;
}

static void launch_done(struct launch *l)
{
    free(l->parent_agent_id);
    free(l->tool_use_id);
    *l = (struct launch){0};
}

static void waiting_done(struct waiting *w)
{
    free(w->session_id);
    free(w->agent_id);
    free(w->text);
    *w = (struct waiting){0};
}

static void drop_changes(struct agents *a)
{
    for (struct change *next; a->changes; a->changes = next) {
        struct change *c = a->changes;
        next = c->next;
        free(c->session_id);
        free(c->agent_id);
        free(c->parent_agent_id);
        free(c->tool_use_id);
        free(c->type);
        free(c->description);
        free(c);
    }
    a->last_change = &a->changes;
}

void agents_free(struct agents *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < AGENTS_LAUNCHES; i++)
        launch_done(&a->launches[i]);
    for (size_t i = 0; i < AGENTS_WAITING; i++)
        waiting_done(&a->waiting[i]);
    drop_changes(a);
    sqlite3_finalize(a->upsert);
    free(a);
}

/* ---- Names ------------------------------------------------------------------------ */

static uint64_t name_of(const char *session_id, const char *agent_id)
{
    uint64_t h = XXH3_64bits(session_id, strlen(session_id));
    h = agent_id ? XXH3_64bits_withSeed(agent_id, strlen(agent_id), h) : h;
    return h ? h : 1;
}

/* Is this agent's first call behind us?  If not, it is from now on. */
static bool is_known(struct agents *a, uint64_t name)
{
    for (size_t i = 0; i < AGENTS_KNOWN; i++)
        if (a->known[i] == name)
            return true;
    a->known[a->known_at++ % AGENTS_KNOWN] = name;
    return false;
}

/* ---- Joining ---------------------------------------------------------------------- */

static struct change *add_change(struct agents *a, const char *session_id, const char *agent_id)
{
    struct change *c = xcalloc(1, sizeof *c);
    c->session_id = xstrdup(session_id);
    c->agent_id = xstrdup(agent_id);
    c->first_call_id = c->parent_call_id = -1;
    *a->last_change = c;
    a->last_change = &c->next;
    return c;
}

static bool starts(const struct launch *l, uint64_t session, const char *text, size_t len)
{
    if (l->session != session || l->prompt_len > len)
        return false;
    XXH128_hash_t tail = XXH3_128bits(text + len - l->prompt_len, l->prompt_len);
    return XXH128_isEqual(tail, l->prompt);
}

/* The launch is this agent's: say so, and let nobody else have it. */
static void take_launch(struct change *c, struct launch *l)
{
    c->parent_call_id = l->call_id;
    if (!c->parent_agent_id)
        c->parent_agent_id = xstrdup(l->parent_agent_id);
    c->tool_use_id = xstrdup(l->tool_use_id);
    c->type = l->type[0] ? xstrdup(l->type) : NULL;
    c->description = l->description[0] ? xstrdup(l->description) : NULL;
    launch_done(l);
}

/* Of several with the same end the longest prompt is the whole one, and of equal
 * ones the oldest was started first. */
static struct launch *find_launch(struct agents *a, uint64_t session, const char *text, size_t len)
{
    struct launch *found = NULL;
    for (size_t i = 0; i < AGENTS_LAUNCHES; i++) {
        struct launch *l = &a->launches[(a->launch_at + i) % AGENTS_LAUNCHES];
        if (starts(l, session, text, len) && (!found || l->prompt_len > found->prompt_len))
            found = l;
    }
    return found;
}

/* ---- A first call ------------------------------------------------------------------ */

static bool text_of_block(const char *s, struct span block, struct span *text)
{
    struct span type;
    return field_member(s, block, "type", &type) && field_value_is(s, type, "text") && field_member(s, block, "text", text);
}

/* The content itself, or its last text block. */
static bool last_text(const char *s, struct span message, struct span *text)
{
    struct span content;
    bool found = false;
    if (!field_member(s, message, "content", &content))
        return false;
    if (json_is_string(s, content)) {
        *text = content;
        return true;
    }
    struct json_iter it = json_array(s, field_end(content), content.off);
    while (json_next(&it))
        found |= text_of_block(s, it.value, text);
    return found;
}

/* The text of the first user message; false when there is none, or too much. */
static bool first_text(const struct blob *body, struct buf *out)
{
    struct span messages, role, text;
    if (!json_member(body->data, body->len, json_skip_space(body->data, body->len, 0), "messages", &messages))
        return false;
    struct json_iter it = json_array(body->data, field_end(messages), messages.off);
    while (json_next(&it))
        if (field_member(body->data, it.value, "role", &role) && field_value_is(body->data, role, "user"))
            return last_text(body->data, it.value, &text) && json_text(body->data, text, out) == 0 && out->len > 0;
    return false;
}

static void await(struct agents *a, const struct call *c, struct buf *text)
{
    struct waiting *w = &a->waiting[a->waiting_at++ % AGENTS_WAITING];
    waiting_done(w);
    w->session = name_of(c->session_id, NULL);
    w->session_id = xstrdup(c->session_id);
    w->agent_id = xstrdup(c->agent_id);
    w->text = buf_take(text, &w->text_len);
}

void agents_begin(struct agents *a, const struct call *c, const struct blob *body)
{
    struct buf text;
    if (!c->session_id || !c->agent_id || !c->agent_id[0] || is_known(a, name_of(c->session_id, c->agent_id)))
        return;
    struct change *change = add_change(a, c->session_id, c->agent_id);
    change->parent_agent_id = xstrdup(c->parent_agent_id);
    change->first_call_id = c->id;
    buf_init_max(&text, AGENTS_PROMPT_MAX);
    if (body && first_text(body, &text)) {
        struct launch *l = find_launch(a, name_of(c->session_id, NULL), text.data, text.len);
        if (l)
            take_launch(change, l);
        else
            await(a, c, &text);
    }
    buf_done(&text);
}

/* ---- An answer ----------------------------------------------------------------------- */

/* A name for people: one line of whole characters. */
static void read_label(char *field, size_t size, const char *json, size_t len, const char *key)
{
    struct buf raw;
    struct buf clean;
    struct span v;
    buf_init_max(&raw, AGENTS_PROMPT_MAX);
    buf_init(&clean);
    if (json_member(json, len, 0, key, &v) && json_text(json, v, &raw) == 0) {
        text_clean(&clean, raw.data, raw.len, false, false);
        field_copy(field, size, clean.data, clean.len);
    }
    buf_done(&clean);
    buf_done(&raw);
}

/* The agent that was faster than the end of the answer that starts it. */
static void find_waiting(struct agents *a, struct launch *l)
{
    for (size_t i = 0; i < AGENTS_WAITING; i++) {
        struct waiting *w = &a->waiting[(a->waiting_at + i) % AGENTS_WAITING];
        if (w->session == 0 || !starts(l, w->session, w->text, w->text_len))
            continue;
        take_launch(add_change(a, w->session_id, w->agent_id), l);
        waiting_done(w);
        return;
    }
}

static void add_launch(struct agents *a, const struct call *c, const struct content_part *tool)
{
    struct span v;
    struct buf prompt;
    struct launch *l = &a->launches[a->launch_at % AGENTS_LAUNCHES];
    buf_init_max(&prompt, AGENTS_PROMPT_MAX);
    if (json_member(tool->text, tool->text_len, 0, "prompt", &v) && json_text(tool->text, v, &prompt) == 0 && prompt.len > 0) {
        launch_done(l);
        a->launch_at++;
        l->session = name_of(c->session_id, NULL);
        l->prompt = XXH3_128bits(prompt.data, prompt.len);
        l->prompt_len = prompt.len;
        l->call_id = c->id;
        l->parent_agent_id = xstrdup(c->agent_id);
        l->tool_use_id = xstrdup(tool->id);
        read_label(l->type, sizeof l->type, tool->text, tool->text_len, "subagent_type");
        read_label(l->description, sizeof l->description, tool->text, tool->text_len, "description");
        find_waiting(a, l);
    }
    buf_done(&prompt);
}

static bool starts_agents(const struct content_part *p)
{
    /* Task was the tool's name before 2.1. */
    return p->kind == CONTENT_TOOL_USE && p->name && p->text && (strcmp(p->name, "Agent") == 0 || strcmp(p->name, "Task") == 0);
}

static void read_answer(struct agents *a, const struct call *c, struct bytes answer)
{
    struct content content = {0};
    /* Most answers start nobody, and reading one takes as long as all else about it. */
    if (!memmem(answer.data, answer.len, "\"Agent\"", 7) && !memmem(answer.data, answer.len, "\"Task\"", 6))
        return;
    content_from_answer(answer.data, answer.len, &content);
    for (size_t i = 0; i < content.count; i++)
        if (starts_agents(&content.parts[i]))
            add_launch(a, c, &content.parts[i]);
    content_done(&content);
}

void agents_end(struct agents *a, const struct call *c, const struct blob *answer)
{
    struct buf plain;
    if (!answer || answer->len < 2 || !c->session_id || !c->has_purpose ||
        (c->purpose != PURPOSE_MAIN && c->purpose != PURPOSE_SUBAGENT))
        return;
    if ((unsigned char)answer->data[0] != 0x1f) { /* gzip begins so, and no text */
        read_answer(a, c, blob_bytes(answer));
        return;
    }
    buf_init_max(&plain, ANSWER_MAX);
    if (content_decode(NULL, answer->data, answer->len, &plain) == 0)
        read_answer(a, c, buf_bytes(&plain));
    buf_done(&plain);
}

/* ---- Writing -------------------------------------------------------------------------- */

int agents_write(struct agents *a, struct err *e)
{
    for (const struct change *c = a->changes; c; c = c->next) {
        sql_bind_text(a->upsert, 1, c->session_id);
        sql_bind_text(a->upsert, 2, c->agent_id);
        sql_bind_text(a->upsert, 3, c->parent_agent_id);
        sql_bind_known(a->upsert, 4, c->first_call_id);
        sql_bind_known(a->upsert, 5, c->parent_call_id);
        sql_bind_text(a->upsert, 6, c->tool_use_id);
        sql_bind_text(a->upsert, 7, c->type);
        sql_bind_text(a->upsert, 8, c->description);
        if (sql_done(a->upsert, e) != 0)
            return -1;
    }
    return 0;
}

void agents_written(struct agents *a)
{
    drop_changes(a);
}
