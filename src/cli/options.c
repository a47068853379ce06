#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/values.h"
#include "log/db.h"

#define CONFIG_MAX ((size_t)1 << 20) /* a config file is a page, not a book */
#define KEY_MAX    ((size_t)4096)    /* Respan's keys have about 50 characters */

const struct option_spec common_options[] = {
    {"listen", "ADDR:PORT", "where the gateway listens (" LISTEN_DEFAULT ")"},
    {"upstream", "URL", "endpoint (" UPSTREAM_DEFAULT ")"},
    {"log", "FILE", "the log ($XDG_DATA_HOME/spantop/log.db)"},
    {"key-file", "FILE", "the Respan key, where RESPAN_API_KEY is not set"},
    {"config", "FILE", "settings ($XDG_CONFIG_HOME/spantop/spantop.conf)"},
    {"no-color", NULL, "no colours (also NO_COLOR); --no-unicode: ASCII only"},
    {"no-unicode", NULL, ""},
    {"help", NULL, "help for the command; --version: the version"},
    {"version", NULL, ""},
    {"no-bodies", NULL, "gateway: log no bodies"},
    {"redact", "PATTERN", "gateway: log bodies without what matches; repeatable"},
    {"max-log-bytes", "SIZE", "gateway: bound of the log, like 2G (none)"},
    {"keep", "TIME", "gateway: how long calls are kept, like 90d (for ever)"},
    {"max-body-bytes", "SIZE", "gateway: largest request, above it 413 (64M)"},
    {"max-held-bytes", "SIZE", "gateway: what all requests may hold, above it 503 (1G)"},
    {"max-queue-bytes", "SIZE", "gateway: what may wait for the disk (128M)"},
    {"idle-timeout", "TIME", "gateway: upstream silent for so long: 504 (10m)"},
    {"connect-timeout", "TIME", "gateway: upstream not reached for so long: 502 (10s)"},
    {"no-model-list", NULL, "gateway: do not fetch Respan's model list"},
    {"pin-failures", "N", "gateway: failures in a row until a pin lets go (3)"},
    {"pin-rest", "TIME", "gateway: for how long it lets go (5m)"},
    {"pin-long-wait", "TIME", "gateway: a 429 that asks for so long counts (30s)"},
    {"ca-file", "FILE", "gateway: trust these certificates, not the system's"},
    {NULL, NULL, NULL},
};

/* --- The config file ----------------------------------------------------- */

/* An entry stays a pair of strings until the setting is asked for. */
struct entry {
    char *name;
    char *value;
    unsigned line;
};
struct config {
    const char *path;
    struct entry *entries;
    size_t count;
};

static void config_done(struct config *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->entries[i].name);
        free(c->entries[i].value);
    }
    free(c->entries);
}

