/* Only the head of the base64 is unpacked: enough for a JPEG with a large EXIF block
 * in front of its frame, and little enough for a request of a hundred images. */
#include "anthropic/media.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anthropic/field.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/text.h"

#define HEAD_BASE64 ((size_t)128 << 10)

/* Anthropic: width x height / 750; above these it is scaled down first. */
#define PIXELS_PER_TOKEN 750
#define EDGE_MAX         1568
#define IMAGE_TOKENS_MAX 1600

static unsigned be16(const unsigned char *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static unsigned le16(const unsigned char *p)
{
    return (unsigned)p[1] << 8 | p[0];
}

static unsigned le24(const unsigned char *p)
{
    return (unsigned)p[2] << 16 | le16(p);
}

/* ---- Pixels ------------------------------------------------------------------- */

struct size {
    unsigned width, height;
};

static struct size of_png(const unsigned char *p, size_t len)
{
    bool is_small = len >= 24 && !p[16] && !p[20]; /* four bytes each; nobody sends 16 million pixels in a row */
    return is_small ? (struct size){be16(p + 18) | (unsigned)p[17] << 16, be16(p + 22) | (unsigned)p[21] << 16}
                    : (struct size){0, 0};
}

static struct size of_gif(const unsigned char *p, size_t len)
{
    return len >= 10 ? (struct size){le16(p + 6), le16(p + 8)} : (struct size){0, 0};
}

/* From marker to marker to the one that begins a frame. */
static struct size of_jpeg(const unsigned char *p, size_t len)
{
    size_t at = 2;
    while (at + 9 <= len && p[at] == 0xFF) {
        unsigned char mark = p[at + 1];
        bool is_frame = mark >= 0xC0 && mark <= 0xCF && mark != 0xC4 && mark != 0xC8 && mark != 0xCC;
        if (is_frame)
            return (struct size){be16(p + at + 7), be16(p + at + 5)};
        at += mark == 0xFF ? 1 : 2 + (size_t)be16(p + at + 2); /* a mark may be preceded by more of 0xFF */
    }
    return (struct size){0, 0};
}

static struct size of_webp(const unsigned char *p, size_t len)
{
    if (len >= 30 && memcmp(p + 12, "VP8X", 4) == 0)
        return (struct size){le24(p + 24) + 1, le24(p + 27) + 1};
    if (len >= 30 && memcmp(p + 12, "VP8 ", 4) == 0)
        return (struct size){le16(p + 26) & 0x3FFF, le16(p + 28) & 0x3FFF};
    if (len >= 25 && memcmp(p + 12, "VP8L", 4) == 0 && p[20] == 0x2F)
        return (struct size){(le16(p + 21) & 0x3FFF) + 1, (le24(p + 22) >> 6 & 0x3FFF) + 1};
    return (struct size){0, 0};
}

void media_pixels(const void *data, size_t len, int *width, int *height)
{
    const unsigned char *p = data;
    struct size found = {0, 0};
    if (len >= 8 && memcmp(p, "\x89PNG\r\n\x1a\n", 8) == 0)
        found = of_png(p, len);
    else if (len >= 6 && memcmp(p, "GIF8", 4) == 0)
        found = of_gif(p, len);
    else if (len >= 3 && memcmp(p, "\xFF\xD8\xFF", 3) == 0)
        found = of_jpeg(p, len);
    else if (len >= 12 && memcmp(p, "RIFF", 4) == 0 && memcmp(p + 8, "WEBP", 4) == 0)
        found = of_webp(p, len);
    bool is_whole = found.width && found.height;
    *width = is_whole ? (int)found.width : 0;
    *height = is_whole ? (int)found.height : 0;
}

/* A PDF made for the web begins with a dictionary that tells its pages, /N. */
static int pages_of_pdf(const char *data, size_t len)
{
    size_t head = len < 1024 ? len : 1024;
    const char *at = head >= 5 && memcmp(data, "%PDF-", 5) == 0 ? memmem(data, head, "/Linearized", 11) : NULL;
    const char *end = at ? memmem(at, head - (size_t)(at - data), ">>", 2) : NULL;
    const char *n = end ? memmem(at, (size_t)(end - at), "/N ", 3) : NULL;
    long pages = n ? strtol(n + 3, NULL, 10) : 0; /* ends at ">>" at the latest */
    return pages > 0 && pages < 1000000 ? (int)pages : 0;
}

/* ---- Blocks -------------------------------------------------------------------- */

static void read_base64(const char *s, struct span data, struct media *m)
{
    size_t len = data.len - 2, head = len < HEAD_BASE64 ? len : HEAD_BASE64, pad = 0, out_len;
    const char *from = s + data.off + 1;
    while (pad < 2 && pad < len && from[len - 1 - pad] == '=')
        pad++;
    m->bytes = (int64_t)(len / 4 * 3 - (len % 4 == 0 ? pad : 0));
    char *bytes = decode_base64(from, head - head % 4, &out_len);
    if (!bytes)
        return;
    if (m->kind == MEDIA_IMAGE)
        media_pixels(bytes, out_len, &m->width, &m->height);
    else
        m->pages = pages_of_pdf(bytes, out_len);
    free(bytes);
}

void media_from_block(const char *s, struct span block, struct media *m)
{
    struct span type, source, data;
    *m = (struct media){.bytes = -1};
    if (!field_member(s, block, "type", &type))
        return;
    m->kind = field_value_is(s, type, "image")      ? MEDIA_IMAGE
              : field_value_is(s, type, "document") ? MEDIA_DOCUMENT
                                                    : MEDIA_NONE;
    if (m->kind == MEDIA_NONE || !field_member(s, block, "source", &source))
        return;
    field_from_member(m->type, sizeof m->type, s, source, "media_type");
    if (!field_member(s, source, "data", &data) || !json_is_string(s, data))
        return;
    if (field_member(s, source, "type", &type) && field_value_is(s, type, "base64"))
        read_base64(s, data, m);
    else
        m->bytes = (int64_t)data.len - 2; /* a text, as it stands in the JSON */
}

void media_describe(const struct media *m, struct buf *out)
{
    char size[TEXT_SHORT_MAX];
    text_clean(out, m->type, strlen(m->type), false, false);
    if (m->width)
        buf_printf(out, "%s%dx%d", out->len ? " " : "", m->width, m->height);
    if (m->pages)
        buf_printf(out, "%s%d %s", out->len ? " " : "", m->pages, m->pages == 1 ? "page" : "pages");
    text_bytes(size, m->bytes);
    if (m->bytes >= 0)
        buf_printf(out, "%s%s", out->len ? " " : "", size);
}

int64_t media_tokens(const struct media *m)
{
    if (m->kind != MEDIA_IMAGE || m->width <= 0)
        return -1;
    double width = m->width, height = m->height, edge = width > height ? width : height;
    if (edge > EDGE_MAX) {
        width *= EDGE_MAX / edge;
        height *= EDGE_MAX / edge;
    }
    double tokens = width * height / PIXELS_PER_TOKEN;
    return tokens > IMAGE_TOKENS_MAX ? IMAGE_TOKENS_MAX : (int64_t)(tokens + 0.5);
}
