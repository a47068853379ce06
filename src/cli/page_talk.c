/* The calls of one agent as one conversation.
 *
 * Each request repeats all before it; the diff against the request told last says what
 * is new.  An answer comes back in the next request as the assistant's message: that
 * one is left out when it says the same.  Forks, titles and other calls beside the
 * conversation are folded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anthropic/field.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/html.h"
#include "cli/output.h"
#include "cli/page.h"
#include "log/diff.h"

#define NOTHING "{\"messages\":[]}" /* what a conversation begins with */
#define FLUSH_BYTES ((size_t)256 << 10)

struct talk {
    struct page *page;
    struct buf before;     /* the request told last */
    struct content answer; /* what was answered to it */
};

/* ---- A call in a line ------------------------------------------------------------------------ */

static void put_share(struct buf *out, const char *class, int64_t part, int64_t all)
{
    if (part > 0 && all > 0)
        buf_printf(out, "<i class=%s style=\"width:%lld%%\"></i>", class, (long long)(part * 100 / all));
}

static void put_tokens(struct buf *out, const struct usage *u)
{
    char text[TEXT_SHORT_MAX];
    int64_t all = usage_context(u), written = (u->cache_write_5m > 0 ? u->cache_write_5m : 0) + (u->cache_write_1h > 0 ? u->cache_write_1h : 0);
    if (u->in < 0 && u->cache_read < 0)
        return;
    buf_puts(out, "<span class=bar>");
    put_share(out, "read", u->cache_read, all);
    put_share(out, "write", written, all);
    text_count(text, all);
    buf_printf(out, "</span><span>%s in", text);
    if (u->cache_read > 0 && all > 0)
        buf_printf(out, ", %lld%% cached", (long long)(u->cache_read * 100 / all));
    text_count(text, u->out);
    buf_printf(out, "</span><span>%s out</span>", text);
}

static void put_model(struct page *p, const struct call *c)
{
    const char *served = c->model_served ? c->model_served : c->model_sent;
    buf_puts(&p->x->out, "<span>");
    page_put_string(p, served ? served : c->model_asked);
    if (c->model_asked && c->model_sent && strcmp(c->model_asked, c->model_sent) != 0) {
        buf_puts(&p->x->out, " (asked for ");
        page_put_string(p, c->model_asked);
        buf_putc(&p->x->out, ')');
    }
    buf_puts(&p->x->out, "</span>");
}

static bool is_ordinary_stop(const char *reason)
{
    return !reason || strcmp(reason, "end_turn") == 0 || strcmp(reason, "tool_use") == 0;
}

static void put_badges(struct page *p, const struct call *c)
{
    struct buf *out = &p->x->out;
    if (c->state == CALL_ERROR || c->state == CALL_ABORTED || c->state == CALL_LOST) {
        buf_printf(out, "<b class=bad>%s", call_state_name(c->state));
        if (c->status >= 400)
            buf_printf(out, " %lld", (long long)c->status);
        buf_puts(out, c->error_message ? ": " : "");
        page_put_string(p, c->error_message);
        buf_puts(out, "</b>");
    }
    if (c->cache_break) {
        buf_puts(out, "<b class=warn>cache broke: ");
        page_put_string(p, c->cache_break);
        if (c->cache_break_microusd > 0) {
            buf_puts(out, ", ");
            html_put_usd(out, c->cache_break_microusd);
        }
        buf_puts(out, "</b>");
    }
    if (!is_ordinary_stop(c->stop_reason)) {
        buf_puts(out, "<b class=warn>");
        page_put_string(p, c->stop_reason);
        buf_puts(out, "</b>");
    }
}

static void put_call_line(struct page *p, const struct call *c, const char *what)
{
    struct buf *out = &p->x->out;
    char at[OUT_TIME_MAX], took[TEXT_SHORT_MAX];
    out_time(at, c->started_at, false);
    text_ms(took, c->duration_ms);
    buf_printf(out, "<span class=call id=c%lld><a href=\"#c%lld\">#%lld</a>", (long long)c->id, (long long)c->id, (long long)c->id);
    if (what)
        buf_printf(out, "<b>%s</b>", what);
    buf_printf(out, "<span>%s</span>", at);
    put_model(p, c);
    put_tokens(out, &c->usage);
    if (c->duration_ms >= 0)
        buf_printf(out, "<span>%s</span>", took);
    if (c->cost_microusd >= 0) {
        buf_puts(out, "<span>");
        html_put_usd(out, c->cost_microusd);
        buf_puts(out, "</span>");
    }
    put_badges(p, c);
    buf_puts(out, "</span>\n");
}

