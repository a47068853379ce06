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
    p->node = -1;
    p->hit_at = (size_t)-1;
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
    free(p->hits);
    memset(p, 0, sizeof(*p));
    p->node = -1;
    p->hit_at = (size_t)-1;
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
    *line = (struct pager_line){
        .text = xstrndup(text, len), .style = style, .indent = indent, .node = p->node, .joined = -1};
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

void pager_add_aside(struct pager *p, unsigned style, int indent, const char *text)
{
    pager_add(p, style, indent, text)->is_aside = true;
}

void pager_add_heading(struct pager *p, const char *title)
{
    if (p->count)
        pager_add(p, INK_PLAIN, 0, "");
    pager_add(p, INK_ACCENT | STYLE_BOLD, 0, title);
}

static void add_wrapped(struct pager *p, unsigned style, int indent, const char *s, size_t len)
{
    int columns = p->width - indent > 10 ? p->width - indent : 10;
    int joined = -1;
    do {
        size_t n = text_wrap(s, len, columns);
        struct pager_line *line = add_bytes(p, style, indent, s, n);
        if (!line)
            return;
        line->joined = joined;
        s += n;
        len -= n;
        for (joined = 0; len > 0 && n > 0 && *s == ' '; joined++) { /* the blank it was broken at */
            s++;
            len--;
        }
    } while (len > 0);
}

static bool is_plain(const char *s, size_t len)
{
    while (len > 0 && *s >= 0x20 && *s < 0x7f) {
        s++;
        len--;
    }
    return len == 0;
}

