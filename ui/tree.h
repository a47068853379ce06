/* Sessions with their agents as one list of rows: below an unfolded session its
 * agents, each below the one that started it.
 *
 * Thread: the db's.  Memory: rows lend from the branches, until the next call. */
#ifndef SPANTOP_UI_TREE_H
#define SPANTOP_UI_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "log/reader.h"

struct tree_row {
    size_t session;                /* place in the page */
    const struct agent_row *agent; /* NULL: the session itself */
    const struct call *newest;     /* the agent's newest call; NULL unknown */
    int depth;                     /* 0: the session */
};
struct tree_branch {
    char *session_id;
    struct agent_page agents;
    struct call *newest; /* one an agent; id 0: not read */
    size_t newest_count;
};
struct tree {
    struct tree_branch *branches; /* of the unfolded sessions */
    size_t branch_count;
    struct tree_row *rows;
    size_t count;
};

void tree_done(struct tree *t);
bool tree_is_unfolded(const struct tree *t, const char *session_id);
/* Unfold the session, or fold it. */
NODISCARD int tree_toggle(struct tree *t, struct db *db, const char *session_id, struct err *e);
/* Read the agents of unfolded sessions again. */
NODISCARD int tree_refresh(struct tree *t, struct db *db, struct err *e);
/* The rows anew, for these sessions. */
void tree_lay_out(struct tree *t, const struct session_page *page);

#endif
