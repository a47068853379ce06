/* Each option makes the member or two it stands for; params_merge() puts them over
 * what the route has, so that an option changes its own key and no other. */
#include "cli/route_params.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/scope.h"
#include "cli/values.h"
#include "respan/params.h"
#include "respan/params_words.h"

static char *text_json(const char *option, const char *value, struct err *e);
static char *list_json(const char *option, const char *value, struct err *e);
static char *retries_json(const char *option, const char *value, struct err *e);
static char *cache_json(const char *option, const char *value, struct err *e);
static char *log_json(const char *option, const char *value, struct err *e);

static const struct {
    const char *option;
    const char *keys[2];
    char *(*to_json)(const char *option, const char *value, struct err *e); /* the value of keys[0]; cache: an object */
} PARAMS[] = {
    {"fallback", {"fallback_models"}, list_json},
    {"cache", {"cache_enabled", "cache_ttl"}, cache_json},
    {"customer", {"customer_identifier"}, text_json},
    {"thread", {"thread_identifier"}, text_json},
    {"custom-id", {"custom_identifier"}, text_json},
    {"exclude-models", {"exclude_models"}, list_json},
    {"exclude-providers", {"exclude_providers"}, list_json},
    {"retries", {"retry_params"}, retries_json},
    {"log-at-respan", {"disable_log"}, log_json},
};
enum { PARAM_COUNT = sizeof PARAMS / sizeof *PARAMS };

static char *text_json(const char *option, const char *value, struct err *e)
{
    struct buf out;
    (void)option;
    (void)e;
    buf_init(&out);
    json_quote(&out, value, strlen(value));
    return buf_take(&out, NULL);
}

/* "a,b" → ["a","b"] */
static char *list_json(const char *option, const char *value, struct err *e)
{
    int r = 0;
    for (const char *at = value; r == 0; at++) {
        size_t len = strcspn(at, ",");
        char *name = xstrndup(at, len);
        r = name_check(strstr(option, "provider") ? "provider" : "model", name, e);
        free(name);
        at += len;
        if (!*at)
            break;
    }
    return r == 0 ? params_list_json(value) : NULL;
}

static char *retries_json(const char *option, const char *value, struct err *e)
{
    int64_t n;
    (void)option;
    if (value_int("--retries", value, 0, 100, &n, e) != 0)
        return NULL;
    if (n == 0)
        return xstrdup("{\"retry_enabled\":false}");
    return xasprintf("{\"retry_enabled\":true,\"num_retries\":%lld}", (long long)n);
}

static char *log_json(const char *option, const char *value, struct err *e)
{
    bool is_on;
    (void)option;
    if (value_bool("--log-at-respan", value, &is_on, e) != 0)
        return NULL;
    return xstrdup(is_on ? "false" : "true");
}

static char *cache_json(const char *option, const char *value, struct err *e)
{
    (void)option;
    return params_from_cache_word(value, e);
}

static void take_out(char **params, const char *key)
{
    if (!key || !*params)
        return;
    char *rest = params_without(*params, key);
    free(*params);
    *params = rest;
}

/* Merge json (taken) over *params. */
static int merge(char **params, char *json, struct err *e)
{
    char *merged = json ? params_merge(*params, json, e) : NULL;
    free(json);
    if (!merged)
        return -1;
    free(*params);
    *params = merged;
    return 0;
}

static int take_one(size_t i, const char *value, char **params, struct err *e)
{
    take_out(params, PARAMS[i].keys[0]);
    take_out(params, PARAMS[i].keys[1]);
    if (!*value)
        return 0;
    char *json = PARAMS[i].to_json(PARAMS[i].option, value, e);
    if (json && !PARAMS[i].keys[1]) {
        char *whole = xasprintf("{\"%s\":%s}", PARAMS[i].keys[0], json);
        free(json);
        json = whole;
    }
    return merge(params, json, e);
}

int route_params_take(const struct args *a, char **params, struct err *e)
{
    const char *json = args_get(a, "params");
    if (json && !*json)
        xreplace(params, NULL);
    for (size_t i = 0; i < PARAM_COUNT; i++) {
        const char *value = args_get(a, PARAMS[i].option);
        if (value && take_one(i, value, params, e) != 0)
            return -1;
    }
    if (json && *json && merge(params, xstrdup(json), e) != 0)
        return err_prefix(e, "--params");
    return *params ? params_check(*params, e) : 0;
}

bool route_params_are_given(const struct args *a)
{
    for (size_t i = 0; i < PARAM_COUNT; i++)
        if (args_has(a, PARAMS[i].option))
            return true;
    return args_has(a, "params");
}
