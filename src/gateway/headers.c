#include "gateway/headers.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "gateway/token.h"

void headers_init(struct headers *h)
{
    *h = (struct headers){0};
    buf_init_max(&h->text, HEADERS_TEXT_MAX);
}

void headers_done(struct headers *h)
{
    buf_done(&h->text);
    free(h->items);
    h->items = NULL;
    h->count = h->cap = 0;
}

void headers_reset(struct headers *h)
{
    buf_reset(&h->text);
    h->count = 0;
}

/* Enough for a client's headers, so that they are not moved while they grow. */
#define FIRST_BYTES ((size_t)1023)

static int put_text(struct headers *h, const char *s, size_t len, struct span *at)
{
    if (h->text.cap == 0)
        (void)buf_reserve(&h->text, FIRST_BYTES);
    at->off = h->text.len;
    at->len = len;
    return buf_put(&h->text, s, len) != 0 || buf_putc(&h->text, '\0') != 0 ? -1 : 0;
}

int headers_add(struct headers *h, const char *name, size_t name_len, const char *value, size_t value_len)
{
    if (h->count >= HEADERS_MAX)
        return -1;
    if (h->count == h->cap) {
        h->cap = h->cap ? 2 * h->cap : 32;
        h->items = xrealloc(h->items, h->cap * sizeof *h->items);
    }
    struct header *item = &h->items[h->count];
    if (put_text(h, name, name_len, &item->name) != 0 || put_text(h, value, value_len, &item->value) != 0)
        return -1;
    h->count++;
    return 0;
}

int headers_put(struct headers *h, const char *name, const char *value)
{
    return headers_add(h, name, strlen(name), value, strlen(value));
}

static void remove_from(struct headers *h, const char *name, size_t from)
{
    size_t kept = from;
    for (size_t i = from; i < h->count; i++)
        if (strcasecmp(headers_name(h, i), name) != 0)
            h->items[kept++] = h->items[i];
    h->count = kept;
}

void headers_remove(struct headers *h, const char *name)
{
    remove_from(h, name, 0);
}

int headers_replace(struct headers *h, const char *name, const char *value)
{
    size_t first = headers_find(h, name, 0);
    if (first == HEADERS_NONE)
        return headers_put(h, name, value);
    remove_from(h, name, first + 1);
    return put_text(h, value, strlen(value), &h->items[first].value);
}

size_t headers_find(const struct headers *h, const char *name, size_t from)
{
    size_t len = strlen(name);
    for (size_t i = from; i < h->count; i++)
        if (h->items[i].name.len == len && strcasecmp(headers_name(h, i), name) == 0)
            return i;
    return HEADERS_NONE;
}

const char *headers_get(const struct headers *h, const char *name)
{
    size_t i = headers_find(h, name, 0);
    return i == HEADERS_NONE ? NULL : headers_value(h, i);
}

size_t headers_count(const struct headers *h, const char *name)
{
    size_t n = 0;
    for (size_t i = headers_find(h, name, 0); i != HEADERS_NONE; i = headers_find(h, name, i + 1))
        n++;
    return n;
}

/* --- Which headers end here --------------------------------------------- */

static bool list_has(const char *list, const char *token, size_t token_len)
{
    const char *at = list;
    while (*at) {
        at += strspn(at, ", \t");
        size_t len = strcspn(at, ",");
        size_t trimmed = len;
        while (trimmed > 0 && (at[trimmed - 1] == ' ' || at[trimmed - 1] == '\t'))
            trimmed--;
        if (trimmed == token_len && strncasecmp(at, token, token_len) == 0)
            return true;
        at += len;
    }
    return false;
}

bool headers_has_token(const struct headers *h, const char *name, const char *token)
{
    for (size_t i = headers_find(h, name, 0); i != HEADERS_NONE; i = headers_find(h, name, i + 1))
        if (list_has(headers_value(h, i), token, strlen(token)))
            return true;
    return false;
}

