#include "cli/sources.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

char *path_absolute(const char *path)
{
    char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);
    char *full = cwd ? file_join(cwd, path) : xstrdup(path);
    free(cwd);
    return full;
}

static const char *environment_get(const char *name, char *variable, size_t size)
{
    snprintf(variable, size, "SPANTOP_%s", name);
    for (char *p = variable; *p; p++)
        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
    const char *value = getenv(variable);
    return value && *value ? value : NULL;
}

char *sources_config_path(const struct args *args, bool *is_named)
{
    char variable[64];
    const char *named = args_get(args, "config");
    if (!named)
        named = environment_get("config", variable, sizeof variable);
    *is_named = named != NULL;
    if (named)
        return path_absolute(named);
    char *dir = file_xdg("CONFIG");
    char *path = file_join(dir, "spantop.conf");
    free(dir);
    return path;
}

int sources_open(struct sources *from, const struct args *args, struct err *e)
{
    bool is_named;
    int r = 0;
    *from = (struct sources){.args = args};
    char *path = sources_config_path(args, &is_named);
    if (is_named || access(path, F_OK) == 0)
        r = config_read(&from->config, path, e);
    free(path);
    return r;
}

void sources_done(struct sources *from)
{
    config_done(&from->config);
}

const char *sources_variable(const struct sources *from, const char *variable)
{
    const char *value = from->ignores_environment ? NULL : getenv(variable);
    return value && *value ? value : NULL;
}

struct found sources_find(const struct sources *from, const char *name)
{
    struct found f = {.text = args_get(from->args, name), .source = FROM_OPTION};
    if (f.text) {
        snprintf(f.what, sizeof f.what, "--%s", name);
        return f;
    }
    f.text = from->ignores_environment ? NULL : environment_get(name, f.what, sizeof f.what);
    f.source = FROM_ENVIRONMENT;
    const struct config_entry *entry = f.text ? NULL : config_find(&from->config, name);
    if (entry) {
        f.text = entry->value;
        f.source = FROM_FILE;
        snprintf(f.what, sizeof f.what, "%.120s:%u: %s", from->config.path, entry->line, name);
    }
    if (!f.text)
        f.source = FROM_DEFAULT;
    return f;
}
