/* A session is a list of prompts.  Each prompt is a loop as the client runs it:
 * a call, the tools it asks for, a call with their results, until the model ends
 * its turn.  What the model is to say travels with the call (x-sim-answer). */
#include "sim/play_session.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "sim/jsonx.h"
#include "sim/play_read.h"
#include "sim/play_say.h"
#include "sim/play_story.h"
#include "sim/play_talk.h"
#include "sim/prose.h"

#define MESSAGES "/v1/messages?beta=true"
#define COMPACT_BYTES 160000      /* about 40,000 tokens of talk: then the person compacts */
#define TRIES_MAX 4               /* of one call */
#define TOOL_MS_MIN 150
#define TOOL_MS_SPREAD 2600
#define THINK_MS_MIN 2500         /* the person reads and types */
#define THINK_MS_SPREAD 14000
#define RECONNECT_MS 1000
#define AGENT_CALLS_MIN 3
#define AGENT_CALLS_SPREAD 4

struct session {
    const struct seat *seat;
    const struct story *story;
    struct rng rng;
    char id[37];
};

/* One conversation of a session: the main one, or a subagent's. */
struct line {
    struct session *s;
    struct rng rng;
    struct play_conn conn;
    struct talk talk;
    char agent_id[20]; /* "": main */
};

struct turn {
    bool stopped; /* the player ends */
    bool failed;  /* the call came to nothing */
    cJSON *content; /* the answer's blocks */
};

/* ---- pauses ------------------------------------------------------------------------- */

static bool pause_ms(const struct session *s, int64_t ms)
{
    if (s->seat->speed > 0)
        ms = (int64_t)((double)ms / s->seat->speed);
    else
        ms = 0;
    /* Even without pauses a turn of the loop gives others a chance. */
    return play_sleep(s->seat->stop_fd, ms > 1 ? ms : 1) == 0;
}

static bool pause_about(const struct session *s, struct rng *rng, int64_t least, unsigned spread)
{
    return pause_ms(s, least + rng_below(rng, spread));
}

/* ---- one call ------------------------------------------------------------------------ */

static void put_headers(const struct line *l, const cJSON *dictated, struct buf *out)
{
    char *text = jsonx_print(dictated);
    char *coded = encode_base64(text, strlen(text));

    buf_printf(out,
               "Accept: application/json\r\nContent-Type: application/json\r\nUser-Agent: claude-cli/2.1.197 (external, cli)\r\n"
               "X-Claude-Code-Session-Id: %s\r\nX-Stainless-Arch: x64\r\nX-Stainless-Lang: js\r\nX-Stainless-OS: Linux\r\n"
               "X-Stainless-Package-Version: 0.94.0\r\nX-Stainless-Retry-Count: 0\r\nX-Stainless-Runtime: node\r\n"
               "X-Stainless-Runtime-Version: v26.3.0\r\nX-Stainless-Timeout: 600\r\nanthropic-beta: claude-code-20250219,"
               "context-1m-2025-08-07,interleaved-thinking-2025-05-14,redact-thinking-2026-02-12,context-management-2025-06-27,"
               "prompt-caching-scope-2026-01-05,mid-conversation-system-2026-04-07,effort-2025-11-24\r\n"
               "anthropic-dangerous-direct-browser-access: true\r\nanthropic-version: 2023-06-01\r\nx-api-key: %s\r\nx-app: cli\r\n"
               "Connection: keep-alive\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nx-sim-answer: %s\r\n",
               l->s->id, l->s->seat->key, coded);
    if (*l->agent_id)
        buf_printf(out, "x-claude-code-agent-id: %s\r\n", l->agent_id);
    free(coded);
    free(text);
}

/* What a status makes the client wait for before it sends the same bytes again; -1: it gives up. */
static int64_t retry_ms(const struct play_answer *a)
{
    if (a->status == 0)
        return RECONNECT_MS;
    if (a->status == 429 || a->status >= 500)
        return a->retry_after_s >= 0 ? (int64_t)a->retry_after_s * 1000 : RECONNECT_MS;
    return -1;
}

/* A broken stream is asked for again without "stream". */
static void drop_stream(struct buf *body)
{
    static const char mark[] = ",\"stream\":true}";
    size_t len = sizeof(mark) - 1;

    if (body->len > len && memcmp(body->data + body->len - len, mark, len) == 0) {
        body->len -= len;
        buf_putc(body, '}');
    }
}

static struct turn call(struct line *l, struct buf *body, const cJSON *dictated)
{
    struct turn t = {.failed = true};
    struct buf headers;

