/* The help, written from the same table that dispatches the keys, so that it
 * cannot tell of a key that does nothing.  Two columns where there is room. */
#include <stdio.h>
#include <string.h>

#include "log/filter.h"
#include "ui/app.h"
#include "ui/glyph.h"

#define ITEMS_MAX   96
#define LABEL_COLS  11
#define TWO_COLUMNS 116 /* from that width on */

struct item {
    char label[16];
    char text[128];
    bool is_heading;
};
struct items {
    struct item list[ITEMS_MAX];
    size_t count;
};

static void add(struct items *s, bool is_heading, const char *label, const char *text)
{
    if (s->count == ITEMS_MAX)
        return;
    struct item *item = &s->list[s->count++];
    snprintf(item->label, sizeof(item->label), "%s", label);
    snprintf(item->text, sizeof(item->text), "%s", text);
    item->is_heading = is_heading;
}

static void add_heading(struct items *s, const char *text)
{
    if (s->count)
        add(s, false, "", "");
    add(s, true, "", text);
}

static void add_keys(struct items *s, unsigned place)
{
    const struct key_binding *k;
    for (size_t i = 0; (k = keys_at(place, i)); i++)
        if (k->help)
            add(s, false, k->label, k->help);
}

static void add_signs(struct items *s)
{
    const struct glyphs *g = glyphs();
    char sign[16];
    add_heading(s, "Signs");
    add(s, false, "200", "the answer came whole");
    snprintf(sign, sizeof(sign), "%s 529", g->cross);
    add(s, false, sign, "an error: the status the client got");
    snprintf(sign, sizeof(sign), "%s cut", g->cross);
    add(s, false, sign, "the upstream broke off in mid-stream");
    add(s, false, "left", "the client left first");
    add(s, false, "lost", "the gateway died while the call ran");
    add(s, false, "~318", "tokens so far, an estimate while it runs");
    snprintf(sign, sizeof(sign), "a %s b", g->arrow);
    add(s, false, sign, "model a was asked for, b was sent");
    add(s, false, "!$0.031", "Respan's cost is another than the catalog's");
    snprintf(sign, sizeof(sign), "%sbreak", g->warn);
    add(s, false, sign, "the prompt cache broke here");
}

/* The short names of fields, as many on a line as fit; the columns of `calls`
 * come behind them in the list and are only named. */
static void add_filter(struct items *s)
{
    char line[56] = "";
    add_heading(s, "Filter");
    add(s, false, "words", "model:opus status>=400 since:1h \"text\"");
    add(s, false, "", "joined by and; ! before a word inverts it");
    const char *label = "fields";
    for (const char *const *name = filter_fields(); *name && strcmp(*name, "id") != 0; name++) {
        if (strlen(line) + strlen(*name) + 2 > 44) {
            add(s, false, label, line);
            label = "";
            line[0] = '\0';
        }
        snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s%s", line[0] ? " " : "", *name);
    }
    add(s, false, label, line);
    add(s, false, "", "and every column of the view `calls`");
}

static void collect(struct items *s, const struct app *a)
{
    static const char *const titles[] = {"Keys in Live", "Keys in Calls", "Keys in Sessions", "Keys in Cache",
                                         "Keys in Spend"};
    s->count = 0;
    add_heading(s, a->below == PLACE_INSPECT  ? "Keys in Inspect"
                   : a->below == PLACE_ROUTES ? "Keys in Routes"
                   : a->below == PLACE_ALARMS ? "Keys in Alarms"
                   : a->below == PLACE_WELCOME ? "Keys before the first call"
                                              : titles[a->view]);
    add_keys(s, a->below ? a->below : 1u << a->view);
    if (!a->below && (a->view == VIEW_LIVE || a->view == VIEW_CALLS)) {
        add_signs(s);
        add_filter(s);
    }
}

void help_open(struct app *a)
{
    a->below = app_place(a);
    if (!(a->below & (PLACE_INSPECT | PLACE_ROUTES | PLACE_ALARMS | PLACE_WELCOME)))
        a->below = 0;
    a->overlay = PLACE_HELP;
    a->help_top = 0;
}

void help_key(struct app *a, int key)
{
    enum action action = keys_action(PLACE_HELP, key);
    int by = action_rows(action, 10);
    if (action == ACTION_BACK)
        a->overlay = a->below == PLACE_ROUTES || a->below == PLACE_ALARMS ? a->below : 0;
    else if (app_act_anywhere(a, action))
        return;
    else if (action == ACTION_FIRST)
        a->help_top = 0;
    else if (action == ACTION_LAST)
        a->help_top = 1000; /* the drawing brings it back to the last page */
    else
        a->help_top = by < 0 && a->help_top < (size_t)-by ? 0 : a->help_top + (size_t)by;
}

static void draw_item(struct canvas *c, int row, int col, int width, const struct item *item)
{
    if (item->is_heading) {
        canvas_heading(c, row, col, width, item->text);
        return;
    }
    canvas_put_right(c, row, col, LABEL_COLS, INK_ACCENT | STYLE_BOLD, item->label);
    canvas_put(c, row, col + LABEL_COLS + 2, width - LABEL_COLS - 2, INK_PLAIN, item->text);
}

/* Where the second column begins: at a heading, when both parts fit then. */
static size_t split_at(const struct items *s, size_t rows)
{
    for (size_t i = 1; i < s->count; i++)
        if (s->list[i].is_heading && i - 1 <= rows && s->count - i <= rows)
            return i;
    return rows;
}

void help_draw(struct canvas *c, struct app *a)
{
    static struct items items; /* too large for a stack frame */
    collect(&items, a);
    bool is_wide = c->cols >= TWO_COLUMNS;
    size_t rows = c->rows > 2 ? (size_t)c->rows - 2 : 1, room = is_wide ? rows * 2 : rows;
    int width = is_wide ? (c->cols - 5) / 2 : c->cols - 2;
    if (a->help_top + room > items.count)
        a->help_top = items.count > room ? items.count - room : 0;
    size_t split = is_wide && items.count <= room ? split_at(&items, rows) : rows;
    canvas_clear(c);
    for (size_t i = 0; i < room && a->help_top + i < items.count; i++) {
        bool second = i >= split;
        draw_item(c, (int)(second ? i - split : i), second ? width + 4 : 1, width, &items.list[a->help_top + i]);
    }
    canvas_put(c, c->rows - 1, 1, c->cols - 2, INK_DIM,
               a->help_top + room < items.count ? "PgDn more   Esc back" : "Esc back");
}