/* ---- What was asked ------------------------------------------------------------------------------ */

static bool says_nothing(const struct content_part *p)
{
    return p->text_len == 0 && (p->kind == CONTENT_TEXT || p->kind == CONTENT_THINKING);
}

static bool is_same_part(const struct content_part *a, const struct content_part *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == CONTENT_TOOL_USE && a->id && b->id)
        return strcmp(a->id, b->id) == 0; /* a client lays its input out anew */
    return a->text_len == b->text_len && memcmp(a->text, b->text, a->text_len) == 0;
}

static bool says_the_same(const struct content *a, const struct content *b)
{
    size_t i = 0, k = 0;
    for (;; i++, k++) {
        while (i < a->count && says_nothing(&a->parts[i]))
            i++;
        while (k < b->count && says_nothing(&b->parts[k]))
            k++;
        if (i == a->count || k == b->count)
            return i == a->count && k == b->count && i > 0;
        if (!is_same_part(&a->parts[i], &b->parts[k]))
            return false;
    }
}

static void read_message(const char *body, struct span message, struct content *c)
{
    struct span v = {0, 0};
    field_member(body, message, "content", &v);
    content_from_blocks(body, v, c);
}

/* The same words in other blocks, or with another mark. */
static bool is_old_message(const struct talk *t, const struct buf *before, const struct diff_element *el,
                           const struct content *now, bool is_assistant)
{
    struct content then;
    if (is_assistant && says_the_same(&t->answer, now))
        return true;
    if (el->change != DIFF_CHANGED)
        return false;
    read_message(before->data, el->before, &then);
    bool is_same = says_the_same(&then, now);
    content_done(&then);
    return is_same;
}

static const char *tool_of(const struct talk *t, const struct content_part *result)
{
    for (size_t i = 0; result->id && i < t->answer.count; i++) {
        const struct content_part *p = &t->answer.parts[i];
        if (p->kind == CONTENT_TOOL_USE && p->id && strcmp(p->id, result->id) == 0)
            return p->name;
    }
    return NULL;
}

/* Results stand on the page's own ground, what people wrote on a card. */
static void put_parts(struct talk *t, const char *class, const struct content *c)
{
    struct buf *out = &t->page->x->out;
    bool is_open = false;
    for (size_t i = 0; i < c->count; i++) {
        const struct content_part *part = &c->parts[i];
        bool is_card = part->kind != CONTENT_TOOL_RESULT && !says_nothing(part);
        if (is_card && !is_open)
            buf_printf(out, "<div class=%s>\n", class);
        if (!is_card && is_open && part->kind == CONTENT_TOOL_RESULT)
            buf_puts(out, "</div>\n");
        is_open = is_card || (is_open && part->kind != CONTENT_TOOL_RESULT);
        page_put_part(t->page, part, tool_of(t, part));
    }
    if (is_open)
        buf_puts(out, "</div>\n");
}

static void put_message(struct talk *t, const struct buf *before, const struct buf *body, const struct diff_element *el)
{
    char role[16] = "user";
    struct content c;
    field_from_member(role, sizeof role, body->data, el->after, "role");
    read_message(body->data, el->after, &c);
    bool is_user = strcmp(role, "user") == 0, is_assistant = strcmp(role, "assistant") == 0;
    bool is_old = is_old_message(t, before, el, &c, is_assistant);
    if (!is_old && (is_user || is_assistant))
        put_parts(t, role, &c);
    for (size_t i = 0; i < c.count && !is_old && !is_user && !is_assistant; i++)
        page_put_folded(t->page, "other", "system", c.parts[i].text, c.parts[i].text_len);
    content_done(&c);
}

/* ---- System prompt and tools ----------------------------------------------------------------------- */

