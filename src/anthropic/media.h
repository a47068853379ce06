/* Images and documents in a request: what they are, without unpacking them whole.
 * Pure. */
#ifndef SPANTOP_ANTHROPIC_MEDIA_H
#define SPANTOP_ANTHROPIC_MEDIA_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

enum media_kind { MEDIA_NONE, MEDIA_IMAGE, MEDIA_DOCUMENT };

struct media {
    enum media_kind kind;
    char type[48];     /* "image/png"; "" when the request does not tell */
    int64_t bytes;     /* of the file; -1: it is not in the request (an address, an id) */
    int width, height; /* pixels; 0 when its first bytes do not tell */
    int pages;         /* of a PDF that tells them in its first bytes; 0 unknown */
};

/* What the block (a JSON object of s) holds; MEDIA_NONE: neither image nor document. */
void media_from_block(const char *s, struct span block, struct media *m);
/* Pixels by the first bytes of a PNG, GIF, JPEG or WebP; 0 by 0 when they do not tell. */
void media_pixels(const void *data, size_t len, int *width, int *height);
/* "image/png 640x480 12 KB": what is known of it. */
void media_describe(const struct media *m, struct buf *out);
/* Tokens of the input that such an image makes, by Anthropic's rule; -1: unknown. */
int64_t media_tokens(const struct media *m);

#endif
