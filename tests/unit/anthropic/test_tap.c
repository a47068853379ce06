#include "anthropic/tap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/buf.h"

#define EVENT_STREAM "text/event-stream; charset=utf-8"

#define START                                                                                                          \
    "event: message_start\n"                                                                                           \
    "data: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\","     \
    "\"model\":\"claude-opus-5\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":"                \
    "{\"input_tokens\":10,\"cache_creation_input_tokens\":30,\"cache_read_input_tokens\":500,\"cache_creation\":"      \
    "{\"ephemeral_5m_input_tokens\":20,\"ephemeral_1h_input_tokens\":10},\"output_tokens\":2}}}\n\n"
#define BLOCK_START                                                                                                    \
    "event: content_block_start\n"                                                                                     \
    "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
#define PING "event: ping\ndata: {\"type\": \"ping\"}\n\n"
#define DELTA(kind, key, text)                                                                                         \
    "event: content_block_delta\n"                                                                                     \
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"" kind "\",\"" key "\":\"" text         \
    "\"}}\n\n"
#define BLOCK_STOP "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
#define MESSAGE_DELTA                                                                                                  \
    "event: message_delta\n"                                                                                           \
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},"               \
    "\"usage\":{\"output_tokens\":321}}\n\n"
#define STOP "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

static struct tap *feed(int status, const char *type, const char *encoding, const char *data, size_t len, size_t piece)
{
    struct tap *t = tap_new(status, type, encoding);
    for (size_t at = 0; at < len; at += piece) {
        size_t part = len - at < piece ? len - at : piece;
        char *copy = malloc(part);
        memcpy(copy, data + at, part);
        tap_feed(t, copy, part);
        free(copy);
    }
    tap_end(t);
    return t;
}

static struct tap *feed_sse(const char *stream)
{
    return feed(200, EVENT_STREAM, NULL, stream, strlen(stream), 4096);
}

static void assert_whole_answer(const struct tap_facts *f)
{
    assert_string_equal(f->model, "claude-opus-5");
    assert_string_equal(f->message_id, "msg_1");
    assert_string_equal(f->stop_reason, "end_turn");
    assert_string_equal(f->error_type, "");
    assert_int_equal(f->usage.in, 10);
    assert_int_equal(f->usage.cache_read, 500);
    assert_int_equal(f->usage.cache_write_5m, 20);
    assert_int_equal(f->usage.cache_write_1h, 10);
    assert_int_equal(f->usage.out, 321);
    assert_true(f->has_content);
    assert_true(f->is_complete);
}

static const char answer[] =
    START BLOCK_START PING DELTA("thinking_delta", "thinking", "hmm") DELTA("text_delta", "text", "Hello")
        DELTA("input_json_delta", "partial_json", "{\\\"a\\\": ") BLOCK_STOP MESSAGE_DELTA STOP;

static void test_stream_in_any_pieces(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= sizeof answer; piece += piece < 40 ? 1 : 97) {
        struct tap *t = feed(200, EVENT_STREAM, NULL, answer, sizeof answer - 1, piece);
        const struct tap_facts *f = tap_peek(t);
        assert_whole_answer(f);
        assert_int_equal(f->delta_bytes, 3 + 5 + 8);
        tap_free(t);
    }
}

static void test_aborted_stream_keeps_what_was_seen(void **state)
{
    (void)state;
    bool is_estimate;
    struct tap *t = feed_sse(START BLOCK_START DELTA("text_delta", "text", "Hello wo"));
    const struct tap_facts *f = tap_peek(t);
    assert_int_equal(f->usage.in, 10);
    assert_int_equal(f->usage.out, 2);
    assert_string_equal(f->stop_reason, "");
    assert_false(f->is_complete);
    assert_int_equal(tap_tokens_out(t, &is_estimate), 2);
    assert_true(is_estimate);
    tap_free(t);
}

static void test_no_content_before_the_first_delta(void **state)
{
    (void)state;
    struct tap *t = feed_sse(START BLOCK_START PING);
    assert_false(tap_peek(t)->has_content);
    assert_int_equal(tap_peek(t)->delta_bytes, 0);
    tap_free(t);
}

static void test_tool_start_is_content(void **state)
{
    (void)state;
    struct tap *t =
        feed_sse(START "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\","
                       "\"id\":\"t\",\"name\":\"Bash\",\"input\":{}}}\n\n");
    assert_true(tap_peek(t)->has_content);
    tap_free(t);
}

static void test_signature_is_no_text(void **state)
{
    (void)state;
    struct tap *t = feed_sse(START DELTA("signature_delta", "signature", "AAAABBBB"));
    assert_int_equal(tap_peek(t)->delta_bytes, 0);
    assert_false(tap_peek(t)->has_content);
    tap_free(t);
}

