/* The filter line: edited in place, completed by Tab, tried at Enter, in force until
 * cleared.  It holds in every view but Spend, whose sums are of all calls, and which says
 * so (frame.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "ui/app.h"
#include "ui/glyph.h"

int filter_count_on(struct app *a, struct err *e)
{
    a->is_count_due = false;
    struct call_query q = {.filter = a->feed.filter, .session_id = a->feed.session_id, .limit = 1, .look = &a->count_look};
    if (reader_count_on(a->db, &q, &a->counted, e) != 0) {
        a->count_look.is_open = a->is_count_part = false;
        a->filter_count = -1;
        return -1;
    }
    /* An old number stands until the new one is known; of another filter's there is none. */
    if (!a->count_look.is_open || a->is_count_part)
        a->filter_count = a->counted;
    a->is_count_part = a->is_count_part && a->count_look.is_open;
    return 0;
}

void filter_counted(struct app *a, int64_t n)
{
    a->filter_count = n;
    a->count_look.is_open = a->is_count_part = a->is_count_due = false;
}

int filter_count(struct app *a, bool anew, struct err *e)
{
    a->count_look = (struct call_look){.us = a->feed.look.us};
    a->is_count_part = a->is_count_part || anew;
    if (anew)
        a->filter_count = 0;
    a->is_count_due = feed_is_looking(&a->feed);
    return a->is_count_due ? 0 : filter_count_on(a, e);
}

static int apply(struct app *a, const char *text, struct err *e)
{
    struct filter *f = filter_parse(text, e);
    if (!f)
        return -1;
    feed_set_filter(&a->feed, text[0] ? f : NULL);
    if (!text[0])
        filter_free(f);
    snprintf(a->filter_text, sizeof(a->filter_text), "%s", text);
    a->view_due_us = 0;
    sessions_filter(a);
    lists_filter(a);
    if (a->view == VIEW_CACHE || a->view == VIEW_SESSIONS)
        lists_load(a);
    if (feed_follow(&a->feed, a->db, e) < 0 || filter_count(a, true, e) < 0)
        return -1;
    int64_t unsearched = filter_unsearched(a->feed.filter);
    if (unsearched > 0)
        app_notice(a, INK_WARN, "%lld calls are not in the search index yet and not searched.", (long long)unsearched);
    return 0;
}

void filter_open(struct app *a)
{
    if (a->view == VIEW_SPEND)
        a->view = VIEW_LIVE; /* Spend has no rows to filter */
    field_set(&a->filter_field, a->filter_text);
    a->filter_error[0] = '\0';
    a->overlay = PLACE_FILTER;
}

static void try(struct app *a, const char *text)
{
    struct err e = {""};
    if (apply(a, text, &e) == 0)
        a->overlay = 0;
    else
        snprintf(a->filter_error, sizeof(a->filter_error), "%s", e.text);
}

/* ---- Completion -------------------------------------------------------------------- */

/* How far all choices begin alike; they may differ in case from what was typed. */
static size_t common_len(const struct filter_choices *c)
{
    size_t len = strlen(c->list[0]);
    for (size_t i = 1; i < c->count; i++)
        while (strncmp(c->list[0], c->list[i], len) != 0)
            len--;
    while (len > 0 && !text_is_utf8(c->list[0], len))
        len--;
    return len;
}

static void put_choice(struct app *a, const char *choice)
{
    if (field_replace(&a->filter_field, a->choices.from, a->choices.to, choice))
        a->choices.to = a->choices.from + strlen(choice);
}

/* The first Tab writes as much as is certain, the next ones go from choice to choice. */
static void complete(struct app *a, int by)
{
    struct err e = {""};
    struct filter_choices *c = &a->choices;
    if (c->count) {
        size_t places = c->count, at = a->choice_at;
        a->choice_at = at >= places ? (by > 0 ? 0 : places - 1) : (at + places + (size_t)by) % places;
        put_choice(a, c->list[a->choice_at]);
        return;
    }
    if (filter_complete(a->db, a->filter_field.text, a->filter_field.at, c, &e) < 0) {
        snprintf(a->filter_error, sizeof(a->filter_error), "%s", e.text);
        return;
    }
    a->filter_error[0] = '\0';
    a->choice_at = c->count;
    if (c->count == 0) {
        snprintf(a->filter_error, sizeof(a->filter_error), "Nothing in the log completes this.");
        return;
    }
    size_t len = common_len(c);
    char *alike = xstrndup(c->list[0], len);
    if (len > c->to - c->from || c->count == 1)
        put_choice(a, alike);
    free(alike);
    if (c->count == 1)
        filter_choices_done(c);
}

/* The chosen one is always among those that are seen. */
void filter_draw_choices(struct canvas *c, int row, const struct app *a)
{
    const struct filter_choices *k = &a->choices;
    size_t first = 0;
    int at = 1;
    if (k->count == 0)
        return;
    for (int width = 0, room = c->cols - 12; a->choice_at < k->count && first < a->choice_at; first++) {
        width = 0;
        for (size_t i = first; i <= a->choice_at; i++)
            width += canvas_width(k->list[i]) + 2;
        if (width <= room)
            break;
    }
    canvas_fill(c, row, 0, c->cols, INK_PLAIN, " ");
    for (size_t i = first; i < k->count; i++) {
        int width = canvas_width(k->list[i]);
        if (at + width + 10 > c->cols && i > first) {
            canvas_printf(c, row, at, c->cols - at - 1, INK_DIM, "%s %zu", glyphs()->ellipsis, k->count - i);
            break;
        }
        at += canvas_put(c, row, at, c->cols - at - 1, i == a->choice_at ? INK_SELECTED : INK_ACCENT, k->list[i]) + 2;
    }
}

/* ---- Keys ------------------------------------------------------------------------------ */

void filter_key(struct app *a, int key)
{
    bool changed;
    switch (keys_action(PLACE_FILTER, key)) {
    case ACTION_COMPLETE:
    case ACTION_COMPLETE_BACK:
        complete(a, key == KEY_CODE_TAB ? 1 : -1);
        return;
    case ACTION_ACCEPT:
        filter_choices_done(&a->choices);
        try(a, a->filter_field.text);
        return;
    case ACTION_CANCEL:
        if (a->choices.count == 0)
            a->overlay = 0;
        filter_choices_done(&a->choices);
        return;
    default:
        filter_choices_done(&a->choices);
        break;
    }
    if (!field_key(&a->filter_field, key, &changed))
        return;
    if (!changed)
        return;
    struct err e = {""};
    struct filter *f = filter_parse(a->filter_field.text, &e);
    /* A half-typed word is no mistake yet: complain at Enter, take back at once. */
    if (f)
        a->filter_error[0] = '\0';
    filter_free(f);
}

void filter_clear(struct app *a)
{
    struct err e = {""};
    if (apply(a, "", &e) < 0)
        app_notice(a, INK_BAD, "%s", e.text);
}

/* ! before every word turns "all of these" into "none of these"; for the one
 * word that most filters are it is the exact opposite. */
void filter_invert(struct app *a)
{
    char text[FIELD_MAX];
    struct err e = {""};
    if (!a->filter_text[0]) {
        app_notice(a, INK_DIM, "There is no filter to invert; / makes one.");
        return;
    }
    const char *from = a->filter_text;
    if (from[0] == '!')
        snprintf(text, sizeof(text), "%s", from + 1);
    else if (snprintf(text, sizeof(text), "!%s", from) >= (int)sizeof(text))
        return;
    if (apply(a, text, &e) < 0)
        app_notice(a, INK_BAD, "%s", e.text);
}
