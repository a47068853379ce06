#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anthropic/media.h"
#include "base/encode.h"

static void expect_pixels(const char *data, size_t len, int width, int height)
{
    int w, h;
    media_pixels(data, len, &w, &h);
    assert_int_equal(w, width);
    assert_int_equal(h, height);
    for (size_t cut = 0; cut < len; cut++) { /* cut anywhere: the same or nothing, and no byte behind the end is read */
        char *part = malloc(cut + 1);
        memcpy(part, data, cut);
        media_pixels(part, cut, &w, &h);
        assert_true((w == width && h == height) || (w == 0 && h == 0));
        free(part);
    }
}

#define PNG  "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x06\0\0\0"
#define GIF  "GIF89a\x40\x01\xf0\0\xf7\0\0"
#define JPEG                                                                                                           \
    "\xff\xd8\xff\xe1\0\x08"                                                                                           \
    "Exif\0\0\xff\xff\xdb\0\x04\1\2\xff\xc2\0\x11\x08\x04\x38\x07\x80\x03\1\"\0"
#define VP8X "RIFF\0\0\0\0WEBPVP8X\n\0\0\0\0\0\0\0\x3f\x01\0\xef\0\0"
#define VP8  "RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x40\x01\xf0\0"
#define VP8L "RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x3f\xc1\x3b\0"

static void test_pixels_by_the_first_bytes(void **state)
{
    (void)state;
    expect_pixels(PNG, sizeof PNG - 1, 640, 480);
    expect_pixels(GIF, sizeof GIF - 1, 320, 240);
    expect_pixels(JPEG, sizeof JPEG - 1, 1920, 1080);
    expect_pixels(VP8X, sizeof VP8X - 1, 320, 240);
    expect_pixels(VP8, sizeof VP8 - 1, 320, 240);
    expect_pixels(VP8L, sizeof VP8L - 1, 320, 240);
    expect_pixels("no image at all", 15, 0, 0);
    expect_pixels("\xff\xd8\xff\xe0\0\0\0\0\0\0\0\0", 12, 0, 0); /* a segment of no length leads nowhere */
}

static struct media read_block(const char *block)
{
    struct media m;
    media_from_block(block, (struct span){0, strlen(block)}, &m);
    return m;
}

static char *described(const struct media *m)
{
    struct buf out;
    buf_init(&out);
    media_describe(m, &out);
    return buf_take(&out, NULL);
}

static void expect_described(const char *block, enum media_kind kind, const char *words)
{
    struct media m = read_block(block);
    char *came = described(&m);
    assert_int_equal(m.kind, kind);
    assert_string_equal(came, words);
    free(came);
}

static void test_blocks_of_a_request(void **state)
{
    (void)state;
    char block[512], *data = encode_base64(PNG, sizeof PNG - 1);
    snprintf(block, sizeof block, "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"%s\"}}", data);
    expect_described(block, MEDIA_IMAGE, "image/png 640x480 29 B");
    free(data);
    static const char pdf[] = "%PDF-1.6\n1 0 obj\n<< /Linearized 1 /L 9000 /H [ 1 2 ] /O 5 /N 12 /T 800 >>\n";
    data = encode_base64(pdf, sizeof pdf - 1);
    snprintf(block, sizeof block, "{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"%s\"}}", data);
    expect_described(block, MEDIA_DOCUMENT, "application/pdf 12 pages 74 B");
    free(data);
    expect_described("{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"hello\"}}", MEDIA_DOCUMENT, "text/plain 5 B");
    expect_described("{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x\"}}", MEDIA_IMAGE, "");
    expect_described("{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"!!!\"}}", MEDIA_IMAGE, "image/png 0 B");
    expect_described("{\"type\":\"text\",\"text\":\"x\"}", MEDIA_NONE, "");
    expect_described("7", MEDIA_NONE, "");
}

static void test_tokens_of_images(void **state)
{
    (void)state;
    struct media m = {.kind = MEDIA_IMAGE, .width = 750, .height = 1000};
    assert_int_equal(media_tokens(&m), 1000);
    m.width = 4000; /* scaled to 1568 by 392 */
    m.height = 1000;
    assert_int_equal(media_tokens(&m), 820);
    m.height = 4000;
    assert_int_equal(media_tokens(&m), 1600);
    m.width = 0;
    assert_int_equal(media_tokens(&m), -1);
    m = (struct media){.kind = MEDIA_DOCUMENT, .bytes = 100};
    assert_int_equal(media_tokens(&m), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pixels_by_the_first_bytes),
        cmocka_unit_test(test_blocks_of_a_request),
        cmocka_unit_test(test_tokens_of_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
