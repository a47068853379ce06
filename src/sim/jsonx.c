#include "sim/jsonx.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const cJSON *jsonx_get(const cJSON *object, const char *key)
{
    const cJSON *found = NULL;
    const cJSON *item;

    if (!cJSON_IsObject(object))
        return NULL;
    cJSON_ArrayForEach(item, object)
        if (item->string && strcmp(item->string, key) == 0)
            found = item;
    return found;
}

const cJSON *jsonx_path(const cJSON *object, const char *path)
{
    while (object && *path) {
        size_t len = strcspn(path, "/");
        char *key = xstrndup(path, len);
        object = jsonx_get(object, key);
        free(key);
        path += len;
        path += *path == '/';
    }
    return object;
}

const char *jsonx_string(const cJSON *object, const char *key, const char *fallback)
{
    const cJSON *item = jsonx_get(object, key);
    return item && cJSON_IsString(item) ? item->valuestring : fallback;
}

double jsonx_number(const cJSON *object, const char *key, double fallback)
{
    const cJSON *item = jsonx_get(object, key);
    return item && cJSON_IsNumber(item) && isfinite(item->valuedouble) ? item->valuedouble : fallback;
}

int64_t jsonx_int(const cJSON *object, const char *key, int64_t fallback)
{
    double n = jsonx_number(object, key, (double)fallback);
    if (n > 9e15 || n < -9e15)
        return fallback;
    return (int64_t)n;
}

bool jsonx_bool(const cJSON *object, const char *key, bool fallback)
{
    const cJSON *item = jsonx_get(object, key);
    return cJSON_IsBool(item) ? cJSON_IsTrue(item) : fallback;
}

int jsonx_count(const cJSON *array) { return cJSON_IsArray(array) ? cJSON_GetArraySize(array) : 0; }

char *jsonx_print(const cJSON *item)
{
    char *text = cJSON_PrintUnformatted(item);
    if (!text)
        abort();
    return text;
}
