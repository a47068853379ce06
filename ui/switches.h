/* What is switched, in words. */
#ifndef SPANTOP_UI_SWITCHES_H
#define SPANTOP_UI_SWITCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/routes.h"

/* The settings in force now for a scope (exactly that one; NULL members mean any).
 * Borrowed from the set. */
struct in_force {
    const char *model;    /* NULL: as sent */
    const char *provider; /* NULL: automatic */
    char cache[24];       /* "off", "on", "1h" */
    size_t narrower;      /* enabled routes of narrower scopes */
};
void switches_in_force(const struct route_set *set, const struct route_scope *scope, struct in_force *f);

/* The model families a scope can be made of: claude-opus-5-5 → "*opus*";
 * false when the name has none. */
bool switches_family(const char *model, char *glob, size_t size);

#endif
