/* What the simulator handed out, call by call: tokens, money, and what the client
 * was told of it.  Respan's log rows and GET /sim/ledger are made from it.
 *
 * GET /sim/ledger: {"rows":[{"log_id","gateway_request_id","request_id" (of the answer),
 *   "n" (number in /sim/requests),"at_ms","target","model_asked","model","provider","status",
 *   "state":"open|done|error|aborted|cut","stream","session_id","agent_id","cache_hit",
 *   "stop_reason","error_message",
 *   "usage":{"input_tokens","cache_read","cache_write_5m","cache_write_1h","output_tokens"},
 *   "cost_nanousd","cost_microusd",
 *   "told": the usage the client can know (null: nothing was sent),"told_cost_microusd",
 *   "latency_ms","ttft_ms"}],
 *  "totals":{the usage fields, "cost_nanousd","rows"}}
 * usage is what was made: for a call that was cut or left, output_tokens counts the
 * deltas that went out.  Thread: none; the caller holds its lock. */
#ifndef SPANTOP_SIM_LEDGER_H
#define SPANTOP_SIM_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "sim/events.h"

#define LEDGER_ROWS_MAX 50000 /* the oldest go first; an endless demo must not grow */
#define LEDGER_ID_MAX 64
#define LEDGER_NAME_MAX 128

struct ledger_row {
    char log_id[LEDGER_ID_MAX];
    char gateway_id[LEDGER_ID_MAX];
    char request_id[LEDGER_ID_MAX];
    char model_asked[LEDGER_NAME_MAX];
    char model[LEDGER_NAME_MAX];
    char provider[LEDGER_ID_MAX];
    char session[LEDGER_ID_MAX];
    char agent[LEDGER_ID_MAX];
    char thread_identifier[LEDGER_NAME_MAX];
    char customer_identifier[LEDGER_NAME_MAX];
    char stop_reason[LEDGER_ID_MAX];
    char error_message[256];
    char target[LEDGER_NAME_MAX];
    const char *state; /* static */
    uint64_t id;       /* rises by one */
    uint64_t request_n;
    int64_t at_ms;     /* simulated clock */
    int64_t ready_us;  /* monotonic: from then on the log row is found */
    int status;
    bool stream;
    bool cache_hit;
    bool told_any;
    bool has_usage;
    struct figures used;
    struct figures told;
    int64_t cost_nanousd;
    int64_t told_nanousd;
    int64_t latency_us;
    int64_t ttft_us; /* -1: no content came */
};

struct ledger;

struct ledger *ledger_new(double credits_usd);
void ledger_free(struct ledger *l);
void ledger_clear(struct ledger *l); /* ids go on rising: open calls must not find another's row */
void ledger_set_credits(struct ledger *l, double credits_usd);
/* A new row, zeroed but for id; lent until the next call.  Find it again by its id. */
struct ledger_row *ledger_add(struct ledger *l);
struct ledger_row *ledger_row(struct ledger *l, uint64_t id);
struct ledger_row *ledger_find(struct ledger *l, const char *log_id);
size_t ledger_count(const struct ledger *l);
struct ledger_row *ledger_at(struct ledger *l, size_t i); /* oldest first */

/* The row is final: its cost leaves the credits. */
void ledger_close(struct ledger *l, struct ledger_row *row);

cJSON *ledger_json(struct ledger *l);
/* The row as Respan's log API shows it. */
cJSON *ledger_log_row(struct ledger *l, const struct ledger_row *row);

#endif
