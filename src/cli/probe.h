/* One small question to a server, the way the gateway would ask it: same proxy,
 * certificates and time limits.  Blocks until answered or limit_ms passed. */
#ifndef SPANTOP_CLI_PROBE_H
#define SPANTOP_CLI_PROBE_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "cli/options.h"

struct probe {
    int status;          /* of the answer */
    int64_t date_s;      /* its Date header in Unix seconds; -1: none */
};

/* GET url; bearer NULL: without a key.  -1: no answer, e says why. */
NODISCARD int probe_get(const struct settings *s, const char *url, const char *bearer, int limit_ms, struct probe *p,
                        struct err *e);

#endif
