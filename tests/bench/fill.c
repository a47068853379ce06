/* Makes a large log for tests/bench/dashboard.py, through the journal itself, so that
 * rows, sums, indexes and bodies are what a gateway would have written:
 *
 *     fill LOG CALLS BODY_GB
 *
 * CALLS calls in the last 60 days, of sessions of about 200 calls with subagents,
 * errors and cache breaks; the newest of them with bodies, conversations that grow
 * by 3 KB a turn, BODY_GB gigabytes in all; the last call is one of 1 MB. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "log/journal.h"
#include "log/sql.h"

#define DAYS           60
#define SESSION_CALLS  200 /* of calls without bodies */
#define SESSION_TURNS  60  /* of those with: from 80 to 260 KB */
#define BIG_TURNS      300
#define QUEUE_BYTES    ((int64_t)48 << 20)
#define TOOLS          26

static uint64_t seed = 7;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

/* ---- Text ------------------------------------------------------------------------- */

static const char *const words[] = {
    "the", "of", "and", "to", "in", "is", "request", "server", "error", "function", "return", "value", "list", "file",
    "path", "change", "test", "build", "run", "config", "token", "stream", "cache", "model", "call", "read", "write",
    "open", "close", "user", "session", "message", "block", "tool", "result", "struct", "static", "const", "char", "int",
    "buffer", "length", "pointer", "null", "string", "index", "count", "limit", "while", "for", "if", "else", "handler",
    "client", "upstream", "timeout", "retry", "header", "body", "parse", "format", "print", "table", "row", "column",
};
#define WORDS (sizeof words / sizeof *words)

static void put_prose(struct buf *out, size_t size)
{
    for (size_t end = out->len + size; out->len < end;) {
        buf_puts(out, words[random_below(WORDS)]);
        if (random_below(8) == 0)
            buf_printf(out, "_%u", random_below(20000));
        buf_puts(out, random_below(12) == 0 ? ";\\n" : " ");
    }
}

static void put_tools(struct buf *out)
{
    for (int i = 0; i < TOOLS; i++) {
        buf_printf(out, "%s{\"name\":\"Tool%d\",\"description\":\"", i ? "," : "", i);
        put_prose(out, 1500);
        buf_puts(out, "\",\"input_schema\":{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"}}}}");
    }
}

/* What stands behind the messages: the same in every call. */
static void put_frame(struct buf *out)
{
    buf_puts(out, "],\"system\":[{\"type\":\"text\",\"text\":\"");
    put_prose(out, 24000);
    buf_puts(out, "\\nPrimary working directory: /home/user/project\\n\",\"cache_control\":{\"type\":\"ephemeral\"}}],\"tools\":[");
    put_tools(out);
    buf_puts(out, "],\"max_tokens\":64000,\"stream\":true}");
}

struct conversation {
    struct buf messages; /* without the mark of the last */
    int turns;
};

