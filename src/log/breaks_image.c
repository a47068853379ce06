/* Reading a body once is as dear as scanning it, so only elements that the cut
 * has not found in the body before are read: a turn's few new kilobytes. */
#include "log/breaks_image.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "log/body_list.h"

static const char key[] = "\"cache_control\"";
#define KEY_LEN (sizeof key - 1)

static const char text_block[] = "{\"type\":\"text\",\"text\":";
#define TEXT_BLOCK_LEN (sizeof text_block - 1)
#define TEXT_SEED      0x10 /* added to a role's: a text, told by its string alone */

struct builder {
    struct bytes body;
    struct print *prints;
    size_t count;
    size_t cap;
    struct buf names;
    struct buf scratch;
    bool is_bad;
};

static void add(struct builder *b, struct print p)
{
    if (b->count == IMAGE_PRINTS_MAX) {
        b->is_bad = true;
        return;
    }
    if (b->count == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 256;
        b->prints = xrealloc(b->prints, b->cap * sizeof *b->prints);
    }
    b->prints[b->count++] = p;
}

/* ---- Blocks ------------------------------------------------------------------------ */

static enum image_mark read_mark(const char *s, struct span v)
{
    struct span ttl;
    if (v.len == 0 || s[v.off] != '{')
        return IMAGE_NO_MARK;
    if (json_member(s, v.off + v.len, v.off, "ttl", &ttl) && ttl.len == 4 && memcmp(s + ttl.off, "\"1h\"", 4) == 0)
        return IMAGE_MARK_1H;
    return IMAGE_MARK_5M;
}

/* The member whose key stands at `at`: all of it with one comma, and its value.
 * (Inside a string the quotes would be escaped, so this is a key or a whole value.) */
static bool find_marker(const char *s, size_t from, size_t end, size_t at, struct span *all, struct span *value)
{
    size_t before = at;
    while (before > from &&
           (s[before - 1] == ' ' || s[before - 1] == '\n' || s[before - 1] == '\t' || s[before - 1] == '\r'))
        before--;
    size_t colon = json_skip_space(s, end, at + KEY_LEN);
    if (before == from || colon >= end || s[colon] != ':' || (s[before - 1] != ',' && s[before - 1] != '{'))
        return false;
    size_t start = json_skip_space(s, end, colon + 1);
    size_t stop = json_skip_value(s, end, start);
    if (stop == JSON_NONE)
        return false;
    *value = (struct span){start, stop - start};
    if (s[before - 1] == ',') {
        *all = (struct span){before - 1, stop - (before - 1)};
        return true;
    }
    size_t comma = json_skip_space(s, end, stop);
    if (comma < end && s[comma] == ',')
        stop = comma + 1;
    *all = (struct span){at, stop - at};
    return true;
}

/* v without its markers: as it stands, or copied to the scratch buffer. */
static struct bytes without_marks(struct builder *b, struct span v, enum image_mark *mark)
{
    const char *s = b->body.data;
    size_t end = v.off + v.len;
    size_t at = v.off;
    size_t copied = v.off;
    buf_reset(&b->scratch);
    while (end - at > KEY_LEN) {
        const char *found = memmem(s + at, end - at, key, KEY_LEN);
        struct span all, value;
        if (!found)
            break;
        at = (size_t)(found - s) + KEY_LEN;
        if (!find_marker(s, v.off, end, at - KEY_LEN, &all, &value))
            continue;
        enum image_mark m = read_mark(s, value);
        if (m > *mark)
            *mark = m;
        buf_put(&b->scratch, s + copied, all.off - copied);
        copied = at = all.off + all.len;
    }
    if (copied == v.off)
        return bytes_at(s, v);
    buf_put(&b->scratch, s + copied, end - copied);
    b->is_bad |= b->scratch.failed;
    return buf_bytes(&b->scratch);
}

