#include "ui/feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define PAGE 100 /* rows a load; a screen is seldom taller */

/* So long after its end a call may still learn its cost or its provider. */
#define AMENDED_WITHIN_MS ((int64_t)10 * 60 * 1000)

void feed_init(struct feed *f)
{
    memset(f, 0, sizeof(*f));
    f->rows = 20;
    f->look.us = FEED_LOOK_US;
}

static void drop_rows(struct feed *f, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        call_done(&f->calls[i]);
    memmove(f->calls + from, f->calls + to, (f->count - to) * sizeof(*f->calls));
    f->count -= to - from;
}

void feed_done(struct feed *f)
{
    if (f->count)
        drop_rows(f, 0, f->count);
    free(f->calls);
    filter_free(f->filter);
    free(f->session_id);
    memset(f, 0, sizeof(*f));
}

bool feed_follows_bottom(const struct feed *f)
{
    return f->sort == SORT_ID && !f->descending;
}

/* A page in display order (down) or against it. */
static int read_page(struct feed *f, struct db *db, bool down, int64_t after_id, size_t limit, struct call_page *page,
                     struct err *e)
{
    struct call_query q = {
        .filter = f->filter,
        .session_id = f->session_id,
        .sort = f->sort,
        .descending = down ? f->descending : !f->descending,
        .after_id = after_id,
        .limit = limit < READER_PAGE_MAX ? limit : READER_PAGE_MAX,
        .look = &f->look,
    };
    memset(page, 0, sizeof(*page));
    int rc = reader_calls(db, &q, page, e);
    if (rc < 0)
        f->look.is_open = false;
    return rc;
}

/* Take the page's calls in at place `at`; a page read upwards is turned round. */
static void take_page(struct feed *f, size_t at, struct call_page *page, bool down)
{
    if (page->count == 0) {
        call_page_done(page);
        return;
    }
    f->calls = xrealloc(f->calls, (f->count + page->count) * sizeof(*f->calls));
    memmove(f->calls + at + page->count, f->calls + at, (f->count - at) * sizeof(*f->calls));
    for (size_t i = 0; i < page->count; i++) {
        struct call *from = &page->calls[down ? i : page->count - 1 - i];
        f->calls[at + i] = *from;
        call_init(from); /* its texts are ours now */
    }
    f->count += page->count;
    call_page_done(page);
}

/* ---- Loading ----------------------------------------------------------------- */

static int load_below(struct feed *f, struct db *db, struct err *e)
{
    struct call_page page;
    int64_t last = f->count ? f->calls[f->count - 1].id : 0;
    f->loading = LOAD_BELOW;
    if (read_page(f, db, true, last, PAGE, &page, e) < 0)
        return -1;
    f->has_below = page.has_more || f->look.is_open;
    if (f->look.is_open) {
        call_page_done(&page); /* it is given again when there is more of it */
        return 0;
    }
    take_page(f, f->count, &page, true);
    if (f->count > FEED_MAX) {
        size_t gone = f->count - FEED_MAX;
        drop_rows(f, 0, gone);
        f->top = f->top > gone ? f->top - gone : 0;
        f->has_above = true;
    }
    return 0;
}

static int load_above(struct feed *f, struct db *db, struct err *e)
{
    struct call_page page;
    int64_t first = f->count ? f->calls[0].id : 0;
    f->loading = LOAD_ABOVE;
    if (read_page(f, db, false, first, PAGE, &page, e) < 0)
        return -1;
    f->has_above = page.has_more || f->look.is_open;
    if (f->look.is_open) {
        call_page_done(&page);
        return 0;
    }
    f->top += page.count;
    take_page(f, 0, &page, false);
    if (f->count > FEED_MAX) {
        drop_rows(f, FEED_MAX, f->count);
        f->has_below = true;
    }
    return 0;
}

static void select_end(struct feed *f)
{
    if (f->select != FEED_NO_END && f->count)
        f->selected_id = f->calls[f->select == FEED_BOTTOM ? f->count - 1 : 0].id;
    if (!f->look.is_open)
        f->select = FEED_NO_END;
}