static char *trim(char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    char *end = s + strlen(s);
    while (end > s && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return s;
}

static char *unquote(char *s)
{
    size_t len = strlen(s);
    if (len >= 2 && s[0] == '"' && s[len - 1] == '"') {
        s[len - 1] = '\0';
        return s + 1;
    }
    return s;
}

static bool may_stand_in_config(const char *name)
{
    static const char *const only_typed[] = {"config", "help", "version"};
    for (size_t i = 0; i < sizeof only_typed / sizeof *only_typed; i++) {
        if (strcmp(name, only_typed[i]) == 0)
            return false;
    }
    return option_find(common_options, name, strlen(name)) != NULL;
}

static int config_line(struct config *c, char *text, unsigned line, struct err *e)
{
    text = trim(text);
    if (*text == '\0' || *text == '#')
        return 0;
    char *equals = strchr(text, '=');
    if (!equals)
        return err_set(e, "%s:%u: expected NAME = VALUE", c->path, line);
    *equals = '\0';
    char *name = trim(text), *value = unquote(trim(equals + 1));
    if (!may_stand_in_config(name))
        return err_set(e, "%s:%u: there is no setting \"%s\"; spantop help options lists them", c->path, line, name);
    c->entries = xrealloc(c->entries, (c->count + 1) * sizeof *c->entries);
    c->entries[c->count++] = (struct entry){xstrdup(name), xstrdup(value), line};
    return 0;
}

static int config_read(struct config *c, const char *path, struct err *e)
{
    struct buf text;
    *c = (struct config){.path = path};
    buf_init(&text);
    int r = file_read(path, CONFIG_MAX, &text, e);
    unsigned line = 0;
    char *rest = text.len ? text.data : NULL;
    while (r == 0 && rest) {
        char *here = strsep(&rest, "\n");
        r = config_line(c, here, ++line, e);
    }
    buf_done(&text);
    return r;
}

/* --- One value from its four sources -------------------------------------- */

struct sources {
    const struct args *args;
    struct config config;
};

struct found {
    const char *text; /* NULL: nobody says */
    char what[160];   /* who says: "--listen", "SPANTOP_LISTEN", "spantop.conf:3: listen" */
};

static const char *environment_get(const char *name, char *variable, size_t size)
{
    snprintf(variable, size, "SPANTOP_%s", name);
    for (char *p = variable; *p; p++)
        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
    const char *value = getenv(variable);
    return value && *value ? value : NULL;
}

static struct found find(const struct sources *from, const char *name)
{
    struct found f = {.text = args_get(from->args, name)};
    if (f.text) {
        snprintf(f.what, sizeof f.what, "--%s", name);
        return f;
    }
    f.text = environment_get(name, f.what, sizeof f.what);
    for (size_t i = 0; !f.text && i < from->config.count; i++) {
        const struct entry *entry = &from->config.entries[i];
        if (strcmp(entry->name, name) != 0)
            continue;
        f.text = entry->value;
        snprintf(f.what, sizeof f.what, "%.120s:%u: %s", from->config.path, entry->line, name);
    }
    return f;
}

static void add_pattern(struct settings *s, size_t *count, const char *text, size_t len)
{
    s->redact = xrealloc(s->redact, (*count + 2) * sizeof *s->redact);
    s->redact[(*count)++] = xstrndup(text, len);
    s->redact[*count] = NULL;
}

/* The one option that may stand several times: all of the first source that has
 * any.  In the environment a line is a pattern. */
static void load_redact(struct settings *s, const struct sources *from)
{
    char variable[64];
    size_t count = 0;
    for (size_t i = 0; i < from->args->option_count; i++)
        if (strcmp(from->args->options[i].spec->name, "redact") == 0)
            add_pattern(s, &count, from->args->options[i].value, strlen(from->args->options[i].value));
    s->redact_is_given = count > 0;
    const char *line = count ? NULL : environment_get("redact", variable, sizeof variable);
    bool is_in_environment = line != NULL;
    while (line && *line) {
        size_t len = strcspn(line, "\n");
        if (len > 0)
            add_pattern(s, &count, line, len);
        line += len + (line[len] == '\n');
    }
    for (size_t i = 0; !is_in_environment && i < from->config.count; i++)
        if (strcmp(from->config.entries[i].name, "redact") == 0 && !s->redact_is_given)
            add_pattern(s, &count, from->config.entries[i].value, strlen(from->config.entries[i].value));
}

static int find_flag(const struct sources *from, const char *name, bool *on, struct err *e)
{
    *on = args_has(from->args, name);
    if (*on)
        return 0;
    struct found f = find(from, name);
    return f.text ? value_bool(f.what, f.text, on, e) : 0;
}

static int find_size(const struct sources *from, const char *name, int64_t *bytes, struct err *e)
{
    struct found f = find(from, name);
    return f.text ? value_size(f.what, f.text, bytes, e) : 0;
}

/* n stays as it is when nobody says. */
static int find_int(const struct sources *from, const char *name, int64_t min, int64_t max, int64_t *n, struct err *e)
{
    struct found f = find(from, name);
    return f.text ? value_int(f.what, f.text, min, max, n, e) : 0;
}

static int find_duration(const struct sources *from, const char *name, int64_t unit_ms, int64_t *ms, struct err *e)
{
    struct found f = find(from, name);
    return f.text ? value_duration(f.what, f.text, unit_ms, ms, e) : 0;
}

static char *absolute(const char *path)
{
    char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);
    char *full = cwd ? file_join(cwd, path) : xstrdup(path);
    free(cwd);
    return full;
}

