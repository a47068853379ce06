/* Alarms: the newest one that still holds in a line of its own above every view, and
 * the list of the last ones.  Who opened the list has seen them; that is kept in the
 * log, so that no other dashboard tells them again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ui/app.h"
#include "ui/columns.h"
#include "ui/glyph.h"

#define SEEN_SETTING "ui.alarms_seen"

static int64_t newest_id(const struct app *a)
{
    return a->data.alarms.count ? a->data.alarms.alarms[0].id : 0;
}

void alarms_init(struct app *a)
{
    char *seen = db_setting(a->db, SEEN_SETTING);
    a->alarms_seen = seen ? strtoll(seen, NULL, 10) : 0;
    a->alarms_rung = newest_id(a);
    free(seen);
}

/* A bell for what came while somebody looks elsewhere, not for what was there. */
bool alarms_tick(struct app *a)
{
    int64_t id = newest_id(a);
    if (id <= a->alarms_rung)
        return false;
    a->alarms_rung = id;
    a->wants_bell = a->o->bell;
    return true;
}

static void mark_seen(struct app *a)
{
    struct err e = {""};
    char text[32];
    if (newest_id(a) <= a->alarms_seen)
        return;
    a->alarms_seen = newest_id(a);
    snprintf(text, sizeof(text), "%lld", (long long)a->alarms_seen);
    if (db_set_setting(a->db, SEEN_SETTING, text, &e) < 0)
        app_notice(a, INK_WARN, "%s", e.text);
}

static bool is_live(const struct alarm *alarm, int64_t now_ms)
{
    return alarm->until_at > now_ms;
}

static const char *session_name(const struct alarm *alarm)
{
    return alarm->session_title ? alarm->session_title : alarm->session_id;
}

/* ---- The line ------------------------------------------------------------------ */

const struct alarm *alarms_newest(const struct app *a, size_t *more)
{
    const struct alarm_page *p = &a->data.alarms;
    const struct alarm *newest = NULL;
    *more = 0;
    for (size_t i = 0; i < p->count && p->alarms[i].id > a->alarms_seen; i++) {
        if (!is_live(&p->alarms[i], a->data.now_ms))
            continue;
        *more += newest != NULL;
        newest = newest ? newest : &p->alarms[i];
    }
    return newest;
}

bool alarms_line(const struct app *a, char *out, size_t size)
{
    char at[CELL_MAX];
    size_t more;
    const struct alarm *alarm = alarms_newest(a, &more);
    if (!alarm)
        return false;
    time_short(at, alarm->at, a->data.now_ms);
    const char *name = session_name(alarm);
    snprintf(out, size, "%s  %.60s%s%s", at, name ? name : "", name ? ": " : "", alarm->text);
    return true;
}

/* ---- The list ------------------------------------------------------------------ */

/* Rows move down when a new one comes; the selected alarm stays selected. */
static void find_selected(struct app *a)
{
    const struct alarm_page *p = &a->data.alarms;
    a->alarm_list.selected = p->count && a->alarm_selected_id == 0 ? 0 : LIST_NONE;
    for (size_t i = 0; i < p->count; i++)
        if (p->alarms[i].id == a->alarm_selected_id)
            a->alarm_list.selected = i;
}

static const struct alarm *selected(struct app *a)
{
    find_selected(a);
    return a->alarm_list.selected < a->data.alarms.count ? &a->data.alarms.alarms[a->alarm_list.selected] : NULL;
}

void alarms_open(struct app *a)
{
    a->alarm_list.top = 0;
    a->alarm_selected_id = 0;
    a->overlay = PLACE_ALARMS;
    mark_seen(a);
}

static void close_list(struct app *a)
{
    mark_seen(a);
    a->overlay = 0;
}

static void open_call(struct app *a)
{
    const struct alarm *alarm = selected(a);
    if (!alarm)
        return;
    if (alarm->call_id <= 0) {
        app_notice(a, INK_DIM, "No call stands for this alarm.");
        return;
    }
    inspector_open(a, alarm->call_id); /* says why when it cannot */
    if (a->inspect.is_open)
        close_list(a);
}

