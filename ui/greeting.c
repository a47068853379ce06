/* An empty log: what to type in the other terminal. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/app.h"
#include "ui/glyph.h"

#define CARD_COLS 76

static int count_lines(const char *text)
{
    int lines = 0;
    for (const char *at = text; at && *at; lines++) {
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    return lines;
}

void greeting_draw(struct canvas *c, struct app *a, int top, int bottom)
{
    const char *setup = a->o->setup_lines ? a->o->setup_lines : "";
    int cols = c->cols - 4 < CARD_COLS ? c->cols - 4 : CARD_COLS;
    int rows = count_lines(setup) + (a->o->is_demo ? 6 : 8);
    int row = top + (bottom - top - rows) / 2, col = (c->cols - cols) / 2;
    if (row < top)
        row = top;
    canvas_box(c, row, col, rows, cols, "Waiting for the first call");
    row += 2;
    if (a->o->is_demo) {
        canvas_put(c, row++, col + 3, cols - 6, INK_PLAIN, "The demo's sessions begin in a moment.");
    } else {
        canvas_put(c, row++, col + 3, cols - 6, INK_PLAIN, "In the terminal where you work, type:");
        row++;
        char *copy = xstrdup(setup), *rest = NULL;
        for (char *line = strtok_r(copy, "\n", &rest); line && row < bottom; line = strtok_r(NULL, "\n", &rest))
            canvas_put(c, row++, col + 6, cols - 8, INK_ACCENT | STYLE_BOLD, line);
        free(copy);
        row++;
        int used = canvas_put(c, row, col + 3, cols - 6, INK_DIM, "Just looking?  ");
        used += canvas_put(c, row, col + 3 + used, cols - 6 - used, INK_ACCENT, "spantop demo");
        canvas_put(c, row, col + 3 + used, cols - 6 - used, INK_DIM, "  plays a session without a key.");
    }
}
