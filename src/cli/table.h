/* A table of text with aligned columns, narrow enough for the terminal.
 *
 * Memory: the table owns copies of its cells, cleaned as they come in.
 * Width:  measured by text_width(); where the row is wider than the terminal the
 *         columns marked `shrinks` give way, the widest first, down to their
 *         min_width; then whole columns go, in the order of `drop`. */
#ifndef SPANTOP_CLI_TABLE_H
#define SPANTOP_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct table_column {
    const char *title;
    bool right;     /* figures */
    bool shrinks;
    int min_width;  /* also keeps pages of one listing alike */
    int drop;       /* 1 goes first, 2 next; 0 never */
};

struct table {
    const struct table_column *columns;
    size_t column_count;
    char **cells; /* row by row */
    size_t cell_count;
    size_t cell_cap;
};

void table_init(struct table *t, const struct table_column *columns, size_t count);
void table_done(struct table *t);
/* The next cell; NULL is unknown. */
void table_put(struct table *t, const char *text);
/* Print to stdout (with the titles if header) and empty it.  columns: how wide
 * the terminal is, 0 for no bound. */
void table_print(struct table *t, bool header, int columns);

#endif
