#include "ui/first_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "ui/app.h"
#include "ui/columns.h"
#include "ui/glyph.h"

#define CARD_COLS  76
#define CARD_EDGES 11 /* border, blank and sign left, indent, blank and border right */
#define WORKS_US   (20 * 1000 * 1000)

void first_run_init(struct app *a)
{
    a->first_run = a->data.log_calls == 0 && a->data.running == 0 ? FIRST_RUN_WAITING : FIRST_RUN_OVER;
}

/* HEAD and the list of models are no sign that it works. */
static bool is_message(const struct call *c)
{
    return c->path && strncmp(c->path, "/v1/messages", 12) == 0;
}

/* The first call that came through; failing that the newest other one. */
static const struct call *telling_call(const struct app *a)
{
    const struct call *good = NULL, *other = NULL;
    for (size_t i = 0; i < a->feed.count; i++) {
        const struct call *c = &a->feed.calls[i];
        if (!is_message(c))
            continue;
        if (c->state == CALL_DONE && (!good || c->id < good->id))
            good = c;
        if (c->state != CALL_DONE && (!other || c->id > other->id))
            other = c;
    }
    return good ? good : other;
}

static void say_it_works(struct app *a, const struct call *c)
{
    char cost[TEXT_SHORT_MAX], time[TEXT_SHORT_MAX];
    const char *model = c->model_served ? c->model_served : c->model_sent ? c->model_sent : c->model_asked;
    text_usd(cost, c->cost_microusd);
    text_ms(time, c->duration_ms);
    snprintf(a->first_run_text, sizeof(a->first_run_text),
             "It works: the first call came through.  %.40s%s%.30s, %s, %s", model_short(a->o->catalog, model),
             c->provider_served ? " at " : "", c->provider_served ? c->provider_served : "", time, cost);
    a->first_run = FIRST_RUN_WORKS;
    a->first_run_until_us = clock_mono_us() + WORKS_US;
}

/* A call that could not come through says why, until one does. */
static void say_it_failed(struct app *a, const struct call *c)
{
    const char *why = c->error_message ? c->error_message : c->error_type ? c->error_type : "it broke off";
    snprintf(a->first_run_text, sizeof(a->first_run_text),
             "The first call failed: %.160s  spantop doctor finds what stops it.", why);
}

bool first_run_tick(struct app *a)
{
    if (a->first_run == FIRST_RUN_OVER)
        return false;
    if (a->first_run == FIRST_RUN_WORKS) {
        bool is_over = clock_mono_us() >= a->first_run_until_us;
        a->first_run = is_over ? FIRST_RUN_OVER : FIRST_RUN_WORKS;
        return is_over;
    }
    const struct call *c = telling_call(a);
    if (!c)
        return false;
    if (a->o->is_demo)
        a->first_run = FIRST_RUN_OVER;
    else if (c->state == CALL_DONE)
        say_it_works(a, c);
    else if (c->state != CALL_OPEN)
        say_it_failed(a, c);
    return false; /* the log changed, which draws anyway */
}

bool first_run_is_shown(const struct app *a)
{
    return a->first_run == FIRST_RUN_WAITING && a->feed.count == 0 && a->data.running == 0 && !a->filter_text[0] &&
           !a->inspect.is_open && (a->view == VIEW_LIVE || a->view == VIEW_CALLS);
}

bool first_run_draw_line(struct canvas *c, int row, const struct app *a)
{
    bool works = a->first_run == FIRST_RUN_WORKS;
    if (a->first_run == FIRST_RUN_OVER || !a->first_run_text[0])
        return false;
    unsigned style = (works ? INK_GOOD : INK_BAD) | STYLE_BOLD;
    canvas_put(c, row, 1, 1, style, works ? glyphs()->check : glyphs()->cross);
    canvas_put(c, row, 3, c->cols - 4, style, a->first_run_text);
    return true;
}

void first_run_dismiss(struct app *a)
{
    if (a->first_run_text[0])
        a->first_run = FIRST_RUN_OVER;
}

/* ---- Lines ------------------------------------------------------------------------ */

/* What goes down the card: a row, and how many are left. */
struct card {
    struct canvas *c; /* NULL: only count */
    int row, bottom, col, width;
    bool is_tight; /* no blank rows */
};

static void blank(struct card *k)
{
    k->row += !k->is_tight;
}

/* A step: its sign, then its words over as many rows as they take. */
static void step(struct card *k, unsigned ink, const char *sign, unsigned style, const char *text)
{
    if (k->c && k->row < k->bottom)
        canvas_put(k->c, k->row, k->col, 1, ink | STYLE_BOLD, sign);
    while (*text) {
        size_t fit = text_wrap(text, strlen(text), k->width - 2);
        if (k->c && k->row < k->bottom)
            canvas_printf(k->c, k->row, k->col + 2, k->width - 2, style, "%.*s", (int)fit, text);
        k->row++;
        text += fit;
        text += *text == ' ';
    }
}

/* The part of a line to type that fits: all of it, or up to a blank with room for a
 * backslash, as a shell takes it: somebody will copy it. */
static size_t part_of(const char *line, size_t len, int width)
{
    return text_width(line, len) <= width ? len : text_wrap(line, len, width - 2);
}

