#include "gateway/target.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

/* --- The upstream's base ------------------------------------------------------ */

bool host_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (strcasecmp(host, "localhost") == 0)
        return true;
    size_t len = strlen(host);
    if (len > 10 && strcasecmp(host + len - 10, ".localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool is_plain(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 127)
            return false;
    return true;
}

/* The host of authority (its port left out), or NULL when it is none. */
static char *host_from_authority(const char *authority, size_t len)
{
    const char *end = authority + len;
    const char *host = authority;
    const char *host_end;
    if (len && *host == '[') {
        host++;
        host_end = memchr(host, ']', (size_t)(end - host));
        if (!host_end)
            return NULL;
        if (host_end + 1 < end && host_end[1] != ':')
            return NULL;
        authority = host_end + 1;
    } else {
        host_end = memchr(host, ':', len);
        host_end = host_end ? host_end : end;
        authority = host_end;
    }
    for (const char *at = authority < end ? authority + 1 : end; at < end; at++)
        if (*at < '0' || *at > '9')
            return NULL;
    return host_end == host ? NULL : xstrndup(host, (size_t)(host_end - host));
}

int upstream_base_parse(struct upstream_base *b, const char *url, struct err *e)
{
    *b = (struct upstream_base){0};
    size_t scheme = strncasecmp(url, "https://", 8) == 0 ? 8 : strncasecmp(url, "http://", 7) == 0 ? 7 : 0;
    if (!scheme || !is_plain(url))
        return err_set(e, "--upstream %s is no http:// or https:// URL", url);
    const char *authority = url + scheme;
    size_t len = strcspn(authority, "/?#");
    const char *path = authority + len;
    if (strpbrk(path, "?#") || memchr(authority, '@', len))
        return err_set(e, "--upstream must have no user, query or fragment; a key goes into RESPAN_API_KEY");
    b->host = host_from_authority(authority, len);
    if (!b->host)
        return err_set(e, "--upstream %s names no host", url);
    size_t path_len = strlen(path);
    while (path_len > 0 && path[path_len - 1] == '/')
        path_len--;
    b->path = xstrndup(path, path_len);
    b->origin = xasprintf("%s://%.*s", scheme == 8 ? "https" : "http", (int)len, authority);
    b->is_tls = scheme == 8;
    b->is_loopback = host_is_loopback(b->host);
    return 0;
}

void upstream_base_done(struct upstream_base *b)
{
    free(b->origin);
    free(b->host);
    free(b->path);
    *b = (struct upstream_base){0};
}

char *upstream_base_join(const struct upstream_base *b, const char *rest)
{
    return xasprintf("%s/%s", b->path, rest);
}

/* --- A request's target ----------------------------------------------------------- */

static const char *skip_slashes(const char *s)
{
    return s + strspn(s, "/");
}

/* Behind `word` if s begins with it as a whole path segment, else NULL. */
static const char *after_segment(const char *s, const char *word)
{
    size_t len = strlen(word);
    if (strncmp(s, word, len) != 0 || (s[len] && s[len] != '/' && s[len] != '?'))
        return NULL;
    return s + len;
}

/* A client that takes the gateway for a proxy sends the whole URL. */
static const char *path_of(const char *target)
{
    if (strncasecmp(target, "http://", 7) != 0)
        return target;
    return target + 7 + strcspn(target + 7, "/?#");
}

static bool path_is(const char *s, const char *path)
{
    size_t len = strlen(path);
    return strncmp(s, path, len) == 0 && (!s[len] || s[len] == '?');
}

enum target_kind target_classify(const char *method, const char *target, const char **rest)
{
    const char *path = path_of(target);
    const char *at = skip_slashes(path);
    bool is_head = strcmp(method, "HEAD") == 0;
    *rest = at;
    if (is_head && (!*at || *at == '?' || path_is(at, "api/hello") || path_is(at, "api/hello/")))
        return TARGET_WARM_UP;
    if (strcmp(method, "GET") == 0 && path_is(at, "spantop/health"))
        return TARGET_HEALTH;
    const char *below = after_segment(at, "api/anthropic");
    if (below) {
        *rest = skip_slashes(below);
        if (is_head && (!**rest || **rest == '?' || path_is(*rest, "api/hello")))
            return TARGET_WARM_UP;
        return TARGET_FORWARD;
    }
    return after_segment(at, "v1") ? TARGET_FORWARD : TARGET_OTHER;
}

bool target_is_routed(const char *method, const char *rest)
{
    return strcmp(method, "POST") == 0 && (path_is(rest, "v1/messages") || path_is(rest, "v1/messages/count_tokens"));
}

bool target_is_count_tokens(const char *rest)
{
    return path_is(rest, "v1/messages/count_tokens");
}

bool target_is_models(const char *method, const char *rest)
{
    return strcmp(method, "GET") == 0 && (path_is(rest, "v1/models") || path_is(rest, "v1/models/"));
}

bool target_is_v1(const char *rest)
{
    return after_segment(rest, "v1") != NULL;
}
