/* Subagents joined to the tool call that started them.
 *
 * A subagent's calls carry its id and, only when it is nested, its parent's; what
 * it is for is told nowhere.  But its first user message ends in the exact prompt
 * of an Agent call in its parent's answer, which names type and description too.
 * The client may start the subagent while that answer still streams, so either
 * side may come first; the one that did is remembered.
 *
 * Bound: AGENTS_KNOWN subagents, AGENTS_LAUNCHES tool calls, AGENTS_WAITING first
 * messages of at most AGENTS_PROMPT_MAX; the oldest goes, and its subagent stays
 * without a name.  What a gateway before this one saw is not remembered.
 * Thread: the journal's.  A call of an agent that is known costs one look-up. */
#ifndef SPANTOP_LOG_AGENTS_H
#define SPANTOP_LOG_AGENTS_H

#include <sqlite3.h>

#include "base/attr.h"
#include "base/blob.h"
#include "base/err.h"
#include "log/call.h"

#define AGENTS_KNOWN      1024
#define AGENTS_LAUNCHES   256
#define AGENTS_WAITING    64
#define AGENTS_PROMPT_MAX ((size_t)256 << 10) /* above it a prompt is a document */

struct agents;
struct agents *agents_open(sqlite3 *sq, struct err *e);
void agents_free(struct agents *a);

/* A call began: its agent's first one names the agent.  body may be NULL. */
void agents_begin(struct agents *a, const struct call *c, const struct blob *body);
/* A call ended: its answer may start agents.  answer may be NULL. */
void agents_end(struct agents *a, const struct call *c, const struct blob *answer);

/* Inside a transaction; agents_written() when it is committed. */
NODISCARD int agents_write(struct agents *a, struct err *e);
void agents_written(struct agents *a);

#endif
