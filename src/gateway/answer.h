/* Answers the gateway gives itself. */
#ifndef SPANTOP_GATEWAY_ANSWER_H
#define SPANTOP_GATEWAY_ANSWER_H

#include <stddef.h>

#include "gateway/exchange.h"

/* An error in Anthropic's shape with x-spantop-error. */
void answer_error(struct exchange *x, const struct refusal *r);
/* 200 with a JSON body. */
void answer_json(struct exchange *x, const char *json, size_t len);
/* 200, nothing in it. */
void answer_empty(struct exchange *x);
/* GET /spantop/health */
void answer_health(struct exchange *x);
/* x-spantop-call-id, when the call has an id. */
void answer_put_call_id(const struct exchange *x, struct headers *h);

#endif
