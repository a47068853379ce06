/* Respan's model list: fetched once a day into the cache that every catalog is
 * loaded from, and taken over by the running gateway at once.
 *
 * Beside the calls and never in their way: one question to the API on a connection
 * of its own, some time after the start; reading and writing the file on a thread
 * of its own.  What fails leaves everything as it was and is tried again later.
 * Thread: proxy thread.  Events come from the loop. */
#ifndef SPANTOP_GATEWAY_MODELLIST_H
#define SPANTOP_GATEWAY_MODELLIST_H

#include "base/err.h"
#include "gateway/loop.h"
#include "respan/catalog.h"

struct modellist_options {
    const char *api_base;    /* "https://api.respan.ai/api" */
    const char *ca_file;
    const char *cache_path;
    const char *own_path;    /* the user's catalog, merged over it; may be NULL */
    struct catalog *catalog; /* gets what was fetched; outlives this */
};

struct modellist;
/* The options' texts are borrowed for its life, but for api_base. */
struct modellist *modellist_new(struct loop *l, const struct modellist_options *o, struct err *e);
/* NULL is fine. */
void modellist_free(struct modellist *m);

#endif
