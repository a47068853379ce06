/* The options every command knows, and what they come to.
 *
 * One table serves the command line, --help, the environment (SPANTOP_KEY_FILE
 * for --key-file), the config file (`key-file = …`), its check and its man page;
 * where a value comes from is told in cli/sources.h. */
#ifndef SPANTOP_CLI_OPTIONS_H
#define SPANTOP_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "cli/args.h"
#include "cli/sources.h"
#include "log/alarm.h"

#define LISTEN_DEFAULT "127.0.0.1:4777"
#define UPSTREAM_DEFAULT "https://api.respan.ai/api/anthropic/"

extern const struct option_spec common_options[];

/* The default of a setting in words; never NULL. */
const char *option_default(const struct option_spec *o);

/* Owns its strings.  Paths are absolute: the gateway's child leaves the folder. */
struct settings {
    char *listen;
    bool listen_is_given;    /* on the command line itself */
    char *upstream;
    bool upstream_is_given;
    char *api_base;          /* NULL: derived from upstream */
    char *log_path;
    char *key_file;          /* NULL: none */
    char *ca_file;           /* NULL: the system's */
    char *config_path;       /* the file that was read; NULL: none */
    bool color;
    bool unicode;
    bool keep_bodies;
    bool index_texts;        /* of bodies, for search */
    bool fetch_models;
    struct alarm_limits alarms;
    bool alarms_are_given;   /* on the command line itself, as on_alarm_ and redact_ */
    char *on_alarm;          /* command; NULL: none */
    bool on_alarm_is_given;
    bool bell;
    char **redact;           /* patterns, NULL-terminated; NULL: none */
    bool redact_is_given;
    int64_t max_log_bytes;   /* 0: no bound */
    int keep_days;           /* 0: for ever */
    int64_t body_max_bytes;  /* 0: default, as the four below */
    int64_t held_max_bytes;
    int64_t queue_max_bytes;
    int64_t upstream_idle_ms;
    int64_t connect_timeout_ms;
    int64_t pin_failures;    /* 0: default, as the two below */
    int64_t pin_rest_ms;
    int64_t pin_long_wait_ms;
};

NODISCARD int settings_load(struct settings *s, const struct args *a, struct err *e);
/* The same from sources that are open; the faults of the file are the caller's. */
NODISCARD int settings_from(struct settings *s, const struct sources *from, struct err *e);
void settings_done(struct settings *s);

/* The Respan key: RESPAN_API_KEY, then the key file; NULL when there is none (0)
 * or the file cannot be used (-1).  Caller wipes and frees it with key_free(). */
NODISCARD int settings_key(const struct settings *s, char **key, struct err *e);
/* The key in a file, whatever the environment says. */
NODISCARD int settings_read_key(const char *path, char **key, struct err *e);
/* Does it come from RESPAN_API_KEY? */
bool settings_key_is_in_environment(void);
/* May anybody but its owner read the file? */
bool settings_key_is_open(const char *path);
void key_free(char *key);

#endif
