/* What becomes of a gateway when the command that started it ends. */
#ifndef SPANTOP_CLI_LEAVE_H
#define SPANTOP_CLI_LEAVE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "cli/start.h"

/* A gateway that this process started and that nobody uses is ended; one that
 * another command uses, or any call came through in the last 12 hours, stays, for a client whose settings
 * point at it must never meet a refused connection.  One that was running
 * before is not touched.  *stays tells which. */
NODISCARD int gateway_leave(const struct settings *s, const struct started *g, bool *stays, struct err *e);

#endif