/* Tabs become blanks: on a canvas a column is a column. */
static void clean_line(struct buf *out, const char *s, size_t len)
{
    size_t from = 0;
    if (is_plain(s, len)) { /* nearly every line */
        buf_put(out, s, len);
        return;
    }
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

/* The next line of *text, cleaned; false behind the last. */
static bool next_line(const char **text, size_t *len, struct buf *clean)
{
    if (*len == 0)
        return false;
    const char *end = memchr(*text, '\n', *len);
    size_t n = end ? (size_t)(end - *text) : *len;
    buf_reset(clean);
    clean_line(clean, *text, n && (*text)[n - 1] == '\r' ? n - 1 : n);
    n += end != NULL;
    *text += n;
    *len -= n;
    return true;
}

void pager_add_text(struct pager *p, unsigned style, int indent, const char *text, size_t len)
{
    struct buf clean;
    buf_init(&clean);
    while (!p->is_cut && next_line(&text, &len, &clean))
        add_wrapped(p, style, indent, clean.data, clean.len);
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

/* ---- Finding ------------------------------------------------------------------ */

size_t pager_count(const char *text, size_t len, const char *words)
{
    struct buf clean;
    size_t count = 0, words_len = strlen(words);
    buf_init(&clean);
    while (words_len && next_line(&text, &len, &clean)) {
        const char *at = clean.data;
        while ((at = text_find_nocase(at, clean.len - (size_t)(at - clean.data), words)) != NULL) {
            at += words_len;
            count++;
        }
    }
    buf_done(&clean);
    return count;
}

static void add_hit(struct pager *p, struct pager_hit hit)
{
    if ((p->hit_count & (p->hit_count - 1)) == 0) /* doubling at powers of two: no room to keep */
        p->hits = xrealloc(p->hits, (p->hit_count ? p->hit_count * 2 : 1) * sizeof(*p->hits));
    p->hits[p->hit_count++] = hit;
}

/* The stretch [from, to) of the lines first to behind put together, as hits. */
static void add_match(struct pager *p, size_t first, size_t behind, size_t from, size_t to, size_t number)
{
    size_t begin = 0; /* where the line's text begins in the whole */
    for (size_t i = first; i < behind && begin < to; i++) {
        size_t len = strlen(p->lines[i].text);
        begin += i > first ? (size_t)p->lines[i].joined : 0;
        size_t a = from > begin ? from - begin : 0, b = to - begin < len ? to - begin : len;
        if (to > begin && a < b)
            add_hit(p, (struct pager_hit){i, a, b - a, number});
        begin += len;
    }
}

/* Lines first to behind are one that was wrapped. */
static size_t mark_lines(struct pager *p, size_t first, size_t behind, const char *words, size_t number)
{
    struct buf whole;
    size_t words_len = strlen(words);
    buf_init(&whole);
    for (size_t i = first; i < behind; i++) {
        for (int blanks = i > first ? p->lines[i].joined : 0; blanks > 0; blanks--)
            buf_putc(&whole, ' ');
        buf_puts(&whole, p->lines[i].text);
    }
    const char *at = whole.data;
    while ((at = text_find_nocase(at, whole.len - (size_t)(at - whole.data), words)) != NULL) {
        size_t from = (size_t)(at - whole.data);
        add_match(p, first, behind, from, from + words_len, number++);
        at += words_len;
    }
    buf_done(&whole);
    return number;
}

void pager_mark(struct pager *p, const char *words)
{
    size_t number = 0;
    free(p->hits);
    p->hits = NULL;
    p->hit_count = 0;
    p->hit_at = (size_t)-1;
    for (size_t i = 0, behind; words && words[0] && i < p->count; i = behind) {
        for (behind = i + 1; behind < p->count && p->lines[behind].joined >= 0;)
            behind++;
        if (!p->lines[i].is_aside)
            number = mark_lines(p, i, behind, words, number);
    }
}

size_t pager_nth(const struct pager *p, int node, size_t nth)
{
    size_t last = (size_t)-1;
    for (size_t i = 0; i < p->hit_count; i++) {
        const struct pager_hit *hit = &p->hits[i];
        bool is_new = hit->number != last;
        last = hit->number;
        if (is_new && (node < 0 || p->lines[hit->line].node == node) && nth-- == 0)
            return hit->number;
    }
    return (size_t)-1;
}

size_t pager_show(struct pager *p, size_t number)
{
    p->hit_at = number;
    for (size_t i = 0; i < p->hit_count; i++)
        if (p->hits[i].number == number) {
            size_t line = p->hits[i].line, above = p->rows / 3;
            if (line < p->top + 1 || line + 1 >= p->top + p->rows) { /* with something around it */
                p->top = line > above ? line - above : 0;
                pager_scroll(p, 0);
            }
            return line;
        }
    return 0;
}

/* ---- Drawing ------------------------------------------------------------------- */

static void draw_line(struct canvas *c, int row, const struct pager_line *line)
{
    int right = line->right ? canvas_width(line->right) + 2 : 0, at = 2 + line->indent;
    canvas_put(c, row, 2, PAGER_LABEL, INK_DIM, line->label);
    at += canvas_put(c, row, at, c->cols - 2 - at - right, line->style, line->text) + 2;
    canvas_put(c, row, at, c->cols - 2 - at - right, INK_DIM, line->note);
    if (line->right)
        canvas_put_right(c, row, c->cols - 1 - right, right, INK_DIM, line->right);
}

/* By the columns of what stands before it and of itself. */
static void draw_hit(struct canvas *c, int row, const struct pager *p, const struct pager_hit *hit, bool is_selected)
{
    const struct pager_line *line = &p->lines[hit->line];
    char *before = xstrndup(line->text, hit->at), *match = xstrndup(line->text + hit->at, hit->len);
    int col = 2 + line->indent + canvas_width(before), right = line->right ? canvas_width(line->right) + 2 : 0;
    int room = c->cols - 2 - right - col, width = canvas_width(match);
    unsigned style = hit->number == p->hit_at ? INK_LABEL | STYLE_BOLD : (is_selected ? INK_SELECTED : INK_WARN) | STYLE_UNDERLINE;
    canvas_restyle(c, row, col, width < room ? width : room, style);
    free(before);
    free(match);
}

static void draw_hits(struct canvas *c, int row, int rows, const struct pager *p, size_t cursor)
{
    for (size_t i = 0; i < p->hit_count; i++)
        if (p->hits[i].line >= p->top && p->hits[i].line < p->top + (size_t)rows)
            draw_hit(c, row + (int)(p->hits[i].line - p->top), p, &p->hits[i], p->hits[i].line == cursor);
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
    draw_hits(c, row, rows, p, cursor);
}
