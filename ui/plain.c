/* stdout is no terminal: one line a finished call, new ones as they come.
 *
 * Calls finish in another order than they begin, so those seen open are kept by
 * id and looked at again whenever the log changed.  A reader that closed the
 * pipe (`| head -3`) is noticed at once, also while nothing is written. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "log/reader.h"
#include "ui/columns.h"
#include "ui/dashboard.h"
#include "ui/glyph.h"

#define LINE_COLS     132
#define SHOWN_FIRST   50   /* calls of before that are told at start */
#define OPEN_MAX      4096 /* running calls remembered; more would be a flood */
#define LOOK_EVERY_MS 100

struct plain {
    const struct dashboard_options *o;
    struct db *db;
    int64_t last_id;
    int64_t open[OPEN_MAX];
    size_t open_count;
    bool is_closed; /* nobody reads any more */
};

static volatile sig_atomic_t got_signal;

static void on_signal(int number)
{
    (void)number;
    got_signal = 1;
}

static void put_line(struct plain *p, const struct call *call)
{
    struct canvas c;
    struct column_layout layout;
    struct buf text;
    struct row_context x = {.catalog = p->o->catalog, .now_ms = clock_wall_ms()};
    canvas_init(&c, 1, LINE_COLS);
    buf_init(&text);
    columns_lay_out(LINE_COLS, true, &layout);
    columns_draw_row(&c, 0, &layout, call, &x);
    canvas_row_text(&c, 0, &text);
    if (call->error_message) {
        buf_puts(&text, "  ");
        text_clean(&text, call->error_message, strlen(call->error_message), false, glyph_is_ascii());
    }
    const char *line = text.len > 2 ? text.data + 2 : text.data; /* the pointer's columns */
    if (printf("%s\n", line) < 0 || fflush(stdout) != 0)
        p->is_closed = true;
    canvas_done(&c);
    buf_done(&text);
}

static void take(struct plain *p, const struct call *call)
{
    if (call->id > p->last_id)
        p->last_id = call->id;
    if (call->state != CALL_OPEN)
        put_line(p, call);
    else if (p->open_count < OPEN_MAX)
        p->open[p->open_count++] = call->id;
}

static int look_at_open(struct plain *p, struct err *e)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->open_count; i++) {
        struct call call;
        call_init(&call);
        int rc = reader_call(p->db, p->open[i], &call, e);
        if (rc == 0 && call.state == CALL_OPEN)
            p->open[kept++] = p->open[i];
        else if (rc == 0)
            put_line(p, &call);
        call_done(&call);
        if (rc < 0)
            return -1;
    }
    p->open_count = kept;
    return 0;
}

static int look_at_new(struct plain *p, struct err *e)
{
    struct call_page page;
    bool more = true;
    while (more && !p->is_closed) {
        struct call_query q = {.sort = SORT_ID, .after_id = p->last_id, .limit = READER_PAGE_MAX};
        memset(&page, 0, sizeof(page));
        if (reader_calls(p->db, &q, &page, e) < 0)
            return -1;
        for (size_t i = 0; i < page.count && !p->is_closed; i++)
            take(p, &page.calls[i]);
        more = page.has_more && page.count > 0;
        call_page_done(&page);
    }
    return 0;
}

/* The newest calls of before, oldest first. */
static int show_first(struct plain *p, struct err *e)
{
    struct call_query q = {.sort = SORT_ID, .descending = true, .limit = SHOWN_FIRST};
    struct call_page page;
    memset(&page, 0, sizeof(page));
    if (reader_calls(p->db, &q, &page, e) < 0)
        return -1;
    for (size_t i = page.count; i > 0 && !p->is_closed; i--)
        take(p, &page.calls[i - 1]);
    call_page_done(&page);
    return 0;
}

static void wait_a_little(struct plain *p)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = 0};
    if (poll(&out, 1, LOOK_EVERY_MS) > 0 && (out.revents & (POLLERR | POLLHUP | POLLNVAL)))
        p->is_closed = true;
}

static void catch_signals(void)
{
    struct sigaction sa;
    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = on_signal;
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    sa.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &sa, NULL);
}

int dashboard_plain(const struct dashboard_options *o, struct err *e)
{
    int rc = -1;
    struct plain *p = xcalloc(1, sizeof(*p));
    glyph_use_ascii(!o->unicode);
    text_set_ascii(!o->unicode);
    p->o = o;
    p->db = db_open(o->log_path, DB_READ, e);
    if (!p->db)
        goto out;
    catch_signals();
    if (show_first(p, e) < 0)
        goto out;
    while (!p->is_closed && !got_signal) {
        if (db_changed(p->db) && (look_at_open(p, e) < 0 || look_at_new(p, e) < 0))
            goto out;
        if (!p->is_closed)
            wait_a_little(p);
    }
    rc = 0;
out:
    db_close(p->db);
    free(p);
    return rc;
}
