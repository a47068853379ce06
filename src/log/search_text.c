#include "log/search_text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anthropic/content.h"
#include "anthropic/field.h"
#include "base/json.h"
#include "base/mem.h"

#define DEPTH_MAX   32
#define PARTS_MAX   4096
#define ANSWER_MAX  ((size_t)32 << 20) /* as events: the longest answers have 20 MB */
#define OPAQUE_FROM 200 /* a word this long is a picture, a signature or a key */

void search_text_init(struct search_text *t)
{
    *t = (struct search_text){0};
    buf_init_max(&t->text, SEARCH_TEXT_MAX + 1);
}

void search_text_done(struct search_text *t)
{
    buf_done(&t->text);
    free(t->parts);
}

/* ---- Parts ------------------------------------------------------------------------- */

static void begin_part(struct search_text *t, const char *where, const char *what)
{
    if (t->count == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 8;
        t->parts = xrealloc(t->parts, t->cap * sizeof *t->parts);
    }
    struct search_part *p = &t->parts[t->count++];
    snprintf(p->where, sizeof p->where, "%s%s%s", where, what[0] ? " " : "", what);
    p->at = (struct span){t->text.len, 0};
}

/* A part without text is none. */
static void end_part(struct search_text *t)
{
    struct search_part *p = &t->parts[t->count - 1];
    p->at.len = t->text.len - p->at.off;
    while (p->at.len > 0 && t->text.data[field_end(p->at) - 1] == '\n')
        p->at.len--;
    t->text.len = field_end(p->at);
    if (p->at.len == 0)
        t->count--;
    else
        buf_putc(&t->text, '\n');
}

/* As much of it as there is room for. */
static void put_text(struct search_text *t, const char *s, size_t len)
{
    bool is_full = t->text.len >= SEARCH_TEXT_MAX || t->count > PARTS_MAX;
    size_t room = is_full ? 0 : SEARCH_TEXT_MAX - t->text.len;
    if (len > room)
        for (len = room; len > 0 && ((unsigned char)s[len] & 0xC0) == 0x80;)
            len--;
    if (len == 0)
        return;
    buf_put(&t->text, s, len);
    buf_putc(&t->text, '\n');
}

/* ---- Values ------------------------------------------------------------------------- */

