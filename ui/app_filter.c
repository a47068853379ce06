/* The filter line: edited in place, tried at Enter, in force until cleared. */
#include <stdio.h>
#include <string.h>

#include "ui/app.h"

int filter_count(struct app *a, struct err *e)
{
    struct call_query q = {.filter = a->feed.filter, .session_id = a->feed.session_id, .limit = 1};
    if (reader_count(a->db, &q, &a->filter_count, e) == 0)
        return 0;
    a->filter_count = -1;
    return -1;
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
    if (feed_follow(&a->feed, a->db, e) < 0)
        return -1;
    return filter_count(a, e);
}

void filter_open(struct app *a)
{
    if (a->view != VIEW_CALLS)
        a->view = VIEW_LIVE; /* the lists of other views have no rows to filter */
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

void filter_key(struct app *a, int key)
{
    bool changed;
    switch (keys_action(PLACE_FILTER, key)) {
    case ACTION_ACCEPT:
        try(a, a->filter_field.text);
        return;
    case ACTION_CANCEL:
        a->overlay = 0;
        return;
    default:
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
