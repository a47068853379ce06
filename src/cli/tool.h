/* Another program, run to its end: systemctl, launchctl, git. */
#ifndef SPANTOP_CLI_TOOL_H
#define SPANTOP_CLI_TOOL_H

#include "base/buf.h"

#define TOOL_OUTPUT_MAX ((size_t)64 << 10)

#define TOOL_OUTPUT_MAX ((size_t)64 << 10)

/* The program of that name in PATH, as a path; NULL: none.  Caller frees. */
char *tool_find(const char *name);

/* The exit status; 127 when it is not there, -1 when it could not be run or a signal
 * ended it.  out (may be NULL; emptied first) gets what it wrote to stdout and stderr,
 * of which TOOL_OUTPUT_MAX bytes are kept.  It reads nothing.  Blocks until it ends. */
int tool_run(const char *const argv[], struct buf *out);

#endif
