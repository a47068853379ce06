/* What the cursor is on, as text: whole, whatever page of it is laid out. */
#include <string.h>

#include "ui/inspect.h"

/* The texts of an element and of all it holds, an empty line between them. */
static void put_element(const struct inspect *x, size_t i, struct buf *out)
{
    int depth = x->tree.nodes[i].depth;
    do {
        if (inspect_is_leaf(&x->tree, i)) {
            if (out->len)
                buf_puts(out, "\n\n");
            inspect_part_text(x, i, out);
        }
        i++;
    } while (i < x->tree.count && x->tree.nodes[i].depth > depth);
}

static void put_line(const struct pager_line *line, bool is_first, struct buf *out)
{
    for (int blanks = line->joined; !is_first && blanks > 0; blanks--)
        buf_putc(out, ' ');
    if (!is_first && line->joined < 0)
        buf_putc(out, '\n');
    if (line->label)
        buf_printf(out, "%s: ", line->label);
    buf_puts(out, line->text);
}

/* A line that was wrapped is one line. */
static void put_line_at(const struct pager *p, size_t at, struct buf *out)
{
    while (at > 0 && at < p->count && p->lines[at].joined >= 0)
        at--;
    for (size_t i = at; i < p->count && (i == at || p->lines[i].joined >= 0); i++)
        put_line(&p->lines[i], i == at, out);
}

void inspect_copy(const struct inspect *x, struct buf *out)
{
    int part = inspect_part_here(x);
    if (x->tab == TAB_HEADERS)
        put_line_at(&x->pager, x->cursor, out);
    else if (part >= 0 && x->tab == TAB_REQUEST && x->has_tree)
        put_element(x, (size_t)part, out);
    else if (part >= 0 && (size_t)part < x->parts[x->tab].count)
        inspect_part_text(x, (size_t)part, out);
    else
        for (size_t i = 0; i < x->pager.count; i++)
            put_line(&x->pager.lines[i], i == 0, out);
}
