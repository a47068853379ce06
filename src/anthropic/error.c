#include "anthropic/error.h"

#include <stdbool.h>
#include <string.h>

#include "anthropic/field.h"
#include "base/json.h"
#include "base/text.h"

/* Messages are for people; the whole body is in the log. */
#define TEXT_READ_MAX 4096

static void put_quoted(struct buf *out, const char *s)
{
    json_quote(out, s, strlen(s));
}

void error_body_write(struct buf *out, const char *type, const char *message, const char *request_id)
{
    buf_puts(out, "{\"type\":\"error\",\"error\":{\"type\":");
    put_quoted(out, type);
    buf_puts(out, ",\"message\":");
    put_quoted(out, message);
    buf_puts(out, "},\"request_id\":");
    if (request_id)
        put_quoted(out, request_id);
    else
        buf_puts(out, "null");
    buf_puts(out, "}");
}

/* --- Reading ---------------------------------------------------------------- */

struct reading {
    const char *s;
    struct buf *message; /* raw text, cleaned at the end */
    char *type;
    size_t type_size;
};

static bool take_text(struct reading *r, struct span v)
{
    return json_is_string(r->s, v) && v.len > 2 && json_text(r->s, v, r->message) == 0;
}

static bool first_element(const struct reading *r, struct span v, struct span *element)
{
    if (!field_begins(r->s, v, '['))
        return false;
    struct json_iter it = json_array(r->s, field_end(v), v.off);
    if (!json_next(&it))
        return false;
    *element = it.value;
    return true;
}

/* A message as somebody's API wraps it: a string, an object with the text under
 * one of the usual names, or a list of either.  The list of names is closed, so
 * three levels are deeper than any. */
static bool take_message(struct reading *r, struct span v, int levels)
{
    static const char *const names[] = {"message", "msg", "detail", "error", "Message"};
    struct span inner;

    if (take_text(r, v))
        return true;
    if (levels == 0)
        return false;
    if (first_element(r, v, &inner))
        return take_message(r, inner, levels - 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (field_member(r->s, v, names[i], &inner) && take_message(r, inner, levels - 1))
            return true;
    return false;
}

/* {"errors":{"field":["what is wrong"]}}: the first one, with its field. */
static bool take_field_error(struct reading *r, struct span errors)
{
    if (!field_begins(r->s, errors, '{'))
        return take_message(r, errors, 3);
    struct json_iter it = json_object(r->s, field_end(errors), errors.off);
    if (!json_next(&it))
        return false;

    struct span quoted_key = {it.key.off - 1, it.key.len + 2};
    if (json_text(r->s, quoted_key, r->message) == 0 && buf_puts(r->message, ": ") == 0 && take_message(r, it.value, 3))
        return true;
    buf_reset(r->message);
    return false;
}

static void take_type(struct reading *r, struct span error, struct span top)
{
    if (field_begins(r->s, error, '{')) {
        if (!field_from_member(r->type, r->type_size, r->s, error, "type"))
            field_from_member(r->type, r->type_size, r->s, error, "code");
        return;
    }
    struct span type;
    if (field_member(r->s, top, "type", &type) && !field_value_is(r->s, type, "error"))
        field_from_json(r->type, r->type_size, r->s, type);
}

static void read_object(struct reading *r, struct span top)
{
    struct span error = {0, 0};
    struct span v;
    bool has_error = field_member(r->s, top, "error", &error);

    take_type(r, error, top);
    if (has_error && take_message(r, error, 3))
        return;
    if (field_member(r->s, top, "detail", &v) && take_message(r, v, 3))
        return;
    if (field_member(r->s, top, "errors", &v) && take_field_error(r, v))
        return;
    if (field_member(r->s, top, "message", &v) || field_member(r->s, top, "Message", &v))
        take_message(r, v, 3);
}

static bool read_json(struct reading *r, size_t len)
{
    size_t at = json_skip_space(r->s, len, 0);
    if (at >= len || (r->s[at] != '{' && r->s[at] != '['))
        return false;
    size_t end = json_skip_value(r->s, len, at);
    if (end == JSON_NONE)
        return false;

    struct span top = {at, end - at};
    struct span element;
    /* Vertex wraps its error object in a list. */
    if (first_element(r, top, &element))
        top = element;
    read_object(r, top);
    return true;
}

/* --- Pages and plain text ----------------------------------------------------- */

/* What stands in <title>, for a proxy's error page. */
static bool take_html_title(const char *body, size_t len, struct buf *message)
{
    const char *title = text_find_nocase(body, len, "<title>");
    if (!title)
        return false;
    title += strlen("<title>");
    const char *end = memchr(title, '<', len - (size_t)(title - body));
    return end && end > title && buf_put(message, title, (size_t)(end - title)) == 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct bytes trim(const char *s, size_t len)
{
    while (len > 0 && is_space(s[0])) {
        s++;
        len--;
    }
    while (len > 0 && is_space(s[len - 1]))
        len--;
    return (struct bytes){s, len};
}

static void read_plain(const char *body, size_t len, struct buf *message)
{
    struct bytes text = trim(body, len < TEXT_READ_MAX ? len : TEXT_READ_MAX);

    if (text.len > 0 && text.data[0] == '<' && take_html_title(text.data, text.len, message))
        return;
    buf_put(message, text.data, text.len);
}

void error_body_read(const char *body, size_t len, char *type, size_t type_size, char *message, size_t message_size)
{
    struct buf raw;
    struct buf clean;
    struct reading r = {body, &raw, type, type_size};

    type[0] = '\0';
    message[0] = '\0';
    if (len == 0)
        return;
    buf_init(&raw);
    buf_init(&clean);
    if (!read_json(&r, len))
        read_plain(body, len, &raw);
    struct bytes text = trim(raw.data, raw.len < TEXT_READ_MAX ? raw.len : TEXT_READ_MAX);
    text_clean(&clean, text.data, text.len, true, false);
    field_copy(message, message_size, clean.data, clean.len);
    buf_done(&clean);
    buf_done(&raw);
}
