#include "base/json.h"

#include <errno.h>

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

size_t json_skip_space(const char *s, size_t len, size_t at)
{
    while (at < len && is_space(s[at]))
        at++;
    return at;
}

/* How many backslashes stand just before `at`. */
static size_t backslashes_before(const char *s, size_t start, size_t at)
{
    size_t n = 0;
    while (at > start && s[at - 1] == '\\') {
        n++;
        at--;
    }
    return n;
}

/* memchr to the next quote, then count the backslashes before it: long texts
 * (files, tool results) pass at memory speed. */
size_t json_skip_string(const char *s, size_t len, size_t at)
{
    size_t start = at + 1;
    size_t from = start;
    while (from < len) {
        const char *quote = memchr(s + from, '"', len - from);
        if (!quote)
            return JSON_NONE;
        size_t q = (size_t)(quote - s);
        if (backslashes_before(s, start, q) % 2 == 0)
            return q + 1;
        from = q + 1;
    }
    return JSON_NONE;
}

static size_t skip_scalar(const char *s, size_t len, size_t at)
{
    size_t from = at;
    while (at < len && !is_space(s[at]) && s[at] != ',' && s[at] != ']' && s[at] != '}' && s[at] != ':' && s[at] != '"' &&
           s[at] != '[' && s[at] != '{')
        at++;
    return at > from ? at : JSON_NONE;
}

/* Brackets are matched by kind with a bit a level; what stands between them is
 * not judged: the end of the value is all that is asked. */
static size_t skip_container(const char *s, size_t len, size_t at)
{
    unsigned char is_array[JSON_DEPTH_MAX];
    size_t depth = 0;
    while (at < len) {
        char c = s[at];
        if (c == '"') {
            at = json_skip_string(s, len, at);
            if (at == JSON_NONE)
                return JSON_NONE;
            continue;
        }
        if (c == '{' || c == '[') {
            if (depth == JSON_DEPTH_MAX)
                return JSON_NONE;
            is_array[depth++] = c == '[';
        } else if (c == '}' || c == ']') {
            if (depth == 0 || is_array[--depth] != (c == ']'))
                return JSON_NONE;
            if (depth == 0)
                return at + 1;
        }
        at++;
    }
    return JSON_NONE;
}

size_t json_skip_value(const char *s, size_t len, size_t at)
{
    if (at >= len)
        return JSON_NONE;
    if (s[at] == '"')
        return json_skip_string(s, len, at);
    if (s[at] == '{' || s[at] == '[')
        return skip_container(s, len, at);
    return skip_scalar(s, len, at);
}

static struct json_iter iter_start(const char *s, size_t len, size_t at, bool is_object)
{
    struct json_iter it = {.s = s, .len = len, .at = at + 1, .is_object = is_object};
    it.bad = at >= len || s[at] != (is_object ? '{' : '[');
    return it;
}

struct json_iter json_object(const char *s, size_t len, size_t at)
{
    return iter_start(s, len, at, true);
}

struct json_iter json_array(const char *s, size_t len, size_t at)
{
    return iter_start(s, len, at, false);
}

static bool fail(struct json_iter *it)
{
    it->bad = true;
    return false;
}

/* Step over the comma between members; false at the end or when broken. */
static bool step(struct json_iter *it)
{
    char close = it->is_object ? '}' : ']';
    it->at = json_skip_space(it->s, it->len, it->at);
    if (it->at >= it->len)
        return fail(it);
    if (it->s[it->at] == close && !it->started) {
        it->at++;
        return false;
    }
    if (it->started) {
        if (it->s[it->at] == close) {
            it->at++;
            return false;
        }
        if (it->s[it->at] != ',')
            return fail(it);
        it->at = json_skip_space(it->s, it->len, it->at + 1);
    }
    it->started = true;
    return true;
}

static bool read_key(struct json_iter *it)
{
    if (it->at >= it->len || it->s[it->at] != '"')
        return fail(it);
    size_t end = json_skip_string(it->s, it->len, it->at);
    if (end == JSON_NONE)
        return fail(it);
    it->key = (struct span){it->at + 1, end - it->at - 2};
    it->at = json_skip_space(it->s, it->len, end);
    if (it->at >= it->len || it->s[it->at] != ':')
        return fail(it);
    it->at = json_skip_space(it->s, it->len, it->at + 1);
    return true;
}

bool json_next_key(struct json_iter *it)
{
    return !it->bad && step(it) && (!it->is_object || read_key(it));
}

bool json_next(struct json_iter *it)
{
    return json_next_key(it) && json_take_value(it, json_skip_value(it->s, it->len, it->at));
}

bool json_take_value(struct json_iter *it, size_t end)
{
    if (end == JSON_NONE)
        return fail(it);
    it->value = (struct span){it->at, end - it->at};
    it->at = end;
    return true;
}

static bool member_of(const char *s, size_t len, size_t at, struct bytes key, struct span *value)
{
    bool found = false;
    struct span last = {0, 0};
    struct json_iter it = json_object(s, len, at);
    while (json_next(&it)) {
        if (bytes_eq(bytes_at(s, it.key), key)) {
            last = it.value;
            found = true;
        }
    }
    if (it.bad || !found)
        return false;
    *value = last;
    return true;
}

