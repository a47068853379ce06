#include "ui/pager.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "ui/glyph.h"

#define TAB_COLUMNS 4

void pager_init(struct pager *p, int width)
{
    memset(p, 0, sizeof(*p));
    p->width = width < 20 ? 20 : width;
    p->rows = 1;
}

void pager_done(struct pager *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->lines[i].label);
        free(p->lines[i].text);
        free(p->lines[i].note);
        free(p->lines[i].right);
    }
    free(p->lines);
    memset(p, 0, sizeof(*p));
}

static struct pager_line *add_bytes(struct pager *p, unsigned style, int indent, const char *text, size_t len)
{
    if (p->count == p->room) {
        p->room = p->room ? p->room * 2 : 64;
        p->lines = xrealloc(p->lines, p->room * sizeof(*p->lines));
    }
    if (p->count >= PAGER_LINES_MAX) {
        struct pager_line *last = &p->lines[p->count - 1];
        xreplace(&last->text, "(more was left out here)");
        last->style = INK_WARN;
        p->is_cut = true;
        return NULL;
    }
    struct pager_line *line = &p->lines[p->count++];
    *line = (struct pager_line){.text = xstrndup(text, len), .style = style, .indent = indent, .node = -1};
    return line;
}

struct pager_line *pager_add(struct pager *p, unsigned style, int indent, const char *text)
{
    struct pager_line *line = add_bytes(p, style, indent, text, strlen(text));
    if (line)
        return line;
    p->lines[p->count - 1].node = -1; /* full: the last line stands for what is left out */
    return &p->lines[p->count - 1];
}

void pager_add_heading(struct pager *p, const char *title)
{
    if (p->count)
        pager_add(p, INK_PLAIN, 0, "");
    pager_add(p, INK_ACCENT | STYLE_BOLD, 0, title);
}

/* Where to end a line that is too long: before the last blank (or behind the
 * last comma) of its second half, else where the column ends. */
static size_t wrap_at(const char *s, size_t len, int columns)
{
    size_t fit = text_fit(s, len, columns);
    if (fit >= len)
        return len;
    if (fit == 0)
        fit = text_utf8_len(s, len) ? text_utf8_len(s, len) : 1;
    for (size_t at = fit; at > fit / 2; at--)
        if (s[at] == ' ' || s[at - 1] == ',')
            return at;
    return fit;
}

static void add_wrapped(struct pager *p, unsigned style, int indent, const char *s, size_t len)
{
    int columns = p->width - indent > 10 ? p->width - indent : 10;
    do {
        size_t n = wrap_at(s, len, columns);
        if (!add_bytes(p, style, indent, s, n))
            return;
        s += n;
        len -= n;
        while (len > 0 && n > 0 && *s == ' ') { /* the blank it was broken at */
            s++;
            len--;
        }
    } while (len > 0);
}

/* Tabs become blanks: on a canvas a column is a column. */
static void clean_line(struct buf *out, const char *s, size_t len)
{
    size_t from = 0;
    for (size_t i = 0; i <= len; i++) {
        if (i < len && s[i] != '\t')
            continue;
        text_clean(out, s + from, i - from, false, glyph_is_ascii());
        if (i < len)
            for (size_t n = TAB_COLUMNS - out->len % TAB_COLUMNS; n > 0; n--)
                buf_putc(out, ' ');
        from = i + 1;
    }
}

void pager_add_text(struct pager *p, unsigned style, int indent, const char *text, size_t len)
{
    struct buf clean;
    buf_init(&clean);
    while (len > 0 && !p->is_cut) {
        const char *end = memchr(text, '\n', len);
        size_t n = end ? (size_t)(end - text) : len;
        size_t shown = n && text[n - 1] == '\r' ? n - 1 : n;
        buf_reset(&clean);
        clean_line(&clean, text, shown);
        add_wrapped(p, style, indent, clean.data, clean.len);
        n += end != NULL;
        text += n;
        len -= n;
    }
    buf_done(&clean);
}

void pager_add_value(struct pager *p, const char *label, unsigned style, const char *value)
{
    if (!value || !value[0])
        return;
    size_t first = p->count;
    pager_add_text(p, style, PAGER_LABEL, value, strlen(value));
    if (p->count > first)
        p->lines[first].label = xstrdup(label);
}

void pager_scroll(struct pager *p, long lines)
{
    long most = p->count > p->rows ? (long)(p->count - p->rows) : 0;
    long top = (long)p->top + lines;
    p->top = (size_t)(top < 0 ? 0 : top > most ? most : top);
}

static void draw_line(struct canvas *c, int row, const struct pager_line *line)
{
    int right = line->right ? canvas_width(line->right) + 2 : 0, at = 2 + line->indent;
    canvas_put(c, row, 2, PAGER_LABEL, INK_DIM, line->label);
    at += canvas_put(c, row, at, c->cols - 2 - at - right, line->style, line->text) + 2;
    canvas_put(c, row, at, c->cols - 2 - at - right, INK_DIM, line->note);
    if (line->right)
        canvas_put_right(c, row, c->cols - 1 - right, right, INK_DIM, line->right);
}

void pager_draw(struct canvas *c, int row, int rows, struct pager *p, size_t cursor)
{
    p->rows = rows > 0 ? (size_t)rows : 1;
    if (cursor != (size_t)-1 && cursor < p->top)
        p->top = cursor;
    if (cursor != (size_t)-1 && cursor >= p->top + p->rows)
        p->top = cursor - p->rows + 1;
    pager_scroll(p, 0);
    for (int i = 0; i < rows && p->top + (size_t)i < p->count; i++) {
        const struct pager_line *line = &p->lines[p->top + (size_t)i];
        draw_line(c, row + i, line);
        if (p->top + (size_t)i == cursor)
            canvas_restyle(c, row + i, 0, c->cols, INK_SELECTED);
    }
}
