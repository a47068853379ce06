/* The simulator's inside, shared by its request handlers.
 *
 * One lock guards all that is marked; it is never held while anything is sent or
 * waited for. */
#ifndef SPANTOP_SIM_STATE_H
#define SPANTOP_SIM_STATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "sim/compose.h"
#include "sim/conn.h"
#include "sim/fault.h"
#include "sim/http.h"
#include "sim/ledger.h"
#include "sim/pcache.h"
#include "sim/rcache.h"
#include "sim/record.h"
#include "sim/reply.h"
#include "sim/sim.h"

struct sim_config {
    double speed;
    int64_t log_latency_ms;
    int64_t first_ms; /* -1: as a model does */
    int64_t idle_close_ms; /* -1: never */
    bool models_enabled;
    bool provider_mix;
    bool provider_header;
    bool fallbacks;
    bool limit_context;
    const char *provider; /* static; NULL: each call's own */
};

struct sim {
    struct sim_options opt;
    int listen_fd, stop_fd, stopper_fd;
    uint16_t port;
    char base_url[64];
    pthread_t listener;

    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t idle;  /* connections became 0 */
    unsigned connections;
    uint64_t connection_count;
    struct sim_config config;
    struct rng rng;
    struct composer composer;
    struct fault_queue faults;
    struct pcache *pcache;
    struct rcache rcache;
    struct records *records;
    struct ledger *ledger;
    int64_t clock_ahead_ms;
};

/* The simulated wall clock; caller holds the lock. */
int64_t sim_now_ms(const struct sim *s);

/* One handler: answers q on c.  n is its number in the records (0: not recorded). */
void messages_handle(struct sim *s, struct conn *c, const struct http_request *q, uint64_t n, bool counting);
void respan_api_handle(struct sim *s, struct conn *c, const struct http_request *q, uint64_t n);
void control_handle(struct sim *s, struct conn *c, const struct http_request *q);

/* Shared by the handlers. */
bool key_is_good(const struct http_request *q, bool bearer_only, struct problem *p);
void send_json(struct conn *c, const struct http_request *q, int status, const cJSON *json);
enum reply_result send_problem(struct reply *r, const struct problem *p, const char *request_id);
/* A waiting fault that names this path, or NULL; the caller frees it. */
struct fault *sim_take_fault(struct sim *s, const struct http_request *q);
/* Answer with it. */
void sim_send_fault(struct sim *s, struct conn *c, const struct http_request *q, uint64_t n, const struct fault *f);
/* How the request with that number ended. */
void note_end(struct sim *s, uint64_t n, const struct reply *r, enum reply_result result);

#endif
