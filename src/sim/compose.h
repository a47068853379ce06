/* Decides what the model says to a request: script, title, directives or prose.
 *
 * Thread: none; the caller holds its lock. */
#ifndef SPANTOP_SIM_COMPOSE_H
#define SPANTOP_SIM_COMPOSE_H

#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/err.h"
#include "sim/answer.h"
#include "sim/ask.h"
#include "sim/fault.h"

struct composer {
    cJSON *script;  /* array of items not yet used */
    struct fired *fired; /* directives that have had their turns */
    size_t fired_count;
    uint64_t seed;
};

void composer_init(struct composer *c, uint64_t seed);
void composer_done(struct composer *c);
void composer_reset(struct composer *c);

/* One item or an array; all or nothing. */
int composer_add_script(struct composer *c, const cJSON *json, struct err *e);

/* Fill a (initialised here).  header: the decoded x-sim-answer, or NULL.  *fault
 * becomes a directive's fault that is due, the caller's to free, or NULL. */
void composer_answer(struct composer *c, const struct ask *q, const cJSON *header, struct rng *rng, struct answer *a, struct fault **fault);

#endif
