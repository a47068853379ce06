#include "sim/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

/* Seconds in Respan's 429 body and header. */
#define RETRY_AFTER_S 60

static const struct {
    int status;
    enum problem_shape shape;
    const char *type;
    const char *reason;
    const char *message;
} known[] = {
    {200, SHAPE_ANTHROPIC, "api_error", "OK", ""},
    {307, SHAPE_EMPTY, "api_error", "Temporary Redirect", ""},
    {400, SHAPE_ANTHROPIC, "invalid_request_error", "Bad Request", "Invalid request."},
    {401, SHAPE_DETAIL, "authentication_error", "Unauthorized", "Invalid API key."},
    {402, SHAPE_DETAIL, "billing_error", "Payment Required", "Insufficient credits. Please add credits to your organization."},
    {403, SHAPE_DETAIL, "permission_error", "Forbidden", "You do not have permission to perform this action."},
    {404, SHAPE_DETAIL, "not_found_error", "Not Found", "Not found."},
    {405, SHAPE_DETAIL, "invalid_request_error", "Method Not Allowed", "Method not allowed."},
    {408, SHAPE_MESSAGE, "timeout_error", "Request Timeout", "Request timed out"},
    {413, SHAPE_ANTHROPIC, "request_too_large", "Payload Too Large", "Request exceeds the maximum size"},
    {422, SHAPE_ERRORS, "invalid_request_error", "Unprocessable Entity", "Validation failed"},
    {429, SHAPE_DETAIL, "rate_limit_error", "Too Many Requests", "Rate limit exceeded"},
    {431, SHAPE_TEXT, "invalid_request_error", "Request Header Fields Too Large", "Request header too large"},
    {500, SHAPE_ERROR, "api_error", "Internal Server Error", "Internal server error"},
    {502, SHAPE_HTML, "api_error", "Bad Gateway", ""},
    {503, SHAPE_MESSAGE, "api_error", "Service Unavailable", "Service temporarily unavailable"},
    {504, SHAPE_HTML, "timeout_error", "Gateway Timeout", ""},
    {529, SHAPE_ANTHROPIC, "overloaded_error", "Overloaded", "Overloaded"},
};

#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))

static size_t find(int status)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++)
        if (known[i].status == status)
            return i;
    return KNOWN_COUNT;
}

const char *http_reason(int status)
{
    size_t i = find(status);
    return i < KNOWN_COUNT ? known[i].reason : "Status";
}

const char *problem_type_of(int status)
{
    size_t i = find(status);
    if (i < KNOWN_COUNT)
        return known[i].type;
    return status >= 500 ? "api_error" : "invalid_request_error";
}

int problem_shape_of(const char *name)
{
    static const char *const names[] = {"default", "anthropic", "provider", "detail", "error", "message", "errors", "html", "text", "empty"};

    if (!name)
        return SHAPE_DEFAULT;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return (int)i;
    return -1;
}

int problem_set(struct problem *p, int status, enum problem_shape shape, const char *fmt, ...)
{
    va_list args;

    p->status = status;
    p->shape = shape;
    va_start(args, fmt);
    vsnprintf(p->message, sizeof(p->message), fmt, args);
    va_end(args);
    return -1;
}

static void put_quoted(struct buf *out, const char *before, const char *text, const char *after)
{
    buf_puts(out, before);
    json_quote(out, text, strlen(text));
    buf_puts(out, after);
}

static void put_html(struct buf *out, int status)
{
    buf_printf(out,
               "<html>\r\n<head><title>%d %s</title></head>\r\n<body>\r\n<center><h1>%d %s</h1></center>\r\n"
               "<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n",
               status, http_reason(status), status, http_reason(status));
}

static void put_json(struct buf *out, enum problem_shape shape, int status, const char *text, const char *request_id)
{
    switch (shape) {
    case SHAPE_PROVIDER:
        buf_printf(out, "{\"error\":{\"type\":\"%s\",\"message\":", problem_type_of(status));
        put_quoted(out, "", text, "}}");
        break;
    case SHAPE_DETAIL:
        put_quoted(out, "{\"detail\":", text, "");
        if (status == 429)
            buf_printf(out, ",\"retry_after\":%d", RETRY_AFTER_S);
        buf_puts(out, "}");
        break;
    case SHAPE_ERROR:
        put_quoted(out, "{\"error\":", text, "}");
        break;
    case SHAPE_MESSAGE:
        put_quoted(out, "{\"message\":", text, "}");
        break;
    case SHAPE_ERRORS:
        put_quoted(out, "{\"detail\":", text, ",\"errors\":{\"messages\":[\"This field may not be null.\"]}}");
        break;
    default:
        buf_printf(out, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":", problem_type_of(status));
        put_quoted(out, "", text, "},\"request_id\":");
        put_quoted(out, "", request_id, "}");
        break;
    }
}

void problem_body(const struct problem *p, const char *request_id, struct buf *out, const char **content_type)
{
    size_t i = find(p->status);
    enum problem_shape shape = p->shape;
    const char *text = p->message;

    if (shape == SHAPE_DEFAULT)
        shape = i < KNOWN_COUNT ? known[i].shape : SHAPE_ANTHROPIC;
    if (!*text && i < KNOWN_COUNT)
        text = known[i].message;
    *content_type = "application/json";
    if (shape == SHAPE_HTML) {
        *content_type = "text/html; charset=UTF-8";
        put_html(out, p->status);
    } else if (shape == SHAPE_TEXT) {
        *content_type = "text/plain";
        buf_puts(out, text);
    } else if (shape != SHAPE_EMPTY) {
        put_json(out, shape, p->status, text, request_id);
    }
}
