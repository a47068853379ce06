/* Answers for people.  Blocks of a stream are gathered by their index, so it does
 * not matter whether they come one after the other; a plain answer's blocks go
 * the same way, all at once.  What was cut off is shown as far as it came. */
#include "anthropic/content.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "anthropic/error.h"
#include "anthropic/field.h"
#include "anthropic/media.h"
#include "anthropic/sse.h"
#include "anthropic/unpack.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

/* More blocks than any answer has; what a body can make this allocate. */
#define PARTS_MAX 100000

#define NAME_SIZE    128
#define MESSAGE_SIZE 4096

/* --- Unpacking ---------------------------------------------------------------- */

/* gzip and zlib by their magic bytes; zlib's fourth level is left out, since it
 * begins like the text "x^". */
static const char *guess_encoding(const unsigned char *data, size_t len)
{
    if (len < 2)
        return NULL;
    if (data[0] == 0x1F && data[1] == 0x8B)
        return "gzip";
    if (data[0] == 0x78 && (data[1] == 0x01 || data[1] == 0x9C || data[1] == 0xDA))
        return "deflate";
    return NULL;
}

static void put_unpacked(void *arg, const void *data, size_t len)
{
    buf_put(arg, data, len);
}

int content_decode(const char *content_encoding, const void *data, size_t len, struct buf *out)
{
    const char *encoding = content_encoding ? content_encoding : guess_encoding(data, len);
    size_t before = out->len;

    if (!unpack_is_needed(encoding))
        return buf_put(out, data, len);
    struct unpack *u = unpack_new(encoding, put_unpacked, out);
    if (!u)
        return -1;
    bool is_good = unpack_feed(u, data, len) == 0 && unpack_is_complete(u) && !out->failed;
    unpack_free(u);
    if (!is_good && !content_encoding && out->len == before)
        return buf_put(out, data, len); /* guessed wrong */
    return is_good ? 0 : -1;
}

/* --- Building parts ------------------------------------------------------------- */

struct draft {
    enum content_kind kind;
    int64_t index;
    bool is_error;
    char *name;
    char *id;
    struct buf text;
    struct buf input; /* a tool's input as the block's start gave it, until deltas come */
};

struct builder {
    struct draft *drafts;
    size_t count;
    size_t events; /* events that said something */
    char *stop_reason;
};

static struct draft *add_draft(struct builder *b, int64_t index, enum content_kind kind, const char *name)
{
    if (b->count >= PARTS_MAX)
        return NULL;
    /* Doubling at powers of two: no room to keep. */
    if ((b->count & (b->count - 1)) == 0)
        b->drafts = xrealloc(b->drafts, (b->count ? b->count * 2 : 1) * sizeof *b->drafts);
    struct draft *d = &b->drafts[b->count++];
    *d = (struct draft){.kind = kind, .index = index, .name = xstrdup(name)};
    buf_init(&d->text);
    buf_init(&d->input);
    return d;
}

static void add_text_draft(struct builder *b, enum content_kind kind, const char *name, const char *text, size_t len)
{
    struct draft *d = add_draft(b, -1, kind, name);
    if (d)
        buf_put(&d->text, text, len);
}

/* The newest block with this index. */
static struct draft *find_draft(struct builder *b, int64_t index)
{
    for (size_t i = b->count; i > 0; i--)
        if (b->drafts[i - 1].index == index)
            return &b->drafts[i - 1];
    return NULL;
}

static char *member_text(const char *s, struct span object, const char *key)
{
    char text[NAME_SIZE];
    return field_from_member(text, sizeof text, s, object, key) ? xstrdup(text) : NULL;
}

static void put_member_text(struct buf *out, const char *s, struct span object, const char *key)
{
    struct span v;
    if (field_member(s, object, key, &v))
        json_text(s, v, out);
}

/* --- Blocks ------------------------------------------------------------------------ */

static bool ends_in(const char *s, const char *tail)
{
    size_t len = strlen(s);
    size_t tail_len = strlen(tail);
    return len >= tail_len && strcmp(s + len - tail_len, tail) == 0;
}

static enum content_kind kind_of(const char *type)
{
    if (strcmp(type, "text") == 0)
        return CONTENT_TEXT;
    if (strcmp(type, "thinking") == 0)
        return CONTENT_THINKING;
    if (ends_in(type, "tool_use"))
        return CONTENT_TOOL_USE; /* server_tool_use and mcp_tool_use as well */
    if (ends_in(type, "tool_result"))
        return CONTENT_TOOL_RESULT;
    return CONTENT_OTHER;
}