/* What is known so far is shown at once, unless the same rows stand there already. */
static int load_edge(struct feed *f, struct db *db, struct err *e)
{
    struct call_page page;
    bool bottom = f->is_from_bottom;
    size_t want = f->rows + 8; /* a little more, for the first step out of it */
    f->loading = LOAD_EDGE;
    if (read_page(f, db, !bottom, 0, want, &page, e) < 0)
        return -1;
    if (f->look.is_open && !f->is_anew && page.count < f->count) {
        call_page_done(&page);
        return 0;
    }
    if (f->count)
        drop_rows(f, 0, f->count);
    f->has_above = bottom && page.has_more;
    f->has_below = !bottom && page.has_more;
    take_page(f, 0, &page, !bottom);
    f->top = 0;
    select_end(f);
    f->is_anew = f->is_anew && f->look.is_open;
    return 0;
}

static int begin_edge(struct feed *f, struct db *db, bool bottom, enum feed_end select, struct err *e)
{
    f->look.is_open = false;
    f->is_from_bottom = bottom;
    f->select = select;
    return load_edge(f, db, e);
}

bool feed_is_looking(const struct feed *f)
{
    return f->look.is_open;
}

int feed_look_on(struct feed *f, struct db *db, struct err *e)
{
    if (!f->look.is_open)
        return 0;
    return f->loading == LOAD_EDGE ? load_edge(f, db, e) : f->loading == LOAD_ABOVE ? load_above(f, db, e) : load_below(f, db, e);
}

/* A load that goes on comes first: it would be lost otherwise. */
static int load_more(struct feed *f, struct db *db, bool below, struct err *e)
{
    if (f->look.is_open)
        return 0;
    return below ? load_below(f, db, e) : load_above(f, db, e);
}

/* ---- What keys and time do ------------------------------------------------------ */

int feed_follow(struct feed *f, struct db *db, struct err *e)
{
    f->selected_id = 0;
    return begin_edge(f, db, feed_follows_bottom(f), FEED_NO_END, e);
}

static size_t index_of(const struct feed *f, int64_t id)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->calls[i].id == id)
            return i;
    return f->count;
}

/* A running one wherever it is; one that has just ended as long as it is seen. */
static bool may_change(const struct feed *f, size_t i, int64_t now_ms)
{
    const struct call *c = &f->calls[i];
    if (c->state == CALL_OPEN)
        return true;
    return i >= f->top && i - f->top < f->rows && now_ms - c->finished_at < AMENDED_WITHIN_MS;
}

int feed_refresh(struct feed *f, struct db *db, struct err *e)
{
    int64_t now_ms = clock_wall_ms();
    if (f->look.is_open)
        return 0; /* it must not begin anew each time */
    if (f->selected_id == 0)
        return feed_follow(f, db, e);
    for (size_t i = 0; i < f->count; i++) {
        if (!may_change(f, i, now_ms))
            continue;
        struct call fresh;
        call_init(&fresh);
        int rc = reader_call(db, f->calls[i].id, &fresh, e);
        if (rc == 0) {
            call_done(&f->calls[i]);
            f->calls[i] = fresh;
            continue;
        }
        call_done(&fresh);
        if (rc < 0)
            return -1;
    }
    return f->has_below || !feed_follows_bottom(f) ? 0 : load_more(f, db, true, e);
}

bool feed_is_short(const struct feed *f)
{
    return !f->look.is_open && f->count < f->rows && (f->has_above || f->has_below);
}

int feed_fill(struct feed *f, struct db *db, struct err *e)
{
    if (!feed_is_short(f))
        return 1;
    return load_more(f, db, !f->has_above, e);
}

int feed_move(struct feed *f, struct db *db, int delta, struct err *e)
{
    if (f->count == 0)
        return 0;
    if (f->selected_id == 0) {
        f->selected_id = f->calls[feed_follows_bottom(f) ? f->count - 1 : 0].id;
        return 0;
    }
    size_t at = index_of(f, f->selected_id);
    if (at == f->count)
        return feed_follow(f, db, e);
    if (delta < 0 && f->has_above && at < (size_t)-delta + f->rows) {
        if (load_more(f, db, false, e) < 0)
            return -1;
    } else if (delta > 0 && f->has_below && f->count - at < (size_t)delta + f->rows) {
        if (load_more(f, db, true, e) < 0)
            return -1;
    }
    at = index_of(f, f->selected_id);
    int64_t to = (int64_t)at + delta;
    to = to < 0 ? 0 : to >= (int64_t)f->count ? (int64_t)f->count - 1 : to;
    f->selected_id = f->calls[to].id;
    return 0;
}

