/* A call as a JSON object: every column of `calls` under its own name, null where
 * unknown. */
#ifndef SPANTOP_LOG_CALL_JSON_H
#define SPANTOP_LOG_CALL_JSON_H

#include <cjson/cJSON.h>

#include "log/call.h"

/* Its texts are valid UTF-8, but else as they came: clean what goes to a terminal.
 * The caller deletes it. */
cJSON *call_to_json(const struct call *c);

#endif
