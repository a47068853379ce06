/* Members of a flat JSON object, as the lock file and the health page have them.
 * Private to peer_*.c. */
#ifndef SPANTOP_LOG_PEER_JSON_H
#define SPANTOP_LOG_PEER_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* false: absent, no string, or cut to size; out is "" or the cut text. */
bool peer_json_text(const cJSON *object, const char *key, char *out, size_t size);
/* 0 when absent.  Numbers here are pids, times and counts: far below 2^53. */
int64_t peer_json_number(const cJSON *object, const char *key);

#endif