    buf_init(&headers);
    put_headers(l, dictated, &headers);
    for (int try = 0; try < TRIES_MAX && t.failed && !t.stopped; try++) {
        struct play_answer a;
        int64_t wait_ms = 0;
        play_post(&l->conn, MESSAGES, headers.data, body, &a);
        if (a.status == 200) {
            t.content = strncmp(a.body.data, "event:", 6) == 0 ? play_read_stream(&a.body) : play_read_plain(&a.body);
            drop_stream(body);
        } else {
            wait_ms = retry_ms(&a);
            if (a.status == 0)
                try = -1; /* the gateway is not there: wait for it, at no speed but its own */
        }
        play_answer_done(&a);
        t.failed = !t.content;
        if (a.status == 0)
            t.stopped = play_sleep(l->s->seat->stop_fd, wait_ms) < 0;
        else
            t.stopped = !pause_ms(l->s, t.failed && wait_ms > 0 ? wait_ms : 0);
        if (wait_ms < 0)
            break;
    }
    buf_done(&headers);
    return t;
}

/* ---- lines and their tools ---------------------------------------------------------------- */

static void line_init(struct line *l, struct session *s, const char *model, bool is_agent, uint64_t seed)
{
    memset(l, 0, sizeof(*l));
    l->s = s;
    l->rng.state = seed;
    play_conn_init(&l->conn, &s->seat->place, s->seat->stop_fd);
    if (is_agent)
        snprintf(l->agent_id, sizeof(l->agent_id), "a%016llx", (unsigned long long)rng_next(&l->rng));
    talk_init(&l->talk, model, s->story->cwd, s->id, is_agent, is_agent ? rng_next(&l->rng) : rng_hash(3, s->id, strlen(s->id)));
}

static void line_done(struct line *l)
{
    talk_done(&l->talk);
    play_conn_done(&l->conn);
}

struct agent {
    struct line line;
    pthread_t thread;
    bool is_running;
    const char *prompt; /* lent from the parent's answer */
    char *report;
};

static bool converse(struct line *l, const char *prompt, unsigned calls, bool may_delegate);

static void *agent_main(void *arg)
{
    struct agent *a = arg;
    unsigned calls = AGENT_CALLS_MIN + rng_below(&a->line.rng, AGENT_CALLS_SPREAD);
    const cJSON *content, *block;

    talk_say(&a->line.talk, a->prompt);
    converse(&a->line, a->prompt, calls, false);
    content = jsonx_get(a->line.talk.newest, "content");
    cJSON_ArrayForEach(block, content)
        if (strcmp(jsonx_string(block, "type", ""), "text") == 0)
            xreplace(&a->report, jsonx_string(block, "text", NULL));
    return NULL;
}

static void start_agent(struct line *l, struct agent *a, const cJSON *tool)
{
    line_init(&a->line, l->s, l->s->story->agent_model, true, rng_next(&l->rng));
    a->prompt = jsonx_string(jsonx_get(tool, "input"), "prompt", "Look around.");
    a->is_running = pthread_create(&a->thread, NULL, agent_main, a) == 0;
}

static void add_result(cJSON *results, const cJSON *tool, const char *text)
{
    cJSON *block = cJSON_CreateObject();

    cJSON_AddStringToObject(block, "tool_use_id", jsonx_string(tool, "id", ""));
    cJSON_AddStringToObject(block, "type", "tool_result");
    cJSON_AddStringToObject(block, "content", text);
    cJSON_AddItemToArray(results, block);
}

static void run_tool(struct line *l, cJSON *results, const cJSON *tool)
{
    struct buf text;

    buf_init(&text);
    pause_about(l->s, &l->rng, TOOL_MS_MIN, TOOL_MS_SPREAD);
    story_tool_result(l->s->story, jsonx_string(tool, "name", ""), jsonx_string(jsonx_get(tool, "input"), "command", ""), &l->rng, &text);
    add_result(results, tool, text.data);
    buf_done(&text);
}

/* Run what the answer asks for; the results, or NULL when it asks for nothing. */
static cJSON *run_tools(struct line *l, const cJSON *content)
{
    struct agent agents[PLAY_AGENTS_MAX] = {0};
    cJSON *results = cJSON_CreateArray();
    unsigned started = 0, ended = 0;
    const cJSON *block;

    cJSON_ArrayForEach(block, content)
        if (strcmp(jsonx_string(block, "name", ""), "Agent") == 0 && started < PLAY_AGENTS_MAX)
            start_agent(l, &agents[started++], block);
    cJSON_ArrayForEach(block, content) {
        if (strcmp(jsonx_string(block, "type", ""), "tool_use") != 0)
            continue;
        if (strcmp(jsonx_string(block, "name", ""), "Agent") != 0 || ended == started) {
            run_tool(l, results, block);
            continue;
        }
        if (agents[ended].is_running)
            pthread_join(agents[ended].thread, NULL);
        add_result(results, block, agents[ended].report ? agents[ended].report : "The agent was interrupted.");
        free(agents[ended].report);
        line_done(&agents[ended].line);
        ended++;
    }
    if (cJSON_GetArraySize(results) > 0)
        return results;
    cJSON_Delete(results);
    return NULL;
}

