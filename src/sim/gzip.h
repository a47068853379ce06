/* A gzip stream whose pieces can be read as they come (each one is flushed). */
#ifndef SPANTOP_SIM_GZIP_H
#define SPANTOP_SIM_GZIP_H

#include <stddef.h>

#include "base/buf.h"

struct gzip;

struct gzip *gzip_new(void);
void gzip_free(struct gzip *g); /* NULL is fine */
void gzip_put(struct gzip *g, const void *data, size_t len, struct buf *out);
void gzip_end(struct gzip *g, struct buf *out);

#endif
