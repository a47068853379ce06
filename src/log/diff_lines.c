#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/json.h"
#include "base/mem.h"
#include "log/diff.h"
#include "log/diff_align.h"

#define DEPTH_MAX 64 /* deeper than that stays one line */

/* ---- Laying out ------------------------------------------------------------------------ */

static void indent(struct buf *out, int depth)
{
    for (int i = 0; i < depth; i++)
        buf_puts(out, "  ");
}

static void put_value(struct buf *out, const char *s, struct span v, int depth);

/* What follows stands on lines of its own: "key: " becomes "key:". */
static void drop_space(struct buf *out)
{
    if (out->len > 0 && out->data[out->len - 1] == ' ')
        out->len--;
}

/* A text of several lines stands below its key, by its lines. */
static void put_string(struct buf *out, const char *s, struct span v, int depth)
{
    struct buf text;
    buf_init(&text);
    json_text(s, v, &text);
    if (!memchr(text.data, '\n', text.len)) {
        buf_put(out, text.data, text.len);
        buf_putc(out, '\n');
        buf_done(&text);
        return;
    }
    drop_space(out);
    buf_putc(out, '\n');
    for (size_t at = 0; at < text.len;) {
        const char *end = memchr(text.data + at, '\n', text.len - at);
        size_t len = end ? (size_t)(end - (text.data + at)) : text.len - at;
        indent(out, depth);
        buf_put(out, text.data + at, len);
        buf_putc(out, '\n');
        at += len + 1;
    }
    buf_done(&text);
}

static bool is_key(const struct json_iter *it, const char *name)
{
    return it->key.len == strlen(name) && memcmp(it->s + it->key.off, name, it->key.len) == 0;
}

static void put_object(struct buf *out, const char *s, struct span v, int depth)
{
    struct json_iter it = json_object(s, v.off + v.len, v.off);
    while (json_next(&it)) {
        if (is_key(&it, "cache_control")) /* wanders with every turn */
            continue;
        indent(out, depth);
        buf_put(out, s + it.key.off, it.key.len);
        /* A message's plain string is the same as its one text block. */
        if (is_key(&it, "content") && depth == 0 && json_is_string(s, it.value)) {
            buf_puts(out, ":\n  - type: text\n    text: ");
            put_string(out, s, it.value, depth + 3);
            continue;
        }
        buf_puts(out, ": ");
        put_value(out, s, it.value, depth + 1);
    }
}

static void put_array(struct buf *out, const char *s, struct span v, int depth)
{
    struct json_iter it = json_array(s, v.off + v.len, v.off);
    while (json_next(&it)) {
        struct buf item;
        buf_init(&item);
        put_value(&item, s, it.value, depth + 1);
        /* "- " takes the place of the indentation of the item's first line. */
        size_t skip = 0;
        while (skip < item.len && (item.data[skip] == ' ' || (skip == 0 && item.data[0] == '\n')))
            skip++;
        indent(out, depth);
        buf_puts(out, "- ");
        buf_put(out, item.data + skip, item.len - skip);
        if (item.len == skip)
            buf_putc(out, '\n');
        buf_done(&item);
    }
}

static bool is_empty(const char *s, struct span v)
{
    return json_skip_space(s, v.off + v.len, v.off + 1) + 1 == v.off + v.len;
}

static void put_value(struct buf *out, const char *s, struct span v, int depth)
{
    bool is_container = v.len > 1 && (s[v.off] == '{' || s[v.off] == '[') && !is_empty(s, v) && depth < DEPTH_MAX;
    if (json_is_string(s, v)) {
        put_string(out, s, v, depth);
    } else if (!is_container) {
        buf_put(out, s + v.off, v.len);
        buf_putc(out, '\n');
    } else {
        drop_space(out);
        if (depth > 0)
            buf_putc(out, '\n');
        if (s[v.off] == '{')
            put_object(out, s, v, depth);
        else
            put_array(out, s, v, depth);
    }
}

