/* A session's (or one agent's) calls as a timeline: one line a call, with what
 * came before it (tools that ran, or nobody asked anything) and its own waiting
 * and streaming as a bar, so that one sees where the minutes went.  Where a filter leaves
 * calls out nobody can see what came before one, and no gaps are told. */
#ifndef SPANTOP_UI_TIMELINE_H
#define SPANTOP_UI_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "respan/catalog.h"
#include "ui/canvas.h"
#include "ui/feed.h"

struct timeline {
    bool is_open;
    char *title;
    char *filter; /* what the calls are narrowed by beside session and agent; NULL: all of them */
    struct feed feed;
    bool is_stale;
};

/* What passed around one call, in milliseconds; 0 where it did not. */
struct timeline_parts {
    int64_t idle_ms;      /* before it: its agent had nothing to do */
    int64_t tools_ms;     /* before it: the tools of the answer before ran */
    int64_t waiting_ms;   /* until its first content */
    int64_t streaming_ms; /* thinking, text, tool calls */
};
/* before: the call before it of the same agent, or NULL. */
void timeline_parts_of(const struct call *call, const struct call *before, int64_t now_ms, struct timeline_parts *p);

/* agent_id NULL: the whole session.  words: a filter, "" for none. */
NODISCARD int timeline_open(struct timeline *t, struct db *db, const char *session_id, const char *agent_id,
                            const char *words, const char *title, struct err *e);
void timeline_close(struct timeline *t);
void timeline_draw(struct canvas *c, struct timeline *t, const struct catalog *catalog, int top, int bottom,
                   int64_t now_ms);

#endif
