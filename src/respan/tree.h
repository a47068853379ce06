/* The one way JSON becomes a tree: cJSON, and only when nothing but the value
 * stands there. */
#ifndef SPANTOP_RESPAN_TREE_H
#define SPANTOP_RESPAN_TREE_H

#include <cjson/cJSON.h>
#include <stddef.h>

/* NULL when it is no valid JSON or something follows it.  Caller: cJSON_Delete. */
cJSON *tree_parse(const char *json, size_t len);

/* Member of an object, exact name; NULL when o is none or has none. */
const cJSON *tree_member(const cJSON *o, const char *key);

#endif
