/* Unpacking gzip and deflate as the bytes come.
 *
 * Bound: output passes in pieces of UNPACK_PIECE; after UNPACK_TOTAL_MAX bytes of
 * it (a bomb) nothing more is unpacked.  Broken input ends it likewise; what came
 * out before was passed on. */
#ifndef SPANTOP_ANTHROPIC_UNPACK_H
#define SPANTOP_ANTHROPIC_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

#define UNPACK_PIECE     ((size_t)16 << 10)
#define UNPACK_TOTAL_MAX ((size_t)256 << 20) /* above any real answer: 128K tokens are about 1 MB */

struct unpack;

typedef void unpack_fn(void *arg, const void *data, size_t len);

/* Does this Content-Encoding (NULL: none) change the bytes? */
bool unpack_is_needed(const char *content_encoding);
/* NULL for an encoding that is not known (br, zstd, a list) or without memory. */
struct unpack *unpack_new(const char *content_encoding, unpack_fn *on_data, void *arg);
void unpack_free(struct unpack *u);
/* 0, or -1 when the input is broken or above the bound; then and for ever after. */
int unpack_feed(struct unpack *u, const void *data, size_t len);
/* Was the input read to a proper end? */
bool unpack_is_complete(const struct unpack *u);

#endif
