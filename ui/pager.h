/* Lines to scroll through: wrapped text, labelled values, headings.  Pure.
 *
 * Texts are copied and cleaned; at most PAGER_LINES_MAX lines are kept, and a
 * last one says when something was left out. */
#ifndef SPANTOP_UI_PAGER_H
#define SPANTOP_UI_PAGER_H

#include <stdbool.h>
#include <stddef.h>

#include "ui/canvas.h"

#define PAGER_LINES_MAX 20000
#define PAGER_LABEL     18 /* columns of a label */

struct pager_line {
    char *label; /* NULL: none */
    char *text;
    char *note;  /* faint, behind the text; NULL: none */
    char *right; /* at the right edge; NULL: none */
    unsigned style;
    int indent;
    int node; /* what a caller means by the line; -1 nothing */
};

struct pager {
    struct pager_line *lines;
    size_t count, room;
    size_t top, rows;
    int width; /* to wrap at */
    bool is_cut;
};

void pager_init(struct pager *p, int width);
void pager_done(struct pager *p);
/* One line, not wrapped. */
struct pager_line *pager_add(struct pager *p, unsigned style, int indent, const char *text);
/* label, then a value wrapped beside it. */
void pager_add_value(struct pager *p, const char *label, unsigned style, const char *value);
/* A blank line before it, unless it is the first. */
void pager_add_heading(struct pager *p, const char *title);
/* Text with its own lines, wrapped at words where that can be. */
void pager_add_text(struct pager *p, unsigned style, int indent, const char *text, size_t len);
void pager_scroll(struct pager *p, long lines);
/* cursor: a line shown as selected, or (size_t)-1. */
void pager_draw(struct canvas *c, int row, int rows, struct pager *p, size_t cursor);

#endif
