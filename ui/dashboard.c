/* The loop: wait for a key or the next moment, look at the log, draw, send what
 * changed.  At most ten frames a second while calls run, else one a second and
 * one for each key. */
#include "ui/dashboard.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "log/db.h"
#include "ui/app.h"
#include "ui/glyph.h"
#include "ui/screen.h"

#define TICK_MS 100 /* looking whether the log changed costs 6 us */

static volatile sig_atomic_t got_interrupt, got_end, got_stop, got_continue;
static bool can_stop;

static void on_signal(int number)
{
    if (number == SIGINT)
        got_interrupt = 1;
    else if (number == SIGTSTP)
        got_stop = 1;
    else if (number == SIGCONT)
        got_continue = 1;
    else
        got_end = 1;
}

static void handle(int number, void (*with)(int))
{
    struct sigaction sa;
    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = with;
    sigaction(number, &sa, NULL);
}

/* curses has a handler for SIGTSTP that does all the work inside of it; ours only
 * leaves word.  One that is ignored (a shell without jobs) stays so. */
static void catch_signals(void)
{
    struct sigaction was;
    handle(SIGINT, on_signal);
    handle(SIGTERM, on_signal);
    handle(SIGHUP, on_signal);
    handle(SIGCONT, on_signal);
    can_stop = sigaction(SIGTSTP, NULL, &was) == 0 && was.sa_handler != SIG_IGN;
    if (can_stop)
        handle(SIGTSTP, on_signal);
}

/* Ctrl-Z stops the whole job, as the terminal would have done.  The system ignores
 * that where nobody could continue it (a terminal that runs nothing else); then it
 * just goes on. */
static void stop_and_go_on(struct app *a, struct screen *s)
{
    bool stops = got_stop;
    got_stop = 0;
    if (stops) {
        screen_suspend(s);
        handle(SIGTSTP, SIG_DFL);
        kill(0, SIGTSTP);
        handle(SIGTSTP, on_signal);
    }
    got_continue = 0;
    screen_resume(s);
    a->wants_redraw = true;
}

/* Another program has the terminal until it ends.  The keys that stop or interrupt go
 * to both: it is stopped with us, and an interrupt is its own affair. */
static void play_demo(struct app *a, struct screen *s)
{
    struct err e = {""};
    screen_suspend(s);
    handle(SIGINT, SIG_IGN);
    handle(SIGTSTP, can_stop ? SIG_DFL : SIG_IGN);
    handle(SIGCONT, SIG_DFL);
    int rc = a->o->play_demo(a->o->arg, &e);
    catch_signals();
    got_interrupt = got_stop = got_continue = 0;
    screen_resume(s);
    a->wants_redraw = true;
    if (rc != 0)
        app_notice(a, INK_BAD, "%s", e.text);
}

/* All keys that wait, before the next drawing. */
static bool take_keys(struct app *a, struct screen *s)
{
    bool any = false;
    int key;
    while (!a->wants_leave && (key = screen_key(s)) != KEY_CODE_NONE) {
        any = true;
        if (key == KEY_CODE_SIGNS_ARE_WIDE) {
            glyph_use_ascii_and_wide();
            text_set_ascii(true);
            a->wants_redraw = true;
        } else if (key == KEY_CTRL('Z')) {
            got_stop = can_stop;
        } else if (key != KEY_CODE_RESIZE && key != KEY_CODE_NOTHING) {
            app_key(a, key);
        }
    }
    if (got_interrupt) {
        got_interrupt = 0;
        any = true;
        app_key(a, KEY_CTRL('C'));
    }
    return any;
}

static void show(struct app *a, struct screen *s)
{
    struct canvas c;
    int rows, cols;
    screen_size(&rows, &cols);
    canvas_init(&c, rows, cols);
    app_draw(a, &c);
    screen_show(s, &c, a->wants_redraw);
    a->wants_redraw = false;
    if (a->wants_bell)
        screen_bell(s);
    a->wants_bell = false;
    canvas_done(&c);
    if (a->copy_text) {
        screen_copy(s, a->copy_text);
        free(a->copy_text);
        a->copy_text = NULL;
    }
}

/* The log was deleted or replaced under us: go on with the one that is there. */
static void reopen_if_replaced(struct app *a)
{
    struct err e = {""};
    if (!db_is_replaced(a->db))
        return;
    struct db *fresh = db_open(a->o->log_path, DB_WRITE, &e);
    if (!fresh) {
        app_notice(a, INK_BAD, "The log was moved or deleted: %s", e.text);
        return;
    }
    const struct dashboard_options *o = a->o;
    struct db *old = a->db;
    app_done(a);
    db_close(old);
    app_init(a, o, fresh);
    app_notice(a, INK_WARN, "The log was replaced by another; this shows the new one.");
}

/* Keys that wait, or TICK_MS; no time at all while rows are missing that the log has. */
static int wait_for_key(struct app *a, struct screen *s)
{
    bool is_short = feed_is_short(&a->feed) && !a->data.problem.text[0];
    return screen_wait(s, is_short || app_is_looking(a) ? 0 : TICK_MS);
}

static void run(struct app *a, struct screen *s)
{
    int64_t drawn_second = -1, looked_us = clock_mono_us();
    bool need = true;
    while (!a->wants_leave && !got_end) {
        int64_t second = clock_wall_ms() / 1000;
        if (need || app_is_moving(a) || second != drawn_second)
            show(a, s);
        drawn_second = second;
        if (wait_for_key(a, s) < 0)
            break;
        need = take_keys(a, s);
        if (got_stop || got_continue) {
            stop_and_go_on(a, s);
            need = true;
        }
        if (a->wants_leave)
            break;
        if (a->wants_demo) {
            a->wants_demo = false;
            play_demo(a, s);
            need = true;
        }
        need |= app_tick(a);
        if (clock_mono_us() - looked_us > 1000 * 1000) {
            looked_us = clock_mono_us();
            reopen_if_replaced(a);
        }
    }
}

int dashboard_run(const struct dashboard_options *o, struct err *e)
{
    int rc = -1;
    struct app app;
    struct screen *s = NULL;
    glyph_use_ascii(!o->unicode);
    text_set_ascii(!o->unicode);
    struct db *db = db_open(o->log_path, DB_WRITE, e);
    if (!db)
        return -1;
    s = screen_open(o->color, o->unicode, e);
    if (!s)
        goto out;
    catch_signals();
    app_init(&app, o, db);
    run(&app, s);
    db = app.db;
    app_done(&app);
    rc = 0;
out:
    screen_close(s);
    db_close(db);
    return rc;
}
