#include "ui/bars.h"

#include "ui/glyph.h"

int bar_eighths(int width, int64_t value, int64_t whole)
{
    if (width <= 0 || whole <= 0 || value <= 0)
        return 0;
    int total = width * 8;
    if (value >= whole)
        return total;
    int filled = (int)((double)value / (double)whole * total + 0.5);
    return filled < 1 ? 1 : filled >= total ? total - 1 : filled;
}

int spark_level(int64_t value, int64_t max)
{
    if (value <= 0 || max <= 0)
        return 0;
    int level = (int)((double)value / (double)max * 8 + 0.5);
    return level < 1 ? 1 : level > 8 ? 8 : level;
}

static void draw_filled(struct canvas *c, int row, int col, int width, unsigned style, int64_t value, int64_t whole)
{
    const struct glyphs *g = glyphs();
    int eighths = bar_eighths(width, value, whole);
    if (glyph_is_ascii()) /* no eighths there; something is still not nothing */
        eighths = eighths > 0 && eighths < 8 ? 8 : (eighths + 4) / 8 * 8;
    int full = eighths / 8, part = eighths % 8;
    canvas_fill(c, row, col, full, style, g->bar[8]);
    if (part)
        canvas_fill(c, row, col + full, 1, style, g->bar[part]);
}

void bar_draw(struct canvas *c, int row, int col, int width, unsigned style, int64_t value, int64_t whole)
{
    canvas_fill(c, row, col, width, INK_DIM, glyphs()->bar_rest);
    draw_filled(c, row, col, width, style, value, whole);
}

void bar_draw_bare(struct canvas *c, int row, int col, int width, unsigned style, int64_t value, int64_t whole)
{
    canvas_fill(c, row, col, width, INK_PLAIN, " ");
    draw_filled(c, row, col, width, style, value, whole);
}

void spark_draw(struct canvas *c, int row, int col, unsigned style, const int64_t *values, size_t count)
{
    int64_t max = 0;
    for (size_t i = 0; i < count; i++)
        max = values[i] > max ? values[i] : max;
    for (size_t i = 0; i < count; i++) {
        int level = spark_level(values[i], max);
        /* An empty stretch keeps a faint base line, so that the chart has a length. */
        canvas_fill(c, row, col + (int)i, 1, level ? style : INK_DIM,
                    level              ? glyphs()->spark[level]
                    : glyph_is_ascii() ? "_"
                                       : "▁");
    }
}
