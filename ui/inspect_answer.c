/* Inspect's Response tab (the answer's blocks, as far as they came) and its Raw tab
 * (both bodies as they were). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "log/diff.h"
#include "ui/columns.h"
#include "ui/glyph.h"
#include "ui/inspect.h"

static int read_answer(struct inspect *x, struct db *db, struct buf *out)
{
    struct err e = {""};
    struct buf raw;
    buf_init(&raw);
    bool is_open = x->call.state == CALL_OPEN;
    int rc = is_open ? reader_live_body(db, x->call.id, &raw, &e) : reader_body(db, x->call.id, BODY_RESPONSE, &raw, &e);
    if (is_open && raw.len == 0)
        inspect_say(x, "The call is running; what comes of its answer is shown here.");
    else if (rc != 0 || raw.len == 0)
        inspect_say_missing(x, e.text);
    else
        rc = content_decode(NULL, raw.data, raw.len, out) < 0 && out->len == 0 ? -1 : 0;
    if (raw.len && out->len == 0)
        pager_add(&x->pager, INK_DIM, 0, "The answer is packed in a way that cannot be read here.");
    buf_done(&raw);
    return rc == 0 && out->len ? 0 : -1;
}

/* ---- Blocks -------------------------------------------------------------------- */

void inspect_block_title(const struct inspect *x, size_t i, struct buf *out)
{
    static const char *const words[] = {"Text", "Thinking", "Tool call", "Tool result", "Image", "Other"};
    const struct content_part *part = &x->answer.parts[i];
    buf_puts(out, words[part->kind]);
    if (part->name && part->kind != CONTENT_TEXT && part->kind != CONTENT_THINKING)
        buf_printf(out, " %.80s", part->name);
}

/* A tool's input is laid out member by member, also as far as it came. */
void inspect_block_text(const struct inspect *x, size_t i, struct buf *out)
{
    const struct content_part *part = &x->answer.parts[i];
    struct buf whole;
    if (part->kind != CONTENT_TOOL_USE) {
        buf_put(out, part->text ? part->text : "", part->text_len);
        return;
    }
    buf_init(&whole);
    json_complete(part->text ? part->text : "", part->text_len, &whole);
    diff_layout(buf_bytes(&whole), out);
    buf_done(&whole);
}

static void add_block(struct inspect *x, size_t i)
{
    struct buf text;
    unsigned style = x->answer.parts[i].kind == CONTENT_THINKING ? INK_DIM : INK_PLAIN;
    x->pager.node = -1; /* the blank line between */
    if (x->pager.count)
        pager_add(&x->pager, INK_PLAIN, 0, "");
    x->pager.node = (int)i;
    buf_init(&text);
    inspect_block_title(x, i, &text);
    pager_add(&x->pager, INK_ACCENT | STYLE_BOLD, 0, text.data);
    inspect_add_join(x, x->answer.parts[i].kind == CONTENT_TOOL_USE ? x->answer.parts[i].id : NULL, 2);
    buf_reset(&text);
    inspect_block_text(x, i, &text);
    inspect_add_text(x, i, style, 2, buf_bytes(&text));
    buf_done(&text);
    x->pager.node = -1;
}

/* "6 in, 60k read, 900 written, 380 out": of a running call what is known so far. */
static void usage_words(const struct call *c, char *out, size_t size)
{
    const struct usage *u = &c->usage;
    int64_t written = u->cache_write_5m < 0 && u->cache_write_1h < 0
                          ? -1
                          : (u->cache_write_5m > 0 ? u->cache_write_5m : 0) + (u->cache_write_1h > 0 ? u->cache_write_1h : 0);
    bool is_open = c->state == CALL_OPEN;
    const struct {
        const char *word;
        int64_t tokens;
    } figures[] = {{"in", u->in}, {"read from cache", u->cache_read}, {"written", written}, {"out", is_open ? c->live_tokens_out : u->out}};
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        char count[TEXT_SHORT_MAX];
        if (figures[i].tokens < 0 || used >= size)
            continue;
        text_count(count, figures[i].tokens);
        bool is_guess = is_open && c->live_is_estimate && i == 3;
        used += (size_t)snprintf(out + used, size - used, "%s%s%s %s", used ? ", " : "", is_guess ? "~" : "", count, figures[i].word);
    }
}

void inspect_make_response(struct inspect *x, struct db *db)
{
    struct buf body;
    char usage[128];
    buf_init(&body);
    content_done(&x->answer);
    if (read_answer(x, db, &body) == 0) {
        content_from_answer(body.data, body.len, &x->answer);
        inspect_parts_size(&x->parts[TAB_RESPONSE], x->answer.count);
        if (x->call.state != CALL_OPEN)
            inspect_load_joins(x, db);
        for (size_t i = 0; i < x->answer.count && !x->pager.is_cut; i++)
            add_block(x, i);
        pager_add(&x->pager, INK_PLAIN, 0, "");
        pager_add_value(&x->pager, "stop reason", INK_PLAIN, x->answer.stop_reason);
        usage_words(&x->call, usage, sizeof(usage));
        pager_add_value(&x->pager, "tokens", INK_PLAIN, usage);
    }
    buf_done(&body);
}

/* ---- Raw ------------------------------------------------------------------------ */

const char *inspect_raw_title(const struct inspect *x, size_t i)
{
    return i == 0 ? "Response" : x->call.has_sent_body ? "Request as sent upstream" : "Request";
}

static int read_request(struct inspect *x, struct db *db, struct buf *out)
{
    struct err e = {""};
    int rc = reader_body(db, x->call.id, x->call.has_sent_body ? BODY_SENT : BODY_REQUEST, out, &e);
    if (rc != 0)
        inspect_say_missing(x, e.text);
    return rc;
}

void inspect_make_raw(struct inspect *x, struct db *db)
{
    inspect_parts_size(&x->parts[TAB_RAW], 2);
    for (size_t i = 0; i < 2; i++) {
        buf_reset(&x->raw[i]);
        x->pager.node = -1;
        if (x->pager.count)
            pager_add(&x->pager, INK_PLAIN, 0, "");
        x->pager.node = (int)i;
        pager_add(&x->pager, INK_ACCENT | STYLE_BOLD, 0, inspect_raw_title(x, i));
        if ((i == 0 ? read_answer : read_request)(x, db, &x->raw[i]) == 0)
            inspect_add_text(x, i, INK_PLAIN, 0, buf_bytes(&x->raw[i]));
    }
    x->pager.node = -1;
}
