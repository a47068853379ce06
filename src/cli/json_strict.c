/* RFC 8259 by the letter: what is refused here would be destroyed, or read
 * differently by somebody else, if it were edited. */
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/json_edit.h"

struct reader {
    const char *s;
    size_t len;
    size_t at;
    const char *wrong; /* the first thing that is wrong */
};

static bool read_value(struct reader *r, int depth);

static bool fail(struct reader *r, const char *what)
{
    if (!r->wrong)
        r->wrong = what;
    return false;
}

static char peek(struct reader *r)
{
    r->at = json_skip_space(r->s, r->len, r->at);
    return r->at < r->len ? r->s[r->at] : '\0';
}

static bool read_escape(struct reader *r)
{
    char c = r->at + 1 < r->len ? r->s[r->at + 1] : '\0';
    r->at += 2;
    if (c == 'u') {
        for (int i = 0; i < 4; i++, r->at++) {
            if (r->at >= r->len || !isxdigit((unsigned char)r->s[r->at]))
                return fail(r, "a broken \\u escape");
        }
        return true;
    }
    return c && strchr("\"\\/bfnrt", c) ? true : fail(r, "an unknown escape in a string");
}

static bool read_string(struct reader *r)
{
    for (r->at++; r->at < r->len && r->s[r->at] != '"';) {
        if ((unsigned char)r->s[r->at] < ' ')
            return fail(r, "a line break or control character in a string");
        if (r->s[r->at] == '\\') {
            if (!read_escape(r))
                return false;
            continue;
        }
        size_t n = text_utf8_len(r->s + r->at, r->len - r->at);
        if (!n)
            return fail(r, "broken UTF-8");
        r->at += n;
    }
    if (r->at >= r->len)
        return fail(r, "a string that does not end");
    r->at++;
    return true;
}

static size_t digits(struct reader *r)
{
    size_t from = r->at;
    while (r->at < r->len && isdigit((unsigned char)r->s[r->at]))
        r->at++;
    return r->at - from;
}

static bool take(struct reader *r, const char *any_of)
{
    if (r->at < r->len && r->s[r->at] && strchr(any_of, r->s[r->at])) {
        r->at++;
        return true;
    }
    return false;
}

static bool read_number(struct reader *r)
{
    take(r, "-");
    bool is_good = take(r, "0") || digits(r) > 0;
    if (is_good && take(r, "."))
        is_good = digits(r) > 0;
    if (is_good && take(r, "eE")) {
        take(r, "+-");
        is_good = digits(r) > 0;
    }
    return is_good ? true : fail(r, "no JSON value");
}

static bool read_word(struct reader *r, const char *word)
{
    size_t len = strlen(word);
    if (r->len - r->at < len || memcmp(r->s + r->at, word, len) != 0)
        return fail(r, "no JSON value");
    r->at += len;
    return true;
}

static bool read_member(struct reader *r, bool is_object, int depth)
{
    char c = peek(r);
    if (c == '/' || c == '#')
        return fail(r, "a comment");
    if (is_object) {
        if (c != '"')
            return fail(r, "a key without double quotes");
        if (!read_string(r))
            return false;
        if (peek(r) != ':')
            return fail(r, "no colon behind a key");
        r->at++;
    }
    return read_value(r, depth + 1);
}

static bool read_container(struct reader *r, int depth)
{
    bool is_object = r->s[r->at] == '{';
    char close = is_object ? '}' : ']';
    r->at++;
    if (peek(r) == close) {
        r->at++;
        return true;
    }
    for (;;) {
        if (!read_member(r, is_object, depth))
            return false;
        char c = peek(r);
        if (c != ',' && c != close)
            return fail(r, c == '/' || c == '#' ? "a comment"
                           : c                  ? "no comma between members"
                                                : "an end that is missing");
        r->at++;
        if (c == close)
            return true;
        if (peek(r) == close)
            return fail(r, "a comma with nothing behind it");
    }
}

static bool read_value(struct reader *r, int depth)
{
    char c = peek(r);
    if (depth > JSON_DEPTH_MAX)
        return fail(r, "too many levels");
    switch (c) {
    case '{':
    case '[':
        return read_container(r, depth);
    case '"':
        return read_string(r);
    case 't':
        return read_word(r, "true");
    case 'f':
        return read_word(r, "false");
    case 'n':
        return read_word(r, "null");
    case '/':
    case '#':
        return fail(r, "a comment");
    default:
        return read_number(r);
    }
}

int json_check_strict(const char *name, const char *s, size_t len, struct err *e)
{
    struct reader r = {.s = s, .len = len, .at = len >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0 ? 3 : 0};
    char first = peek(&r);
    if (first == '/' || first == '#')
        fail(&r, "a comment");
    else if (first != '{')
        fail(&r, "no JSON object");
    else if (read_value(&r, 0) && (peek(&r) || r.at < r.len))
        fail(&r, peek(&r) == '/' || peek(&r) == '#' ? "a comment" : "something behind the end");
    if (!r.wrong)
        return 0;
    unsigned line = 1;
    for (size_t i = 0; i < r.at && i < len; i++)
        line += s[i] == '\n';
    return err_set(e, "%s:%u: %s; mend it, then try again (nothing was changed)", name, line, r.wrong);
}