int feed_select_edge(struct feed *f, struct db *db, bool last, struct err *e)
{
    enum feed_end end = last ? FEED_BOTTOM : FEED_TOP;
    if (last ? f->has_below : f->has_above)
        return begin_edge(f, db, last, end, e);
    f->select = end;
    select_end(f);
    return 0;
}

/* The window anew, with the call somewhere in its middle. */
static int load_around(struct feed *f, struct db *db, int64_t id, struct err *e)
{
    struct call c;
    call_init(&c);
    int rc = reader_call(db, id, &c, e);
    if (rc != 0) {
        call_done(&c);
        return rc < 0 ? -1 : 0;
    }
    if (f->count)
        drop_rows(f, 0, f->count);
    f->calls = xrealloc(f->calls, sizeof(*f->calls));
    f->calls[0] = c;
    f->count = 1;
    f->top = 0;
    f->has_below = true; /* if the first load goes on, feed_fill() sees to it */
    f->look.is_open = false;
    if (load_above(f, db, e) < 0)
        return -1;
    return load_more(f, db, true, e);
}

int feed_go_to(struct feed *f, struct db *db, int64_t id, struct err *e)
{
    if (index_of(f, id) == f->count && load_around(f, db, id, e) < 0)
        return -1;
    f->selected_id = index_of(f, id) < f->count ? id : f->selected_id;
    return 0;
}

int feed_next_error(struct feed *f, struct db *db, bool below, struct err *e)
{
    bool down = f->selected_id ? below : !feed_follows_bottom(f);
    struct call_page page = {0};
    struct call_query q = {
        .filter = f->filter,
        .session_id = f->session_id,
        .sort = f->sort,
        .descending = down ? f->descending : !f->descending,
        .after_id = f->selected_id,
        .errors_only = true,
        .limit = 1,
    };
    if (reader_calls(db, &q, &page, e) < 0)
        return -1;
    int64_t id = page.count ? page.calls[0].id : 0;
    call_page_done(&page);
    return id ? feed_go_to(f, db, id, e) : 1;
}

/* What is loaded does not belong to what comes. */
static void begin_anew(struct feed *f)
{
    f->selected_id = 0;
    f->look.is_open = false;
    f->is_anew = true;
}

void feed_set_filter(struct feed *f, struct filter *filter)
{
    filter_free(f->filter);
    f->filter = filter;
    begin_anew(f);
}

void feed_set_session(struct feed *f, const char *session_id)
{
    xreplace(&f->session_id, session_id);
    begin_anew(f);
}

void feed_set_sort(struct feed *f, enum call_sort sort, bool descending)
{
    f->sort = sort;
    f->descending = descending;
    begin_anew(f);
}

void feed_settle(struct feed *f)
{
    size_t rows = f->rows ? f->rows : 1;
    size_t end = f->count > rows ? f->count - rows : 0;
    if (f->selected_id == 0) {
        f->top = feed_follows_bottom(f) ? end : 0;
        return;
    }
    size_t at = index_of(f, f->selected_id);
    if (at < f->top)
        f->top = at;
    if (at >= f->top + rows)
        f->top = at - rows + 1;
    if (f->top > end)
        f->top = end;
}

const struct call *feed_selected(const struct feed *f)
{
    size_t at = f->selected_id ? index_of(f, f->selected_id) : f->count;
    return at < f->count ? &f->calls[at] : NULL;
}

const struct call *feed_newest(const struct feed *f)
{
    const struct call *newest = NULL;
    for (size_t i = 0; i < f->count; i++)
        if (!newest || f->calls[i].id > newest->id)
            newest = &f->calls[i];
    return newest;
}
