/* An empty log: what to type in the other terminal.  A line too long for the
 * card goes on below, behind a backslash, as a shell takes it: somebody will copy it. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "ui/app.h"
#include "ui/glyph.h"

#define CARD_COLS  76
#define CARD_EDGES 9 /* border, blank and indent left, blank and border right */

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

/* The part of a line of len bytes that fits: all of it, or up to a blank with
 * room for the backslash, or what the card holds. */
static size_t part_of(const char *line, size_t len, int width)
{
    if (text_width(line, len) <= width)
        return len;
    size_t fit = text_fit(line, len, width - 2);
    for (size_t at = fit; at > 0; at--)
        if (line[at] == ' ')
            return at;
    return fit ? fit : len;
}

/* Draws from row on when c is there; the rows it takes. */
static int put_lines(struct canvas *c, int row, int bottom, int col, int width, const char *text)
{
    int rows = 0;
    while (*text) {
        size_t len = strcspn(text, "\n"), part = part_of(text, len, width);
        bool goes_on = part < len;
        char *line = xasprintf("%.*s%s", (int)part, text, goes_on ? text[part] == ' ' ? " \\" : "\\" : "");
        if (c && row + rows < bottom)
            canvas_put(c, row + rows, col, width, INK_ACCENT | STYLE_BOLD, line);
        free(line);
        rows++;
        text += part;
        text += goes_on ? *text == ' ' : *text == '\n';
    }
    return rows;
}

void greeting_draw(struct canvas *c, struct app *a, int top, int bottom)
{
    const char *setup = a->o->setup_lines ? a->o->setup_lines : "";
    int want = longest(setup) + CARD_EDGES;
    int cols = want > CARD_COLS ? want : CARD_COLS;
    cols = cols < c->cols - 4 ? cols : c->cols - 4;
    int width = cols - CARD_EDGES;
    int rows = a->o->is_demo ? 5 : put_lines(NULL, 0, 0, 0, width, setup) + 8;
    int row = top + (bottom - top - rows) / 2, col = (c->cols - cols) / 2;
    if (row < top)
        row = top;
    canvas_box(c, row, col, rows, cols, "Waiting for the first call");
    row += 2;
    if (a->o->is_demo) {
        canvas_put(c, row, col + 3, cols - 6, INK_PLAIN, "The demo's sessions begin in a moment.");
        return;
    }
    canvas_put(c, row, col + 3, cols - 6, INK_PLAIN, "In the terminal where you work, type:");
    row += 2;
    row += put_lines(c, row, bottom, col + 6, width, setup) + 1;
    int used = canvas_put(c, row, col + 3, cols - 6, INK_DIM, "Just looking?  ");
    used += canvas_put(c, row, col + 3 + used, cols - 6 - used, INK_ACCENT, "spantop demo");
    canvas_put(c, row, col + 3 + used, cols - 6 - used, INK_DIM, "  plays a session without a key.");
}
