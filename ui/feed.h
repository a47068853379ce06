/* A window on the list of calls: some rows of the log in display order, which
 * one is selected, whether the newest is followed.
 *
 * It loads pages by key in both directions and keeps at most FEED_MAX rows, so
 * that a log of a million calls costs no more than a small one.  With no row
 * selected it follows; a selected row stays where it is while calls arrive.
 *
 * Where a filter lets hardly any call through a page may take a second to find.  No
 * load takes longer than FEED_LOOK_US: what was found by then is shown, and
 * feed_look_on() goes on, between two keys.
 * Thread: the db's. */
#ifndef SPANTOP_UI_FEED_H
#define SPANTOP_UI_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/reader.h"

#define FEED_MAX     600 /* three of the reader's pages */
#define FEED_LOOK_US ((int64_t)40000)

enum feed_end { FEED_NO_END, FEED_TOP, FEED_BOTTOM };

struct feed {
    struct call *calls; /* display order, top first */
    size_t count;
    bool has_above, has_below;
    size_t top;          /* first row shown */
    size_t rows;         /* rows shown, set by the view before feed_settle() */
    int64_t selected_id; /* 0: none, following */
    enum call_sort sort;
    bool descending;       /* SORT_ID ascending: newest at the bottom */
    struct filter *filter; /* NULL: all; owned */
    char *session_id;      /* only its calls; owned */

    struct call_look look; /* open: a load goes on */
    enum feed_load { LOAD_EDGE, LOAD_ABOVE, LOAD_BELOW } loading;
    bool is_from_bottom;   /* LOAD_EDGE: which one */
    bool is_anew;          /* LOAD_EDGE: what is loaded is of another filter or order */
    enum feed_end select;  /* what is to be selected in what is being loaded */
};

void feed_init(struct feed *f);
void feed_done(struct feed *f);
/* The newest (or, sorted, the first) rows; nothing is selected after. */
NODISCARD int feed_follow(struct feed *f, struct db *db, struct err *e);
/* The log changed: bring what is shown up to date without moving it. */
NODISCARD int feed_refresh(struct feed *f, struct db *db, struct err *e);
/* Is a load not finished? */
bool feed_is_looking(const struct feed *f);
/* Go on with it for a while; nothing happens when there is none. */
NODISCARD int feed_look_on(struct feed *f, struct db *db, struct err *e);
/* Has the screen room for rows of the log that are not loaded, as after a change of view? */
bool feed_is_short(const struct feed *f);
/* Load them. 1: nothing to do. */
NODISCARD int feed_fill(struct feed *f, struct db *db, struct err *e);
/* Move the selection; the first move selects the row at the followed end. */
NODISCARD int feed_move(struct feed *f, struct db *db, int delta, struct err *e);
NODISCARD int feed_select_edge(struct feed *f, struct db *db, bool last, struct err *e);
/* Select that call, wherever it is. */
NODISCARD int feed_go_to(struct feed *f, struct db *db, int64_t id, struct err *e);
/* The next error below (or above) the selection; 1: there is none. */
NODISCARD int feed_next_error(struct feed *f, struct db *db, bool below, struct err *e);
/* Takes filter. */
void feed_set_filter(struct feed *f, struct filter *filter);
void feed_set_session(struct feed *f, const char *session_id);
void feed_set_sort(struct feed *f, enum call_sort sort, bool descending);
/* Put top where selection and followed end are seen. */
void feed_settle(struct feed *f);
const struct call *feed_selected(const struct feed *f); /* NULL: none */
const struct call *feed_newest(const struct feed *f);   /* of what is loaded; NULL: none */
bool feed_follows_bottom(const struct feed *f);

#endif