static int find_path(const struct sources *from, const char *name, char **path, struct err *e)
{
    struct found f = find(from, name);
    if (!f.text)
        return 0;
    if (!*f.text)
        return err_set(e, "%s names no file", f.what);
    *path = absolute(f.text);
    return 0;
}

/* --- The settings --------------------------------------------------------- */

static bool ends_with(const char *s, const char *end)
{
    size_t s_len = strlen(s), end_len = strlen(end);
    return s_len >= end_len && strcmp(s + s_len - end_len, end) == 0;
}

static int check_url(const char *what, const char *url, struct err *e)
{
    const char *host = strncasecmp(url, "https://", 8) == 0  ? url + 8
                       : strncasecmp(url, "http://", 7) == 0 ? url + 7
                                                             : NULL;
    bool bad = !host || !*host || *host == '/';
    for (const char *p = url; !bad && *p; p++)
        bad = (unsigned char)*p <= ' ' || *p == 0x7f || *p == '?' || *p == '#';
    if (bad)
        return err_set(e, "%s needs a URL such as %s, not \"%s\"", what, UPSTREAM_DEFAULT, url);
    return 0;
}

static int load_upstream(struct settings *s, const struct sources *from, struct err *e)
{
    struct found f = find(from, "upstream");
    const char *base = getenv("RESPAN_BASE_URL");
    if (base && !*base)
        base = NULL;
    s->upstream_is_given = args_has(from->args, "upstream");
    if (f.text) {
        s->upstream = xstrdup(f.text);
    } else if (base) {
        snprintf(f.what, sizeof f.what, "RESPAN_BASE_URL");
        s->upstream = xasprintf("%s%santhropic/", base, ends_with(base, "/") ? "" : "/");
    } else {
        s->upstream = xstrdup(UPSTREAM_DEFAULT);
    }
    if (check_url(f.what, s->upstream, e) != 0)
        return -1;
    bool derives = ends_with(s->upstream, "/anthropic/") || ends_with(s->upstream, "/anthropic");
    s->api_base = derives ? NULL : xstrdup(base);
    for (size_t len = s->api_base ? strlen(s->api_base) : 0; len > 0 && s->api_base[len - 1] == '/'; len--)
        s->api_base[len - 1] = '\0';
    return 0;
}

static int load_terminal(struct settings *s, const struct sources *from, struct err *e)
{
    bool no_color, no_unicode;
    if (find_flag(from, "no-color", &no_color, e) != 0 || find_flag(from, "no-unicode", &no_unicode, e) != 0)
        return -1;
    const char *variable = getenv("NO_COLOR");
    s->color = !no_color && !(variable && *variable);
    s->unicode = !no_unicode && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    return 0;
}

static int load_gateway(struct settings *s, const struct sources *from, struct err *e)
{
    const int64_t day_ms = 86400000;
    int64_t keep_ms = 0;
    bool no_bodies, no_list;
    if (find_flag(from, "no-bodies", &no_bodies, e) != 0 || find_flag(from, "no-model-list", &no_list, e) != 0 ||
        find_size(from, "max-log-bytes", &s->max_log_bytes, e) != 0 ||
        find_size(from, "max-body-bytes", &s->body_max_bytes, e) != 0 ||
        find_size(from, "max-held-bytes", &s->held_max_bytes, e) != 0 ||
        find_size(from, "max-queue-bytes", &s->queue_max_bytes, e) != 0 ||
        find_duration(from, "keep", day_ms, &keep_ms, e) != 0 ||
        find_duration(from, "idle-timeout", 1000, &s->upstream_idle_ms, e) != 0 ||
        find_duration(from, "connect-timeout", 1000, &s->connect_timeout_ms, e) != 0)
        return -1;
    s->keep_bodies = !no_bodies;
    s->fetch_models = !no_list;
    load_redact(s, from);
    s->keep_days = (int)((keep_ms + day_ms - 1) / day_ms); /* a part of a day keeps the whole day */
    return 0;
}

/* When a pin whose provider fails lets go (see gateway/pins.h); 0 means the default,
 * so that a time of nothing is no setting anybody can mean. */
