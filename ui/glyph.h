/* The few signs the dashboard draws, each in Unicode and in ASCII.
 *
 * One set is in force for the whole program, chosen at start: ASCII for
 * --no-unicode, a locale that cannot, or a terminal that draws signs of ambiguous
 * width in two columns.  Every sign is one column wide. */
#ifndef SPANTOP_UI_GLYPH_H
#define SPANTOP_UI_GLYPH_H

#include <stdbool.h>
#include <stdint.h>

struct glyphs {
    const char *dot;   /* alive, running */
    const char *cross; /* failed */
    const char *warn;
    const char *check;
    const char *arrow;   /* becomes */
    const char *pointer; /* the selected row */
    const char *folded;
    const char *unfolded;
    const char *down; /* following the end, descending */
    const char *up;
    const char *middle; /* between words of equal rank */
    const char *ellipsis;
    const char *dash; /* unknown */
    const char *hline, *vline, *top_left, *top_right, *bottom_left, *bottom_right;
    const char *bar[9];   /* none to whole, from the left */
    const char *bar_rest; /* the part of a bar that is not filled */
    const char *spark[9]; /* none to whole, from below */
    const char *mark_on;  /* the chosen one of several */
    const char *mark_off;
    const char *spin[8];
};

void glyph_use_ascii(bool ascii);
/* For a terminal that draws ambiguous signs (rules, bars, accents) two columns
 * wide: ours in ASCII; of texts, only what is two columns wide everywhere. */
void glyph_use_ascii_and_wide(void);
bool glyph_keeps_wide(void);
bool glyph_is_ascii(void);
const struct glyphs *glyphs(void);
/* The spinner's picture at that time; it turns once a second. */
const char *glyph_spinner(int64_t now_ms);

#endif
