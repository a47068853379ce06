#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/output.h"

#define GAP          2
#define SHRUNK_WIDTH 6    /* narrower tells nothing any more */
#define DROPPED      (-1) /* the width of a column that went */

void table_init(struct table *t, const struct table_column *columns, size_t count)
{
    *t = (struct table){.columns = columns, .column_count = count};
}

static void drop_cells(struct table *t)
{
    for (size_t i = 0; i < t->cell_count; i++)
        free(t->cells[i]);
    t->cell_count = 0;
}

void table_done(struct table *t)
{
    drop_cells(t);
    free(t->cells);
    t->cells = NULL;
    t->cell_cap = 0;
}

void table_put(struct table *t, const char *text)
{
    struct buf clean;
    if (t->cell_count == t->cell_cap) {
        t->cell_cap = t->cell_cap ? t->cell_cap * 2 : 64;
        t->cells = xrealloc(t->cells, t->cell_cap * sizeof *t->cells);
    }
    if (!text)
        text = out_dash();
    buf_init(&clean);
    text_clean(&clean, text, strlen(text), false, false);
    t->cells[t->cell_count++] = xstrdup(clean.data);
    buf_done(&clean);
}

static int width_of(const char *s)
{
    return text_width(s, strlen(s));
}

static void measure(const struct table *t, bool header, int *widths)
{
    for (size_t c = 0; c < t->column_count; c++) {
        int title = header ? width_of(t->columns[c].title) : 0;
        widths[c] = title > t->columns[c].min_width ? title : t->columns[c].min_width;
    }
    for (size_t i = 0; i < t->cell_count; i++) {
        int width = width_of(t->cells[i]);
        size_t c = i % t->column_count; /* NOLINT(clang-analyzer-core.DivideZero): no cells without columns */
        if (width > widths[c])
            widths[c] = width;
    }
}

static int row_width(const struct table *t, const int *widths)
{
    int all = -GAP;
    for (size_t c = 0; c < t->column_count; c++) {
        if (widths[c] != DROPPED)
            all += widths[c] + GAP;
    }
    return all;
}

/* Narrow the widest that may be, until the row fits or none is left. */
static bool shrink(const struct table *t, int *widths, int columns)
{
    for (int all = row_width(t, widths); all > columns; all--) {
        int *widest = NULL;
        for (size_t c = 0; c < t->column_count; c++) {
            int floor = t->columns[c].min_width ? t->columns[c].min_width : SHRUNK_WIDTH;
            if (t->columns[c].shrinks && widths[c] > floor && (!widest || widths[c] > *widest))
                widest = &widths[c];
        }
        if (!widest)
            return false;
        --*widest;
    }
    return true;
}

static void fit(const struct table *t, bool header, int *widths, int columns)
{
    int last = 0;
    for (size_t c = 0; c < t->column_count; c++)
        last = t->columns[c].drop > last ? t->columns[c].drop : last;
    for (int gone = 0; gone <= last; gone++) {
        measure(t, header, widths);
        for (size_t c = 0; c < t->column_count; c++) {
            if (t->columns[c].drop && t->columns[c].drop <= gone)
                widths[c] = DROPPED;
        }
        if (columns <= 0 || shrink(t, widths, columns))
            return;
    }
}

static void print_cell(const struct table_column *column, const char *text, int width, bool is_last)
{
    size_t len = strlen(text);
    int used = text_width(text, len);
    const char *mark = "";
    if (used > width) {
        mark = strcmp(out_dash(), "-") == 0 ? "~" : "…";
        len = text_fit(text, len, width - 1);
        used = text_width(text, len) + 1;
    }
    int pad = width - used;
    if (column->right)
        printf("%*s", pad, "");
    printf("%.*s%s", (int)len, text, mark);
    if (!column->right && !is_last)
        printf("%*s", pad, "");
    fputs(is_last ? "\n" : "  ", stdout);
}

static size_t last_shown(const struct table *t, const int *widths)
{
    size_t last = 0;
    for (size_t c = 0; c < t->column_count; c++) {
        if (widths[c] != DROPPED)
            last = c;
    }
    return last;
}

void table_print(struct table *t, bool header, int columns)
{
    int *widths = xcalloc(t->column_count, sizeof *widths);
    fit(t, header, widths, columns);
    size_t last = last_shown(t, widths);
    for (size_t c = 0; header && c < t->column_count; c++) {
        if (widths[c] != DROPPED)
            print_cell(&t->columns[c], t->columns[c].title, widths[c], c == last);
    }
    for (size_t i = 0; i < t->cell_count && !out_is_broken(); i++) {
        size_t c = i % t->column_count; /* NOLINT(clang-analyzer-core.DivideZero): as above */
        if (widths[c] != DROPPED)
            print_cell(&t->columns[c], t->cells[i], widths[c], c == last);
    }
    free(widths);
    drop_cells(t);
}
