#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sys.h"
#include "cli/values.h"
#include "log/db.h"

#define KEY_MAX ((size_t)4096) /* Respan's keys have about 50 characters */

const struct option_spec common_options[] = {
    {"listen", "ADDR:PORT", "where the gateway listens", LISTEN_DEFAULT, "127.0.0.1:5000",
     "Where the gateway listens. Beyond the loopback every client must bring a key."},
    {"upstream", "URL", "endpoint", UPSTREAM_DEFAULT, "https://endpoint.example/api/anthropic/",
     "Where calls go. Where RESPAN_BASE_URL is set, the default is that with anthropic/ behind it."},
    {"log", "FILE", "the log", "$XDG_DATA_HOME/spantop/log.db", "~/spantop/log.db",
     "The log, an SQLite database; its folder is made, for you alone, where it is missing."},
    {"key-file", "FILE", "the Respan key, where RESPAN_API_KEY is not set", NULL, "~/.config/spantop/respan.key",
     "A file with the Respan key and nothing else, readable by you alone. RESPAN_API_KEY goes first."},
    {"config", "FILE", "settings", "$XDG_CONFIG_HOME/spantop/spantop.conf"},
    {"no-color", NULL, "no colours (also NO_COLOR); --no-unicode: ASCII only", NULL, "yes",
     "No colours in the dashboard and in tables. The variable NO_COLOR does the same."},
    {"no-unicode", NULL, "", NULL, "yes", "ASCII only, as in a locale that is not UTF-8."},
    {"bell", NULL, "dashboard: ring the terminal's bell at an alarm", NULL, "yes", "The dashboard rings the terminal's bell at an alarm."},
    {"help", NULL, "help for the command; --version: the version"},
    {"version", NULL, ""},
    {"no-bodies", NULL, "gateway: log no bodies; --no-search: index none", NULL, "yes", "Rows and figures alone go into the log, no bodies."},
    {"no-search", NULL, "", NULL, "yes",
     "Texts of requests and answers are not put into the search index."},
    {"redact", "PATTERN", "gateway: log bodies without what matches; repeatable", NULL, "ghp_[A-Za-z0-9]{36}",
     "What matches this POSIX extended expression is logged as [redacted]. May stand several times; the wire is "
     "never touched."},
    {"max-log-bytes", "SIZE", "gateway: bound of the log, like 2G", "none", "2G",
     "Bound of the log. The oldest bodies go first, then rows; sums stay."},
    {"keep", "TIME", "gateway: how long calls are kept, like 90d", "for ever", "90d",
     "How long calls are kept; a number alone counts days. Sums stay."},
    {"max-body-bytes", "SIZE", "gateway: largest request, above it 413", "64M", "32M",
     "The largest request; a larger one is answered with 413."},
    {"max-held-bytes", "SIZE", "gateway: what all requests may hold, above it 503", "1G", "512M",
     "What the requests of all running calls may hold together; above it new ones get 503."},
    {"max-queue-bytes", "SIZE", "gateway: what may wait for the disk", "128M", "64M",
     "What may wait for the disk. Above it bodies, then rows are dropped and counted; calls go on."},
    {"idle-timeout", "TIME", "gateway: upstream silent for so long: 504", "10m", "5m",
     "How long the upstream may be silent before the call ends with 504; a number alone counts seconds."},
    {"connect-timeout", "TIME", "gateway: upstream not reached for so long: 502", "10s", "5s",
     "How long reaching the upstream may take before the call ends with 502; a number alone counts seconds."},
    {"no-model-list", NULL, "gateway: do not fetch Respan's model list", NULL, "yes",
     "Respan's model list and prices are not fetched; the built-in ones count."},
    {"pin-failures", "N", "gateway: failures in a row until a pin lets go", "3", "5",
     "After so many failures in a row a provider's pin lets go for a while."},
    {"pin-rest", "TIME", "gateway: for how long it lets go", "5m", "2m",
     "For how long it lets go; a number alone counts seconds."},
    {"pin-long-wait", "TIME", "gateway: a 429 that asks for so long counts", "30s", "1m",
     "A 429 that asks to wait at least so long counts as a failure of the pinned provider."},
    {"alarms", "KIND=N", "gateway: when to raise alarms; docs/alarms.md",
     "cache_break=0.5,runaway=120,storm=10,ttft=4,context=85",
     "cache_break=0.10,context=off",
     "From when on alarms are raised: dollars, calls a minute, failed calls, times the usual, percent; or off."},
    {"on-alarm", "COMMAND", "gateway: run it for each alarm, told as JSON", NULL, "cat >> \"$HOME/alarms.jsonl\"",
     "A command for sh that is run for each alarm and reads it as a line of JSON."},
    {"ca-file", "FILE", "gateway: trust these certificates, not the system's", NULL, "/etc/ssl/own-ca.pem",
     "Certificates to trust instead of the system's, in PEM. TLS is verified always."},
    {NULL, NULL, NULL},
};

