/* What changed between two requests, for people: by element, then by line. */
#ifndef SPANTOP_CLI_DIFF_VIEW_H
#define SPANTOP_CLI_DIFF_VIEW_H

#include "base/span.h"

/* To stdout, cleaned: text from outside, laid out for people. */
void diff_view_print(struct bytes before, struct bytes after);
/* The same of two texts, by line. */
void diff_view_print_texts(struct bytes before, struct bytes after);

#endif