/* Call after call until the model ends its turn; false when the player stops. */
static bool converse(struct line *l, const char *prompt, unsigned calls, bool may_delegate)
{
    struct play_say say = {l->s->story, &l->rng, l->talk.is_agent};
    struct buf body;
    bool go_on = true;

    buf_init(&body);
    for (unsigned i = 1; go_on; i++) {
        bool delegate = may_delegate && i == 2 && rng_below(&l->rng, 3) == 0;
        cJSON *dictated = i >= calls ? play_say_end(&say, prompt) : delegate ? play_say_agents(&say, prompt) : play_say_tools(&say);
        struct turn t;
        cJSON *results;
        play_add_trouble(&say, dictated);
        talk_body(&l->talk, true, &body);
        t = call(l, &body, dictated);
        cJSON_Delete(dictated);
        go_on = !t.stopped;
        if (t.failed)
            break; /* the client shows the error; the person goes on */
        talk_add(&l->talk, "assistant", t.content);
        results = go_on ? run_tools(l, jsonx_get(l->talk.newest, "content")) : NULL;
        if (!results)
            break;
        talk_add(&l->talk, "user", results);
    }
    buf_done(&body);
    return go_on;
}

/* ---- a session ------------------------------------------------------------------------------- */

static bool name_session(struct line *l, const char *prompt)
{
    cJSON *item = cJSON_CreateObject();
    struct buf body;
    struct turn t;
    char *title = xasprintf("{\"title\":\"%s\"}", l->s->story->title);

    buf_init(&body);
    cJSON_AddStringToObject(item, "text", title);
    talk_title_body(&l->talk, prompt, &body);
    t = call(l, &body, item);
    cJSON_Delete(t.content);
    cJSON_Delete(item);
    buf_done(&body);
    free(title);
    return !t.stopped;
}

static bool compact(struct line *l)
{
    cJSON *item = cJSON_CreateObject();
    struct buf text, body;
    struct turn t;

    buf_init(&text);
    buf_init(&body);
    prose_summary(&text, l->s->story->prompts[0], &l->rng);
    cJSON_AddStringToObject(item, "text", text.data);
    talk_fork_body(&l->talk, "Your task is to create a detailed summary of the conversation so far, paying close attention to the user's "
                             "explicit requests and your previous actions.", &body);
    t = call(l, &body, item);
    if (!t.failed)
        talk_compact(&l->talk, jsonx_string(t.content ? t.content->child : NULL, "text", ""));
    cJSON_Delete(t.content);
    cJSON_Delete(item);
    buf_done(&body);
    buf_done(&text);
    return !t.stopped;
}

static bool warm_up(struct line *l)
{
    struct play_answer a;

    play_head(&l->conn, "User-Agent: Bun/1.3\r\nAccept: */*\r\n", &a);
    play_answer_done(&a);
    return play_sleep(l->s->seat->stop_fd, 0) == 0;
}

static void make_session_id(struct session *s)
{
    uint64_t a = rng_next(&s->rng), b = rng_next(&s->rng);

    snprintf(s->id, sizeof(s->id), "%08x-%04x-4%03x-a%03x-%012llx", (unsigned)(a >> 32), (unsigned)(a >> 16) & 0xffff, (unsigned)a & 0xfff,
             (unsigned)(b >> 48) & 0xfff, (unsigned long long)b & 0xffffffffffff);
}

static bool play_session(const struct seat *seat, const struct story *story, uint64_t seed)
{
    struct session s = {.seat = seat, .story = story, .rng = {seed}};
    struct line l;
    bool go_on;

    make_session_id(&s);
    line_init(&l, &s, story->model, false, rng_next(&s.rng));
    go_on = warm_up(&l) && name_session(&l, story->prompts[0]);
    for (unsigned i = 0; go_on && i < STORY_PROMPTS_MAX && story->prompts[i]; i++) {
        unsigned calls = 2 + rng_below(&l.rng, 7);
        /* A call that failed leaves words unanswered; the next ones follow them. */
        talk_say(&l.talk, story->prompts[i]);
        go_on = converse(&l, story->prompts[i], calls, true);
        if (go_on && talk_size(&l.talk) > COMPACT_BYTES)
            go_on = compact(&l);
        go_on = go_on && pause_about(&s, &l.rng, THINK_MS_MIN, THINK_MS_SPREAD);
    }
    line_done(&l);
    return go_on;
}

void seat_play(const struct seat *seat)
{
    struct rng rng = {rng_mix(seat->seed + seat->number)};
    size_t story = seat->number;
    bool go_on = true;

    while (go_on) {
        go_on = play_session(seat, story_at(story), rng_next(&rng));
        story += PLAY_SEATS;
    }
}
