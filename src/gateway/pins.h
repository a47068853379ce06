/* Pins whose provider fails let go for a while.
 *
 * A pin (a route's set_provider) that fails `failures` times in a row rests: the
 * calls it would take go unpinned.  After rest_ms one call tries it again; if that
 * one comes through the pin holds as before, else it rests once more.
 *
 * Failing means: no connection, 5xx, or a 429 that asks for a long wait.
 * Thread: proxy thread.  Memory: bounded; the pin that was told of longest ago is forgotten. */
#ifndef SPANTOP_GATEWAY_PINS_H
#define SPANTOP_GATEWAY_PINS_H

#include <stdbool.h>
#include <stdint.h>

struct pin_limits {
    int failures;         /* in a row; 0: PIN_FAILURES_DEFAULT */
    int64_t rest_ms;      /* 0: PIN_REST_MS_DEFAULT */
    int64_t long_wait_s;  /* a retry-after from here on counts as a failure; 0: PIN_LONG_WAIT_S_DEFAULT */
};
#define PIN_FAILURES_DEFAULT    3      /* one or two are the network's mood */
#define PIN_REST_MS_DEFAULT     300000
#define PIN_LONG_WAIT_S_DEFAULT 30     /* below, Claude Code's own retry is soon enough */

enum pin_result {
    PIN_GOOD,
    PIN_FAILED,
    PIN_NO_VERDICT, /* the client left, or the error was the request's own */
};

struct pins;
struct pins *pins_new(const struct pin_limits *limits);
void pins_free(struct pins *p);

/* May this route's pin be used for a call now?  True also for the one call that tries
 * a resting pin again: its result must be told. */
bool pins_take(struct pins *p, int64_t route_id, int64_t now_us);
void pins_tell(struct pins *p, int64_t route_id, enum pin_result result, int64_t now_us);
/* Microseconds until a resting pin is tried again; 0: it does not rest. */
int64_t pins_rest_us(const struct pins *p, int64_t route_id, int64_t now_us);
/* What an answer (status 0: none came) says of its pin. retry_after: the header or NULL. */
enum pin_result pins_judge(const struct pins *p, int status, const char *retry_after);

#endif
