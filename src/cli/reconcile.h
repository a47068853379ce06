/* Two logs of the same calls, ours and Respan's, set against each other by the
 * id of the log row.  Pure: rows in, differences out.
 *
 * A row of one side alone counts as missing on the other only inside the window:
 * clocks differ, so both sides are read a little further back, and a call that
 * has just ended may not have its row yet.
 * Memory: owns copies; reconcile_done() frees. */
#ifndef SPANTOP_CLI_RECONCILE_H
#define SPANTOP_CLI_RECONCILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/call.h"
#include "respan/logrow.h"

#define RECONCILE_MARGIN_MS  ((int64_t)600000) /* read this much further back */
#define RECONCILE_LANDING_MS ((int64_t)60000)  /* rows usually land within seconds */

struct figures {
    int64_t tokens_in; /* all input, cache reads and writes included */
    int64_t tokens_out;
    int64_t cost_microusd;
};

enum difference { DIFFERS_COST = 1, DIFFERS_IN = 2, DIFFERS_OUT = 4 };

struct reconcile_call {
    int64_t id;
    char *log_id;
    char *model;
    enum call_state state;
    int64_t started_at;
    int64_t finished_at;
    int64_t tokens_uncached; /* what some providers call the input */
    struct figures here, there;
    bool has_row;
    unsigned differs; /* enum difference */
};

struct reconcile_row {
    char *log_id;
    char *model;
    char *timestamp;
    int64_t at_ms; /* -1 unknown */
    struct figures there;
};

struct reconcile {
    int64_t since_ms, now_ms;
    struct reconcile_call *calls; /* by log id once sorted; by id once summed up */
    size_t call_count, call_cap;
    struct reconcile_row *missing_here; /* oldest first once summed up */
    size_t missing_here_count, missing_here_cap;
    /* Counted by reconcile_sum(). */
    size_t compared, differing, missing_there;
    size_t landing;   /* just ended: their rows may still come */
    size_t unnamed;   /* calls in the window whose answer named no row */
    size_t unpriced;  /* compared calls without a cost on one side: left out of both sums */
    struct figures here, there;
};

void reconcile_init(struct reconcile *r, int64_t since_ms, int64_t now_ms);
void reconcile_done(struct reconcile *r);
/* First all calls (from since - RECONCILE_MARGIN_MS on), then all rows, then the sums. */
void reconcile_add_call(struct reconcile *r, const struct call *c);
void reconcile_sort(struct reconcile *r);
void reconcile_add_row(struct reconcile *r, const struct logrow *row);
void reconcile_sum(struct reconcile *r);
/* Is the call in the window, ended, and without a row that should be there? */
bool reconcile_is_missing(const struct reconcile *r, const struct reconcile_call *c);

#endif