static bool is_setup(const struct diff_element *el)
{
    return el->part == DIFF_TOOLS || el->part == DIFF_SYSTEM || (el->part == DIFF_PARAMS && strcmp(el->label, "system") == 0);
}

static bool is_new(const struct diff_element *el)
{
    return el->change == DIFF_ADDED || el->change == DIFF_CHANGED;
}

static void put_element(struct talk *t, const struct buf *body, const struct diff_element *el)
{
    struct buf *out = &t->page->x->out, text;
    char size[TEXT_SHORT_MAX];
    struct span v;
    buf_init_max(&text, (size_t)1 << 30);
    if (el->part == DIFF_TOOLS || !field_member(body->data, el->after, "text", &v) || json_text(body->data, v, &text) != 0)
        diff_layout(bytes_at(body->data, el->after), &text);
    text_bytes(size, (int64_t)el->after.len);
    buf_puts(out, "<details class=other><summary><b>");
    page_put_string(t->page, el->label);
    buf_printf(out, "%s</b> <small>%s</small></summary><pre>", el->change == DIFF_CHANGED ? " changed" : "", size);
    page_put(t->page, text.data, text.len);
    buf_puts(out, "</pre></details>\n");
    buf_done(&text);
}

/* All at the beginning in one fold, later each change by itself. */
static void put_setup(struct talk *t, const struct buf *body, const struct diff *d, bool is_first)
{
    struct buf *out = &t->page->x->out;
    size_t tools = 0, all = 0;
    for (size_t i = 0; i < d->count; i++) {
        all += is_setup(&d->elements[i]) && is_new(&d->elements[i]);
        tools += d->elements[i].part == DIFF_TOOLS && is_new(&d->elements[i]);
    }
    if (is_first && all)
        buf_printf(out, "<details class=setup><summary>System prompt and %zu tool%s</summary>\n", tools, tools == 1 ? "" : "s");
    for (size_t i = 0; i < d->count; i++)
        if (is_setup(&d->elements[i]) && is_new(&d->elements[i]))
            put_element(t, body, &d->elements[i]);
    if (is_first && all)
        buf_puts(out, "</details>\n");
}

static void put_asked(struct talk *t, const struct buf *before, const struct buf *body)
{
    struct diff d;
    size_t gone = 0;
    bool is_first = strcmp(before->data, NOTHING) == 0;
    diff_requests(buf_bytes(before), buf_bytes(body), &d);
    put_setup(t, body, &d, is_first);
    for (size_t i = 0; i < d.count; i++)
        gone += d.elements[i].part == DIFF_MESSAGES && d.elements[i].change == DIFF_REMOVED;
    if (gone)
        buf_printf(&t->page->x->out, "<p class=note>%zu message%s left the conversation here</p>\n", gone, gone == 1 ? "" : "s");
    for (size_t i = 0; i < d.count; i++)
        if (d.elements[i].part == DIFF_MESSAGES && is_new(&d.elements[i]))
            put_message(t, before, body, &d.elements[i]);
    diff_done(&d);
}

/* ---- What was answered -------------------------------------------------------------------------------- */

static int read_answer(struct talk *t, const struct call *c, struct content *content, struct err *e)
{
    struct buf body, plain;
    buf_init(&body);
    buf_init(&plain);
    *content = (struct content){0};
    int r = c->status >= 400 ? 1 : export_body(t->page->x, c, BODY_RESPONSE, &body, e);
    if (r == 0 && content_decode(NULL, body.data, body.len, &plain) == 0)
        content_from_answer(plain.data, plain.len, content);
    buf_done(&body);
    buf_done(&plain);
    return r < 0 ? -1 : 0;
}

static int put_answer(struct talk *t, const struct content *content, struct err *e)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < content->count; i++) {
        const struct content_part *part = &content->parts[i];
        page_put_part(t->page, part, NULL);
        if (part->kind == CONTENT_TOOL_USE && part->id)
            r = page_put_agents_of(t->page, part->id, e);
    }
    return r;
}

/* ---- A call ------------------------------------------------------------------------------------------------ */

static void put_missing(struct talk *t, const struct call *c)
{
    buf_printf(&t->page->x->out, "<p class=note>what was said is not in the log (%s)</p>\n", body_state_name(c->body_state));
}

