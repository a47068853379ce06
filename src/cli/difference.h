/* Where two bodies differ, each place with a little of what stands around it. */
#ifndef SPANTOP_CLI_DIFFERENCE_H
#define SPANTOP_CLI_DIFFERENCE_H

#include "base/span.h"

/* To stdout, cleaned: text from outside, laid out for people. */
void difference_print(struct bytes before, struct bytes after);

#endif