const char *option_default(const struct option_spec *o)
{
    return o->fallback ? o->fallback : o->value ? "none" : "no";
}

/* --- One value ------------------------------------------------------------- */

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
    size_t count = 0;
    struct found f = sources_find(from, "redact");
    for (size_t i = 0; i < from->args->option_count; i++)
        if (strcmp(from->args->options[i].spec->name, "redact") == 0)
            add_pattern(s, &count, from->args->options[i].value, strlen(from->args->options[i].value));
    s->redact_is_given = f.source == FROM_OPTION;
    const char *line = f.source == FROM_ENVIRONMENT ? f.text : NULL;
    while (line && *line) {
        size_t len = strcspn(line, "\n");
        if (len > 0)
            add_pattern(s, &count, line, len);
        line += len + (line[len] == '\n');
    }
    for (size_t i = 0; f.source == FROM_FILE && i < from->config.count; i++)
        if (strcmp(from->config.entries[i].name, "redact") == 0)
            add_pattern(s, &count, from->config.entries[i].value, strlen(from->config.entries[i].value));
}

static int find_flag(const struct sources *from, const char *name, bool *on, struct err *e)
{
    *on = args_has(from->args, name);
    if (*on)
        return 0;
    struct found f = sources_find(from, name);
    return f.text ? value_bool(f.what, f.text, on, e) : 0;
}

static int find_size(const struct sources *from, const char *name, int64_t *bytes, struct err *e)
{
    struct found f = sources_find(from, name);
    return f.text ? value_size(f.what, f.text, bytes, e) : 0;
}

/* n stays as it is when nobody says. */
static int find_int(const struct sources *from, const char *name, int64_t min, int64_t max, int64_t *n, struct err *e)
{
    struct found f = sources_find(from, name);
    return f.text ? value_int(f.what, f.text, min, max, n, e) : 0;
}

static int find_duration(const struct sources *from, const char *name, int64_t unit_ms, int64_t *ms, struct err *e)
{
    struct found f = sources_find(from, name);
    return f.text ? value_duration(f.what, f.text, unit_ms, ms, e) : 0;
}

/* No shell has seen the file: ~/ is the home folder, and a relative path starts
 * where the file lies, not where a command happens to be typed. */
static char *path_in_config(const struct sources *from, const char *path)
{
    const char *home = getenv("HOME");
    if (strncmp(path, "~/", 2) == 0 && home && *home)
        return file_join(home, path + 2);
    char *folder = file_dir_of(from->config.path);
    char *full = path[0] == '/' ? xstrdup(path) : file_join(folder, path);
    free(folder);
    return full;
}

static int find_path(const struct sources *from, const char *name, char **path, struct err *e)
{
    struct found f = sources_find(from, name);
    if (!f.text)
        return 0;
    if (!*f.text)
        return err_set(e, "%s names no file", f.what);
    *path = f.source == FROM_FILE ? path_in_config(from, f.text) : path_absolute(f.text);
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
    const char *at = bad ? NULL : strchr(host, '@');
    if (at && at < host + strcspn(host, "/"))
        return err_set(e, "%s names a user or a password in its URL; only the key opens Respan, leave them out", what);
    if (bad)
        return err_set(e, "%s needs a URL such as %s, not \"%s\"", what, UPSTREAM_DEFAULT, url);
    return 0;
}

static int load_upstream(struct settings *s, const struct sources *from, struct err *e)
{
    struct found f = sources_find(from, "upstream");
    const char *base = sources_variable(from, "RESPAN_BASE_URL");
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
    s->color = !no_color && !sources_variable(from, "NO_COLOR");
    s->unicode = !no_unicode && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    return 0;
}