/* {"type":"text","text":"…"} and nothing more: the string, quotes included. */
static bool only_text(struct bytes block, struct bytes *text)
{
    if (block.len < TEXT_BLOCK_LEN + 3 || memcmp(block.data, text_block, TEXT_BLOCK_LEN) != 0 ||
        block.data[TEXT_BLOCK_LEN] != '"')
        return false;
    size_t end = json_skip_string(block.data, block.len, TEXT_BLOCK_LEN);
    if (end == JSON_NONE || end + 1 != block.len)
        return false;
    *text = (struct bytes){block.data + TEXT_BLOCK_LEN, end - TEXT_BLOCK_LEN};
    return true;
}

static void add_print(struct builder *b, struct bytes text, uint64_t seed, struct print p)
{
    p.hash = XXH3_64bits_withSeed(text.data, text.len, seed);
    p.bytes = text.len > UINT32_MAX ? UINT32_MAX : (uint32_t)text.len;
    add(b, p);
}

static void add_block(struct builder *b, struct span v, uint64_t seed, struct print p)
{
    enum image_mark mark = IMAGE_NO_MARK;
    bool is_string = v.len > 0 && b->body.data[v.off] == '"';
    struct bytes text = is_string ? bytes_at(b->body.data, v) : without_marks(b, v, &mark);
    p.mark = (uint32_t)mark & 0xf;
    if (is_string || only_text(text, &text))
        seed += TEXT_SEED;
    add_print(b, text, seed, p);
}

/* ---- Elements ------------------------------------------------------------------------ */

static enum image_role read_role(const char *s, struct span v)
{
    static const char *const words[] = {"\"user\"", "\"assistant\"", "\"system\""};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (v.len == strlen(words[i]) && memcmp(s + v.off, words[i], v.len) == 0)
            return (enum image_role)i;
    return ROLE_OTHER;
}

static void add_message(struct builder *b, struct span v, struct print p)
{
    const char *s = b->body.data;
    struct span content = {0, 0};
    struct json_iter it = json_object(s, v.off + v.len, v.off);
    enum image_role role = ROLE_OTHER;
    while (json_next(&it)) {
        if (it.key.len == 4 && memcmp(s + it.key.off, "role", 4) == 0)
            role = read_role(s, it.value);
        else if (it.key.len == 7 && memcmp(s + it.key.off, "content", 7) == 0)
            content = it.value;
    }
    p.role = (uint32_t)role & 0xf;
    if (content.len == 0 || s[content.off] != '[') {
        add_block(b, content.len ? content : v, p.role, p);
        return;
    }
    it = json_array(s, content.off + content.len, content.off);
    while (json_next(&it))
        add_block(b, it.value, p.role, p);
    b->is_bad |= it.bad;
}

static void add_name(struct builder *b, struct span tool)
{
    struct span v = {0, 0};
    struct buf name;
    /* Claude Code writes the name first: then nothing else of the tool is read. */
    struct json_iter it = json_object(b->body.data, tool.off + tool.len, tool.off);
    while (v.len == 0 && json_next(&it))
        if (it.key.len == 4 && memcmp(b->body.data + it.key.off, "name", 4) == 0)
            v = it.value;
    buf_init_max(&name, IMAGE_NAME_MAX);
    if (v.len > 0 && json_text(b->body.data, v, &name) == 0)
        buf_puts(&b->names, name.data);
    buf_putc(&b->names, '\0');
    buf_done(&name);
}

static void add_element(struct builder *b, enum image_part part, struct span v, size_t index)
{
    struct print p = {.element = (uint32_t)index & 0xffffff};
    if (part == IMAGE_MESSAGES)
        add_message(b, v, p);
    else
        add_block(b, v, 0x100 + (uint64_t)part, p);
}

static void take_over(struct builder *b, const struct image *before, size_t same, size_t index)
{
    const struct image_element *el = &before->elements[same];
    for (size_t i = 0; i < el->count; i++) {
        struct print p = before->prints[el->first + i];
        p.element = (uint32_t)index & 0xffffff;
        add(b, p);
    }
}

/* ---- The body ------------------------------------------------------------------------ */

static const char *const part_keys[IMAGE_PARTS] = {"tools", "system", "messages"};

