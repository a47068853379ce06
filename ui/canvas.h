/* A screen as cells of text and style, without a terminal.
 *
 * Views draw here; the curses half compares rows and sends what changed, and
 * tests read the cells back as text.  Whatever is put is made harmless first:
 * control characters, bidi overrides, joiners and broken bytes never become part of
 * a cell, so text from outside may be passed as it came.
 *
 * Coordinates are row, column, from 0; what lies outside is cut off silently.
 * A sign of two columns fills its cell and leaves the next one empty (width 0).
 * Thread: one.  Memory: the canvas owns its cells. */
#ifndef SPANTOP_UI_CANVAS_H
#define SPANTOP_UI_CANVAS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

/* What a colour means; the curses half decides which colour that is. */
enum ink {
    INK_PLAIN,
    INK_DIM,    /* labels, units, rules */
    INK_ACCENT, /* headings, keys, bars */
    INK_GOOD,
    INK_WARN,
    INK_BAD,
    INK_SWITCHED, /* what the user changed */
    INK_SELECTED, /* the selected row, its own background */
    INK_ALERT,    /* a line that must be seen, its own background */
    INK_LABEL,    /* DEMO: a tag with its own background */
    INK_COUNT_
};
#define STYLE_INK       0x0fu
#define STYLE_BOLD      0x10u
#define STYLE_UNDERLINE 0x20u

#define CELL_TEXT_MAX 15 /* one character and a few combining marks */

struct cell {
    char text[CELL_TEXT_MAX];
    uint8_t len;
    uint8_t width; /* 1, 2, or 0 behind a wide one */
    uint8_t style;
};

struct canvas {
    int rows, cols;
    struct cell *cells;
};

void canvas_init(struct canvas *c, int rows, int cols);
void canvas_done(struct canvas *c);
void canvas_clear(struct canvas *c);
struct cell *canvas_at(const struct canvas *c, int row, int col); /* NULL outside */

/* Put s at the left (or right) end of width columns; what does not fit is cut
 * and marked with an ellipsis.  Returns the columns used. */
int canvas_put(struct canvas *c, int row, int col, int width, unsigned style, const char *s);
int canvas_put_right(struct canvas *c, int row, int col, int width, unsigned style, const char *s);
int canvas_printf(struct canvas *c, int row, int col, int width, unsigned style, const char *fmt, ...)
    PRINTF_LIKE(6, 7);
/* Repeat one sign over width columns. */
void canvas_fill(struct canvas *c, int row, int col, int width, unsigned style, const char *sign);
/* Give width columns that style, keeping their text. */
void canvas_restyle(struct canvas *c, int row, int col, int width, unsigned style);
/* A frame with blank inside; title may be NULL. */
void canvas_box(struct canvas *c, int row, int col, int rows, int cols, const char *title);
/* Heading: bold title, then a rule to the end of width. */
void canvas_heading(struct canvas *c, int row, int col, int width, const char *title);

/* Columns that s takes when put. */
int canvas_width(const char *s);
/* A row as text, spaces at its end left out (for tests and plain output). */
void canvas_row_text(const struct canvas *c, int row, struct buf *out);

#endif