static void add_turn(struct conversation *c)
{
    if (c->turns++ > 0) {
        buf_puts(&c->messages, ",{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"");
        put_prose(&c->messages, 500);
        buf_printf(&c->messages, "\"},{\"type\":\"tool_use\",\"id\":\"toolu_%08x%08x\",\"name\":\"Tool3\",\"input\":{\"path\":\"src/file%d.c\"}}]},",
                   random_below(UINT32_MAX), random_below(UINT32_MAX), c->turns);
    }
    buf_puts(&c->messages, "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"");
    put_prose(&c->messages, 2400);
    buf_puts(&c->messages, "\"");
}

static struct blob *body_of(struct conversation *c, const struct buf *frame, const char *model)
{
    static const char mark[] = ",\"cache_control\":{\"type\":\"ephemeral\"}}]}";
    char front[96];
    size_t max = c->messages.len + frame->len + 512;
    struct blob *b = blob_new(max);
    int len = snprintf(front, sizeof front, "{\"model\":\"%s\",\"messages\":[", model);
    if (!b || blob_put(&b, front, (size_t)len, max) != 0 || blob_put(&b, c->messages.data, c->messages.len, max) != 0 ||
        blob_put(&b, mark, strlen(mark), max) != 0 || blob_put(&b, frame->data, frame->len, max) != 0)
        exit(1);
    buf_puts(&c->messages, "}]}");
    return b;
}

static struct blob *answer(const char *model)
{
    struct buf out;
    buf_init(&out);
    buf_printf(&out, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_%08x\",\"model\":\"%s\",\"usage\":{\"input_tokens\":9}}}\n\n",
               random_below(UINT32_MAX), model);
    for (int i = 0; i < 12; i++) {
        buf_puts(&out, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"");
        put_prose(&out, 80);
        buf_puts(&out, "\"}}\n\n");
    }
    buf_puts(&out, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    struct blob *b = blob_copy(out.data, out.len);
    buf_done(&out);
    return b;
}

/* ---- Calls -------------------------------------------------------------------------- */

static const char *const models[] = {"claude-opus-5-5", "claude-sonnet-5", "claude-haiku-4-5-20251001"};
static const char *const providers[] = {"anthropic", "vertex_ai", "bedrock"};

struct fill {
    struct journal *journal;
    int64_t calls;
    int64_t at;       /* calls made */
    int64_t now_ms;
    int64_t body_bytes;
};

static char *request_headers(const char *session, int64_t length)
{
    return xasprintf("[[\"Accept\",\"application/json\"],[\"X-Stainless-Retry-Count\",\"0\"],[\"X-Stainless-Timeout\",\"600\"],[\"X-Stainless-Lang\",\"js\"],"
                     "[\"X-Stainless-Package-Version\",\"0.74.0\"],[\"X-Stainless-OS\",\"Linux\"],[\"X-Stainless-Arch\",\"x64\"],[\"X-Stainless-Runtime\",\"node\"],"
                     "[\"anthropic-version\",\"2023-06-01\"],[\"x-api-key\",\"(masked)\"],[\"x-app\",\"cli\"],[\"User-Agent\",\"claude-cli/2.1.197 (external, cli)\"],"
                     "[\"anthropic-beta\",\"claude-code-20250219,interleaved-thinking-2025-05-14\"],[\"X-Claude-Code-Session-Id\",\"%s\"],[\"content-length\",\"%lld\"]]",
                     session, (long long)length);
}

static void begin(const struct fill *f, struct call *c, int64_t session)
{
    int64_t step = (int64_t)DAYS * 86400000 / f->calls;
    bool is_subagent = random_below(5) == 0;
    call_init(c);
    c->id = journal_next_id(f->journal);
    c->state = CALL_OPEN;
    c->started_at = f->now_ms - (f->calls - f->at) * step;
    c->session_id = xasprintf("%08llx-1111-4222-8333-%012llx", (unsigned long long)session * 2654435761u % 0xffffffff, (unsigned long long)session);
    c->agent_id = is_subagent ? xasprintf("agent-%06lld-%u", (long long)session, random_below(4)) : NULL;
    c->has_purpose = true;
    c->purpose = is_subagent ? PURPOSE_SUBAGENT : PURPOSE_MAIN;
    c->method = xstrdup("POST");
    c->path = xstrdup("/v1/messages?beta=true");
    c->model_asked = xstrdup(models[session % 7 % 3]);
    c->model_sent = xstrdup(models[session % 11 % 3]);
    c->work_dir = xasprintf("/home/user/project-%d", (int)(session % 23));
    c->bytes_in = 90000 + random_below(9000);
    c->attempt = 1;
    c->request_headers = request_headers(c->session_id, c->bytes_in);
}

static void set_figures(struct call *c)
{
    c->status = 200;
    c->stop_reason = xstrdup(random_below(3) ? "tool_use" : "end_turn");
    c->usage.in = 3 + random_below(900);
    c->usage.cache_read = 20000 + random_below(150000);
    c->usage.cache_write_5m = random_below(6000);
    c->usage.cache_write_1h = 0;
    c->usage.out = 20 + random_below(random_below(40) ? 1500 : 20000);
    c->cost_microusd = 500 + random_below(200000);
    c->cost_source = random_below(2) ? COST_RESPAN : COST_CATALOG;
    c->ttft_ms = 300 + random_below(2500);
    if (random_below(60) == 0) {
        c->cache_break = xstrdup(random_below(2) ? "expired: idle 6m10s, lifetime 5m" : "tool: Bash");
        c->cache_break_microusd = random_below(90000);
    }
}

static void end(const struct fill *f, int64_t id, int64_t started_at, int64_t session, struct blob *body)
{
    struct call c;
    call_init(&c);
    c.id = id;
    c.state = random_below(100) ? CALL_DONE : CALL_ERROR;
    c.duration_ms = 3000 + random_below(9000);
    c.finished_at = started_at + c.duration_ms;
    c.ttfb_ms = 250;
    c.bytes_out = 7000;
    c.request_id = xasprintf("req_%08x%08x%08x", random_below(UINT32_MAX), random_below(UINT32_MAX), random_below(UINT32_MAX));
    c.respan_log_id = xasprintf("%08x%08x%08x%08x", random_below(UINT32_MAX), random_below(UINT32_MAX), random_below(UINT32_MAX), random_below(UINT32_MAX));
    c.provider_served = xstrdup(providers[session % 5 % 3]);
    c.response_headers = xasprintf("[[\"Date\",\"Sun, 22 Nov 2026 12:00:00 GMT\"],[\"Content-Type\",\"text/event-stream; charset=utf-8\"],[\"request-id\",\"%s\"],"
                                   "[\"x-respan-log-id\",\"%s\"],[\"Transfer-Encoding\",\"chunked\"],[\"server\",\"cloudflare\"]]", c.request_id, c.respan_log_id);
    if (c.state == CALL_ERROR) {
        c.status = 529;
        c.error_type = xstrdup("overloaded_error");
        c.error_message = xstrdup("Overloaded, please try again");
    } else {
        c.model_served = xstrdup(models[session % 11 % 3]);
        set_figures(&c);
    }
    struct blob *text = body ? answer(models[0]) : NULL;
    journal_end(f->journal, &c, text, NULL);
    blob_unref(text);
}

static void await_room(const struct fill *f, int64_t bytes)
{
    struct journal_stats s;
    for (journal_stats(f->journal, &s); s.queue_bytes > bytes; journal_stats(f->journal, &s))
        usleep(2000);
    if (s.dropped_rows || s.dropped_bodies || s.error[0]) {
        fprintf(stderr, "fill: the journal lost something: %s\n", s.error);
        exit(1);
    }
}

static void make_call(struct fill *f, int64_t session, struct blob *body)
{
    struct call c;
    if (f->at % 64 == 0)
        await_room(f, QUEUE_BYTES);
    begin(f, &c, session);
    while (c.id == 0) { /* the journal reserves ids as it goes */
        usleep(1000);
        c.id = journal_next_id(f->journal);
    }
    int64_t id = c.id, started_at = c.started_at;
    if (body)
        c.bytes_in = (int64_t)body->len;
    f->body_bytes += body ? (int64_t)body->len : 0;
    journal_begin(f->journal, &c, body, NULL);
    end(f, id, started_at, session, body);
    blob_unref(body);
    f->at++;
}

static void open_journal(struct fill *f, const char *path, bool keep_bodies)
{
    struct err e;
    struct journal_options o = {.path = path, .keep_bodies = keep_bodies, .queue_max_bytes = (size_t)256 << 20};
    f->journal = journal_open(&o, &e);
    if (!f->journal) {
        fprintf(stderr, "fill: %s\n", e.text);
        exit(1);
    }
}

static void converse(struct fill *f, int64_t session, int turns, const struct buf *frame)
{
    struct conversation c = {.turns = 0};
    buf_init(&c.messages);
    for (int i = 0; i < turns && f->at < f->calls; i++) {
        add_turn(&c);
        make_call(f, session, body_of(&c, frame, models[0]));
    }
    buf_done(&c.messages);
}

static void set_titles(const char *path)
{
    struct err e;
    struct db *db = db_open(path, DB_WRITE, &e);
    if (!db || sql_run(db_sqlite(db), "UPDATE session SET title = 'work on ' || substr(session_id, 1, 8)", &e) != 0) {
        fprintf(stderr, "fill: %s\n", e.text);
        exit(1);
    }
    db_close(db);
}

int main(int argc, char **argv)
{
    struct fill f = {.now_ms = clock_wall_ms()};
    struct buf frame;
    if (argc != 4)
        return 2;
    f.calls = strtoll(argv[2], NULL, 10);
    int64_t bytes = (int64_t)(strtod(argv[3], NULL) * 1e9);
    int64_t session = 1;
    buf_init(&frame);
    put_frame(&frame);
    int64_t with_bodies = bytes / (int64_t)(frame.len + SESSION_TURNS / 2 * 3000) + BIG_TURNS;
    if (with_bodies > f.calls)
        with_bodies = f.calls;
    open_journal(&f, argv[1], false);
    while (f.at < f.calls - with_bodies) {
        make_call(&f, session, NULL);
        session += f.at % SESSION_CALLS == 0;
    }
    journal_close(f.journal);
    open_journal(&f, argv[1], true);
    while (f.at < f.calls - BIG_TURNS)
        converse(&f, ++session, SESSION_TURNS, &frame);
    converse(&f, ++session, BIG_TURNS, &frame);
    await_room(&f, 0);
    journal_close(f.journal);
    set_titles(argv[1]);
    printf("%lld calls, %.1f GB of bodies\n", (long long)f.at, (double)f.body_bytes / 1e9);
    buf_done(&frame);
    return 0;
}