static int load_pins(struct settings *s, const struct sources *from, struct err *e)
{
    const struct {
        const char *name;
        int64_t *ms;
    } times[] = {{"pin-rest", &s->pin_rest_ms}, {"pin-long-wait", &s->pin_long_wait_ms}};
    if (find_int(from, "pin-failures", 1, 1000, &s->pin_failures, e) != 0)
        return -1;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct found f = find(from, times[i].name);
        if (f.text && value_duration(f.what, f.text, 1000, times[i].ms, e) != 0)
            return -1;
        if (f.text && *times[i].ms < 1)
            return err_set(e, "%s needs a time above 0, such as 30s or 5m", f.what);
    }
    return 0;
}

/* The default file may be missing, a named one may not. */
static int load_config(struct settings *s, struct sources *from, struct err *e)
{
    char variable[64];
    const char *named = args_get(from->args, "config");
    if (!named)
        named = environment_get("config", variable, sizeof variable);
    char *dir = file_xdg("CONFIG");
    s->config_path = named ? absolute(named) : file_join(dir, "spantop.conf");
    free(dir);
    if (!named && access(s->config_path, F_OK) != 0) {
        free(s->config_path);
        s->config_path = NULL;
        return 0;
    }
    return config_read(&from->config, s->config_path, e);
}

int settings_load(struct settings *s, const struct args *a, struct err *e)
{
    struct sources from = {.args = a};
    int r = -1;
    *s = (struct settings){0};
    if (load_config(s, &from, e) != 0)
        goto out;
    struct found listen = find(&from, "listen");
    s->listen = xstrdup(listen.text ? listen.text : LISTEN_DEFAULT);
    s->listen_is_given = args_has(a, "listen");
    if (value_address(listen.what, s->listen, e) != 0 || load_upstream(s, &from, e) != 0 ||
        find_path(&from, "log", &s->log_path, e) != 0 || find_path(&from, "key-file", &s->key_file, e) != 0 ||
        find_path(&from, "ca-file", &s->ca_file, e) != 0 || load_terminal(s, &from, e) != 0 ||
        load_gateway(s, &from, e) != 0 || load_pins(s, &from, e) != 0)
        goto out;
    if (!s->log_path) {
        char *path = db_default_path();
        s->log_path = absolute(path); /* without HOME it is not */
        free(path);
    }
    r = 0;
out:
    config_done(&from.config);
    return r;
}

void settings_done(struct settings *s)
{
    free(s->listen);
    free(s->upstream);
    free(s->api_base);
    free(s->log_path);
    free(s->key_file);
    free(s->ca_file);
    free(s->config_path);
    for (size_t i = 0; s->redact && s->redact[i]; i++)
        free(s->redact[i]);
    free(s->redact);
    *s = (struct settings){0};
}

/* --- The key -------------------------------------------------------------- */

/* It becomes a header's value: no control character, no space, no doubt. */
static int check_key(const char *key, const char *where, struct err *e)
{
    if (!*key)
        return err_set(e, "%s is empty; put the Respan key into it", where);
    for (const char *p = key; *p; p++) {
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
            return err_set(
                e, "%s holds a space, a line break or a character no key has; put the bare Respan key into it", where);
    }
    return 0;
}

int settings_key(const struct settings *s, char **key, struct err *e)
{
    const char *variable = getenv("RESPAN_API_KEY");
    struct buf text;
    int r = 0;
    *key = NULL;
    if (variable && *variable) {
        if (check_key(variable, "RESPAN_API_KEY", e) != 0)
            return -1;
        *key = xstrdup(variable);
        return 0;
    }
    if (!s->key_file)
        return 0;
    buf_init(&text);
    r = file_read(s->key_file, KEY_MAX, &text, e);
    if (r == 0) {
        bool has_nul = strlen(text.data) != text.len;
        const char *bare = trim(text.data);
        r = has_nul ? err_set(e, "%s holds a NUL byte; put the bare Respan key into it", s->key_file)
                    : check_key(bare, s->key_file, e);
        *key = r == 0 ? xstrdup(bare) : NULL;
    }
    if (text.cap)
        explicit_bzero(text.data, text.cap);
    buf_done(&text);
    return r;
}

void key_free(char *key)
{
    if (key)
        explicit_bzero(key, strlen(key));
    free(key);
}
