/* The headers of a call as the log keeps them: a JSON array of [name, value], values
 * that may be secrets masked.  Pure; lends from the JSON. */
#ifndef SPANTOP_LOG_HEADER_LIST_H
#define SPANTOP_LOG_HEADER_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "base/span.h"

#define HEADER_MASKED "(masked)" /* as the gateway writes it (gateway/headers.c) */

/* struct json_iter it = header_list(json);  while (header_next(&it, &name, &value)) …
 * name and value are JSON strings of it.s, quotes included. */
struct json_iter header_list(const char *json); /* NULL: an empty list */
bool header_next(struct json_iter *it, struct span *name, struct span *value);

/* The first value of this name, any case; false, and the field is left alone, when there is none. */
bool header_get(const char *json, const char *name, char *field, size_t size);

#endif