/* Not part of the conversation: folded, and nothing of it is remembered. */
static int put_aside(struct talk *t, const struct call *c, const struct buf *request, struct err *e)
{
    struct buf nothing;
    struct content answer;
    if (read_answer(t, c, &answer, e) != 0)
        return -1;
    buf_init(&nothing);
    buf_puts(&nothing, NOTHING);
    buf_puts(&t->page->x->out, "<details class=aside><summary>");
    put_call_line(t->page, c, purpose_name(c->purpose));
    buf_puts(&t->page->x->out, "</summary>\n");
    if (request->len)
        put_asked(t, c->purpose == PURPOSE_FORK ? &t->before : &nothing, request);
    int r = put_answer(t, &answer, e);
    buf_puts(&t->page->x->out, "</details>\n");
    buf_done(&nothing);
    content_done(&answer);
    return r;
}

static int put_turn(struct talk *t, const struct call *c, struct buf *request, struct err *e)
{
    struct content answer;
    if (read_answer(t, c, &answer, e) != 0)
        return -1;
    if (request->len)
        put_asked(t, &t->before, request);
    put_call_line(t->page, c, NULL);
    if (!request->len)
        put_missing(t, c);
    int r = put_answer(t, &answer, e);
    if (answer.count) {
        content_done(&t->answer);
        t->answer = answer;
    } else {
        content_done(&answer);
    }
    if (request->len) {
        buf_done(&t->before);
        t->before = *request;
        buf_init(request);
    }
    return r;
}

static bool is_said(const struct call *c)
{
    return c->has_purpose && c->purpose != PURPOSE_COUNT_TOKENS && c->purpose != PURPOSE_OTHER;
}

static int put_call(struct talk *t, const struct call *c, struct err *e)
{
    struct buf request;
    int r = 0;
    if (!is_said(c)) {
        put_call_line(t->page, c, c->has_purpose ? purpose_name(c->purpose) : "call");
        return 0;
    }
    buf_init(&request);
    r = export_body(t->page->x, c, BODY_REQUEST, &request, e);
    if (r != 0)
        buf_reset(&request);
    if (r >= 0 && (c->purpose == PURPOSE_MAIN || c->purpose == PURPOSE_SUBAGENT))
        r = put_turn(t, c, &request, e);
    else if (r >= 0)
        r = put_aside(t, c, &request, e);
    buf_done(&request);
    return r == 0 && t->page->x->out.len > FLUSH_BYTES ? export_flush(t->page->x, e) : r;
}

/* ---- All calls of an agent ------------------------------------------------------------------------------------- */

static struct filter *filter_of(const char *agent_id, struct err *e)
{
    struct buf text;
    buf_init(&text);
    buf_puts(&text, "agent_id=\"");
    for (const char *c = agent_id ? agent_id : ""; *c; c++) {
        if (*c == '"' || *c == '\\')
            buf_putc(&text, '\\');
        buf_putc(&text, *c);
    }
    buf_putc(&text, '"');
    struct filter *f = filter_parse(text.data, e);
    buf_done(&text);
    return f;
}

static int put_calls(struct talk *t, const struct filter *filter, struct err *e)
{
    struct call_query q = {.filter = filter, .session_id = t->page->session_id, .sort = SORT_ID, .limit = READER_PAGE_MAX};
    int r = 0;
    for (bool has_more = true; r == 0 && has_more && !out_is_broken();) {
        struct call_page page;
        if (reader_calls(t->page->x->db, &q, &page, e) != 0)
            return -1;
        for (size_t i = 0; r == 0 && i < page.count; i++) {
            q.after_id = page.calls[i].id;
            r = put_call(t, &page.calls[i], e);
        }
        has_more = page.has_more && page.count > 0;
        call_page_done(&page);
    }
    return r;
}

int page_put_talk(struct page *p, const char *agent_id, struct err *e)
{
    struct talk t = {.page = p};
    struct filter *filter = filter_of(agent_id, e);
    if (!filter)
        return -1;
    buf_init(&t.before);
    buf_puts(&t.before, NOTHING);
    int r = put_calls(&t, filter, e);
    buf_done(&t.before);
    content_done(&t.answer);
    filter_free(filter);
    return r;
}