/* Each of these says the same as the compact layout does. */
static const struct {
    const char *stream;
    int64_t bytes;
} layouts[] = {
    {DELTA("text_delta", "text", "four"), 4},
    {DELTA("text_delta", "text", ""), 0},
    {DELTA("text_delta", "text", "a\\\\"), 3},
    {DELTA("text_delta", "text", "\\\"}}"), 4},
    {"data: { \"type\": \"content_block_delta\", \"index\": 0, \"delta\": { \"type\": \"text_delta\", \"text\": "
     "\"four\" } }\n\n",
     4},
    {"data: {\"index\":12,\"delta\":{\"text\":\"four\",\"type\":\"text_delta\"},\"type\":\"content_block_delta\"}\n\n",
     4},
    {"data: "
     "{\"type\":\"content_block_delta\",\"index\":10,\"delta\":{\"type\":\"text_delta\",\"text\":\"four\",\"x\":\"y\"}}"
     "\n\n",
     4},
    {"data: "
     "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"four\"},\"p\":"
     "\"abcd\"}\n\n",
     4},
    {"data: {\"type\":\"content_block_delta\",\"index\":0,\ndata: "
     "\"delta\":{\"type\":\"text_delta\",\"text\":\"four\"}}\n\n",
     4},
    {"event: content_block_delta\ndata: {\"delta\":{\"text\":\"four\"}}\n\n", 4},
    {"\xEF\xBB\xBF"
     ": hi\r\ndata: "
     "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"four\"}}\r\n\r\n",
     4},
};

static void test_every_layout_of_a_delta_counts_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        struct tap *t = feed_sse(layouts[i].stream);
        const struct tap_facts *f = tap_peek(t);
        if (!f->has_content || f->delta_bytes != layouts[i].bytes)
            fail_msg("%s: expected content of %lld bytes, came %lld", layouts[i].stream, (long long)layouts[i].bytes,
                     (long long)f->delta_bytes);
        tap_free(t);
    }
}

static void test_garbage_events_change_nothing(void **state)
{
    (void)state;
    struct tap *t = feed_sse(
        START "data: {\"type\":\"message_delta\",\"usage\":{\"output_tok\n\n"
              "data: [DONE]\n\ndata: \xff\xfe\n\ndata: {}\n\ndata: {\"type\":5}\n\ndata:\n\n"
              "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\n\n"
              "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"\n\n"
              "data: {\"type\":\"content_block_delta\",\"index\":\n\n"
              "event: newfangled\ndata: {\"type\":\"newfangled\"}\n\n" MESSAGE_DELTA STOP);
    const struct tap_facts *f = tap_peek(t);
    assert_int_equal(f->usage.out, 321);
    assert_int_equal(f->delta_bytes, 0);
    assert_true(f->is_complete);
    tap_free(t);
}

static void test_error_event_is_told(void **state)
{
    (void)state;
    struct tap *t = feed_sse(START "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
                                   "\"message\":\"Overloaded\"}}\n\n");
    const struct tap_facts *f = tap_peek(t);
    assert_string_equal(f->error_type, "overloaded_error");
    assert_string_equal(f->error_message, "Overloaded");
    assert_false(f->is_complete);
    tap_free(t);
}

static const char plain[] =
    " {\"model\":\"claude-opus-5\",\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\","
    "\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}],\"stop_reason\":\"end_turn\",\"usage\":"
    "{\"input_tokens\":10,\"cache_creation_input_tokens\":30,\"cache_read_input_tokens\":500,"
    "\"cache_creation\":{\"ephemeral_5m_input_tokens\":20,\"ephemeral_1h_input_tokens\":10},"
    "\"output_tokens\":321}}\n";

static void test_plain_answer(void **state)
{
    (void)state;
    bool is_estimate;
    for (size_t piece = 1; piece <= sizeof plain; piece += 50) {
        struct tap *t = feed(200, "application/json", NULL, plain, sizeof plain - 1, piece);
        assert_whole_answer(tap_peek(t));
        assert_int_equal(tap_tokens_out(t, &is_estimate), 321);
        assert_false(is_estimate);
        tap_free(t);
    }
}

static void test_plain_json_under_the_streams_type(void **state)
{
    (void)state;
    struct tap *t = feed(200, EVENT_STREAM, NULL, plain + 1, sizeof plain - 2, 100);
    assert_whole_answer(tap_peek(t));
    tap_free(t);
}

static void test_no_content_type(void **state)
{
    (void)state;
    struct tap *t = feed(200, NULL, NULL, answer, sizeof answer - 1, 100);
    assert_whole_answer(tap_peek(t));
    tap_free(t);
    t = feed(200, "", NULL, plain + 1, sizeof plain - 2, 100);
    assert_whole_answer(tap_peek(t));
    tap_free(t);
}

