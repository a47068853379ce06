/* A tool's call and its result: the answer of one call of an agent holds the one, the
 * request of its next call the other.
 *
 * Thread: the db's.  Bound: so many neighbours of the same agent are looked at, the
 * nearest first, one body at a time. */
#ifndef SPANTOP_LOG_TOOL_JOINS_H
#define SPANTOP_LOG_TOOL_JOINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "anthropic/content.h"
#include "base/attr.h"
#include "base/err.h"
#include "log/call.h"
#include "log/db.h"

#define TOOL_ID_MAX 128

struct tool_join {
    char id[TOOL_ID_MAX]; /* of the tool's call, given by the model */
    char name[80];        /* of the tool; clean it before a terminal sees it */
    int64_t call_id;      /* where the other half is; 0: not in the log, or not yet */
    int64_t gap_ms;       /* from the answer's end to the start of the request with the result; -1 unknown */
    size_t bytes;         /* of the result's JSON; 0 unknown */
    bool is_error;        /* the result says so */
};
struct tool_joins {
    struct tool_join *list;
    size_t count;
};
void tool_joins_done(struct tool_joins *j);
const struct tool_join *tool_joins_find(const struct tool_joins *j, const char *id);

/* One join for each tool call of c's answer: where its result came back. */
NODISCARD int tool_joins_of_answer(struct db *db, const struct call *c, const struct content *answer, struct tool_joins *j,
                                   struct err *e);
/* One for each result in the newest message of c's request: which call it answers. */
NODISCARD int tool_joins_of_request(struct db *db, const struct call *c, const char *body, const struct content_tree *t,
                                    struct tool_joins *j, struct err *e);
/* The call of that id, however far back (up to 500 calls).  1: not found. */
NODISCARD int tool_call_find(struct db *db, const struct call *c, const char *id, struct tool_join *join, struct err *e);

/* The id that a node of a request answers (a tool's result) or carries (a tool's
 * call), into id; false: it is neither. */
bool tool_result_id(const char *body, const struct content_node *n, char id[TOOL_ID_MAX]);

#endif
