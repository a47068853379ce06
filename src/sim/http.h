/* HTTP/1.1 requests from one connection, read from a raw socket.
 *
 * Strict where it matters for the tests: headers are kept in order with their
 * bytes, bodies are kept as they come.  Pipelined requests wait in the
 * connection's buffer. */
#ifndef SPANTOP_SIM_HTTP_H
#define SPANTOP_SIM_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define HTTP_HEAD_MAX ((size_t)256 << 10)
#define HTTP_BODY_MAX ((size_t)64 << 20)

struct http_header {
    char *name;
    char *value;
};

struct http_request {
    char *method;
    char *target;
    char *version; /* "HTTP/1.1" */
    struct http_header *headers;
    size_t header_count;
    struct buf body;
    bool chunked;
    bool keep_alive;
    bool body_too_large; /* read to its end, but not kept */
};

enum http_result {
    HTTP_OK,
    HTTP_CLOSED,    /* nothing came, or not all of it */
    HTTP_BAD,       /* no HTTP: answer 400 and close */
    HTTP_HEAD_LONG, /* 431 and close */
};

struct conn;

/* Read the next request.  Whatever it returns, r wants http_request_done(). */
enum http_result http_read(struct conn *c, struct http_request *r);
void http_request_done(struct http_request *r);

/* The first header of that name (any case), or NULL. */
const char *http_header(const struct http_request *r, const char *name);

/* Does the target's path (without its query) equal this? */
bool http_path_is(const char *target, const char *path);

#endif