static int load_gateway(struct settings *s, const struct sources *from, struct err *e)
{
    const int64_t day_ms = 86400000;
    int64_t keep_ms = 0;
    bool no_bodies, no_list, no_search;
    if (find_flag(from, "no-bodies", &no_bodies, e) != 0 || find_flag(from, "no-model-list", &no_list, e) != 0 ||
        find_flag(from, "no-search", &no_search, e) != 0 ||
        find_size(from, "max-log-bytes", &s->max_log_bytes, e) != 0 ||
        find_size(from, "max-body-bytes", &s->body_max_bytes, e) != 0 ||
        find_size(from, "max-held-bytes", &s->held_max_bytes, e) != 0 ||
        find_size(from, "max-queue-bytes", &s->queue_max_bytes, e) != 0 ||
        find_duration(from, "keep", day_ms, &keep_ms, e) != 0 ||
        find_duration(from, "idle-timeout", 1000, &s->upstream_idle_ms, e) != 0 ||
        find_duration(from, "connect-timeout", 1000, &s->connect_timeout_ms, e) != 0)
        return -1;
    s->keep_bodies = !no_bodies;
    s->index_texts = !no_search;
    s->fetch_models = !no_list;
    load_redact(s, from);
    s->keep_days = (int)((keep_ms + day_ms - 1) / day_ms); /* a part of a day keeps the whole day */
    return 0;
}

static int load_alarms(struct settings *s, const struct sources *from, struct err *e)
{
    struct found limits = sources_find(from, "alarms"), command = sources_find(from, "on-alarm");
    s->alarms = (struct alarm_limits)ALARM_LIMITS_DEFAULT;
    s->alarms_are_given = args_has(from->args, "alarms");
    s->on_alarm_is_given = args_has(from->args, "on-alarm");
    s->on_alarm = xstrdup(command.text && *command.text ? command.text : NULL);
    if (limits.text && alarm_limits_parse(&s->alarms, limits.what, limits.text, e) != 0)
        return -1;
    return find_flag(from, "bell", &s->bell, e);
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
        struct found f = sources_find(from, times[i].name);
        if (f.text && value_duration(f.what, f.text, 1000, times[i].ms, e) != 0)
            return -1;
        if (f.text && *times[i].ms < 1)
            return err_set(e, "%s needs a time above 0, such as 30s or 5m", f.what);
    }
    return 0;
}

int settings_from(struct settings *s, const struct sources *from, struct err *e)
{
    *s = (struct settings){0};
    struct found listen = sources_find(from, "listen");
    s->listen = xstrdup(listen.text ? listen.text : LISTEN_DEFAULT);
    s->listen_is_given = args_has(from->args, "listen");
    if (value_address(listen.what, s->listen, e) != 0 || load_upstream(s, from, e) != 0 ||
        find_path(from, "log", &s->log_path, e) != 0 || find_path(from, "key-file", &s->key_file, e) != 0 ||
        find_path(from, "ca-file", &s->ca_file, e) != 0 || load_terminal(s, from, e) != 0 ||
        load_gateway(s, from, e) != 0 || load_pins(s, from, e) != 0 || load_alarms(s, from, e) != 0)
        return -1;
    s->config_path = xstrdup(from->config.path);
    if (!s->log_path) {
        char *path = db_default_path();
        s->log_path = path_absolute(path); /* without HOME it is not */
        free(path);
    }
    return 0;
}

int settings_load(struct settings *s, const struct args *a, struct err *e)
{
    struct sources from;
    *s = (struct settings){0};
    int r = sources_open(&from, a, e);
    if (r == 0)
        r = config_refuse(&from.config, e);
    if (r == 0)
        r = settings_from(s, &from, e);
    sources_done(&from);
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
    free(s->on_alarm);
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

int settings_read_key(const char *path, char **key, struct err *e)
{
    struct buf text;
    *key = NULL;
    buf_init(&text);
    int r = file_read(path, KEY_MAX, &text, e);
    if (r == 0) {
        bool has_nul = strlen(text.data) != text.len;
        const char *bare = config_trim(text.data);
        r = has_nul ? err_set(e, "%s holds a NUL byte; put the bare Respan key into it", path) : check_key(bare, path, e);
        *key = r == 0 ? xstrdup(bare) : NULL;
    }
    if (text.cap)
        sys_wipe(text.data, text.cap);
    buf_done(&text);
    return r;
}

bool settings_key_is_in_environment(void)
{
    const char *variable = getenv("RESPAN_API_KEY");
    return variable && *variable;
}

int settings_key(const struct settings *s, char **key, struct err *e)
{
    const char *variable = getenv("RESPAN_API_KEY");
    *key = NULL;
    if (variable && *variable) {
        if (check_key(variable, "RESPAN_API_KEY", e) != 0)
            return -1;
        *key = xstrdup(variable);
        return 0;
    }
    return s->key_file ? settings_read_key(s->key_file, key, e) : 0;
}

bool settings_key_is_open(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && (st.st_mode & 077) != 0;
}

void key_free(char *key)
{
    if (key)
        sys_wipe(key, strlen(key));
    free(key);
}
