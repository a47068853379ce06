/* Bars and sparklines in eighths of a column.  A value that is not zero always
 * shows; one below the whole never shows as whole. */
#ifndef SPANTOP_UI_BARS_H
#define SPANTOP_UI_BARS_H

#include <stddef.h>
#include <stdint.h>

#include "ui/canvas.h"

/* value of whole over width columns, the rest in a faint pattern. */
void bar_draw(struct canvas *c, int row, int col, int width, unsigned style, int64_t value, int64_t whole);
/* The same without a pattern behind it. */
void bar_draw_bare(struct canvas *c, int row, int col, int width, unsigned style, int64_t value, int64_t whole);
/* One column a value, scaled to the greatest. */
void spark_draw(struct canvas *c, int row, int col, unsigned style, const int64_t *values, size_t count);
/* Filled eighths of width columns. */
int bar_eighths(int width, int64_t value, int64_t whole);
/* Level 0..8 of value when the greatest is max. */
int spark_level(int64_t value, int64_t max);

#endif
