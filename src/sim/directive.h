/* Directives in a prompt ("[[sim …]]", sim.h): what the prompt wants answered. */
#ifndef SPANTOP_SIM_DIRECTIVE_H
#define SPANTOP_SIM_DIRECTIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "sim/answer.h"
#include "sim/fault.h"

/* Faults that one step may name; more are not asked for in any test's prompt. */
#define DIRECTIVE_FAULTS_MAX 4

struct directive {
    bool any;             /* the step holds directives */
    struct answer answer; /* may have no block: then prose */
    int words;            /* of prose; 0: as it comes */
    struct fault *faults[DIRECTIVE_FAULTS_MAX]; /* in order, each `times` times */
    size_t fault_count;
    int64_t delay_ms;
};

void directive_read(struct directive *d, const char *prompt, size_t step);
void directive_done(struct directive *d);

/* The prompt without its directives, for titles and prose. */
void directive_strip(const char *prompt, struct buf *out);

#endif
