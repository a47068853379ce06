/* Lines to scroll through: wrapped text, labelled values, headings; and finding
 * words in them.  Pure.
 *
 * Texts are copied and cleaned; at most PAGER_LINES_MAX lines are kept, and a
 * last one says when something was left out.  What is looked for is found across
 * the place where a line was wrapped. */
#ifndef SPANTOP_UI_PAGER_H
#define SPANTOP_UI_PAGER_H

#include <stdbool.h>
#include <stddef.h>

#include "ui/canvas.h"

#define PAGER_LINES_MAX 20000
#define PAGER_LABEL     18 /* columns of a label */

struct pager_line {
    char *label; /* NULL: none */
    char *text;
    char *note;  /* faint, behind the text; NULL: none */
    char *right; /* at the right edge; NULL: none */
    unsigned style;
    int indent;
    int node;    /* what a caller means by the line; -1 nothing */
    int joined;  /* -1: begins; else it goes on the line before, of which so many blanks were left out */
    bool is_aside; /* not part of what is looked through: a word about the lines */
};

struct pager_hit {
    size_t line, at, len; /* bytes of the line's text */
    size_t number;        /* of the match; one that was wrapped has two hits */
};

struct pager {
    struct pager_line *lines;
    size_t count, room;
    size_t top, rows;
    int width; /* to wrap at */
    int node;  /* of the lines that are added from now on; -1 at first */
    bool is_cut;
    struct pager_hit *hits;
    size_t hit_count;
    size_t hit_at; /* number of the match the user is on; (size_t)-1: none */
};

void pager_init(struct pager *p, int width);
void pager_done(struct pager *p);
/* One line, not wrapped. */
struct pager_line *pager_add(struct pager *p, unsigned style, int indent, const char *text);
/* label, then a value wrapped beside it. */
void pager_add_value(struct pager *p, const char *label, unsigned style, const char *value);
/* A blank line before it, unless it is the first. */
void pager_add_heading(struct pager *p, const char *title);
/* A word about the lines beside it. */
void pager_add_aside(struct pager *p, unsigned style, int indent, const char *text);
/* Text with its own lines, wrapped at words where that can be. */
void pager_add_text(struct pager *p, unsigned style, int indent, const char *text, size_t len);
void pager_scroll(struct pager *p, long lines);
/* Mark every match of the words (ASCII case folded); NULL or "": none any more. */
void pager_mark(struct pager *p, const char *words);
/* How often the words would be found if that text were added. */
size_t pager_count(const char *text, size_t len, const char *words);
/* The number of the nth match among the lines of that node (-1: of any); (size_t)-1: none. */
size_t pager_nth(const struct pager *p, int node, size_t nth);
/* Bring that match to where it is seen.  Its line. */
size_t pager_show(struct pager *p, size_t number);
/* cursor: a line shown as selected, or (size_t)-1. */
void pager_draw(struct canvas *c, int row, int rows, struct pager *p, size_t cursor);

#endif