static bool is_key(struct bytes k, const char *name)
{
    return k.len == strlen(name) && memcmp(k.data, name, k.len) == 0;
}

/* IMAGE_PARTS: none of them. */
static enum image_part part_of_key(struct bytes k)
{
    for (int i = 0; i < IMAGE_PARTS; i++)
        if (is_key(k, part_keys[i]))
            return (enum image_part)i;
    return IMAGE_PARTS;
}

static struct span trim(const char *s, size_t from, size_t end)
{
    from = json_skip_space(s, end, from);
    while (end > from && json_skip_space(s, end, end - 1) == end)
        end--;
    return (struct span){from, end - from};
}

static void read_array(struct builder *b, struct image *im, const struct cut *cut, const struct cut_array *a,
                       enum image_part part, const struct image *before)
{
    im->parts[part] = (struct image_range){b->count, 0};
    if (part == IMAGE_TOOLS)
        buf_reset(&b->names);
    if (part == IMAGE_MESSAGES)
        im->message_count = a->count;
    for (size_t n = 0; n < a->count; n++) {
        const struct cut_element *el = &cut->elements[a->first + n];
        size_t first = b->count;
        struct span v = trim(b->body.data, el->off, el->end);
        if (part == IMAGE_TOOLS)
            add_name(b, v);
        if (before && el->same != CUT_NEW && el->same < before->element_count)
            take_over(b, before, el->same, n);
        else
            add_element(b, part, v, n);
        im->elements[a->first + n] = (struct image_element){(uint32_t)first, (uint32_t)(b->count - first)};
    }
    im->parts[part].count = b->count - im->parts[part].first;
}

static const struct cut_array *array_at(const struct cut *cut, size_t open)
{
    for (size_t i = 0; i < cut->array_count; i++)
        if (cut->arrays[i].open == open)
            return &cut->arrays[i];
    return NULL;
}

/* These say nothing about the prompt. */
static bool is_beside(struct bytes k)
{
    static const char *const names[] = {"model", "stream", "max_tokens", "metadata", "service_tier"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is_key(k, names[i]))
            return true;
    return false;
}

static void read_plain(struct builder *b, struct image *im, struct bytes k, struct span v)
{
    enum image_part part = part_of_key(k);
    const char *s = b->body.data;
    if (is_key(k, "cache_control")) {
        im->last_mark = read_mark(s, v);
    } else if (part == IMAGE_SYSTEM && s[v.off] == '"') {
        im->parts[part] = (struct image_range){b->count, 1};
        add_block(b, v, 0x100 + (uint64_t)part, (struct print){0});
    } else if (part != IMAGE_PARTS) { /* an empty array, or one beyond the cut's bounds */
        b->is_bad |= s[v.off] == '[' && json_skip_space(s, v.off + v.len, v.off + 1) != v.off + v.len - 1;
    } else if (!is_beside(k)) {
        im->params += XXH3_64bits_withSeed(s + v.off, v.len, XXH3_64bits(k.data, k.len));
    }
}

/* One member whose key stands at `at`; where the next one's comma stands, or JSON_NONE. */
static size_t read_member(struct builder *b, struct image *im, const struct cut *cut, const struct image *before,
                          size_t at)
{
    const char *s = b->body.data;
    size_t len = b->body.len;
    size_t end = at < len && s[at] == '"' ? json_skip_string(s, len, at) : JSON_NONE;
    if (end == JSON_NONE)
        return JSON_NONE;
    struct bytes k = {s + at + 1, end - at - 2};
    at = json_skip_space(s, len, end);
    if (at >= len || s[at] != ':')
        return JSON_NONE;
    at = json_skip_space(s, len, at + 1);
    const struct cut_array *a = array_at(cut, at);
    end = a ? a->close + 1 : json_skip_value(s, len, at);
    if (end == JSON_NONE)
        return JSON_NONE;
    if (a && part_of_key(k) != IMAGE_PARTS)
        read_array(b, im, cut, a, part_of_key(k), before);
    else
        read_plain(b, im, k, (struct span){at, end - at});
    return json_skip_space(s, len, end);
}

