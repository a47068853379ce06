/* Two rules keep columns true on every terminal:
 * - what terminals disagree about is not drawn: joiners, variation selectors
 *   and skin tones are left out, so that "family" emoji become single ones that
 *   all terminals draw two columns wide; flags become their two letters;
 * - a width is asked once, here, and the cell keeps it. */
#include "ui/canvas.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/mem.h"
#include "base/text.h"
#include "ui/glyph.h"

void canvas_init(struct canvas *c, int rows, int cols)
{
    c->rows = rows > 0 ? rows : 1;
    c->cols = cols > 0 ? cols : 1;
    c->cells = xcalloc((size_t)c->rows * (size_t)c->cols, sizeof(*c->cells));
    canvas_clear(c);
}

void canvas_done(struct canvas *c)
{
    free(c->cells);
    memset(c, 0, sizeof(*c));
}

static void cell_set(struct cell *cell, const char *text, size_t len, int width, unsigned style)
{
    memset(cell->text, 0, sizeof(cell->text));
    memcpy(cell->text, text, len < CELL_TEXT_MAX ? len : CELL_TEXT_MAX);
    cell->len = (uint8_t)len;
    cell->width = (uint8_t)width;
    cell->style = (uint8_t)style;
}

void canvas_clear(struct canvas *c)
{
    for (size_t i = 0; i < (size_t)c->rows * (size_t)c->cols; i++)
        cell_set(&c->cells[i], " ", 1, 1, INK_PLAIN);
}

struct cell *canvas_at(const struct canvas *c, int row, int col)
{
    if (row < 0 || row >= c->rows || col < 0 || col >= c->cols)
        return NULL;
    return &c->cells[(size_t)row * (size_t)c->cols + (size_t)col];
}

/* ---- One character at a time -------------------------------------------- */

struct sign {
    char text[8];
    size_t len;
    int width; /* 0: combining, belongs to the cell before */
};

static uint32_t decode(const char *s, size_t len)
{
    const unsigned char *u = (const unsigned char *)s;
    switch (len) {
    case 1:
        return u[0];
    case 2:
        return (uint32_t)(u[0] & 0x1f) << 6 | (u[1] & 0x3f);
    case 3:
        return (uint32_t)(u[0] & 0x0f) << 12 | (uint32_t)(u[1] & 0x3f) << 6 | (u[2] & 0x3f);
    default:
        return (uint32_t)(u[0] & 0x07) << 18 | (uint32_t)(u[1] & 0x3f) << 12 | (uint32_t)(u[2] & 0x3f) << 6 |
               (u[3] & 0x3f);
    }
}

static bool is_left_out(uint32_t point)
{
    return (point >= 0x200b && point <= 0x200f) || point == 0x2060 || point == 0xfeff ||
           (point >= 0xfe00 && point <= 0xfe0f) || (point >= 0x1f3fb && point <= 0x1f3ff) ||
           (point >= 0xe0000 && point <= 0xe01ef) || point == 0x00ad;
}

/* The next sign of clean text; its length in bytes is the return value. */
static size_t next_sign(const char *s, size_t len, struct sign *out)
{
    memset(out, 0, sizeof(*out));
    size_t n = text_utf8_len(s, len);
    uint32_t point = n ? decode(s, n) : 0xfffd;
    if (n > 1 && is_left_out(point))
        return n;
    if (point >= 0x1f1e6 && point <= 0x1f1ff) {
        out->text[0] = (char)('A' + (int)(point - 0x1f1e6));
        out->len = 1;
        out->width = 1;
        return n;
    }
    bool bad = n == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0);
    bool may_stay = !glyph_is_ascii() || (glyph_keeps_wide() && wcwidth((wchar_t)point) == 2);
    if (bad || (n > 1 && !may_stay)) {
        out->width = !bad && wcwidth((wchar_t)point) == 0 ? 0 : 1;
        out->len = out->width ? 1 : 0;
        out->text[0] = out->width ? '?' : '\0';
        return n ? n : 1;
    }
    memcpy(out->text, s, n);
    out->len = n;
    int width = n == 1 ? 1 : wcwidth((wchar_t)point);
    out->width = width < 0 ? 1 : width;
    return n;
}

static void append_mark(struct canvas *c, int row, int col, const struct sign *sign)
{
    struct cell *cell = canvas_at(c, row, col);
    if (cell && cell->width == 0)
        cell = canvas_at(c, row, col - 1);
    if (cell && cell->len + sign->len <= CELL_TEXT_MAX) {
        memcpy(cell->text + cell->len, sign->text, sign->len);
        cell->len = (uint8_t)(cell->len + sign->len);
    }
}

static void set_sign(struct canvas *c, int row, int col, unsigned style, const struct sign *sign)
{
    struct cell *cell = canvas_at(c, row, col);
    if (!cell)
        return;
    struct cell *before = canvas_at(c, row, col - 1), *behind = canvas_at(c, row, col + 1);
    if (cell->width == 0 && before)
        cell_set(before, " ", 1, 1, before->style);
    if (cell->width == 2 && sign->width == 1 && behind)
        cell_set(behind, " ", 1, 1, behind->style);
    if (sign->width == 2 && !behind) {
        cell_set(cell, " ", 1, 1, style);
        return;
    }
    cell_set(cell, sign->text, sign->len, sign->width, style);
    if (sign->width == 2) {
        struct cell *after = behind->width == 2 ? canvas_at(c, row, col + 2) : NULL;
        if (after)
            cell_set(after, " ", 1, 1, after->style);
        cell_set(behind, "", 0, 0, style);
    }
}

