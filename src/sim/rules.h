/* The models' parameter rules: what a request must hold, and what a model
 * refuses, in the words the API uses. */
#ifndef SPANTOP_SIM_RULES_H
#define SPANTOP_SIM_RULES_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "sim/elements.h"
#include "sim/models.h"
#include "sim/problem.h"

/* The model of that name: 0 and *m, or -1 and the problem (400 NULL, 404 unknown).
 * *provider is set when the slug names one. */
int rules_model(const char *name, const struct model **m, const char **provider, struct problem *p);

/* 0, or -1 and the problem.  counting: for count_tokens, which has no max_tokens.
 * limit_context: refuse a prompt above the model's context. */
int rules_check(const cJSON *body, const struct model *m, const struct elements *e, bool counting, bool limit_context, struct problem *p);

#endif