static void put_media(struct buf *out, const char *s, struct span block)
{
    struct media m;
    struct buf text;
    buf_init(&text);
    media_from_block(s, block, &m);
    media_describe(&m, &text);
    buf_puts(out, text.len ? text.data : m.kind == MEDIA_DOCUMENT ? "document" : "image");
    buf_done(&text);
}

/* An image, or a document whose bytes no reader wants to see. */
static bool is_media(const char *s, struct span block, const char *type)
{
    struct span source, kind;
    if (strcmp(type, "image") == 0)
        return true;
    return strcmp(type, "document") == 0 && field_member(s, block, "source", &source) &&
           field_member(s, source, "type", &kind) && field_value_is(s, kind, "base64");
}

static void put_result_block(struct buf *out, const char *s, struct span block)
{
    char type[NAME_SIZE] = "";
    field_from_member(type, sizeof type, s, block, "type");
    if (is_media(s, block, type)) {
        buf_putc(out, '[');
        put_media(out, s, block);
        buf_putc(out, ']');
    } else {
        put_member_text(out, s, block, "text");
    }
}

/* A tool's result: a text, or blocks of which the texts count, and that there are images. */
static void put_result(struct buf *out, const char *s, struct span block)
{
    struct span content;

    if (!field_member(s, block, "content", &content) || json_text(s, content, out) == 0)
        return;
    size_t before = out->len;
    struct json_iter it = json_array(s, field_end(content), content.off);
    while (json_next(&it)) {
        if (out->len > before)
            buf_putc(out, '\n');
        put_result_block(out, s, it.value);
    }
    if (out->len == before)
        buf_put(out, s + content.off, content.len);
}

static void read_block(struct builder *b, int64_t index, const char *s, struct span block)
{
    char type[NAME_SIZE] = "";
    struct span input;

    field_from_member(type, sizeof type, s, block, "type");
    struct draft *d = add_draft(b, index, is_media(s, block, type) ? CONTENT_IMAGE : kind_of(type), type);
    if (!d)
        return;
    switch (d->kind) {
    case CONTENT_TEXT:
        put_member_text(&d->text, s, block, "text");
        break;
    case CONTENT_THINKING:
        put_member_text(&d->text, s, block, "thinking");
        break;
    case CONTENT_TOOL_USE:
        free(d->name);
        d->name = member_text(s, block, "name");
        d->id = member_text(s, block, "id");
        if (field_member(s, block, "input", &input))
            buf_put(&d->input, s + input.off, input.len);
        break;
    case CONTENT_TOOL_RESULT:
        d->id = member_text(s, block, "tool_use_id");
        d->is_error = field_member(s, block, "is_error", &input) && field_begins(s, input, 't');
        put_result(&d->text, s, block);
        break;
    case CONTENT_IMAGE:
        put_media(&d->text, s, block);
        break;
    case CONTENT_OTHER:
        buf_put(&d->text, s + block.off, block.len);
        break;
    }
}

/* --- Streams ------------------------------------------------------------------------- */

static struct span whole(struct bytes data)
{
    size_t at = json_skip_space(data.data, data.len, 0);
    return (struct span){at, data.len - at};
}

static int64_t read_index(const char *s, struct span event)
{
    struct span v;
    int64_t index = 0;

    if (field_member(s, event, "index", &v))
        json_int(s, v, &index);
    return index;
}

static void read_delta(struct builder *b, const char *s, struct span event)
{
    struct span delta;
    struct draft *d = find_draft(b, read_index(s, event));

    if (!field_member(s, event, "delta", &delta))
        return;
    if (!d) /* its start was lost */
        d = add_draft(b, read_index(s, event), CONTENT_TEXT, "text");
    if (!d)
        return;
    put_member_text(&d->text, s, delta, "text");
    put_member_text(&d->text, s, delta, "thinking");
    put_member_text(&d->text, s, delta, "partial_json");
}

static void read_error(struct builder *b, const char *s, size_t len)
{
    char type[NAME_SIZE];
    char message[MESSAGE_SIZE];

    error_body_read(s, len, type, sizeof type, message, sizeof message);
    add_text_draft(b, CONTENT_OTHER, type[0] ? type : "error", message, strlen(message));
}

