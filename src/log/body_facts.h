/* What a body says about its call, read once a conversation.
 *
 * Reading the facts means walking the whole body and searching its system prompt,
 * 20 us at 90 KB; but from turn to turn only the messages grow, and of these only
 * the last one matters.  So the facts go from record to record as long as all else
 * is the same bytes.
 * Thread: the journal's. */
#ifndef SPANTOP_LOG_BODY_FACTS_H
#define SPANTOP_LOG_BODY_FACTS_H

#include "anthropic/request.h"

struct record;

/* What beside the body decides the facts; see request_read_facts(). */
struct facts_asker {
    const char *target;
    const char *agent_id;
    const char *session_id;
};

/* r, cut against old (NULL: there is none), gets its facts where they still hold. */
void facts_take_over(struct record *r, const struct record *old);
void facts_read(struct record *r, const struct facts_asker *asker, struct request_facts *f);

#endif
