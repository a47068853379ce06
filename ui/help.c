/* The help, written from the same table that dispatches the keys, so that it
 * cannot tell of a key that does nothing. */
#include <string.h>

#include "ui/app.h"
#include "ui/glyph.h"

static const char *place_title(unsigned place)
{
    switch (place) {
    case PLACE_LIVE:
        return "Keys in Live";
    case PLACE_CALLS:
        return "Keys in Calls";
    case PLACE_SESSIONS:
        return "Keys in Sessions";
    case PLACE_CACHE:
        return "Keys in Cache";
    case PLACE_SPEND:
        return "Keys in Spend";
    default:
        return "Keys in Inspect";
    }
}

static const struct {
    const char *sign, *meaning;
} legend[] = {
    {"200", "the answer came whole"},
    {"x 529", "an error: the status the client got"},
    {"x cut", "the upstream broke off in mid-stream"},
    {"left", "the client left first"},
    {"lost", "the gateway died while the call ran"},
    {"~318", "tokens so far, an estimate until the answer ends"},
    {"a > b", "model a was asked for, model b was sent"},
};

static size_t legend_count(unsigned place)
{
    return place & (PLACE_LIVE | PLACE_CALLS) ? sizeof(legend) / sizeof(legend[0]) : 0;
}

static unsigned help_place(const struct app *a)
{
    return a->below == PLACE_INSPECT ? PLACE_INSPECT : 1u << a->view;
}

void help_draw(struct canvas *c, struct app *a)
{
    unsigned place = help_place(a);
    const struct key_binding *k;
    size_t lines = 0, at = 0, rows = c->rows > 4 ? (size_t)c->rows - 4 : 1;
    for (size_t i = 0; (k = keys_at(place, i)); i++)
        lines += k->help != NULL;
    lines += legend_count(place) ? legend_count(place) + 2 : 0;
    if (a->help_top + rows > lines)
        a->help_top = lines > rows ? lines - rows : 0;
    canvas_clear(c);
    canvas_heading(c, 0, 1, c->cols - 2, place_title(place));
    int row = 2;
    for (size_t i = 0; (k = keys_at(place, i)); i++) {
        if (!k->help || at++ < a->help_top || row >= c->rows - 1)
            continue;
        canvas_put_right(c, row, 1, 11, INK_ACCENT | STYLE_BOLD, k->label);
        canvas_put(c, row++, 14, c->cols - 15, INK_PLAIN, k->help);
    }
    if (legend_count(place) && (at += 2) > a->help_top && row + 1 < c->rows - 1) {
        canvas_put(c, row + 1, 1, c->cols - 2, INK_ACCENT | STYLE_BOLD, "Signs");
        row += 2;
    }
    for (size_t i = 0; i < legend_count(place); i++) {
        if (at++ < a->help_top || row >= c->rows - 1)
            continue;
        const char *sign = legend[i].sign;
        char text[32];
        const char *rest = sign;
        if (strncmp(sign, "x ", 2) == 0 || strcmp(sign, "a > b") == 0) {
            bool is_arrow = sign[0] == 'a';
            strcpy(text, is_arrow ? "a " : "");
            strcat(text, is_arrow ? glyphs()->arrow : glyphs()->cross);
            strcat(text, is_arrow ? " b" : sign + 1);
            rest = text;
        }
        canvas_put_right(c, row, 1, 11, INK_PLAIN, rest);
        canvas_put(c, row++, 14, c->cols - 15, INK_DIM, legend[i].meaning);
    }
    canvas_put(c, c->rows - 1, 1, c->cols - 2, INK_DIM, a->help_top + rows < lines ? "PgDn more   Esc back" : "Esc back");
}
