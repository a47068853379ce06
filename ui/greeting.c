/* An empty log: what to type in the other terminal.  A line too long for the
 * card goes on below, whole: somebody will copy it. */
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

static int rows_of(const char *text, int width)
{
    int rows = 0;
    while (*text) {
        size_t len = strcspn(text, "\n");
        rows += (text_width(text, len) + width - 1) / width;
        text += len + (text[len] == '\n');
    }
    return rows;
}

static int draw_lines(struct canvas *c, int row, int bottom, int col, int width, const char *text)
{
    while (*text && row < bottom) {
        size_t len = strcspn(text, "\n"), part = text_fit(text, len, width);
        char *line = xstrndup(text, part ? part : len);
        canvas_put(c, row++, col, width, INK_ACCENT | STYLE_BOLD, line);
        free(line);
        text += part && part < len ? part : len + (text[len] == '\n');
    }
    return row;
}

void greeting_draw(struct canvas *c, struct app *a, int top, int bottom)
{
    const char *setup = a->o->setup_lines ? a->o->setup_lines : "";
    int want = longest(setup) + CARD_EDGES;
    int cols = want > CARD_COLS ? want : CARD_COLS;
    cols = cols < c->cols - 4 ? cols : c->cols - 4;
    int width = cols - CARD_EDGES;
    int rows = a->o->is_demo ? 5 : rows_of(setup, width) + 8;
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
    row = draw_lines(c, row + 2, bottom, col + 6, width, setup) + 1;
    int used = canvas_put(c, row, col + 3, cols - 6, INK_DIM, "Just looking?  ");
    used += canvas_put(c, row, col + 3 + used, cols - 6 - used, INK_ACCENT, "spantop demo");
    canvas_put(c, row, col + 3 + used, cols - 6 - used, INK_DIM, "  plays a session without a key.");
}
