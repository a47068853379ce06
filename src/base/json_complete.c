/* Ending a JSON value that is cut short: a walk that knows what it waits for. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

enum waits { FOR_KEY, FOR_COLON, FOR_VALUE, FOR_COMMA };

struct walk {
    char open[JSON_DEPTH_MAX]; /* '{' or '[' */
    size_t depth;
    enum waits waits;
    bool is_cut_in_string;
    size_t scalar; /* where a number or word at the very end begins; JSON_NONE: none */
};

static bool is_in_object(const struct walk *w)
{
    return w->depth > 0 && w->open[w->depth - 1] == '{';
}

/* One character outside of strings and scalars. */
static bool take_sign(struct walk *w, char c)
{
    switch (c) {
    case '{':
    case '[':
        if (w->depth == JSON_DEPTH_MAX)
            return false;
        w->open[w->depth++] = c;
        w->waits = c == '{' ? FOR_KEY : FOR_VALUE;
        return true;
    case '}':
    case ']':
        w->depth -= w->depth > 0;
        w->waits = FOR_COMMA;
        return true;
    case ':':
        w->waits = FOR_VALUE;
        return true;
    case ',':
        w->waits = is_in_object(w) ? FOR_KEY : FOR_VALUE;
        return true;
    default:
        return true; /* a blank */
    }
}

static bool walk_to_end(struct walk *w, const char *s, size_t len)
{
    size_t at = 0;
    while (at < len) {
        bool is_key = w->waits == FOR_KEY;
        if (s[at] == '"') {
            size_t end = json_skip_string(s, len, at);
            w->is_cut_in_string = end == JSON_NONE;
            w->waits = is_key ? FOR_COLON : FOR_COMMA;
            at = w->is_cut_in_string ? len : end;
        } else if (strchr("{}[]:, \t\r\n", s[at])) {
            if (!take_sign(w, s[at]))
                return false;
            at++;
        } else {
            size_t from = at;
            while (at < len && !strchr("{}[]:, \t\r\n\"", s[at]))
                at++;
            w->scalar = at == len ? from : JSON_NONE;
            w->waits = FOR_COMMA;
        }
    }
    return true;
}

static void cut_to(struct buf *out, size_t len)
{
    out->len = len;
    out->data[len] = '\0';
}

/* Without the beginning of an escape that did not come whole. */
static void end_string(struct buf *out)
{
    size_t back = 0;
    while (back < 6 && back < out->len && out->data[out->len - 1 - back] != '\\')
        back++;
    const char *escape = back < out->len ? out->data + out->len - 1 - back : NULL;
    size_t slashes = 0;
    for (const char *at = escape; at && at >= out->data && *at == '\\'; at--)
        slashes++;
    bool is_open = escape && slashes % 2 == 1 && (back == 0 || (escape[1] == 'u' && back < 5));
    if (is_open)
        cut_to(out, out->len - back - 1);
    buf_putc(out, '"');
}

static void end_scalar(struct buf *out, size_t from)
{
    const char *text = out->data + from;
    char *end;
    bool is_word = strcmp(text, "true") == 0 || strcmp(text, "false") == 0 || strcmp(text, "null") == 0;
    strtod(text, &end);
    if (is_word || (*end == '\0' && text[strlen(text) - 1] >= '0' && text[strlen(text) - 1] <= '9'))
        return;
    cut_to(out, from);
    buf_puts(out, "null");
}

static void drop_comma(struct buf *out, size_t start)
{
    size_t len = out->len;
    while (len > start && strchr(" \t\r\n", out->data[len - 1]))
        len--;
    if (len > start && out->data[len - 1] == ',')
        cut_to(out, len - 1);
}

void json_complete(const char *s, size_t len, struct buf *out)
{
    static const struct walk begin = {.waits = FOR_VALUE, .scalar = JSON_NONE};
    struct walk w = begin;
    size_t start = out->len, first = json_skip_space(s, len, 0);
    if (first >= len || (s[first] != '{' && s[first] != '[') || memchr(s, 0, len) || !walk_to_end(&w, s, len)) {
        buf_put(out, s, len);
        return;
    }
    buf_put(out, s, len);
    if (w.is_cut_in_string)
        end_string(out);
    else if (w.scalar != JSON_NONE)
        end_scalar(out, start + w.scalar);
    if (w.waits == FOR_COLON)
        buf_puts(out, ":null");
    else if (w.waits == FOR_VALUE && is_in_object(&w))
        buf_puts(out, "null");
    else if (w.waits != FOR_COMMA)
        drop_comma(out, start);
    while (w.depth > 0)
        buf_putc(out, w.open[--w.depth] == '{' ? '}' : ']');
}
