/* The head of an upstream's answer, line by line. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "gateway/reply_head.h"

/* Feeds lines until the head is whole or the text ends; how many lines that took. */
static int feed(struct reply_head *h, const char *text)
{
    int lines = 0;
    reply_head_init(h);
    while (*text && !h->is_whole && !h->is_bad) {
        size_t len = strcspn(text, "\n");
        len += text[len] == '\n';
        reply_head_line(h, text, len);
        text += len;
        lines++;
    }
    return lines;
}

static void test_plain_head(void **state)
{
    struct reply_head h;
    (void)state;
    assert_int_equal(feed(&h, "HTTP/1.1 200 OK\r\nA: 1\r\nb:2 \t\r\nA:  3\r\nEmpty:\r\n\r\nT: 1\r\n"), 6);
    assert_true(h.is_whole);
    assert_int_equal(h.status, 200);
    assert_int_equal(h.headers.count, 4);
    assert_string_equal(headers_value(&h.headers, 1), "2");
    assert_string_equal(headers_value(&h.headers, 2), "3");
    assert_string_equal(headers_value(&h.headers, 3), "");
    assert_false(reply_head_line(&h, "Trailer: 1\r\n", 12));
    assert_int_equal(h.headers.count, 4);
    reply_head_done(&h);
}

static void test_interim_heads_are_forgotten(void **state)
{
    struct reply_head h;
    (void)state;
    feed(&h, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.0 404\nX: y\n\n");
    assert_true(h.is_whole);
    assert_int_equal(h.status, 404);
    assert_int_equal(h.headers.count, 1);
    reply_head_done(&h);
}

static void test_bad_heads(void **state)
{
    static const char *const bad[] = {
        "HTTP/1.1 200 OK\r\nA: 1\r\n folded\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",           "HTTP/1.1 101 Switching\r\n\r\n",        "HTTP/1.1 099 X\r\n\r\n",
        "HTTP/1.1\r\n\r\n",                              "HTTP/1.1 2000 X\r\n\r\n",               "HTTP/1.1 abc X\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\ncontent-length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\n",  "HTTP/1.1 200 OK\r\nX A: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding\t: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nX\x1b: 1\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct reply_head h;
        feed(&h, bad[i]);
        if (!h.is_bad || h.is_whole)
            fail_msg("taken for good: %s", bad[i]);
        reply_head_reset(&h);
        assert_false(h.is_bad);
        reply_head_done(&h);
    }
}

static void test_nul_in_a_line(void **state)
{
    struct reply_head h;
    (void)state;
    feed(&h, "HTTP/1.1 200 OK\r\n");
    reply_head_line(&h, "A: b\0\r\n", 7);
    assert_true(h.is_bad);
    reply_head_done(&h);
}

static void test_same_length_twice_is_one_length(void **state)
{
    struct reply_head h;
    (void)state;
    feed(&h, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n");
    assert_true(h.is_whole);
    reply_head_done(&h);
}

static void test_size_is_bounded(void **state)
{
    struct reply_head h;
    char line[1024];
    int lines = 0;
    (void)state;
    feed(&h, "HTTP/1.1 200 OK\r\n");
    snprintf(line, sizeof line, "A: %01000d\r\n", 1);
    for (; !h.is_bad && lines < 100; lines++)
        reply_head_line(&h, line, strlen(line));
    assert_in_range(lines, REPLY_HEAD_MAX / 1024 - 1, REPLY_HEAD_MAX / 1000 + 1);
    reply_head_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_head),
        cmocka_unit_test(test_interim_heads_are_forgotten),
        cmocka_unit_test(test_bad_heads),
        cmocka_unit_test(test_nul_in_a_line),
        cmocka_unit_test(test_same_length_twice_is_one_length),
        cmocka_unit_test(test_size_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