/* Members that say how a text is meant, not what it says. */
static bool is_machinery(const char *s, struct span key)
{
    static const char *const names[] = {"type", "id", "tool_use_id", "signature", "role", "media_type", "cache_control", "metadata", "model"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (field_key_is(s, key, names[i]))
            return true;
    return false;
}

static bool is_opaque(const char *s, size_t len)
{
    if (len < OPAQUE_FROM)
        return false;
    for (size_t i = 0; i < OPAQUE_FROM; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr("+/=_-", s[i]))
            return false;
    return true;
}

static void put_string(struct search_text *t, const char *s, struct span v)
{
    struct buf plain;
    struct bytes raw = {s + v.off + 1, v.len - 2};
    if (is_opaque(raw.data, raw.len))
        return;
    if (!memchr(raw.data, '\\', raw.len)) {
        put_text(t, raw.data, raw.len);
        return;
    }
    buf_init(&plain);
    if (json_text(s, v, &plain) == 0)
        put_text(t, plain.data, plain.len);
    buf_done(&plain);
}

/* Every string and number in v. */
static void put_value(struct search_text *t, const char *s, struct span v, int depth) /* NOLINT(misc-no-recursion): DEPTH_MAX */
{
    if (depth > DEPTH_MAX || v.len == 0 || t->text.len >= SEARCH_TEXT_MAX)
        return;
    if (s[v.off] == '{' || s[v.off] == '[') {
        bool is_object = s[v.off] == '{';
        struct json_iter it = is_object ? json_object(s, field_end(v), v.off) : json_array(s, field_end(v), v.off);
        while (json_next(&it)) {
            bool is_left_out = is_object && s[it.value.off] != '{' && is_machinery(s, it.key);
            if (!is_left_out)
                put_value(t, s, it.value, depth + 1);
        }
    } else if (json_is_string(s, v)) {
        put_string(t, s, v);
    } else if (s[v.off] == '-' || isdigit((unsigned char)s[v.off])) {
        put_text(t, s + v.off, v.len);
    }
}

/* ---- Requests ----------------------------------------------------------------------- */

static void read_block(struct search_text *t, const char *role, const char *s, struct span block)
{
    char type[40] = "";
    char name[64] = "";
    char what[80];
    field_from_member(type, sizeof type, s, block, "type");
    field_from_member(name, sizeof name, s, block, "name");
    bool is_text = !type[0] || strcmp(type, "text") == 0;
    snprintf(what, sizeof what, "%s%s%.30s", is_text ? "" : type, name[0] ? " " : "", name);
    begin_part(t, role, what);
    struct span input;
    /* The name of the tool is told by `where`. */
    put_value(t, s, name[0] && field_member(s, block, "input", &input) ? input : block, 0);
    end_part(t);
}

static void read_message(struct search_text *t, const char *s, struct span message)
{
    char role[24] = "message";
    struct span content;
    field_from_member(role, sizeof role, s, message, "role");
    if (!field_member(s, message, "content", &content))
        return;
    if (!field_begins(s, content, '[')) {
        read_block(t, role, s, content);
        return;
    }
    struct json_iter it = json_array(s, field_end(content), content.off);
    while (json_next(&it))
        read_block(t, role, s, it.value);
}

static void read_element(struct search_text *t, const char *s, struct span v)
{
    struct span member;
    char name[80] = "";
    if (field_member(s, v, "role", &member)) {
        read_message(t, s, v);
        return;
    }
    bool is_tool = field_from_member(name, sizeof name, s, v, "name");
    bool is_block = !is_tool && (field_member(s, v, "text", &member) || field_begins(s, v, '"'));
    begin_part(t, is_tool ? "tool" : is_block ? "system" : "request", name);
    put_value(t, s, v, 0);
    end_part(t);
}

/* All outside of the arrays: a system prompt that is a plain string, say. */
static void read_skeleton(struct search_text *t, const char *s, struct span v)
{
    struct json_iter it = json_object(s, field_end(v), v.off);
    while (json_next(&it)) {
        if (!field_begins(s, it.value, '"') && !field_begins(s, it.value, '{'))
            continue;
        if (is_machinery(s, it.key))
            continue;
        begin_part(t, field_key_is(s, it.key, "system") ? "system" : "request", "");
        put_value(t, s, it.value, 0);
        end_part(t);
    }
}

/* ---- Answers ------------------------------------------------------------------------ */

static void read_answer_part(struct search_text *t, const struct content_part *p)
{
    static const char *const words[] = {
        [CONTENT_TEXT] = "", [CONTENT_THINKING] = "thinking", [CONTENT_TOOL_USE] = "tool_use", [CONTENT_TOOL_RESULT] = "tool_result",
        [CONTENT_IMAGE] = "image", [CONTENT_OTHER] = ""};
    char what[80];
    bool is_named = p->kind == CONTENT_TOOL_USE || p->kind == CONTENT_OTHER;
    snprintf(what, sizeof what, "%s%s%.30s", words[p->kind], is_named && words[p->kind][0] && p->name[0] ? " " : "", is_named ? p->name : "");
    begin_part(t, "answer", what);
    size_t at = json_skip_space(p->text, p->text_len, 0);
    bool is_json = (p->kind == CONTENT_TOOL_USE || p->kind == CONTENT_OTHER) && at < p->text_len && p->text[at] == '{' &&
                   json_skip_value(p->text, p->text_len, at) != JSON_NONE;
    if (is_json)
        put_value(t, p->text, (struct span){at, p->text_len - at}, 0);
    else if (p->kind != CONTENT_IMAGE)
        put_text(t, p->text, p->text_len);
    end_part(t);
}

static void read_answer(struct search_text *t, struct bytes piece)
{
    struct buf plain;
    struct content c;
    buf_init(&plain);
    content_decode(NULL, piece.data, piece.len < ANSWER_MAX ? piece.len : ANSWER_MAX, &plain); /* as far as it goes */
    content_from_answer(plain.data, plain.len, &c);
    for (size_t i = 0; i < c.count; i++)
        read_answer_part(t, &c.parts[i]);
    content_done(&c);
    buf_done(&plain);
}

/* ---- The whole ---------------------------------------------------------------------- */

void search_text_read(struct search_text *t, enum piece_kind kind, struct bytes piece)
{
    buf_reset(&t->text);
    t->count = 0;
    if (kind == PIECE_ANSWER) {
        read_answer(t, piece);
        return;
    }
    size_t at = json_skip_space(piece.data, piece.len, 0);
    struct span v = {at, piece.len - at};
    bool is_object = field_begins(piece.data, v, '{');
    if (kind == PIECE_SKELETON && is_object) {
        read_skeleton(t, piece.data, v);
    } else if (is_object) {
        read_element(t, piece.data, v);
    } else {
        /* A text among the elements, or a body that is no JSON at all. */
        size_t end = at < piece.len ? json_skip_value(piece.data, piece.len, at) : JSON_NONE;
        begin_part(t, "request", "");
        bool is_json = end != JSON_NONE && json_skip_space(piece.data, piece.len, end) == piece.len;
        if (is_json)
            put_value(t, piece.data, (struct span){at, end - at}, 0);
        else
            put_text(t, piece.data, piece.len);
        end_part(t);
    }
}
