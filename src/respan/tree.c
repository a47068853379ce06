#include "respan/tree.h"

#include "base/json.h"

cJSON *tree_parse(const char *json, size_t len)
{
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(json, len, &end, 0);

    /* cJSON stops behind the value and does not look further. */
    if (root && json_skip_space(json, len, (size_t)(end - json)) != len) {
        cJSON_Delete(root);
        return NULL;
    }
    return root;
}

const cJSON *tree_member(const cJSON *o, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(o, key);
}
