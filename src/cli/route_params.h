/* The typed options for Respan parameters, and --params for all others. */
#ifndef SPANTOP_CLI_ROUTE_PARAMS_H
#define SPANTOP_CLI_ROUTE_PARAMS_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "cli/args.h"

/* Those with an empty help stand in PARAM_OPTIONS_TEXT: a screen has 24 lines. */
#define PARAM_OPTIONS                                                                                                  \
    {"fallback", "A,B", "models Respan tries next"},                                                                   \
    {"cache", "off|on|TTL", "Respan's response cache; a TTL such as 1h"},                                              \
    {"customer", "ID", "customer_identifier: who Respan counts it for"},                                               \
    {"thread", "ID", ""},                                                                                              \
    {"custom-id", "ID", ""},                                                                                           \
    {"exclude-models", "A,B", ""},                                                                                     \
    {"exclude-providers", "A,B", ""},                                                                                  \
    {"retries", "N", ""},                                                                                              \
    {"log-at-respan", "on|off", ""},                                                                                   \
    {                                                                                                                  \
        "params", "JSON", "any Respan parameters, an object"                                                           \
    }

#define PARAM_OPTIONS_TEXT                                                                                             \
    "Also: --thread ID|auto, --custom-id ID, --exclude-models A,B, --retries N,\n"                                     \
    "--exclude-providers A,B, --log-at-respan on|off. An empty value takes out."

/* Merge what the options say over *params (owned; NULL: none).  An empty value takes
 * its key out, --params '' all of them.  The result is checked. */
NODISCARD int route_params_take(const struct args *a, char **params, struct err *e);
bool route_params_are_given(const struct args *a);

#endif
