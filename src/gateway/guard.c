#include "gateway/guard.h"

#include <string.h>
#include <strings.h>

static const struct refusal pass = {0};

static struct refusal bad_request(const char *code, const char *message)
{
    return (struct refusal){400, "invalid_request_error", code, message};
}

static struct refusal forbidden(const char *code, const char *message)
{
    return (struct refusal){403, "permission_error", code, message};
}

bool refusal_is_of_the_head(const struct refusal *r)
{
    return r->status == 400 || r->status == 431;
}

/* --- Bytes ------------------------------------------------------------------ */

static bool is_token(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c <= ' ' || c >= 127 || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    return true;
}

static bool is_clean_target(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s <= ' ' || *s == 127)
            return false;
    return true;
}

static bool is_clean_value(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (value[i] == '\0' || value[i] == '\r' || value[i] == '\n')
            return false;
    return true;
}

static struct refusal check_bytes(const struct guard_request *r)
{
    if (r->head_bytes > GUARD_HEAD_MAX)
        return (struct refusal){431, "invalid_request_error", "headers_too_large",
                                "the request's headers are larger than 64 KB; send fewer or shorter ones"};
    if (!is_token(r->method))
        return bad_request("method", "the request's method is not an HTTP token");
    if (!is_clean_target(r->target))
        return bad_request("target", "the request's target holds a space or a control character; percent-encode it");
    for (size_t i = 0; i < r->headers->count; i++) {
        const struct header *h = &r->headers->items[i];
        if (strlen(headers_name(r->headers, i)) != h->name.len || !is_token(headers_name(r->headers, i)))
            return bad_request("header", "a header name is not an HTTP token");
        if (!is_clean_value(headers_value(r->headers, i), h->value.len))
            return bad_request("header", "a header value holds a line break or a NUL");
    }
    /* A fold is at least CR LF and one space; anything less is blanks at a line's end. */
    if (r->folded_bytes >= 3)
        return bad_request("folded", "a header is folded over several lines, which HTTP/1.1 no longer allows");
    return pass;
}

/* --- Framing ------------------------------------------------------------------ */

static struct refusal check_framing(const struct headers *h)
{
    size_t lengths = headers_count(h, "Content-Length");
    size_t codings = headers_count(h, "Transfer-Encoding");
    if (lengths > 1)
        return bad_request("length", "the request has two Content-Length headers; send one");
    if (lengths && codings)
        return bad_request("length", "the request has both Content-Length and Transfer-Encoding; send one of them");
    if (lengths) {
        const char *value = headers_get(h, "Content-Length");
        if (!*value || value[strspn(value, "0123456789")] || strlen(value) > 18)
            return bad_request("length", "the request's Content-Length is not a number");
    }
    if (codings > 1 || (codings && strcasecmp(headers_get(h, "Transfer-Encoding"), "chunked") != 0))
        return bad_request("length", "the only Transfer-Encoding understood is chunked, once");
    return pass;
}

/* --- Where it comes from ---------------------------------------------------------- */

/* host[:port] or [v6][:port]; the port does not matter: a forwarded one differs. */
static struct bytes host_of(const char *authority)
{
    if (authority[0] == '[') {
        const char *close = strchr(authority, ']');
        if (!close || (close[1] && close[1] != ':') || (close[1] && close[2 + strspn(close + 2, "0123456789")]))
            return (struct bytes){"", 0};
        return (struct bytes){authority + 1, (size_t)(close - authority - 1)};
    }
    size_t len = strcspn(authority, ":");
    if (authority[len] && authority[len + 1 + strspn(authority + len + 1, "0123456789")])
        return (struct bytes){"", 0};
    return (struct bytes){authority, len};
}

static bool host_is(struct bytes host, const char *name)
{
    return name && host.len == strlen(name) && strncasecmp(host.data, name, host.len) == 0;
}

static bool is_own_host(const char *authority, const struct guard_request *r, const char *listen_host)
{
    struct bytes host = host_of(authority);
    bool bracketed = authority[0] == '[';
    if (bracketed)
        return host_is(host, "::1") || host_is(host, listen_host) || host_is(host, r->local_address);
    return host_is(host, "localhost") || host_is(host, "127.0.0.1") || host_is(host, listen_host) ||
           host_is(host, r->local_address);
}

static struct refusal check_origin(const struct guard_request *r, const char *listen_host)
{
    const struct headers *h = r->headers;
    static const char host_message[] =
        "the Host header names neither this gateway's listen address nor localhost; use http://127.0.0.1 and its port";
    if (headers_count(h, "Host") > 1)
        return bad_request("host", "the request has two Host headers; send one");
    const char *host = headers_get(h, "Host");
    if (host && !is_own_host(host, r, listen_host))
        return forbidden("host", host_message);
    if (strncasecmp(r->target, "http://", 7) == 0) {
        char authority[256] = "";
        size_t len = strcspn(r->target + 7, "/?#");
        if (len < sizeof authority)
            memcpy(authority, r->target + 7, len);
        if (!is_own_host(authority, r, listen_host))
            return forbidden("host", host_message);
    }
    if (headers_count(h, "Origin"))
        return forbidden("origin", "requests from web pages (with an Origin header) are not served");
    for (size_t i = headers_find(h, "Sec-Fetch-Site", 0); i != HEADERS_NONE; i = headers_find(h, "Sec-Fetch-Site", i + 1))
        if (strcmp(headers_value(h, i), "none") != 0 && strcmp(headers_value(h, i), "same-origin") != 0)
            return forbidden("fetch_site", "requests that another web site caused (Sec-Fetch-Site) are not served");
    return pass;
}

struct refusal guard_check(const struct guard_request *r, const char *listen_host)
{
    struct refusal verdict = check_bytes(r);
    if (!verdict.status)
        verdict = check_framing(r->headers);
    if (!verdict.status)
        verdict = check_origin(r, listen_host);
    return verdict;
}
