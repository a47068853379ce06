#include "log/call_curl.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/encode.h"
#include "base/json.h"
#include "base/text.h"
#include "log/header_list.h"
#include "log/reader.h"

#define BASE64_LINE 76
#define END         "END_OF_BODY" /* base64 has no such letter as _ */

/* 'it'\''s': nothing has a meaning in single quotes but their end. */
static void put_quoted(struct buf *out, const char *s, size_t len)
{
    buf_putc(out, '\'');
    for (size_t i = 0; i < len; i++)
        if (s[i] == '\'')
            buf_puts(out, "'\\''");
        else
            buf_putc(out, s[i]);
    buf_putc(out, '\'');
}

/* ---- Headers ------------------------------------------------------------------- */

/* curl makes these itself, for its own connection. */
static bool is_of_the_connection(const char *name)
{
    static const char *const names[] = {"host",       "connection", "content-length", "accept-encoding", "expect",
                                        "keep-alive", "te",         "trailer",        "transfer-encoding", "upgrade"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool is_key(const char *name)
{
    return strcasecmp(name, "x-api-key") == 0 || strcasecmp(name, "authorization") == 0;
}

/* A line's end in a header would be another header. */
static bool is_one_line(const struct buf *text)
{
    return !memchr(text->data, '\n', text->len) && !memchr(text->data, '\r', text->len) && !memchr(text->data, 0, text->len);
}

static void put_header(const struct buf *name, const struct buf *value, struct buf *out, struct buf *left_out)
{
    struct buf line;
    if (is_of_the_connection(name->data) || is_key(name->data))
        return;
    if (strcmp(value->data, HEADER_MASKED) == 0 || !is_one_line(name) || !is_one_line(value)) {
        buf_printf(left_out, "%s%s", left_out->len ? ", " : "", name->data);
        return;
    }
    buf_init(&line);
    buf_printf(&line, value->len ? "%s: %s" : "%s;", name->data, value->data); /* curl's way to send an empty one */
    buf_puts(out, " \\\n  -H ");
    put_quoted(out, line.data, line.len);
    buf_done(&line);
}

static void put_headers(const char *json, struct buf *out, struct buf *left_out)
{
    struct json_iter all = header_list(json);
    struct span name_at, value_at;
    struct buf name, value;
    buf_init(&name);
    buf_init(&value);
    while (header_next(&all, &name_at, &value_at)) {
        buf_reset(&name);
        buf_reset(&value);
        json_text(all.s, name_at, &name);
        json_text(all.s, value_at, &value);
        put_header(&name, &value, out, left_out);
    }
    buf_done(&name);
    buf_done(&value);
}

/* ---- The line -------------------------------------------------------------------- */

static void put_curl(const struct call *c, const char *upstream, bool has_body, struct buf *out, struct buf *left_out)
{
    struct buf url;
    size_t base = strlen(upstream);
    const char *path = c->path ? c->path : "";
    const char *method = c->method ? c->method : "POST";
    while (base > 0 && upstream[base - 1] == '/')
        base--;
    buf_init(&url);
    buf_put(&url, upstream, base);
    buf_printf(&url, "%s%s", path[0] == '/' ? "" : "/", path);
    buf_puts(out, "curl -sS -N ");
    if (strcmp(method, has_body ? "POST" : "GET") != 0) {
        buf_puts(out, "-X ");
        put_quoted(out, method, strlen(method));
        buf_putc(out, ' ');
    }
    put_quoted(out, url.data, url.len);
    buf_puts(out, " \\\n  -H \"x-api-key: $RESPAN_API_KEY\"");
    put_headers(c->sent_headers ? c->sent_headers : c->request_headers, out, left_out);
    buf_puts(out, has_body ? " \\\n  --data-binary @-\n" : "\n");
    buf_done(&url);
}

/* Text that nothing on the way takes for anything else. */
static bool is_plain(struct bytes body)
{
    struct buf clean;
    buf_init(&clean);
    text_clean(&clean, body.data, body.len, true, false);
    bool is_same = bytes_eq(buf_bytes(&clean), body);
    buf_done(&clean);
    return is_same;
}

static void put_base64(struct bytes body, struct buf *out)
{
    char *code = encode_base64(body.data, body.len);
    for (size_t at = 0, len = strlen(code); at < len; at += BASE64_LINE)
        buf_printf(out, "%.*s\n", BASE64_LINE, code + at);
    buf_puts(out, END "\n");
    free(code);
}

void curl_line(const struct call *c, const char *upstream, struct bytes body, struct buf *out, struct buf *left_out)
{
    if (body.len == 0) {
        put_curl(c, upstream, false, out, left_out);
    } else if (is_plain(body)) {
        buf_puts(out, "printf %s "); /* a built-in: no bound on its argument */
        put_quoted(out, body.data, body.len);
        buf_puts(out, " |\n");
        put_curl(c, upstream, true, out, left_out);
    } else {
        buf_puts(out, "base64 -d <<'" END "' | "); /* what is behind the line is its input */
        put_curl(c, upstream, true, out, left_out);
        put_base64(body, out);
    }
}

int call_curl(struct db *db, const struct call *c, const char *upstream, struct buf *out, struct buf *left_out, struct err *e)
{
    struct buf body;
    buf_init(&body);
    int rc = c->bytes_in == 0 ? 0 : reader_body(db, c->id, c->has_sent_body ? BODY_SENT : BODY_REQUEST, &body, e);
    if (rc == 0)
        curl_line(c, upstream, buf_bytes(&body), out, left_out);
    buf_done(&body);
    return rc == 0 && !out->failed ? 0 : -1;
}
