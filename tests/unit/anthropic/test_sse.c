#include "anthropic/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Events as text: name|data| and ! when truncated; data above 64 bytes by size. */
static void record(void *arg, const struct sse_event *ev)
{
    struct buf *out = arg;
    buf_put(out, ev->name.data, ev->name.len);
    buf_putc(out, '|');
    if (ev->data.len > 64)
        buf_printf(out, "#%zu", ev->data.len);
    else
        buf_put(out, ev->data.data, ev->data.len);
    buf_puts(out, ev->truncated ? "!" : "|");
}

/* Every piece is a copy of its own that is freed after the feed, so that bytes
 * lent too long are seen by the sanitizers, and overwritten for the rest. */
static void feed_in_pieces(const char *data, size_t len, size_t piece, struct buf *out)
{
    struct sse p;
    sse_init(&p, record, out);
    for (size_t at = 0; at < len; at += piece) {
        size_t part = len - at < piece ? len - at : piece;
        char *copy = malloc(part);
        memcpy(copy, data + at, part);
        sse_feed(&p, copy, part);
        memset(copy, '#', part);
        free(copy);
    }
    sse_done(&p);
}

static const struct {
    const char *name;
    const char *stream;
    const char *events;
} cases[] = {
    {"one event", "event: ping\ndata: {}\n\n", "ping|{}|"},
    {"two events", "event: a\ndata: 1\n\nevent: b\ndata: 2\n\n", "a|1|b|2|"},
    {"no event line", "data: x\n\n", "|x|"},
    {"name does not stay", "event: a\ndata: 1\n\ndata: 2\n\n", "a|1||2|"},
    {"CRLF", "event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n", "a|1||2|"},
    {"CR alone", "event: a\rdata: 1\r\rdata: 2\r\r", "a|1||2|"},
    {"mixed ends", "event: a\r\ndata: 1\n\rdata: 2\r\n\n", "a|1||2|"},
    {"CR then a late LF is one end", "data: 1\r\n\r\ndata: 2\n\n", "|1||2|"},
    {"comments", ": hi\nevent: a\n:\ndata: 1\n: x\n\n", "a|1|"},
    {"comment alone", ": keep-alive\n\n", ""},
    {"BOM",
     "\xEF\xBB\xBF"
     "data: 1\n\n",
     "|1|"},
    {"BOM only at the start",
     "data: 1\n\n\xEF\xBB\xBF"
     "data: 2\n\n",
     "|1|"},
    {"several data lines", "data: 1\ndata: 2\ndata:\ndata: 3\n\n", "|1\n2\n\n3|"},
    {"no space", "event:a\ndata:1\n\n", "a|1|"},
    {"only one space goes", "data:  1 \n\n", "| 1 |"},
    {"field without colon", "data\n\n", "||"},
    {"other fields", "id: 7\nretry: 10\ndataset: 9\neventual: 8\ndata: 1\n\n", "|1|"},
    {"name without data is no event", "event: a\n\ndata: 1\n\n", "|1|"},
    {"name twice", "event: a\nevent: b\ndata: 1\n\n", "b|1|"},
    {"name after data", "data: 1\nevent: a\n\n", "a|1|"},
    {"no blank line at the end", "data: 1\n\ndata: 2\n", "|1|"},
    {"blank lines", "\n\n\ndata: 1\n\n\n\n", "|1|"},
    {"UTF-8", "data: \xF0\x9F\x98\x80\n\n", "|\xF0\x9F\x98\x80|"},
    {"empty", "", ""},
};

static void test_fed_whole_and_in_pieces_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len = strlen(cases[i].stream);
        for (size_t piece = 1; piece <= len + 1; piece++) {
            struct buf out;
            buf_init(&out);
            feed_in_pieces(cases[i].stream, len, piece, &out);
            if (strcmp(out.data, cases[i].events) != 0)
                fail_msg("%s, in pieces of %zu: expected '%s', came '%s'", cases[i].name, piece, cases[i].events,
                         out.data);
            buf_done(&out);
        }
    }
}

