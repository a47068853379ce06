/* Calls as an HTTP Archive, version 1.2 (the spec of the W3C draft as browsers write it).
 *
 * An entry is what went upstream: the body after the routes, the address at the
 * upstream.  Header values were masked when they were logged.  Fields of our own
 * begin with an underscore, as the format wants it; _spantop is the whole row. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anthropic/content.h"
#include "anthropic/unpack.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/export.h"
#include "log/header_list.h"

static void put_text(struct buf *out, const char *s)
{
    json_quote(out, s ? s : "", s ? strlen(s) : 0);
}

/* ---- Headers ------------------------------------------------------------------------- */

static void put_headers(struct buf *out, const char *json)
{
    struct json_iter rows = header_list(json);
    struct span name, value;
    const char *before = "";
    buf_puts(out, "\"headers\":[");
    while (header_next(&rows, &name, &value)) {
        buf_printf(out, "%s{\"name\":", before);
        buf_put(out, rows.s + name.off, name.len);
        buf_puts(out, ",\"value\":");
        buf_put(out, rows.s + value.off, value.len);
        buf_putc(out, '}');
        before = ",";
    }
    buf_putc(out, ']');
}

/* ---- The address ------------------------------------------------------------------------- */

static int hex_value(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

static void put_decoded(struct buf *out, const char *s, size_t len)
{
    struct buf text;
    buf_init(&text);
    for (size_t i = 0; i < len; i++) {
        bool is_code = s[i] == '%' && i + 2 < len && hex_value(s[i + 1]) >= 0 && hex_value(s[i + 2]) >= 0;
        buf_putc(&text, is_code ? (char)(hex_value(s[i + 1]) * 16 + hex_value(s[i + 2])) : s[i] == '+' ? ' ' : s[i]);
        i += is_code ? 2 : 0;
    }
    json_quote(out, text.data, text.len);
    buf_done(&text);
}

static void put_query(struct buf *out, const char *path)
{
    const char *at = path ? strchr(path, '?') : NULL;
    const char *before = "";
    buf_puts(out, "\"queryString\":[");
    while (at && *at) {
        const char *name = at + 1;
        size_t len = strcspn(name, "&"), name_len = strcspn(name, "=&");
        at = name + len;
        if (len == 0)
            continue;
        buf_printf(out, "%s{\"name\":", before);
        put_decoded(out, name, name_len);
        buf_puts(out, ",\"value\":");
        put_decoded(out, name + name_len + (name_len < len), len - name_len - (name_len < len));
        buf_putc(out, '}');
        before = ",";
    }
    buf_putc(out, ']');
}

static void put_url(struct export *x, const struct call *c)
{
    struct buf url;
    size_t len = strlen(x->upstream);
    const char *path = c->path ? c->path : "";
    while (len > 0 && x->upstream[len - 1] == '/')
        len--;
    buf_init(&url);
    buf_put(&url, x->upstream, len);
    buf_printf(&url, "%s%s", *path == '/' ? "" : "/", path);
    put_text(&x->out, url.data);
    buf_done(&url);
}

/* ---- Bodies -------------------------------------------------------------------------------- */

/* "text":"…", with the encoding behind it when it is no text. */
static void put_body_text(struct buf *out, const struct buf *body, const char *encoding_name)
{
    buf_puts(out, "\"text\":");
    if (text_is_utf8(body->data, body->len)) {
        json_quote(out, body->data, body->len);
        return;
    }
    char *text = encode_base64(body->data, body->len);
    buf_putc(out, '"');
    buf_puts(out, text);
    buf_printf(out, "\",\"%s\":\"base64\"", encoding_name);
    free(text);
}

/* *size: of what went upstream; -1 when only the client's is known. */
static int put_post_data(struct export *x, const struct call *c, const char *headers, long long *size, struct err *e)
{
    char type[128] = "application/json";
    struct buf body;
    buf_init(&body);
    int r = x->has_bodies ? export_body(x, c, BODY_SENT, &body, e) : 1;
    *size = c->has_sent_body ? -1 : (long long)c->bytes_in;
    if (r == 0) {
        if (c->has_sent_body)
            *size = (long long)body.len;
        header_get(headers, "content-type", type, sizeof type);
        buf_puts(&x->out, ",\"postData\":{\"mimeType\":");
        put_text(&x->out, type);
        buf_putc(&x->out, ',');
        put_body_text(&x->out, &body, "_encoding"); /* 1.2 has none for what is posted */
        buf_putc(&x->out, '}');
    }
    buf_done(&body);
    return r < 0 ? -1 : 0;
}

/* What a browser would have read: unpacked, if it can be. */
static void unpack_body(const struct call *c, struct buf *body)
{
    char encoding[64] = "";
    struct buf plain;
    header_get(c->response_headers, "content-encoding", encoding, sizeof encoding);
    if (!unpack_is_needed(encoding[0] ? encoding : NULL))
        return;
    buf_init(&plain);
    if (content_decode(encoding, body->data, body->len, &plain) == 0) {
        buf_reset(body);
        buf_put(body, plain.data, plain.len);
    }
    buf_done(&plain);
}

static int put_content(struct export *x, const struct call *c, struct err *e)
{
    char type[128] = "x-unknown";
    struct buf body;
    buf_init(&body);
    int r = x->has_bodies ? export_body(x, c, BODY_RESPONSE, &body, e) : 1;
    if (r == 0)
        unpack_body(c, &body);
    header_get(c->response_headers, "content-type", type, sizeof type);
    long long size = r == 0 ? (long long)body.len : c->bytes_out > 0 ? (long long)c->bytes_out : 0;
    buf_printf(&x->out, "\"content\":{\"size\":%lld,\"mimeType\":", size);
    put_text(&x->out, type);
    if (r == 0) {
        buf_putc(&x->out, ',');
        put_body_text(&x->out, &body, "encoding");
    }
    buf_putc(&x->out, '}');
    buf_done(&body);
    return r < 0 ? -1 : 0;
}

/* ---- An entry -------------------------------------------------------------------------------- */

static int put_request(struct export *x, const struct call *c, struct err *e)
{
    const char *headers = c->sent_headers ? c->sent_headers : c->request_headers;
    struct buf *out = &x->out;
    buf_puts(out, "\"request\":{\"method\":");
    put_text(out, c->method);
    buf_puts(out, ",\"url\":");
    put_url(x, c);
    buf_puts(out, ",\"httpVersion\":\"HTTP/1.1\",\"cookies\":[],");
    put_headers(out, headers);
    buf_putc(out, ',');
    put_query(out, c->path);
    long long size;
    if (put_post_data(x, c, headers, &size, e) != 0)
        return -1;
    buf_printf(out, ",\"headersSize\":-1,\"bodySize\":%lld}", size);
    return 0;
}

static int put_response(struct export *x, const struct call *c, struct err *e)
{
    struct buf *out = &x->out;
    buf_printf(out, ",\"response\":{\"status\":%lld,\"statusText\":\"\",\"httpVersion\":\"HTTP/1.1\",\"cookies\":[],",
               (long long)(c->status > 0 ? c->status : 0));
    put_headers(out, c->response_headers);
    buf_putc(out, ',');
    if (put_content(x, c, e) != 0)
        return -1;
    buf_printf(out, ",\"redirectURL\":\"\",\"headersSize\":-1,\"bodySize\":%lld}", (long long)c->bytes_out);
    return 0;
}

struct times {
    long long wait, receive;
};

static struct times times_of(const struct call *c)
{
    long long whole = c->duration_ms > 0 ? c->duration_ms : 0;
    long long wait = c->ttfb_ms >= 0 && c->ttfb_ms <= whole ? c->ttfb_ms : whole;
    return (struct times){wait, whole - wait};
}

static int har_call(struct export *x, const struct call *c, struct err *e)
{
    struct times t = times_of(c);
    char at[CLOCK_ISO_MAX];
    clock_to_iso_ms(at, c->started_at);
    buf_printf(&x->out, "%s\n{\"startedDateTime\":\"%s\",\"time\":%lld,", x->calls ? "," : "", at, t.wait + t.receive);
    if (put_request(x, c, e) != 0 || put_response(x, c, e) != 0)
        return -1;
    buf_printf(&x->out, ",\"cache\":{},\"timings\":{\"send\":0,\"wait\":%lld,\"receive\":%lld},\"_spantop\":", t.wait, t.receive);
    export_put_row(&x->out, c);
    buf_putc(&x->out, '}');
    return 0;
}

static int har_begin(struct export *x, struct err *e)
{
    (void)e;
    buf_puts(&x->out, "{\"log\":{\"version\":\"1.2\",\"creator\":{\"name\":\"spantop\",\"version\":\"" SPANTOP_VERSION "\"},\"entries\":[");
    return 0;
}

static int har_end(struct export *x, struct err *e)
{
    (void)e;
    buf_puts(&x->out, "\n]}}\n");
    return 0;
}

const struct export_format export_har = {
    .option = "har", .has_bodies = true, .can_have_bodies = true, .begin = har_begin, .call = har_call, .end = har_end};