static void take_stop_reason(struct builder *b, const char *s, struct span object)
{
    char *reason = member_text(s, object, "stop_reason");
    if (!reason)
        return;
    free(b->stop_reason);
    b->stop_reason = reason;
}

static void on_event(void *arg, const struct sse_event *ev)
{
    struct builder *b = arg;
    const char *s = ev->data.data;
    struct span event;
    struct span v;
    char type[NAME_SIZE] = "";

    if (ev->truncated || ev->data.len == 0)
        return;
    event = whole(ev->data);
    if (!field_from_member(type, sizeof type, s, event, "type"))
        field_copy(type, sizeof type, ev->name.data ? ev->name.data : "", ev->name.len);
    b->events++;
    if (strcmp(type, "content_block_delta") == 0) {
        read_delta(b, s, event);
    } else if (strcmp(type, "content_block_start") == 0) {
        if (field_member(s, event, "content_block", &v))
            read_block(b, read_index(s, event), s, v);
    } else if (strcmp(type, "message_delta") == 0) {
        if (field_member(s, event, "delta", &v))
            take_stop_reason(b, s, v);
    } else if (strcmp(type, "error") == 0) {
        read_error(b, s, ev->data.len);
    } else if (strcmp(type, "message_start") != 0 && strncmp(type, "content_block_stop", 18) != 0 &&
               strcmp(type, "message_stop") != 0 && strcmp(type, "ping") != 0) {
        b->events--; /* says nothing that is known here */
    }
}

/* --- Plain answers --------------------------------------------------------------------- */

static bool read_plain(struct builder *b, const char *s, size_t len)
{
    size_t at = json_skip_space(s, len, 0);
    size_t end = at < len && s[at] == '{' ? json_skip_value(s, len, at) : JSON_NONE;
    struct span v;

    if (end == JSON_NONE)
        return false;
    struct span top = {at, end - at};
    if (field_member(s, top, "content", &v) && s[v.off] == '[') {
        struct json_iter it = json_array(s, field_end(v), v.off);
        while (json_next(&it))
            read_block(b, -1, s, it.value);
        take_stop_reason(b, s, top);
        return !it.bad;
    }
    if (field_member(s, top, "error", &v) || field_member(s, top, "detail", &v)) {
        read_error(b, s, len);
        return true;
    }
    return false;
}

/* --- The whole ---------------------------------------------------------------------------- */

static void finish(struct builder *b, struct content *c)
{
    c->count = b->count;
    c->parts = xcalloc(b->count + 1, sizeof *c->parts);
    c->stop_reason = b->stop_reason;
    for (size_t i = 0; i < b->count; i++) {
        struct draft *d = &b->drafts[i];
        struct content_part *p = &c->parts[i];
        struct buf *text = d->kind == CONTENT_TOOL_USE && d->text.len == 0 ? &d->input : &d->text;
        p->kind = d->kind;
        p->is_error = d->is_error;
        p->name = d->name ? d->name : xstrdup("");
        p->id = d->id;
        p->text = buf_take(text, &p->text_len);
        buf_done(&d->text);
        buf_done(&d->input);
    }
    free(b->drafts);
}

void content_from_answer(const char *data, size_t len, struct content *c)
{
    struct builder b = {0};
    size_t at = json_skip_space(data, len, 0);
    bool is_known;

    if (at < len && data[at] == '{') {
        is_known = read_plain(&b, data, len);
    } else {
        struct sse sse;
        sse_init(&sse, on_event, &b);
        sse_feed(&sse, data, len);
        sse_done(&sse);
        is_known = b.events > 0;
    }
    if (!is_known && b.count == 0 && at < len)
        add_text_draft(&b, CONTENT_OTHER, "body", data, len);
    finish(&b, c);
}

void content_from_blocks(const char *s, struct span value, struct content *c)
{
    struct builder b = {0};
    if (field_begins(s, value, '[')) {
        struct json_iter it = json_array(s, field_end(value), value.off);
        while (json_next(&it))
            read_block(&b, -1, s, it.value);
    } else {
        struct draft *d = field_begins(s, value, '"') ? add_draft(&b, -1, CONTENT_TEXT, "text") : NULL;
        if (d)
            json_text(s, value, &d->text);
    }
    finish(&b, c);
}

void content_done(struct content *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->parts[i].name);
        free(c->parts[i].id);
        free(c->parts[i].text);
    }
    free(c->parts);
    free(c->stop_reason);
    memset(c, 0, sizeof *c);
}