static void test_cut_plain_answer_is_not_complete(void **state)
{
    (void)state;
    struct tap *t = feed(200, "application/json", NULL, plain, sizeof plain - 20, 100);
    assert_false(tap_peek(t)->is_complete);
    assert_int_equal(tap_peek(t)->usage.in, USAGE_UNKNOWN);
    tap_free(t);
}

static void test_counted_tokens_are_no_usage(void **state)
{
    (void)state;
    static const char body[] = "{\"input_tokens\":2095}";
    struct tap *t = feed(200, "application/json", NULL, body, sizeof body - 1, 100);
    assert_int_equal(tap_peek(t)->usage.in, USAGE_UNKNOWN);
    assert_true(tap_peek(t)->is_complete);
    tap_free(t);
}

static const struct {
    int status;
    const char *content_type;
    const char *body;
    const char *type;
    const char *message;
} errors[] = {
    {529, "application/json",
     "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", "overloaded_error",
     "Overloaded"},
    {401, "application/json", "{\"detail\":\"Invalid key\"}", "", "Invalid key"},
    {502, "text/html", "<html><title>502 Bad Gateway</title></html>", "", "502 Bad Gateway"},
    {500, NULL, "oops", "", "oops"},
    {200, "application/json", "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"late\"}}",
     "api_error", "late"},
    {200, "text/html", "<html><title>Log in</title></html>", "", ""},
};

static void test_error_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct tap *t = feed(errors[i].status, errors[i].content_type, NULL, errors[i].body, strlen(errors[i].body), 3);
        assert_string_equal(tap_peek(t)->error_type, errors[i].type);
        assert_string_equal(tap_peek(t)->error_message, errors[i].message);
        tap_free(t);
    }
}

static void test_a_plain_answer_above_the_bound_is_let_go(void **state)
{
    (void)state;
    static char piece[1 << 16];
    struct tap *t = tap_new(200, "application/json", NULL);
    memset(piece, ' ', sizeof piece);
    for (size_t sum = 0; sum <= TAP_PLAIN_MAX; sum += sizeof piece)
        tap_feed(t, piece, sizeof piece);
    tap_feed(t, plain, sizeof plain - 1);
    tap_end(t);
    assert_int_equal(tap_peek(t)->usage.in, USAGE_UNKNOWN);
    assert_false(tap_peek(t)->is_complete);
    tap_free(t);
}

/* --- Tokens while it streams --- */

static void test_tokens_out(void **state)
{
    (void)state;
    bool is_estimate = false;
    struct tap *t = tap_new(200, EVENT_STREAM, NULL);
    assert_int_equal(tap_tokens_out(t, &is_estimate), USAGE_UNKNOWN);
    assert_true(is_estimate);

    tap_feed(t, START, sizeof START - 1);
    for (int i = 0; i < 10; i++)
        tap_feed(t, DELTA("text_delta", "text", "12345678"), sizeof DELTA("text_delta", "text", "12345678") - 1);
    assert_int_equal(tap_tokens_out(t, &is_estimate), 20);
    assert_true(is_estimate);

    tap_feed(t, MESSAGE_DELTA, sizeof MESSAGE_DELTA - 1);
    assert_int_equal(tap_tokens_out(t, &is_estimate), 321);
    assert_false(is_estimate);

    tap_feed(t, DELTA("text_delta", "text", "12345678"), sizeof DELTA("text_delta", "text", "12345678") - 1);
    assert_int_equal(tap_tokens_out(t, &is_estimate), 323);
    assert_true(is_estimate);
    tap_free(t);
}

/* --- Encodings --- */

/* window: 31 gzip, 15 zlib, -15 bare deflate */
static void squeeze(const char *data, size_t len, int window, struct buf *out)
{
    z_stream z = {0};
    char piece[256];
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(size_t)data;
    z.avail_in = (uInt)len;
    int r;
    do {
        z.next_out = (unsigned char *)piece;
        z.avail_out = sizeof piece;
        r = deflate(&z, Z_FINISH);
        buf_put(out, piece, sizeof piece - z.avail_out);
    } while (r == Z_OK);
    assert_int_equal(r, Z_STREAM_END);
    deflateEnd(&z);
}

static void test_packed_answers_in_any_pieces(void **state)
{
    (void)state;
    static const struct {
        const char *encoding;
        int window;
    } kinds[] = {{"gzip", 31}, {"x-gzip", 31}, {"GZIP ", 31}, {"deflate", 15}, {"deflate", -15}};
    static const size_t pieces[] = {1, 2, 3, 7, 64, 100000};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
            struct buf packed;
            buf_init(&packed);
            squeeze(answer, sizeof answer - 1, kinds[i].window, &packed);
            struct tap *t = feed(200, EVENT_STREAM, kinds[i].encoding, packed.data, packed.len, pieces[k]);
            assert_whole_answer(tap_peek(t));
            tap_free(t);
            buf_reset(&packed);
            squeeze(plain, sizeof plain - 1, kinds[i].window, &packed);
            t = feed(200, "application/json", kinds[i].encoding, packed.data, packed.len, pieces[k]);
            assert_whole_answer(tap_peek(t));
            tap_free(t);
            buf_done(&packed);
        }
}

