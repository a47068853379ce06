/* The parts of a tab: their titles, their texts, and which page of a long one is shown. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "ui/glyph.h"
#include "ui/inspect.h"

void inspect_parts_size(struct inspect_parts *p, size_t count)
{
    p->list = xrealloc(p->list, (count + 1) * sizeof(*p->list));
    for (size_t i = p->count; i < count; i++)
        p->list[i] = (struct inspect_part){.is_unfolded = false};
    p->count = count;
}

void inspect_parts_done(struct inspect_parts *p)
{
    free(p->list);
    *p = (struct inspect_parts){NULL, 0};
}

/* ---- Pages -------------------------------------------------------------------- */

/* The last place in the page behind that mark; NULL: it is not there. */
static const char *behind_last(const char *page, const char *mark)
{
    size_t len = strlen(mark);
    for (size_t at = INSPECT_PAGE_MAX - len + 1; at-- > 0;)
        if (page[at] == mark[0] && memcmp(page + at, mark, len) == 0)
            return page + at + len;
    return NULL;
}

/* A page ends where nothing that is looked for goes on: at a line's end, else (JSON
 * is one line) at one inside a text, or where a text ends; else at a blank. */
size_t inspect_page_end(struct bytes text, size_t from)
{
    static const char *const marks[] = {"\n", "\\n", "\",", " "};
    if (text.len - from <= INSPECT_PAGE_MAX)
        return text.len;
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        const char *end = behind_last(text.data + from, marks[i]);
        if (end)
            return (size_t)(end - text.data);
    }
    size_t end = from + INSPECT_PAGE_MAX;
    while (end > from + 1 && ((unsigned char)text.data[end] & 0xc0) == 0x80) /* not inside a character */
        end--;
    return end;
}

struct span inspect_page(struct bytes text, size_t page, size_t *pages)
{
    struct span found = {0, 0};
    *pages = 0;
    for (size_t at = 0; at < text.len; (*pages)++) {
        size_t end = inspect_page_end(text, at);
        if (*pages <= page)
            found = (struct span){at, end - at};
        at = end;
    }
    return found;
}

static void add_page_line(struct inspect *x, size_t page, size_t pages, int indent, size_t len)
{
    char size[TEXT_SHORT_MAX], text[96];
    text_bytes(size, (int64_t)len);
    snprintf(text, sizeof(text), "page %zu of %zu (%s): > and < turn it", page + 1, pages, size);
    pager_add_aside(&x->pager, INK_WARN, indent, text);
}

void inspect_add_text(struct inspect *x, size_t part, unsigned style, int indent, struct bytes text)
{
    size_t pages, *at = &x->parts[x->tab].list[part].page;
    struct span page = inspect_page(text, *at, &pages);
    if (pages && *at >= pages)
        *at = pages - 1;
    if (pages > 1)
        add_page_line(x, *at, pages, indent, text.len);
    pager_add_text(&x->pager, style, indent, text.data + page.off, page.len);
    if (pages > 1)
        add_page_line(x, *at, pages, indent, text.len);
}

bool inspect_turn_page(struct inspect *x, int by)
{
    int part = inspect_part_here(x);
    size_t pages;
    struct buf text;
    if (part < 0 || (size_t)part >= x->parts[x->tab].count)
        return false;
    buf_init(&text);
    inspect_part_text(x, (size_t)part, &text);
    inspect_page(buf_bytes(&text), 0, &pages);
    buf_done(&text);
    size_t *page = &x->parts[x->tab].list[part].page;
    if (by < 0 ? *page == 0 : *page + 1 >= pages)
        return false;
    *page = by < 0 ? *page - 1 : *page + 1;
    while (x->cursor > 0 && x->pager.lines[x->cursor - 1].node == part)
        x->cursor--;
    x->pager.top = x->cursor;
    x->is_made = false;
    return true;
}

/* ---- Titles and texts ---------------------------------------------------------- */

void inspect_part_title(const struct inspect *x, size_t part, struct buf *out)
{
    if (x->tab == TAB_REQUEST)
        buf_puts(out, x->tree.nodes[part].label);
    else if (x->tab == TAB_RESPONSE)
        inspect_block_title(x, part, out);
    else if (x->tab == TAB_RAW)
        buf_puts(out, inspect_raw_title(x, part));
}

void inspect_part_text(const struct inspect *x, size_t part, struct buf *out)
{
    if (x->tab == TAB_REQUEST)
        inspect_element_text(x, part, out);
    else if (x->tab == TAB_RESPONSE)
        inspect_block_text(x, part, out);
    else if (x->tab == TAB_RAW)
        buf_put(out, x->raw[part].data, x->raw[part].len);
}
