/* One call, whole: overview with a bar of its time, the request as a tree, the
 * response as text, headers, what became of the prompt cache, raw bytes.
 *
 * Bodies are read when their tab is first looked at.  A tab of texts is made of parts
 * (an element of the request, a block of the answer, a body); a long text is laid out
 * a page of INSPECT_PAGE_MAX bytes at a time, so that any size is as quick as any other. */
#ifndef SPANTOP_UI_INSPECT_H
#define SPANTOP_UI_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "anthropic/content.h"
#include "log/reader.h"
#include "log/tool_joins.h"
#include "respan/catalog.h"
#include "ui/field.h"
#include "ui/pager.h"

#define INSPECT_PAGE_MAX ((size_t)64 << 10)

enum inspect_tab { TAB_OVERVIEW, TAB_REQUEST, TAB_RESPONSE, TAB_HEADERS, TAB_CACHE, TAB_RAW, TAB_COUNT_ };

struct inspect_part {
    bool is_unfolded; /* Request alone */
    size_t page;      /* of its text */
};
struct inspect_parts {
    struct inspect_part *list;
    size_t count;
};

/* Hits are counted by part and page, so that no text is kept for them. */
struct search_chunk {
    int part; /* -1: the lines of the tab */
    bool is_title;
    size_t page;
    size_t count;
};
struct inspect_search {
    char words[FIELD_MAX]; /* "": nothing is looked for */
    struct search_chunk *chunks;
    size_t chunk_count;
    size_t total;
    size_t at; /* the hit the user is on; total: none yet */
    bool is_counted;
};

struct inspect {
    bool is_open;
    struct call call;
    enum inspect_tab tab;
    struct pager pager;
    int width; /* the pager was made for */
    bool is_made;
    struct inspect_parts parts[TAB_COUNT_];
    struct buf request;
    struct content_tree tree; /* parts of the Request tab */
    bool has_tree;
    bool is_scaled;        /* its tokens add up to what was counted */
    struct content answer; /* parts of the Response tab */
    struct buf raw[2];     /* parts of the Raw tab: answer and request as they were */
    struct tool_joins joins; /* of the tool calls, or results, of the tab that is shown */
    bool has_joins;
    int64_t joined_us;     /* when they were looked for */
    size_t cursor;         /* line, on the tabs that have one */
    int wanted_part;       /* the cursor goes to it when the tab is laid out; -1: stays */
    struct inspect_search search;
    int64_t watched_us; /* when the answer of a running call was asked for last */
    const struct catalog *catalog;
    char problem[ERR_TEXT_MAX]; /* why a body is not there */
};

NODISCARD int inspect_open(struct inspect *x, struct db *db, int64_t id, const struct catalog *catalog, struct err *e);
void inspect_close(struct inspect *x);
/* Read a running call again; its tabs follow when it ended. */
void inspect_refresh(struct inspect *x, struct db *db);
/* Once a second: ask for what comes of a running call's answer. */
void inspect_watch(struct inspect *x, struct db *db);
void inspect_turn(struct inspect *x, int tabs); /* +1 next, -1 previous */
void inspect_move(struct inspect *x, long lines);
void inspect_edge(struct inspect *x, bool last);
void inspect_fold(struct inspect *x);
void inspect_fold_all(struct inspect *x, bool unfold);
/* The next (+1) or previous page of the long text at the cursor.  Was there one? */
bool inspect_turn_page(struct inspect *x, int by);
/* The part at the cursor, or at the top of the screen; -1: none. */
int inspect_part_here(const struct inspect *x);
size_t inspect_title_line(const struct inspect *x, int part); /* 0 when it is not laid out */
bool inspect_has_cursor(const struct inspect *x);
void inspect_draw(struct canvas *c, struct inspect *x, struct db *db, int top, int bottom, int64_t now_ms);

/* inspect_search.c: words in the tab that is shown, folded and off-page texts too. */
/* Look for them; the first hit at or behind the cursor is shown, if there is one. */
void inspect_search_start(struct inspect *x, struct db *db, const char *words);
/* The next (+1) or previous hit; true when that went over the end. */
bool inspect_search_go(struct inspect *x, struct db *db, int by);
void inspect_search_end(struct inspect *x);
/* The tab was laid out anew: mark the hits again, count them if that is due. */
void inspect_search_mark(struct inspect *x);

/* inspect_joins.c: the other half of a tool's call or result. */
void inspect_load_joins(struct inspect *x, struct db *db);
void inspect_add_join(struct inspect *x, const char *id, int indent); /* a line about it, if there is something to say */
bool inspect_awaits_results(const struct inspect *x);
/* Where the other half of what the cursor is on stands: its call and tool id.  1: the
 * cursor is on neither, or it is not in the log; e says which. */
NODISCARD int inspect_other_half(const struct inspect *x, struct db *db, int64_t *call_id, char id[TOOL_ID_MAX], struct err *e);
/* The cursor to the call (Response) or the result (Request) of that id. */
void inspect_go_to_tool(struct inspect *x, struct db *db, enum inspect_tab tab, const char *id);

/* inspect_copy.c: what the cursor is on, as text. */
void inspect_copy(const struct inspect *x, struct buf *out);

/* inspect_pages.c, inspect_tree.c, inspect_answer.c, inspect_cache.c: the lines of each tab. */
void inspect_make(struct inspect *x, struct db *db);
void inspect_ready(struct inspect *x, struct db *db); /* unless they are there */
void inspect_make_request(struct inspect *x, struct db *db);
void inspect_make_response(struct inspect *x, struct db *db);
void inspect_make_raw(struct inspect *x, struct db *db);
void inspect_make_cache(struct inspect *x, struct db *db);
void inspect_say(struct inspect *x, const char *why); /* a sentence in place of what is not there */
void inspect_say_missing(struct inspect *x, const char *why);

/* inspect_parts.c */
void inspect_parts_size(struct inspect_parts *p, size_t count); /* new ones folded, on their first page */
void inspect_parts_done(struct inspect_parts *p);
/* Where the page that begins there ends. */
size_t inspect_page_end(struct bytes text, size_t from);
/* The page of a text.  *pages: how many there are. */
struct span inspect_page(struct bytes text, size_t page, size_t *pages);
/* Lay out the page of the part that is turned to. */
void inspect_add_text(struct inspect *x, size_t part, unsigned style, int indent, struct bytes text);
/* The title a part has on its tab, and its whole text; nothing when it has none. */
void inspect_part_title(const struct inspect *x, size_t part, struct buf *out);
void inspect_part_text(const struct inspect *x, size_t part, struct buf *out);
/* Those two for an element of the tree, and a block of the answer. */
/* How the tokens of the Request tab were come by, in a few words. */
void inspect_about_tokens(const struct inspect *x, char *out, size_t size);
/* Unfold what hides the element's title, and the element itself.  Is anything another now? */
bool inspect_unfold(struct inspect *x, size_t part, bool itself);
bool inspect_is_leaf(const struct content_tree *t, size_t i);
void inspect_element_text(const struct inspect *x, size_t i, struct buf *out);
void inspect_block_title(const struct inspect *x, size_t i, struct buf *out);
void inspect_block_text(const struct inspect *x, size_t i, struct buf *out);
const char *inspect_raw_title(const struct inspect *x, size_t i);

#endif
