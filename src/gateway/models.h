/* GET …/v1/models: Respan may have no such page on its Anthropic side, and the
 * client waits 3 s at most.  So the upstream is asked for 1.5 s; its 200 is passed
 * on, anything else is answered from the catalog, and a 404 is remembered. */
#ifndef SPANTOP_GATEWAY_MODELS_H
#define SPANTOP_GATEWAY_MODELS_H

#include "gateway/exchange.h"
#include "respan/catalog.h"

void models_answer(struct exchange *x);
/* The exchange goes: nothing may fire any more. */
void models_forget(struct exchange *x);

/* The catalog as Anthropic's model list; caller frees.  Only names the client
 * accepts (claude…, anthropic…). */
char *models_list_json(const struct catalog *c, size_t *len);

#endif
