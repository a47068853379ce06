#include "sim/http.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "sim/conn.h"

#define HEADERS_MAX 512 /* more than any client sends; bounds the array */
/* Enough for a chunk's size line with extensions. */
#define CHUNK_LINE_MAX 4096

/* A line from c->in without its end, or NULL when the input ends or passes max. */
static char *read_line(struct conn *c, size_t *total, size_t max)
{
    size_t seen = 0;

    for (;;) {
        char *nl = memchr(c->in.data + seen, '\n', c->in.len - seen);
        if (nl) {
            size_t len = (size_t)(nl - c->in.data);
            char *line;
            *total += len + 1;
            if (*total > max)
                return NULL;
            line = xstrndup(c->in.data, len > 0 && nl[-1] == '\r' ? len - 1 : len);
            buf_drop_front(&c->in, len + 1);
            return line;
        }
        seen = c->in.len;
        if (seen > max) {
            *total = max + 1;
            return NULL;
        }
        if (!conn_fill(c))
            return NULL;
    }
}

static bool split_request_line(struct http_request *r, char *line)
{
    char *first = strchr(line, ' ');
    char *last = strrchr(line, ' ');

    if (!first || last == first || strncmp(last + 1, "HTTP/1.", 7) != 0)
        return false;
    r->method = xstrndup(line, (size_t)(first - line));
    r->target = xstrndup(first + 1, (size_t)(last - first - 1));
    r->version = xstrdup(last + 1);
    return *r->method && *r->target;
}

static bool add_header(struct http_request *r, const char *line)
{
    const char *colon = strchr(line, ':');
    const char *value;
    size_t len;

    if (!colon || colon == line || r->header_count == HEADERS_MAX)
        return false;
    value = colon + 1 + strspn(colon + 1, " \t");
    len = strlen(value);
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        len--;
    r->headers = xrealloc(r->headers, (r->header_count + 1) * sizeof(*r->headers));
    r->headers[r->header_count].name = xstrndup(line, (size_t)(colon - line));
    r->headers[r->header_count].value = xstrndup(value, len);
    r->header_count++;
    return true;
}

static enum http_result read_head(struct conn *c, struct http_request *r)
{
    size_t total = 0;
    bool good = true;
    char *line;

    do {
        line = read_line(c, &total, HTTP_HEAD_MAX);
        if (!line)
            return total > HTTP_HEAD_MAX ? HTTP_HEAD_LONG : HTTP_CLOSED;
        if (*line == '\0' && !r->method) { /* empty lines before a request are allowed */
            free(line);
            line = NULL;
            continue;
        }
        if (*line == '\0')
            break;
        good = r->method ? add_header(r, line) : split_request_line(r, line);
        free(line);
        line = NULL;
    } while (good);
    free(line);
    return good ? HTTP_OK : HTTP_BAD;
}

/* Move len bytes of body out of the connection; keeps at most HTTP_BODY_MAX in all. */
static bool take_body(struct conn *c, struct http_request *r, size_t len)
{
    if (!r->chunked && len <= HTTP_BODY_MAX && buf_reserve(&r->body, len) < 0)
        return false;
    while (len > 0) {
        size_t take;
        if (c->in.len == 0 && !conn_fill(c))
            return false;
        take = c->in.len < len ? c->in.len : len;
        if (r->body.len + take > HTTP_BODY_MAX)
            r->body_too_large = true;
        if (!r->body_too_large && buf_put(&r->body, c->in.data, take) < 0)
            return false;
        buf_drop_front(&c->in, take);
        len -= take;
    }
    return true;
}

static enum http_result read_chunks(struct conn *c, struct http_request *r)
{
    for (;;) {
        size_t total = 0;
        char *line = read_line(c, &total, CHUNK_LINE_MAX);
        char *end = NULL;
        unsigned long long size;
        bool bad;

        if (!line)
            return HTTP_CLOSED;
        size = strtoull(line, &end, 16);
        bad = end == line || !isxdigit((unsigned char)*line) || size > ((unsigned long long)1 << 40);
        free(line);
        if (bad)
            return HTTP_BAD;
        if (!take_body(c, r, (size_t)size))
            return HTTP_CLOSED;
        do { /* the chunk's own line end, or the trailers up to the empty line */
            total = 0;
            line = read_line(c, &total, CHUNK_LINE_MAX);
            if (!line)
                return HTTP_CLOSED;
            bad = *line != '\0';
            free(line);
        } while (size == 0 && bad);
        if (bad)
            return HTTP_BAD;
        if (size == 0)
            return HTTP_OK;
    }
}

static bool has_token(const char *value, const char *token)
{
    size_t len = strlen(token);

    while (value && *value) {
        value += strspn(value, ", \t");
        if (strncasecmp(value, token, len) == 0 && (value[len] == '\0' || strchr(", \t", value[len])))
            return true;
        value += strcspn(value, ",");
    }
    return false;
}

static enum http_result read_body(struct conn *c, struct http_request *r)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const char *length = http_header(r, "content-length");
    char *end = NULL;
    unsigned long long len;

    r->chunked = has_token(http_header(r, "transfer-encoding"), "chunked");
    if (!r->chunked && !length)
        return HTTP_OK;
    if (has_token(http_header(r, "expect"), "100-continue") && conn_write(c, go_on, sizeof(go_on) - 1) < 0)
        return HTTP_CLOSED;
    if (r->chunked)
        return read_chunks(c, r);
    len = strtoull(length, &end, 10);
    if (!isdigit((unsigned char)*length) || *end || len > ((unsigned long long)1 << 40))
        return HTTP_BAD;
    return take_body(c, r, (size_t)len) ? HTTP_OK : HTTP_CLOSED;
}

enum http_result http_read(struct conn *c, struct http_request *r)
{
    enum http_result result;

    memset(r, 0, sizeof(*r));
    buf_init_max(&r->body, HTTP_BODY_MAX + 1);
    result = read_head(c, r);
    if (result != HTTP_OK)
        return result;
    r->keep_alive = strcmp(r->version, "HTTP/1.0") == 0 ? has_token(http_header(r, "connection"), "keep-alive")
                                                        : !has_token(http_header(r, "connection"), "close");
    return read_body(c, r);
}

void http_request_done(struct http_request *r)
{
    for (size_t i = 0; i < r->header_count; i++) {
        free(r->headers[i].name);
        free(r->headers[i].value);
    }
    free(r->headers);
    free(r->method);
    free(r->target);
    free(r->version);
    buf_done(&r->body);
    memset(r, 0, sizeof(*r));
}

const char *http_header(const struct http_request *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (strcasecmp(r->headers[i].name, name) == 0)
            return r->headers[i].value;
    return NULL;
}

bool http_path_is(const char *target, const char *path)
{
    size_t len = strcspn(target, "?");
    return len == strlen(path) && memcmp(target, path, len) == 0;
}
