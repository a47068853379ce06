/* Which tool a call's id names, for the results that come after the call in a request.
 *
 * Near linear in the body, whatever it holds: each call is read once, its id found by
 * binary search.  A hostile request has 50 000 calls and as many results. */
#ifndef SPANTOP_ANTHROPIC_TOOL_NAMES_H
#define SPANTOP_ANTHROPIC_TOOL_NAMES_H

#include <stddef.h>

#include "anthropic/content.h"

struct tool_name {
    char id[128];  /* both as field.h cuts them */
    char name[96];
    size_t node;   /* in the tree */
};
struct tool_names {
    struct tool_name *all; /* by id, then by node */
    size_t count;
};
/* The calls of the tree t of the body s, which has its labels. */
void tool_names_read(const char *s, const struct content_tree *t, struct tool_names *names);
/* Of the nearest call of this id before the node; NULL: there is none.  Lent. */
const char *tool_names_find(const struct tool_names *names, const char *id, size_t node);
void tool_names_done(struct tool_names *names);

#endif
