/* The gateway: proxy thread and journal thread, until it is told to stop.
 * SIGTERM drains (calls in flight finish, 30 s at most, new ones get 503);
 * SIGINT or a second SIGTERM ends at once. */
#ifndef SPANTOP_GATEWAY_GATEWAY_H
#define SPANTOP_GATEWAY_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "gateway/pins.h"
#include "log/alarm.h"
#include "respan/catalog.h"

struct gateway_options {
    const char *listen;          /* "127.0.0.1:4777", "[::1]:4777"; port 0: any */
    const char *upstream;        /* https://api.respan.ai/api/anthropic/ */
    const char *api_base;        /* Respan's API base or NULL: derived from upstream */
    const char *log_path;
    const char *respan_key;      /* put in for the local token; NULL: none. Never logged. */
    const char *key_from;        /* "environment", "file"; told on the health page */
    const char *ca_file;         /* NULL: the system's */
    struct catalog *catalog;     /* replaced when a newer list was fetched */
    const char *catalog_cache;   /* Respan's model list is fetched daily into this file; NULL: it is not */
    const char *catalog_own;     /* the user's own catalog, for reading anew; may be NULL */
    bool keep_bodies;
    bool no_search; /* texts of bodies are not indexed */
    struct alarm_limits alarms;  /* from when on alarms are raised */
    const char *on_alarm;        /* command run for each; NULL: none */
    const char *const *redact;   /* patterns taken out of logged bodies, NULL-terminated; NULL: none */
    size_t queue_max_bytes;      /* 0: default */
    size_t body_max_bytes;       /* 0: 64 MiB */
    size_t held_max_bytes;       /* of requests in memory together; 0: 1 GiB */
    int64_t max_log_bytes;
    int keep_days;
    int64_t upstream_idle_ms;    /* silent for this long: 504; 0: default (600 s, above the client's own 300 s) */
    struct pin_limits pins;      /* when a failing pin lets go, and for how long */
    int64_t connect_timeout_ms;  /* 0: default (10 s) */
    int ready_fd;                /* -1, or written "ok ADDRESS\n" / "error TEXT\n" once known, then closed */
    int parent_fd;               /* stop, as on SIGTERM, when the other end of this pipe closes; 0 or -1: none */
    bool print_ready;            /* print the one line "spantop listening on http://…" to stdout */
};

/* Returns when stopped: 0, or -1 when it could not start or the loop broke. */
NODISCARD int gateway_run(const struct gateway_options *o, struct err *e);

#endif
