#include "log/header_list.h"

#include <string.h>
#include <strings.h>

#include "anthropic/field.h"

struct json_iter header_list(const char *json)
{
    const char *s = json ? json : "[]";
    return json_array(s, strlen(s), json_skip_space(s, strlen(s), 0));
}

bool header_next(struct json_iter *it, struct span *name, struct span *value)
{
    while (json_next(it)) {
        struct json_iter pair = json_array(it->s, it->len, it->value.off);
        if (!json_next(&pair) || !json_is_string(it->s, pair.value))
            continue;
        *name = pair.value;
        if (!json_next(&pair) || !json_is_string(it->s, pair.value))
            continue;
        *value = pair.value;
        return true;
    }
    return false;
}

bool header_get(const char *json, const char *wanted, char *field, size_t size)
{
    struct json_iter it = header_list(json);
    struct span name, value;
    char text[128];
    while (header_next(&it, &name, &value))
        if (field_from_json(text, sizeof text, it.s, name) && strcasecmp(text, wanted) == 0)
            return field_from_json(field, size, it.s, value);
    return false;
}
