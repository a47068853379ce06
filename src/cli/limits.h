/* --for-next, --until and --for TIME: how long a switch or a route holds. */
#ifndef SPANTOP_CLI_LIMITS_H
#define SPANTOP_CLI_LIMITS_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "cli/args.h"
#include "log/routes.h"

#define LIMIT_OPTIONS                                                                                                  \
    {"for-next", "N", "only for so many calls"},                                                                       \
    {                                                                                                                  \
        "until", "TIME", "only until then: 18:00, \"2026-11-30 18:00\""                                                \
    }

/* What was given; an empty value takes a limit out and leaves 0. */
NODISCARD int limits_take(const struct args *a, struct route_limits *limits, struct err *e);
/* Was any of them named, even to take it out? */
bool limits_are_given(const struct args *a);
/* --for as a model glob; NULL when it is not given or is a time such as 2h. */
const char *limits_glob(const struct args *a);
/* "call 4 of 10", "until 18:00", both, or NULL; caller frees. */
char *limits_words(const struct route *r, int64_t now_ms);

#endif