static bool read_body(struct builder *b, struct image *im, const struct cut *cut, const struct image *before)
{
    const char *s = b->body.data;
    size_t len = b->body.len;
    size_t at = json_skip_space(s, len, 0);
    if (at >= len || s[at] != '{')
        return false;
    do {
        at = json_skip_space(s, len, at + 1);
        at = read_member(b, im, cut, before, at);
    } while (at != JSON_NONE && at < len && s[at] == ',');
    return at != JSON_NONE && at < len && s[at] == '}' && !b->is_bad;
}

struct image *image_new(struct bytes body, const struct cut *cut, const struct image *before)
{
    struct builder b = {.body = body};
    struct image *im = xcalloc(1, sizeof *im);
    im->refs = 1;
    im->element_count = cut->element_count;
    im->elements = xcalloc(cut->element_count ? cut->element_count : 1, sizeof *im->elements);
    buf_init(&b.scratch);
    buf_init_max(&b.names, BODY_ELEMENTS_MAX * (IMAGE_NAME_MAX + 1));
    bool is_good = read_body(&b, im, cut, before);
    im->print_count = b.count;
    im->prints = b.count ? xrealloc(b.prints, b.count * sizeof *b.prints) : b.prints;
    im->names = buf_take(&b.names, &im->names_len);
    buf_done(&b.scratch);
    buf_done(&b.names);
    if (is_good)
        return im;
    image_unref(im);
    return NULL;
}

struct image *image_of(struct bytes body)
{
    struct cut cut;
    cut_init(&cut);
    cut_fresh(body, &cut);
    struct image *im = image_new(body, &cut, NULL);
    cut_done(&cut);
    return im;
}

struct image *image_ref(struct image *im)
{
    if (im)
        im->refs++;
    return im;
}

void image_unref(struct image *im)
{
    if (!im || --im->refs > 0)
        return;
    free(im->prints);
    free(im->elements);
    free(im->names);
    free(im);
}

size_t image_size(const struct image *im)
{
    return sizeof *im + im->print_count * sizeof *im->prints + im->element_count * sizeof *im->elements + im->names_len;
}

/* ---- Looking at it -------------------------------------------------------------------- */

size_t image_count(const struct image *im)
{
    return im->parts[IMAGE_TOOLS].count + im->parts[IMAGE_SYSTEM].count + im->parts[IMAGE_MESSAGES].count;
}

enum image_part image_part_of(const struct image *im, size_t i)
{
    size_t tools = im->parts[IMAGE_TOOLS].count;
    return i < tools ? IMAGE_TOOLS : i < tools + im->parts[IMAGE_SYSTEM].count ? IMAGE_SYSTEM : IMAGE_MESSAGES;
}

const struct print *image_at(const struct image *im, size_t i)
{
    int part = 0;
    while (i >= im->parts[part].count)
        i -= im->parts[part++].count;
    return &im->prints[im->parts[part].first + i];
}

enum image_mark image_mark_at(const struct image *im, size_t i)
{
    enum image_mark mark = (enum image_mark)image_at(im, i)->mark;
    return mark == IMAGE_NO_MARK && i + 1 == image_count(im) ? im->last_mark : mark;
}

int64_t image_last_mark(const struct image *im)
{
    for (size_t i = image_count(im); i-- > 0;)
        if (image_mark_at(im, i) != IMAGE_NO_MARK)
            return (int64_t)i;
    return -1;
}

const char *image_tool_name(const struct image *im, size_t tool)
{
    size_t at = 0;
    while (tool-- > 0 && at < im->names_len)
        at += strlen(im->names + at) + 1;
    return at < im->names_len ? im->names + at : "";
}

bool image_has_tool(const struct image *im, const char *name)
{
    for (size_t at = 0; at < im->names_len; at += strlen(im->names + at) + 1)
        if (strcmp(im->names + at, name) == 0)
            return true;
    return false;
}
