/* One call, whole: overview with a bar of its time, the request as a tree, the
 * response as text, headers, what became of the prompt cache, raw bytes.
 *
 * Bodies are read when their tab is first looked at, at most INSPECT_BODY_MAX
 * bytes of each are laid out. */
#ifndef SPANTOP_UI_INSPECT_H
#define SPANTOP_UI_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "anthropic/content.h"
#include "log/reader.h"
#include "respan/catalog.h"
#include "ui/pager.h"

#define INSPECT_BODY_MAX ((size_t)512 << 10)

enum inspect_tab { TAB_OVERVIEW, TAB_REQUEST, TAB_RESPONSE, TAB_HEADERS, TAB_CACHE, TAB_RAW, TAB_COUNT_ };

struct inspect {
    bool is_open;
    struct call call;
    enum inspect_tab tab;
    struct pager pager;
    int width; /* the pager was made for */
    bool is_made;
    struct buf request;
    struct content_tree tree;
    bool has_tree;
    bool *unfolded; /* a node each */
    size_t cursor;  /* line of the Request tab */
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
/* What `y` copies: the tab as text, at most size bytes.  Was that all? */
bool inspect_copy(const struct inspect *x, char *out, size_t size);
void inspect_draw(struct canvas *c, struct inspect *x, struct db *db, int top, int bottom, int64_t now_ms);

/* inspect_pages.c, inspect_tree.c, inspect_cache.c: the lines of each tab. */
void inspect_make(struct inspect *x, struct db *db);
void inspect_make_request(struct inspect *x, struct db *db);
void inspect_make_cache(struct inspect *x, struct db *db);
void inspect_say(struct inspect *x, const char *why); /* a sentence in place of what is not there */
void inspect_say_missing(struct inspect *x, const char *why);
size_t inspect_capped(size_t len); /* what is laid out of a body that long */

#endif