void alarms_key(struct app *a, int key)
{
    enum action action = keys_action(PLACE_ALARMS, key);
    if (app_act_anywhere(a, action))
        return;
    switch (action) {
    case ACTION_BACK:
        close_list(a);
        break;
    case ACTION_OPEN:
        open_call(a);
        break;
    case ACTION_NONE:
        break;
    default:
        (void)selected(a);
        list_move(&a->alarm_list, a->data.alarms.count, action);
        if (a->alarm_list.selected < a->data.alarms.count)
            a->alarm_selected_id = a->data.alarms.alarms[a->alarm_list.selected].id;
        break;
    }
}

/* ---- Drawing ------------------------------------------------------------------- */

static const char *kind_words(enum alarm_kind kind)
{
    static const char *const words[] = {"cache break", "runaway", "storm", "slow start", "context"};
    return words[kind];
}

struct places {
    int kind, session, session_width, text;
};

/* The text says it all: its own column goes first, then half of the session's. */
static void make_places(struct places *p, int cols)
{
    p->kind = cols >= 90 ? 15 : -1;
    p->session = p->kind >= 0 ? 28 : 15;
    p->session_width = cols >= 110 ? 24 : cols >= 80 ? 18 : 12;
    p->text = p->session + p->session_width + 2;
}

static void draw_head(struct canvas *c, int row, const struct places *p)
{
    canvas_put(c, row, 4, 10, INK_DIM, "TIME");
    if (p->kind >= 0)
        canvas_put(c, row, p->kind, 12, INK_DIM, "KIND");
    canvas_put(c, row, p->session, p->session_width, INK_DIM, "SESSION");
    canvas_put(c, row, p->text, 20, INK_DIM, "WHAT");
}

static void draw_row(struct canvas *c, int row, const struct app *a, const struct places *p, const struct alarm *alarm,
                     bool is_selected)
{
    char at[CELL_MAX];
    bool live = is_live(alarm, a->data.now_ms);
    const char *name = session_name(alarm);
    canvas_put(c, row, 2, 1, INK_BAD | STYLE_BOLD, live ? glyphs()->warn : " ");
    time_short(at, alarm->at, a->data.now_ms);
    canvas_put(c, row, 4, 10, INK_DIM, at);
    if (p->kind >= 0)
        canvas_put(c, row, p->kind, 12, live ? INK_WARN : INK_PLAIN, kind_words(alarm->kind));
    canvas_put(c, row, p->session, p->session_width, name ? INK_PLAIN : INK_DIM, name ? name : glyphs()->dash);
    canvas_put(c, row, p->text, c->cols - 1 - p->text, live ? STYLE_BOLD : INK_PLAIN, alarm->text);
    if (!is_selected)
        return;
    canvas_put(c, row, 0, 1, INK_SELECTED, glyphs()->pointer);
    canvas_restyle(c, row, 0, c->cols, INK_SELECTED);
}

/* A text over as many rows as it takes; draws when row is not -1. */
static int put_text(struct canvas *c, int row, int col, int width, const char *text)
{
    int rows = 0;
    while (*text) {
        size_t fit = text_wrap(text, strlen(text), width);
        if (row >= 0)
            canvas_printf(c, row + rows, col, width, STYLE_BOLD, "%.*s", (int)fit, text);
        rows++;
        text += fit;
        text += *text == ' ';
    }
    return rows;
}

void alarms_draw(struct canvas *c, struct app *a, int top, int bottom)
{
    struct places p;
    const struct alarm_page *page = &a->data.alarms;
    make_places(&p, c->cols);
    canvas_heading(c, top++, 1, c->cols - 2, "Alarms");
    if (page->count == 0) {
        canvas_put(c, top, 2, c->cols - 3, INK_DIM,
                   "No alarm yet.  docs/alarms.md tells when there is one, and how to be told elsewhere.");
        return;
    }
    draw_head(c, top++, &p);
    const struct alarm *now = selected(a);
    if (now && canvas_width(now->text) > c->cols - 1 - p.text && bottom - top >= 6) {
        bottom -= put_text(c, -1, 2, c->cols - 3, now->text) + 1; /* the whole text of the selected one */
        put_text(c, bottom + 1, 2, c->cols - 3, now->text);
    }
    list_settle(&a->alarm_list, page->count, bottom > top ? (size_t)(bottom - top) : 1);
    for (size_t i = 0; i < a->alarm_list.rows && a->alarm_list.top + i < page->count; i++) {
        size_t at = a->alarm_list.top + i;
        draw_row(c, top + (int)i, a, &p, &page->alarms[at], at == a->alarm_list.selected);
    }
}