static void test_nul_bytes_are_data(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out);
    feed_in_pieces("data: a\0b\n\n", 11, 3, &out);
    assert_int_equal(out.len, 5);
    assert_memory_equal(out.data, "|a\0b|", 5);
    buf_done(&out);
}

/* field + fill bytes of x + rest, whole, in pieces and (short ones) byte by byte. */
static void check_long(const char *field, size_t fill, const char *rest, const char *expected)
{
    static const size_t pieces[] = {(size_t)-1, 16384, 1000003, 7};
    size_t field_len = strlen(field);
    size_t len = field_len + fill + strlen(rest);
    char *stream = malloc(len);

    memcpy(stream, field, field_len);
    memset(stream + field_len, 'x', fill);
    memcpy(stream + field_len + fill, rest, strlen(rest));
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct buf out;
        buf_init(&out);
        feed_in_pieces(stream, len, pieces[i] == (size_t)-1 ? len : pieces[i], &out);
        if (strcmp(out.data, expected) != 0)
            fail_msg("%s + %zu in pieces of %zu: expected '%s', came '%s'", field, fill, pieces[i], expected, out.data);
        buf_done(&out);
    }
    free(stream);
}

static void test_largest_event_passes(void **state)
{
    (void)state;
    check_long("data: ", SSE_EVENT_MAX, "\n\ndata: 2\n\n", "|#1048576||2|");
    check_long("data:", SSE_EVENT_MAX, "\n\ndata: 2\n\n", "|#1048576||2|");
}

static void test_larger_event_is_truncated_once(void **state)
{
    (void)state;
    check_long("event: a\ndata: ", SSE_EVENT_MAX + 1, "\ndata: more\n\ndata: 2\n\n", "a|!|2|");
    check_long("data:", SSE_EVENT_MAX + 1, "\n\ndata: 2\n\n", "|!|2|");
    check_long("data: ", SSE_EVENT_MAX * 3, "\r\n\r\ndata: 2\r\n\r\n", "|!|2|");
    check_long("data: ", SSE_EVENT_MAX, "\ndata: \n\ndata: 2\n\n", "|!|2|");
    check_long("data: 1\ndata: ", SSE_EVENT_MAX - 1, "\n\ndata: 2\n\n", "|!|2|");
}

static void test_long_lines_that_are_no_data_are_skipped(void **state)
{
    (void)state;
    check_long(": ", SSE_EVENT_MAX * 2, "\ndata: 2\n\n", "|2|");
    check_long("id: ", SSE_EVENT_MAX * 2, "\ndata: 2\n\n", "|2|");
    check_long("event: ", SSE_EVENT_MAX * 2, "\ndata: 2\n\n", "|2|");
    check_long("event: ", SSE_NAME_MAX + 1, "\ndata: 2\n\n", "|2|");
}

static void test_memory_of_a_huge_event_is_given_back(void **state)
{
    (void)state;
    struct sse p;
    struct buf out;
    char piece[4096];

    buf_init(&out);
    sse_init(&p, record, &out);
    memset(piece, 'x', sizeof piece);
    sse_feed(&p, "data: ", 6);
    for (int i = 0; i < 100; i++)
        sse_feed(&p, piece, sizeof piece);
    sse_feed(&p, "\n\n", 2);
    assert_string_equal(out.data, "|#409600|");
    assert_true(p.line.cap + p.data.cap + p.name.cap < 200 * 1024);
    sse_done(&p);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fed_whole_and_in_pieces_alike),
        cmocka_unit_test(test_nul_bytes_are_data),
        cmocka_unit_test(test_largest_event_passes),
        cmocka_unit_test(test_larger_event_is_truncated_once),
        cmocka_unit_test(test_long_lines_that_are_no_data_are_skipped),
        cmocka_unit_test(test_memory_of_a_huge_event_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