bool json_member(const char *s, size_t len, size_t at, const char *key, struct span *value)
{
    return member_of(s, len, at, bytes_of(key), value);
}

bool json_path(const char *s, size_t len, size_t at, const char *path, struct span *value)
{
    struct span v = {at, 0};
    for (;;) {
        const char *slash = strchr(path, '/');
        struct bytes key = {path, slash ? (size_t)(slash - path) : strlen(path)};
        if (!member_of(s, len, v.off, key, &v))
            return false;
        if (!slash) {
            *value = v;
            return true;
        }
        path = slash + 1;
        len = v.off + v.len;
    }
}

bool json_is_string(const char *s, struct span v)
{
    return v.len >= 2 && s[v.off] == '"' && s[v.off + v.len - 1] == '"';
}

/* --- Text --- */

static int hex4(const char *s, size_t len, uint32_t *out)
{
    uint32_t v = 0;
    if (len < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = s[i];
        uint32_t d = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                     : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                            : 16;
        if (d == 16)
            return -1;
        v = v << 4 | d;
    }
    *out = v;
    return 0;
}

static int put_utf8(struct buf *out, uint32_t c)
{
    char b[4];
    size_t n;
    if (c < 0x80) {
        b[0] = (char)c;
        n = 1;
    } else if (c < 0x800) {
        b[0] = (char)(0xC0 | c >> 6);
        n = 2;
    } else if (c < 0x10000) {
        b[0] = (char)(0xE0 | c >> 12);
        n = 3;
    } else {
        b[0] = (char)(0xF0 | c >> 18);
        n = 4;
    }
    for (size_t i = 1; i < n; i++)
        b[i] = (char)(0x80 | (c >> 6 * (n - 1 - i) & 0x3F));
    return buf_put(out, b, n);
}

#define REPLACEMENT 0xFFFDu

/* \uXXXX at s (behind the u), with the second half of a pair when there is one.
 * Returns how many bytes it took. */
static size_t put_unicode_escape(struct buf *out, const char *s, size_t len)
{
    uint32_t hi, lo;
    if (hex4(s, len, &hi) != 0) {
        put_utf8(out, REPLACEMENT);
        return 0;
    }
    if (hi < 0xD800 || hi > 0xDFFF) {
        put_utf8(out, hi);
        return 4;
    }
    if (hi < 0xDC00 && len >= 10 && s[4] == '\\' && s[5] == 'u' && hex4(s + 6, len - 6, &lo) == 0 && lo >= 0xDC00 && lo <= 0xDFFF) {
        put_utf8(out, 0x10000 + ((hi - 0xD800) << 10) + (lo - 0xDC00));
        return 10;
    }
    put_utf8(out, REPLACEMENT);
    return 4;
}

/* The escape at s (behind the backslash); returns how many bytes it took. */
static size_t put_escape(struct buf *out, const char *s, size_t len)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    if (len == 0)
        return 0;
    if (s[0] == 'u')
        return 1 + put_unicode_escape(out, s + 1, len - 1);
    const char *at = s[0] ? strchr(from, s[0]) : NULL;
    if (at) {
        buf_putc(out, to[at - from]);
        return 1;
    }
    put_utf8(out, REPLACEMENT);
    size_t whole = text_utf8_len(s, len); /* never half a character */
    return whole ? whole : 1;
}

int json_text(const char *s, struct span v, struct buf *out)
{
    if (!json_is_string(s, v))
        return -1;
    const char *p = s + v.off + 1;
    size_t len = v.len - 2;
    while (len > 0) {
        const char *slash = memchr(p, '\\', len);
        size_t plain = slash ? (size_t)(slash - p) : len;
        if (buf_put(out, p, plain) != 0)
            return -1;
        p += plain;
        len -= plain;
        if (!slash)
            break;
        size_t used = 1 + put_escape(out, p + 1, len - 1);
        p += used;
        len -= used;
    }
    return out->failed ? -1 : 0;
}

/* --- Numbers --- */

#define NUMBER_TEXT_MAX 64

static bool number_text(const char *s, struct span v, char out[NUMBER_TEXT_MAX])
{
    if (v.len == 0 || v.len >= NUMBER_TEXT_MAX)
        return false;
    memcpy(out, s + v.off, v.len);
    out[v.len] = '\0';
    return out[0] == '-' || (out[0] >= '0' && out[0] <= '9');
}

bool json_int(const char *s, struct span v, int64_t *n)
{
    char text[NUMBER_TEXT_MAX];
    char *end;
    if (!number_text(s, v, text))
        return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (*end != '\0' || errno == ERANGE)
        return false;
    *n = value;
    return true;
}

bool json_number(const char *s, struct span v, double *n)
{
    char text[NUMBER_TEXT_MAX];
    char *end;
    if (!number_text(s, v, text))
        return false;
    double value = strtod(text, &end);
    if (*end != '\0')
        return false;
    *n = value;
    return true;
}
