/* Reading cJSON trees with defaults; every function takes NULL and wrong types. */
#ifndef SPANTOP_SIM_JSONX_H
#define SPANTOP_SIM_JSONX_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

/* The last member of that name, as JavaScript would see it. */
const cJSON *jsonx_get(const cJSON *object, const char *key);
/* Follow keys separated by '/'. */
const cJSON *jsonx_path(const cJSON *object, const char *path);
const char *jsonx_string(const cJSON *object, const char *key, const char *fallback);
int64_t jsonx_int(const cJSON *object, const char *key, int64_t fallback);
double jsonx_number(const cJSON *object, const char *key, double fallback);
bool jsonx_bool(const cJSON *object, const char *key, bool fallback);
int jsonx_count(const cJSON *array);
/* Compact text; caller frees.  Aborts when memory is short. */
char *jsonx_print(const cJSON *item);

#endif
