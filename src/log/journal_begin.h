/* What the journal learns about a call from its bytes, and what it costs.
 * Pure: nothing here touches the log. */
#ifndef SPANTOP_LOG_JOURNAL_BEGIN_H
#define SPANTOP_LOG_JOURNAL_BEGIN_H

#include <stdbool.h>

#include "base/blob.h"
#include "log/call.h"
#include "respan/catalog.h"

/* Fill what c leaves unknown from the request's facts (and from what was sent, NULL when alike). */
void call_take_facts(struct call *c, const struct request_facts *f, const struct blob *sent);
/* The model that went upstream. */
void call_read_sent(struct call *c, const struct blob *sent);
/* Price the answer, unless somebody has done so; catalog may be NULL. */
void call_price(struct call *c, const struct catalog *catalog);
/* The session's title, from the answer to Claude Code's title call. */
bool call_read_title(const struct call *c, const struct blob *answer, char *title, size_t size);

#endif