void diff_layout(struct bytes json, struct buf *out)
{
    size_t start = json_skip_space(json.data, json.len, 0);
    size_t end = json_skip_value(json.data, json.len, start);
    if (end == JSON_NONE || json_skip_space(json.data, json.len, end) != json.len)
        buf_put(out, json.data, json.len);
    else
        put_value(out, json.data, (struct span){start, end - start}, 0);
}

/* ---- Lines ------------------------------------------------------------------------------ */

struct text_lines {
    struct bytes *v;
    uint64_t *keys;
    size_t count;
};

static void split(const struct buf *text, struct text_lines *l)
{
    size_t cap = 0;
    *l = (struct text_lines){0};
    for (size_t at = 0; at < text->len;) {
        const char *end = memchr(text->data + at, '\n', text->len - at);
        size_t len = end ? (size_t)(end - (text->data + at)) : text->len - at;
        if (l->count == cap) {
            cap = cap ? cap * 2 : 256;
            l->v = xrealloc(l->v, cap * sizeof *l->v);
            l->keys = xrealloc(l->keys, cap * sizeof *l->keys);
        }
        l->v[l->count] = (struct bytes){text->data + at, len};
        l->keys[l->count++] = XXH3_64bits(text->data + at, len);
        at += len + 1;
    }
}

static void add_line(struct diff_lines *l, size_t *cap, char mark, struct bytes text)
{
    if (l->count == *cap) {
        *cap = *cap ? *cap * 2 : 64;
        l->lines = xrealloc(l->lines, *cap * sizeof *l->lines);
    }
    l->lines[l->count++] = (struct diff_line){mark, text};
}

/* Equal lines i … to: only those near a change are told. */
static void add_equal(struct diff_lines *l, size_t *cap, const struct text_lines *a, size_t from, size_t to,
                      bool is_first, bool is_last)
{
    size_t after = is_first ? 0 : DIFF_CONTEXT;
    size_t before = is_last ? 0 : DIFF_CONTEXT;
    for (size_t i = from; i < to; i++) {
        if (i < from + after || i + before >= to)
            add_line(l, cap, ' ', a->v[i]);
        else if (i == from + after)
            add_line(l, cap, '@', (struct bytes){"", 0});
    }
}

static void compare(struct diff_lines *l, const struct text_lines *a, const struct text_lines *b)
{
    size_t cap = 0;
    size_t i = 0;
    size_t j = 0;
    size_t *to_b = xcalloc(a->count + 1, sizeof *to_b);
    diff_align(a->keys, a->count, b->keys, b->count, to_b);
    while (i < a->count || j < b->count) {
        size_t from = i;
        while (i < a->count && to_b[i] == j) {
            i++;
            j++;
        }
        add_equal(l, &cap, a, from, i, from == 0, i == a->count && j == b->count);
        for (; i < a->count && to_b[i] == DIFF_NONE; i++)
            add_line(l, &cap, '-', a->v[i]); /* NOLINT(clang-analyzer-core.NullDereference): i < a->count */
        size_t next = i < a->count ? to_b[i] : b->count;
        for (; j < next; j++)
            add_line(l, &cap, '+', b->v[j]); /* NOLINT(clang-analyzer-core.NullDereference): j < b->count */
    }
    free(to_b);
}

void diff_element_lines(struct bytes before, struct bytes after, const struct diff_element *el, struct diff_lines *l)
{
    struct text_lines a;
    struct text_lines b;
    *l = (struct diff_lines){0};
    buf_init(&l->before);
    buf_init(&l->after);
    if (el->before.len > 0)
        diff_layout(bytes_at(before.data, el->before), &l->before);
    if (el->after.len > 0)
        diff_layout(bytes_at(after.data, el->after), &l->after);
    split(&l->before, &a);
    split(&l->after, &b);
    compare(l, &a, &b);
    free(a.v);
    free(a.keys);
    free(b.v);
    free(b.keys);
}

void diff_lines_done(struct diff_lines *l)
{
    free(l->lines);
    buf_done(&l->before);
    buf_done(&l->after);
    *l = (struct diff_lines){0};
}
