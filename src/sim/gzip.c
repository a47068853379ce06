#include "sim/gzip.h"

#include <stdlib.h>

#include <zlib.h>

#include "base/mem.h"

/* zlib: 15 bits of window, and 16 for a gzip header instead of zlib's own. */
#define GZIP_WINDOW (15 + 16)

struct gzip {
    z_stream z;
};

struct gzip *gzip_new(void)
{
    struct gzip *g = xcalloc(1, sizeof(*g));

    if (deflateInit2(&g->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    return g;
}

void gzip_free(struct gzip *g)
{
    if (!g)
        return;
    deflateEnd(&g->z);
    free(g);
}

static void run(struct gzip *g, const void *data, size_t len, int mode, struct buf *out)
{
    unsigned char piece[8192];

    g->z.next_in = (unsigned char *)(size_t)data;
    g->z.avail_in = (uInt)len;
    do {
        g->z.next_out = piece;
        g->z.avail_out = sizeof(piece);
        deflate(&g->z, mode);
        buf_put(out, piece, sizeof(piece) - g->z.avail_out);
    } while (g->z.avail_out == 0);
}

void gzip_put(struct gzip *g, const void *data, size_t len, struct buf *out) { run(g, data, len, Z_SYNC_FLUSH, out); }
void gzip_end(struct gzip *g, struct buf *out) { run(g, "", 0, Z_FINISH, out); }
