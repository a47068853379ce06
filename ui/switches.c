#include "ui/switches.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"

static bool is_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void cache_words(const char *json, char *out, size_t size)
{
    size_t len = strlen(json);
    size_t at = json_skip_space(json, len, 0);
    struct span v;
    int64_t ttl;
    if (json_member(json, len, at, "cache_enabled", &v))
        snprintf(out, size, "%s", v.len == 4 && memcmp(json + v.off, "true", 4) == 0 ? "on" : "off");
    if (strcmp(out, "on") != 0 || !json_member(json, len, at, "cache_ttl", &v) || !json_int(json, v, &ttl) || ttl <= 0)
        return;
    if (ttl % 86400 == 0)
        snprintf(out, size, "%lldd", (long long)(ttl / 86400));
    else if (ttl % 3600 == 0)
        snprintf(out, size, "%lldh", (long long)(ttl / 3600));
    else if (ttl % 60 == 0)
        snprintf(out, size, "%lldm", (long long)(ttl / 60));
    else
        snprintf(out, size, "%llds", (long long)ttl);
}

void switches_in_force(const struct route_set *set, const struct route_scope *scope, struct in_force *f)
{
    int64_t model_id = -1, provider_id = -1, now_ms = clock_wall_ms();
    memset(f, 0, sizeof(*f));
    strcpy(f->cache, "off");
    for (size_t i = 0; i < set->count; i++) {
        const struct route *r = &set->routes[i];
        if (!route_is_on(r, now_ms))
            continue;
        bool is_scope = is_same(r->session_id, scope->session_id) && is_same(r->purpose, scope->purpose) &&
                        is_same(r->model_glob, scope->model_glob);
        if (!is_scope) {
            f->narrower += r->session_id || r->purpose || r->model_glob;
            continue;
        }
        if (r->set_model && r->id > model_id) {
            f->model = r->set_model;
            model_id = r->id;
        }
        if (r->set_provider && r->id > provider_id) {
            f->provider = r->set_provider;
            provider_id = r->id;
        }
        if (r->params_json)
            cache_words(r->params_json, f->cache, sizeof(f->cache));
    }
}

bool switches_family(const char *model, char *glob, size_t size)
{
    static const char *const families[] = {"opus", "sonnet", "haiku", "fable"};
    for (size_t i = 0; model && i < sizeof(families) / sizeof(families[0]); i++) {
        if (!strcasestr(model, families[i]))
            continue;
        snprintf(glob, size, "*%s*", families[i]);
        return true;
    }
    return false;
}