/* ---- Text --------------------------------------------------------------- */

static bool is_plain_ascii(const char *s)
{
    for (; *s; s++)
        if (*s < 0x20 || *s > 0x7e)
            return false;
    return true;
}

/* Clean text of s; lent until the next call (one thread draws). */
static const char *cleaned(const char *s, size_t *len)
{
    static struct buf scratch;
    *len = strlen(s);
    if (is_plain_ascii(s))
        return s;
    if (!scratch.data)
        buf_init_max(&scratch, (size_t)1 << 20);
    buf_reset(&scratch);
    text_clean(&scratch, s, *len, false, glyph_is_ascii() && !glyph_keeps_wide());
    *len = scratch.len;
    return scratch.data;
}

static int clean_width(const char *s, size_t len)
{
    int width = 0;
    struct sign sign;
    for (size_t at = 0; at < len;) {
        at += next_sign(s + at, len - at, &sign);
        width += sign.width;
    }
    return width;
}

int canvas_width(const char *s)
{
    size_t len;
    const char *text = cleaned(s, &len);
    return clean_width(text, len);
}

static int put_clean(struct canvas *c, int row, int col, int width, unsigned style, const char *s, size_t len)
{
    bool is_cut = clean_width(s, len) > width;
    int room = is_cut ? width - 1 : width;
    int used = 0;
    struct sign sign;
    for (size_t at = 0; at < len;) {
        at += next_sign(s + at, len - at, &sign);
        if (sign.len && sign.width == 0 && used > 0)
            append_mark(c, row, col + used - 1, &sign);
        if (sign.width == 0)
            continue;
        if (used + sign.width > room)
            break;
        set_sign(c, row, col + used, style, &sign);
        used += sign.width;
    }
    if (is_cut && width > 0) {
        const char *end = glyphs()->ellipsis;
        next_sign(end, strlen(end), &sign);
        set_sign(c, row, col + used, style, &sign);
        used++;
    }
    return used;
}

int canvas_put(struct canvas *c, int row, int col, int width, unsigned style, const char *s)
{
    if (!s || width <= 0)
        return 0;
    size_t len;
    const char *text = cleaned(s, &len);
    return put_clean(c, row, col, width, style, text, len);
}

int canvas_put_right(struct canvas *c, int row, int col, int width, unsigned style, const char *s)
{
    if (!s || width <= 0)
        return 0;
    size_t len;
    const char *text = cleaned(s, &len);
    int need = clean_width(text, len);
    int shift = need < width ? width - need : 0;
    return put_clean(c, row, col + shift, width - shift, style, text, len);
}

int canvas_printf(struct canvas *c, int row, int col, int width, unsigned style, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return canvas_put(c, row, col, width, style, text);
}

void canvas_fill(struct canvas *c, int row, int col, int width, unsigned style, const char *text)
{
    struct sign sign;
    next_sign(text, strlen(text), &sign);
    for (int i = 0; i < width; i++)
        set_sign(c, row, col + i, style, &sign);
}

void canvas_restyle(struct canvas *c, int row, int col, int width, unsigned style)
{
    for (int i = 0; i < width; i++) {
        struct cell *cell = canvas_at(c, row, col + i);
        if (cell)
            cell->style = (uint8_t)style;
    }
}

void canvas_box(struct canvas *c, int row, int col, int rows, int cols, const char *title)
{
    const struct glyphs *g = glyphs();
    for (int i = 0; i < rows; i++) {
        bool top = i == 0, bottom = i == rows - 1;
        canvas_fill(c, row + i, col, cols, INK_DIM, top || bottom ? g->hline : " ");
        canvas_fill(c, row + i, col, 1, INK_DIM, top ? g->top_left : bottom ? g->bottom_left : g->vline);
        canvas_fill(c, row + i, col + cols - 1, 1, INK_DIM, top ? g->top_right : bottom ? g->bottom_right : g->vline);
    }
    if (!title)
        return;
    canvas_fill(c, row, col + 1, 1, INK_DIM, " ");
    int used = canvas_put(c, row, col + 2, cols - 4, INK_ACCENT | STYLE_BOLD, title);
    canvas_fill(c, row, col + 2 + used, 1, INK_DIM, " ");
}

void canvas_heading(struct canvas *c, int row, int col, int width, const char *title)
{
    int used = canvas_put(c, row, col, width, INK_ACCENT | STYLE_BOLD, title);
    if (used + 1 < width)
        canvas_fill(c, row, col + used + 1, width - used - 1, INK_DIM, glyphs()->hline);
}

void canvas_row_text(const struct canvas *c, int row, struct buf *out)
{
    if (row < 0 || row >= c->rows)
        return;
    const struct cell *cells = &c->cells[(size_t)row * (size_t)c->cols];
    int end = c->cols;
    while (end > 0 && (cells[end - 1].width == 0 || (cells[end - 1].len == 1 && cells[end - 1].text[0] == ' ')) &&
           !(cells[end - 1].width == 0 && end > 1 && cells[end - 2].width == 2))
        end--;
    for (int col = 0; col < end; col++)
        buf_put(out, cells[col].text, cells[col].len);
}