static void to_type(struct card *k, const char *text)
{
    int width = k->width - 5;
    while (*text) {
        size_t len = strcspn(text, "\n"), part = part_of(text, len, width);
        bool goes_on = part < len;
        char *line = xasprintf("%.*s%s", (int)part, text, goes_on ? text[part] == ' ' ? " \\" : "\\" : "");
        if (k->c && k->row < k->bottom)
            canvas_put(k->c, k->row, k->col + 5, width, INK_ACCENT | STYLE_BOLD, line);
        free(line);
        k->row++;
        text += part;
        text += goes_on ? *text == ' ' : *text == '\n';
    }
}

static int longest(const char *text)
{
    int most = 0;
    while (*text) {
        size_t len = strcspn(text, "\n");
        int width = text_width(text, len);
        most = width > most ? width : most;
        text += len + (text[len] == '\n');
    }
    return most;
}

/* ---- Steps ------------------------------------------------------------------------ */

static void put_key(struct card *k, const struct app *a)
{
    const struct peer_health *h = &a->data.health;
    if (!a->data.has_health || !h->key[0])
        return; /* it does not run, or does not tell */
    if (strcmp(h->key, "none") != 0) {
        step(k, INK_GOOD, glyphs()->check, INK_PLAIN,
             strcmp(h->key, "environment") == 0 ? "Respan key found in RESPAN_API_KEY."
                                                : "Respan key found in the key file.");
        blank(k);
        return;
    }
    step(k, INK_BAD, glyphs()->cross, INK_PLAIN,
         "No Respan key yet: take one from platform.respan.ai.  Q leaves; then type:");
    to_type(k, a->o->key_lines ? a->o->key_lines : "export RESPAN_API_KEY=YOUR-KEY\nspantop");
    blank(k);
}

static void put_setup(struct card *k, const struct app *a)
{
    step(k, INK_ACCENT, glyphs()->pointer, INK_PLAIN, "In the terminal where you work, type:");
    to_type(k, a->o->setup_lines ? a->o->setup_lines : "");
}

/* What a request without a row was refused for. */
static const char *refusal_words(const char *code)
{
    static const char *const words[][2] = {
        {"no_key", "because the gateway has no Respan key."},
        {"token", "because its local token is another log's: type the eval line again, there."},
        {"no_client_key", "because it brought no key: type the eval line in that terminal."},
        {"host", "because it asked for another host than the gateway's address."},
        {"origin", "because it came from a web page."},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i][0], code) == 0)
            return words[i][1];
    return "by the gateway.  spantop doctor finds out why.";
}

static void put_waiting(struct card *k, const struct app *a)
{
    char text[200];
    const struct snapshot *d = &a->data;
    if (d->has_health && d->health.refused > 0) {
        snprintf(text, sizeof(text), "A request came, and was refused %s", refusal_words(d->health.refusal));
        step(k, INK_BAD, glyphs()->cross, STYLE_BOLD, text);
    }
    step(k, INK_ACCENT, glyph_spinner(d->now_ms), STYLE_BOLD, "Waiting for the first call.");
}

static void put_demo(struct card *k, bool by_key)
{
    if (k->c && k->row < k->bottom) {
        int at = k->col + 2, end = k->col + k->width;
        at += canvas_put(k->c, k->row, at, end - at, INK_DIM, "Just looking?  ");
        at += canvas_put(k->c, k->row, at, end - at, INK_ACCENT | STYLE_BOLD, by_key ? "d" : "spantop demo");
        canvas_put(k->c, k->row, at, end - at, INK_DIM, by_key ? " plays spantop demo." : " plays a session.");
    }
    k->row++;
}

static void put_steps(struct card *k, const struct app *a)
{
    put_key(k, a);
    put_setup(k, a);
    blank(k);
    put_waiting(k, a);
    blank(k);
    put_demo(k, a->o->play_demo != NULL);
}

/* ---- Cards ------------------------------------------------------------------------ */

static int count_rows(const struct app *a, int width, bool is_tight)
{
    struct card k = {.width = width, .is_tight = is_tight};
    put_steps(&k, a);
    return k.row;
}

static void draw_waiting(struct canvas *c, const struct app *a, int top, int bottom)
{
    int want = longest(a->o->setup_lines ? a->o->setup_lines : "") + CARD_EDGES;
    int cols = want > CARD_COLS ? want : CARD_COLS;
    cols = cols < c->cols - 4 ? cols : c->cols - 4;
    int width = cols - 6, room = bottom - top - 2;
    struct card k = {.c = c, .col = (c->cols - cols) / 2 + 3, .width = width};
    k.is_tight = count_rows(a, width, false) + 2 > room;
    int edge = k.is_tight ? 1 : 2, rows = count_rows(a, width, k.is_tight) + 2 * edge;
    if (rows > bottom - top)
        rows = bottom - top;
    int row = top + (bottom - top - rows) / 2;
    canvas_box(c, row, k.col - 3, rows, cols, "Welcome to spantop");
    k.row = row + edge;
    k.bottom = row + rows - 1;
    put_steps(&k, a);
}

static void draw_demo(struct canvas *c, int top, int bottom)
{
    int cols = CARD_COLS < c->cols - 4 ? CARD_COLS : c->cols - 4, row = top + (bottom - top - 5) / 2;
    canvas_box(c, row, (c->cols - cols) / 2, 5, cols, "Waiting for the first call");
    canvas_put(c, row + 2, (c->cols - cols) / 2 + 3, cols - 6, INK_PLAIN, "The demo's sessions begin in a moment.");
}

void first_run_draw(struct canvas *c, struct app *a, int top, int bottom)
{
    if (a->o->is_demo)
        draw_demo(c, top, bottom);
    else
        draw_waiting(c, a, top, bottom);
}
