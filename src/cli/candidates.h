/* What may stand at the end of an unfinished command line: for completion. */
#ifndef SPANTOP_CLI_CANDIDATES_H
#define SPANTOP_CLI_CANDIDATES_H

#include <stddef.h>

/* Print, one a line, what the last of the words can become.  words are those behind
 * "spantop", the last one unfinished (perhaps empty).  Prints nothing where a
 * file's name is wanted, or nothing fits. */
void candidates_print(char *const *words, size_t count);

#endif