static void test_gzip_in_two_members(void **state)
{
    (void)state;
    struct buf packed;
    buf_init(&packed);
    squeeze(answer, 300, 31, &packed);
    squeeze(answer + 300, sizeof answer - 1 - 300, 31, &packed);
    struct tap *t = feed(200, EVENT_STREAM, "gzip", packed.data, packed.len, 10);
    assert_whole_answer(tap_peek(t));
    tap_free(t);
    buf_done(&packed);
}

static void test_broken_gzip_keeps_what_was_read(void **state)
{
    (void)state;
    struct buf packed;
    buf_init(&packed);
    squeeze(START, sizeof START - 1, 31, &packed);
    packed.len -= 8; /* the check sum */
    buf_puts(&packed, "garbagegarbagegarbage");
    struct tap *t = feed(200, EVENT_STREAM, "gzip", packed.data, packed.len, 1000);
    assert_int_equal(tap_peek(t)->usage.in, 10);
    assert_false(tap_peek(t)->is_complete);
    tap_free(t);
    buf_done(&packed);
}

static void test_unknown_encodings_are_passed_over(void **state)
{
    (void)state;
    static const char *const encodings[] = {"br", "zstd", "gzip, br"};
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
        struct tap *t = feed(200, EVENT_STREAM, encodings[i], answer, sizeof answer - 1, 100);
        assert_int_equal(tap_peek(t)->usage.in, USAGE_UNKNOWN);
        assert_false(tap_peek(t)->is_complete);
        tap_free(t);
    }
    struct tap *t = feed(200, EVENT_STREAM, "identity", answer, sizeof answer - 1, 100);
    assert_whole_answer(tap_peek(t));
    tap_free(t);
}

/* 300 MB of spaces in 300 KB: bounded in memory and in work. */
static void test_bomb_is_bounded(void **state)
{
    (void)state;
    struct buf packed;
    static char zeros[1 << 20];
    unsigned char piece[4096];
    z_stream z = {0};

    buf_init(&packed);
    memset(zeros, ' ', sizeof zeros);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    for (int i = 0; i < 300; i++) {
        z.next_in = (unsigned char *)zeros;
        z.avail_in = sizeof zeros;
        do {
            z.next_out = piece;
            z.avail_out = sizeof piece;
            deflate(&z, i == 299 ? Z_FINISH : Z_NO_FLUSH);
            buf_put(&packed, piece, sizeof piece - z.avail_out);
        } while (z.avail_out == 0);
    }
    deflateEnd(&z);
    struct tap *t = feed(200, "application/json", "gzip", packed.data, packed.len, packed.len);
    assert_false(tap_peek(t)->is_complete);
    tap_free(t);
    buf_done(&packed);
}

static void test_nothing_after_the_end(void **state)
{
    (void)state;
    struct tap *t = feed(200, EVENT_STREAM, NULL, "", 0, 1);
    tap_feed(t, answer, sizeof answer - 1);
    tap_end(t);
    assert_false(tap_peek(t)->is_complete);
    tap_free(t);
    tap_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_in_any_pieces),
        cmocka_unit_test(test_aborted_stream_keeps_what_was_seen),
        cmocka_unit_test(test_no_content_before_the_first_delta),
        cmocka_unit_test(test_tool_start_is_content),
        cmocka_unit_test(test_signature_is_no_text),
        cmocka_unit_test(test_every_layout_of_a_delta_counts_alike),
        cmocka_unit_test(test_garbage_events_change_nothing),
        cmocka_unit_test(test_error_event_is_told),
        cmocka_unit_test(test_plain_answer),
        cmocka_unit_test(test_plain_json_under_the_streams_type),
        cmocka_unit_test(test_no_content_type),
        cmocka_unit_test(test_cut_plain_answer_is_not_complete),
        cmocka_unit_test(test_counted_tokens_are_no_usage),
        cmocka_unit_test(test_error_bodies),
        cmocka_unit_test(test_a_plain_answer_above_the_bound_is_let_go),
        cmocka_unit_test(test_tokens_out),
        cmocka_unit_test(test_packed_answers_in_any_pieces),
        cmocka_unit_test(test_gzip_in_two_members),
        cmocka_unit_test(test_broken_gzip_keeps_what_was_read),
        cmocka_unit_test(test_unknown_encodings_are_passed_over),
        cmocka_unit_test(test_bomb_is_bounded),
        cmocka_unit_test(test_nothing_after_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