/* Spares nearly all of the comparisons: every header of every call comes here. */
static bool begins_alike(const char *a, const char *b)
{
    return ((a[0] ^ b[0]) & ~0x20) == 0;
}

bool headers_is_hop(const struct headers *h, size_t i)
{
    /* RFC 9110 7.6.1, with the old names that proxies still meet. */
    static const char *const hop[] = {"Connection", "Keep-Alive",          "Proxy-Connection", "Transfer-Encoding",
                                      "TE",         "Trailer",             "Upgrade",          "Proxy-Authenticate",
                                      "HTTP2-Settings", "Proxy-Authorization"};
    const char *name = headers_name(h, i);
    for (size_t k = 0; k < sizeof hop / sizeof *hop; k++)
        if (begins_alike(name, hop[k]) && strcasecmp(name, hop[k]) == 0)
            return true;
    return headers_has_token(h, "Connection", name);
}

int headers_copy_end_to_end(struct headers *to, const struct headers *from)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct header *item = &from->items[i];
        if (headers_is_hop(from, i))
            continue;
        if (headers_add(to, headers_name(from, i), item->name.len, headers_value(from, i), item->value.len) != 0)
            return -1;
    }
    return 0;
}

/* --- For the log ----------------------------------------------------------- */

/* Values that may be kept.  A trailing '*' stands for any rest. */
static const char *const harmless[] = {
    "accept", "accept-encoding", "accept-language", "accept-ranges", "age", "allow", "alt-svc", "anthropic-beta",
    "anthropic-dangerous-direct-browser-access", "anthropic-ratelimit-*", "anthropic-version", "cache-control",
    "cf-cache-status", "cf-ray", "connection", "content-encoding", "content-language", "content-length", "content-type",
    "date", "etag", "expect", "host", "keep-alive", "last-modified", "request-id", "retry-after", "server", "te",
    "trailer", "transfer-encoding", "upgrade", "user-agent", "vary", "via", "x-app", "x-claude-code-*", "x-ratelimit-*",
    "x-request-id", "x-respan-beta", "x-respan-cache*", "x-respan-gateway-request-id", "x-respan-log-id",
    "x-respan-model", "x-respan-provider*", "x-respan-route-provider", "x-should-retry", "x-stainless-*",
};

static bool is_harmless(const char *name)
{
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        if (!begins_alike(name, harmless[i]))
            continue;
        size_t len = strlen(harmless[i]);
        if (harmless[i][len - 1] == '*' ? strncasecmp(name, harmless[i], len - 1) == 0
                                        : strcasecmp(name, harmless[i]) == 0)
            return true;
    }
    return false;
}

/* A bearer that is the local token is as good as a key, any other one is
 * ANTHROPIC_AUTH_TOKEN in the way of the key: the log must tell them apart. */
static const char *mask(const char *name, const char *value)
{
    static const char local[] = "Bearer " TOKEN_PREFIX;
    bool is_local = strcasecmp(name, "authorization") == 0 && strncasecmp(value, local, sizeof local - 1) == 0;
    return is_local ? "(local token)" : "(masked)";
}

char *headers_to_json(const struct headers *h)
{
    struct buf out;
    buf_init(&out);
    (void)buf_reserve(&out, h->text.len + 8 * h->count + 2); /* with what stands around them */
    buf_putc(&out, '[');
    for (size_t i = 0; i < h->count; i++) {
        const char *name = headers_name(h, i);
        const char *value = is_harmless(name) ? headers_value(h, i) : mask(name, headers_value(h, i));
        buf_puts(&out, i ? ",[" : "[");
        json_quote(&out, name, strlen(name));
        buf_putc(&out, ',');
        json_quote(&out, value, strlen(value));
        buf_putc(&out, ']');
    }
    buf_putc(&out, ']');
    char *json = out.failed ? NULL : buf_take(&out, NULL);
    buf_done(&out);
    return json;
}
