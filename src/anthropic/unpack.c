#include "anthropic/unpack.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

/* "deflate" is a zlib stream by the RFC and a bare one by habit; the two header
 * bytes of the former tell. */
#define HEADER_BYTES 2

#define WINDOW_ZLIB_OR_GZIP (15 + 32)
#define WINDOW_BARE         (-15)

struct unpack {
    z_stream z;
    bool is_deflate;
    bool is_open; /* inflateInit was done */
    bool is_broken;
    bool at_end; /* behind a complete member */
    unsigned char header[HEADER_BYTES];
    size_t header_len;
    size_t total;
    unpack_fn *on_data;
    void *arg;
};

static bool is_word(const char *encoding, const char *word)
{
    size_t len = strlen(word);
    encoding += strspn(encoding, " \t");
    return strncasecmp(encoding, word, len) == 0 && encoding[len + strspn(encoding + len, " \t")] == '\0';
}

bool unpack_is_needed(const char *content_encoding)
{
    return content_encoding && !is_word(content_encoding, "") && !is_word(content_encoding, "identity");
}

struct unpack *unpack_new(const char *content_encoding, unpack_fn *on_data, void *arg)
{
    bool is_deflate = is_word(content_encoding, "deflate");

    if (!is_deflate && !is_word(content_encoding, "gzip") && !is_word(content_encoding, "x-gzip"))
        return NULL;
    struct unpack *u = calloc(1, sizeof *u);
    if (!u)
        return NULL;
    u->is_deflate = is_deflate;
    u->on_data = on_data;
    u->arg = arg;
    return u;
}

void unpack_free(struct unpack *u)
{
    if (!u)
        return;
    if (u->is_open)
        inflateEnd(&u->z);
    free(u);
}

static int fail(struct unpack *u)
{
    u->is_broken = true;
    return -1;
}

static bool is_zlib_header(const unsigned char h[HEADER_BYTES])
{
    return (h[0] & 0x0F) == Z_DEFLATED && (h[0] * 256 + h[1]) % 31 == 0;
}

static int inflate_some(struct unpack *u, const void *data, size_t len)
{
    unsigned char out[UNPACK_PIECE];

    /* zlib's interface predates const. */
    u->z.next_in = (unsigned char *)(size_t)data;
    u->z.avail_in = (uInt)len;
    do {
        if (u->at_end) {
            /* gzip allows members one behind the other. */
            if (inflateReset(&u->z) != Z_OK)
                return fail(u);
            u->at_end = false;
        }
        u->z.next_out = out;
        u->z.avail_out = sizeof out;
        int r = inflate(&u->z, Z_SYNC_FLUSH);
        size_t got = sizeof out - u->z.avail_out;
        if (got > UNPACK_TOTAL_MAX - u->total)
            return fail(u);
        u->total += got;
        if (got > 0)
            u->on_data(u->arg, out, got);
        if (r == Z_STREAM_END)
            u->at_end = true;
        else if (r == Z_BUF_ERROR)
            break; /* all input taken, nothing to put out */
        else if (r != Z_OK)
            return fail(u);
    } while (u->z.avail_in > 0 || u->z.avail_out == 0);
    return 0;
}

static int open_stream(struct unpack *u)
{
    bool is_bare = u->is_deflate && !is_zlib_header(u->header);

    if (inflateInit2(&u->z, is_bare ? WINDOW_BARE : WINDOW_ZLIB_OR_GZIP) != Z_OK)
        return fail(u);
    u->is_open = true;
    return inflate_some(u, u->header, HEADER_BYTES);
}

int unpack_feed(struct unpack *u, const void *data, size_t len)
{
    const unsigned char *p = data;

    if (u->is_broken)
        return -1;
    while (!u->is_open && len > 0) {
        u->header[u->header_len++] = *p++;
        len--;
        if (u->header_len == HEADER_BYTES && open_stream(u) != 0)
            return -1;
    }
    while (len > 0) {
        size_t part = len < INT_MAX ? len : INT_MAX; /* zlib counts in 32 bits */
        if (inflate_some(u, p, part) != 0)
            return -1;
        p += part;
        len -= part;
    }
    return 0;
}

bool unpack_is_complete(const struct unpack *u)
{
    return u->is_open && u->at_end && !u->is_broken;
}
