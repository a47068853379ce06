#include "respan/params_words.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

static struct json_iter object_of(const char *json)
{
    size_t len = strlen(json);
    return json_object(json, len, json_skip_space(json, len, 0));
}

static bool member(const char *json, const char *key, struct span *v)
{
    size_t len = strlen(json), at = json_skip_space(json, len, 0);
    return at < len && json[at] == '{' && json_member(json, len, at, key, v);
}

char *params_list_json(const char *words)
{
    struct buf out;
    buf_init(&out);
    buf_putc(&out, '[');
    for (const char *at = words;; at++) {
        size_t blanks = strspn(at, " "), len = strcspn(at + blanks, ",");
        const char *name = at + blanks;
        at = name + len;
        while (len > 0 && name[len - 1] == ' ')
            len--;
        buf_puts(&out, out.len > 1 ? "," : "");
        json_quote(&out, name, len);
        if (!*at)
            break;
    }
    buf_putc(&out, ']');
    return buf_take(&out, NULL);
}

char *params_without(const char *json, const char *key)
{
    struct buf out;
    struct json_iter it = object_of(json);
    buf_init(&out);
    while (json_next(&it)) {
        if (it.key.len == strlen(key) && memcmp(json + it.key.off, key, it.key.len) == 0)
            continue;
        buf_puts(&out, out.len ? "," : "{");
        buf_put(&out, json + it.key.off - 1, it.value.off + it.value.len - it.key.off + 1);
    }
    if (out.len)
        buf_putc(&out, '}');
    char *rest = out.len ? buf_take(&out, NULL) : NULL;
    buf_done(&out);
    return rest;
}

char *params_list_words(const char *json, const char *key)
{
    struct span v;
    struct buf out;
    if (!member(json, key, &v) || json[v.off] != '[')
        return NULL;
    struct json_iter it = json_array(json, v.off + v.len, v.off);
    bool is_list = true;
    buf_init(&out);
    while (json_next(&it)) {
        size_t before = out.len;
        buf_puts(&out, before ? "," : "");
        is_list = is_list && json_text(json, it.value, &out) == 0 && !memchr(out.data + before + (before > 0), ',', out.len - before - (before > 0));
    }
    char *words = is_list && out.len ? buf_take(&out, NULL) : NULL;
    buf_done(&out);
    return words;
}

/* In the largest unit that is whole. */
static char *seconds_words(int64_t seconds)
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "m"}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (seconds % units[i].seconds == 0)
            return xasprintf("%" PRId64 "%s", seconds / units[i].seconds, units[i].unit);
    return xasprintf("%" PRId64, seconds);
}

char *params_cache_words(const char *json)
{
    struct span enabled, ttl;
    int64_t seconds;
    bool has_ttl = member(json, "cache_ttl", &ttl);
    if (!member(json, "cache_enabled", &enabled))
        return NULL;
    if (json[enabled.off] == 'f')
        return has_ttl ? NULL : xstrdup("off");
    if (json[enabled.off] != 't')
        return NULL;
    if (!has_ttl)
        return xstrdup("on");
    return json_int(json, ttl, &seconds) && seconds > 0 ? seconds_words(seconds) : NULL;
}
