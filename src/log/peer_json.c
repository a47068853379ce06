#include "log/peer_json.h"

#include <stdio.h>

bool peer_json_text(const cJSON *object, const char *key, char *out, size_t size)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    int len = snprintf(out, size, "%s", text ? text : "");
    return text && len >= 0 && (size_t)len < size;
}

int64_t peer_json_number(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : 0;
}
