/* Reading one source into the list of models: the catalog's own layout
 * (data/catalog.json, the user's file) and Respan's two model lists. */
#ifndef SPANTOP_RESPAN_CATALOG_SOURCE_H
#define SPANTOP_RESPAN_CATALOG_SOURCE_H

#include <stddef.h>

#include "base/err.h"
#include "respan/catalog.h"

struct catalog {
    struct model **models; /* each its own block: pointers to them stay good while the list grows */
    size_t count;
    char *date;
    char **providers; /* NULL-terminated */
    _Atomic(struct catalog *) newer; /* what catalog_replace() put over this one, or NULL */
    struct catalog *older;           /* of a newer one: what it replaced */
};

/* Merge a source; source is a static word.  On failure the catalog is unchanged. */
NODISCARD int catalog_read(struct catalog *c, const char *json, size_t len, const char *source, struct err *e);
void model_free(struct model *m);

/* NULL-terminated lists of owned strings. */
void strings_free(char **list);
void strings_add(char ***list, const char *s); /* once: not if it is there */

#endif
