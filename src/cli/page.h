/* A session as a page that people read and share: page_session.c writes its head and
 * goes through its agents, page_talk.c through the calls of one of them, page_part.c
 * lays out what was said.
 *
 * Nothing is shown twice: of each request only what its conversation had not held
 * before, of each answer what was said; a subagent stands where it was started.
 * Whatever came from outside passes page_put(), which takes out what --redact names
 * and escapes the rest.  Memory: two requests for each level of subagents. */
#ifndef SPANTOP_CLI_PAGE_H
#define SPANTOP_CLI_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "anthropic/content.h"
#include "base/attr.h"
#include "base/err.h"
#include "cli/export.h"
#include "log/reader.h"

#define PAGE_DEPTH_MAX 8 /* subagents of subagents; deeper ones stand at the end */

struct page {
    struct export *x;
    const char *session_id;
    struct agent_page agents;
    bool *is_told;   /* which of them stand in the page already */
    int depth;
};

extern const char page_style[];

/* The whole page.  The session is the log's own, found by reader_session(). */
NODISCARD int page_write(struct export *x, const struct session *s, struct err *e);

/* ---- Between its files ------------------------------------------------------------------ */

/* Any text from outside, line breaks kept. */
void page_put(struct page *p, const char *s, size_t len);
void page_put_string(struct page *p, const char *s); /* NULL: nothing */
/* The same as a copy, cleaned and without what --redact names, to be cut before it
 * is escaped.  Caller frees. */
char *page_clean(const struct page *p, const char *s, size_t len);

/* The conversation of one agent; agent_id NULL: the session's own. */
NODISCARD int page_put_talk(struct page *p, const char *agent_id, struct err *e);
/* Those that the tool call tool_use_id started, each with its own conversation. */
NODISCARD int page_put_agents_of(struct page *p, const char *tool_use_id, struct err *e);

/* One part of a message or answer.  tool: the name of the tool whose result it is, or NULL. */
void page_put_part(struct page *p, const struct content_part *part, const char *tool);
/* A text behind its name, size and first words; class is one of the style's. */
void page_put_folded(struct page *p, const char *class, const char *name, const char *s, size_t len);
/* The first words of a text, in one line. */
void page_put_glimpse(struct page *p, const char *s, size_t len);

#endif
