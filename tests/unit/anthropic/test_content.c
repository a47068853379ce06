#include "anthropic/content.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/json.h"

/* --- Unpacking --- */

static void squeeze(const char *data, size_t len, int window, struct buf *out)
{
    z_stream z = {0};
    unsigned char piece[4096];

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(size_t)data;
    z.avail_in = (uInt)len;
    z.next_out = piece;
    z.avail_out = sizeof piece;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    buf_put(out, piece, sizeof piece - z.avail_out);
    deflateEnd(&z);
}

static void test_decode(void **state)
{
    (void)state;
    static const struct {
        const char *encoding;
        int window;
    } kinds[] = {{"gzip", 31}, {NULL, 31}, {"deflate", 15}, {"deflate", -15}, {NULL, 15}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct buf packed;
        struct buf out;
        buf_init(&packed);
        buf_init(&out);
        squeeze("hello hello hello", 17, kinds[i].window, &packed);
        assert_int_equal(content_decode(kinds[i].encoding, packed.data, packed.len, &out), 0);
        assert_string_equal(out.data, "hello hello hello");
        buf_reset(&out);
        assert_int_equal(content_decode(kinds[i].encoding, packed.data, packed.len - 3, &out), -1);
        assert_int_equal(strncmp(out.data, "hello hello hello", out.len), 0);
        buf_done(&out);
        buf_done(&packed);
    }
}

static void test_decode_leaves_plain_bytes(void **state)
{
    (void)state;
    static const char *const plain[] = {"{\"a\":1}", "event: x\n", "x{}", "", "\x1f", "x", "x^2 + 1"};
    static const char *const encodings[] = {NULL, "", "identity", " Identity "};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        for (size_t k = 0; k < sizeof encodings / sizeof *encodings; k++) {
            struct buf out;
            buf_init(&out);
            assert_int_equal(content_decode(encodings[k], plain[i], strlen(plain[i]), &out), 0);
            assert_string_equal(out.data, plain[i]);
            buf_done(&out);
        }
    struct buf out;
    buf_init(&out);
    assert_int_equal(content_decode("br", "abc", 3, &out), -1);
    buf_done(&out);
}

/* --- Answers --- */

/* [kind name id|text] …, then >stop_reason */
static char *describe(const char *answer, size_t len)
{
    static const char kinds[] = "TturiO";
    struct content c;
    struct buf out;

    buf_init(&out);
    content_from_answer(answer, len, &c);
    for (size_t i = 0; i < c.count; i++) {
        struct content_part *p = &c.parts[i];
        assert_int_equal(strlen(p->text), p->text_len);
        buf_printf(&out, "[%c %s %s|%s]", kinds[p->kind], p->name, p->id ? p->id : "-", p->text);
    }
    if (c.stop_reason)
        buf_printf(&out, ">%s", c.stop_reason);
    content_done(&c);
    return buf_take(&out, NULL);
}

static void assert_answer(const char *answer, const char *expected)
{
    char *came = describe(answer, strlen(answer));
    if (strcmp(came, expected) != 0)
        fail_msg("%s\n  expected %s\n  came     %s", answer, expected, came);
    free(came);
}

#define START "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"content\":[]}}\n\n"
#define BLOCK(index, block)                                                                                            \
    "data: {\"type\":\"content_block_start\",\"index\":" index ",\"content_block\":" block "}\n\n"
#define DELTA(index, delta) "data: {\"type\":\"content_block_delta\",\"index\":" index ",\"delta\":" delta "}\n\n"
#define END                                                                                                            \
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{}}\n\ndata: "               \
    "{\"type\":\"message_stop\"}\n\n"
#define TOOL "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"Bash\",\"input\":{}}"

static void test_stream_of_all_kinds(void **state)
{
    (void)state;
    assert_answer(
        START BLOCK("0", "{\"type\":\"thinking\",\"thinking\":\"\"}")
            DELTA("0", "{\"type\":\"thinking_delta\",\"thinking\":\"so \"}")
                DELTA("0", "{\"type\":\"thinking_delta\",\"thinking\":\"what\"}") DELTA(
                    "0", "{\"type\":\"signature_delta\",\"signature\":\"x\"}")
                    BLOCK("1", "{\"type\":\"text\",\"text\":\"\"}") "event: ping\ndata: {\"type\":\"ping\"}\n\n" DELTA(
                        "1", "{\"type\":\"text_delta\",\"text\":\"a\\n\\u00e4\"}") BLOCK("2", TOOL)
                        DELTA("2", "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\"\"}")
                            DELTA("2", "{\"type\":\"input_json_delta\",\"partial_json\":\":1}\"}") END,
        "[t thinking -|so what][T text -|a\n\xC3\xA4][u Bash t1|{\"a\":1}]>tool_use");
}

static void test_blocks_may_interleave(void **state)
{
    (void)state;
    assert_answer(START BLOCK("0", "{\"type\":\"text\",\"text\":\"A\"}")
                      BLOCK("1", "{\"type\":\"text\",\"text\":\"B\"}") DELTA("0", "{\"text\":\"a\"}")
                          DELTA("1", "{\"text\":\"b\"}") DELTA("0", "{\"text\":\"a\"}"),
                  "[T text -|Aaa][T text -|Bb]");
}

static void test_tool_without_input(void **state)
{
    (void)state;
    assert_answer(START BLOCK("0", TOOL) END, "[u Bash t1|{}]>tool_use");
}

static void test_cut_stream_shows_what_came(void **state)
{
    (void)state;
    assert_answer(START BLOCK("0", "{\"type\":\"text\",\"text\":\"\"}")
                      DELTA("0", "{\"text\":\"half\"}") "data: {\"type\":\"content_blo",
                  "[T text -|half]");
    assert_answer(START, "");
    assert_answer(DELTA("3", "{\"text\":\"no start\"}"), "[T text -|no start]");
}

static void test_error_in_the_stream(void **state)
{
    (void)state;
    assert_answer(START "event: error\ndata: "
                        "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n",
                  "[O overloaded_error -|Overloaded]");
}

static void test_other_blocks(void **state)
{
    (void)state;
    assert_answer(START BLOCK("0", "{\"type\":\"redacted_thinking\",\"data\":\"x\"}") BLOCK(
                      "1", "{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web_search\",\"input\":{\"q\":1}}")
                      BLOCK("2", "{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"s\",\"content\":[{\"type\":"
                                 "\"web_search_result\"}]}"),
                  "[O redacted_thinking -|{\"type\":\"redacted_thinking\",\"data\":\"x\"}][u web_search s|{\"q\":1}]"
                  "[r web_search_tool_result s|[{\"type\":\"web_search_result\"}]]");
}

static void test_plain_answer(void **state)
{
    (void)state;
    assert_answer(
        " {\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"},"
        "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"Edit\",\"input\":{ \"a\" : 1e400 }},"
        "{\"type\":\"tool_result\",\"tool_use_id\":\"t0\",\"content\":[{\"type\":\"text\",\"text\":\"one\"},{\"type\":"
        "\"text\",\"text\":\"two\"}]},"
        "{\"type\":\"tool_result\",\"tool_use_id\":\"t0\",\"content\":\"str\"},"
        "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"AAAA\"}},"
        "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"u\"}}],\"stop_reason\":\"end_turn\"}\n",
        "[T text -|Hi][u Edit t1|{ \"a\" : 1e400 }][r tool_result t0|one\ntwo][r tool_result t0|str]"
        "[i image -|image/png 3 B][i image -|image]>end_turn");
}

static void test_an_image_in_a_result_is_told_by_type_and_size(void **state)
{
    (void)state;
    assert_answer("{\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t0\",\"content\":["
                  "{\"type\":\"text\",\"text\":\"see\"},{\"type\":\"image\",\"source\":{\"type\":\"base64\","
                  "\"media_type\":\"image/png\",\"data\":\"AAAA\"}}]},"
                  "{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"AAAA\"}}]}",
                  "[r tool_result t0|see\n[image/png 3 B]][i document -|application/pdf 3 B]");
}

static void test_blocks_of_a_request(void **state)
{
    (void)state;
    static const char body[] = "{\"system\":\"be \\u0062rief\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"},"
                               "{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"is_error\":true,\"content\":\"done\"}],\"odd\":7}";
    static const struct {
        const char *member;
        size_t count;
        const char *text; /* of the last one */
    } cases[] = {{"system", 1, "be brief"}, {"content", 2, "done"}, {"odd", 0, NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct content c;
        struct span v;
        assert_true(json_member(body, sizeof body - 1, 0, cases[i].member, &v));
        content_from_blocks(body, v, &c);
        assert_int_equal(c.count, cases[i].count);
        if (c.count)
            assert_string_equal(c.parts[c.count - 1].text, cases[i].text);
        if (c.count == 2)
            assert_true(c.parts[1].is_error && !c.parts[0].is_error);
        content_done(&c);
    }
}

static void test_error_answers(void **state)
{
    (void)state;
    assert_answer("{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"no\"}}", "[O api_error -|no]");
    assert_answer("{\"detail\":\"Rate limit exceeded\"}", "[O error -|Rate limit exceeded]");
}

static void test_what_cannot_be_read_is_one_part(void **state)
{
    (void)state;
    assert_answer("<html>x</html>", "[O body -|<html>x</html>]");
    assert_answer("{\"input_tokens\":5}", "[O body -|{\"input_tokens\":5}]");
    assert_answer("{\"content\":[{\"type\":\"text\",\"text\":\"cu",
                  "[O body -|{\"content\":[{\"type\":\"text\",\"text\":\"cu]");
    assert_answer("data: [DONE]\n\n", "[O body -|data: [DONE]\n\n]");
    assert_answer("", "");
    assert_answer(" \n", "");
}

static void test_every_cut_is_read(void **state)
{
    (void)state;
    static const char stream[] =
        START BLOCK("0", "{\"type\":\"text\",\"text\":\"\"}") DELTA("0", "{\"text\":\"abc\"}") BLOCK("1", TOOL) END;
    static const char plain[] = "{\"content\":[{\"type\":\"text\",\"text\":\"Hi\"},{\"type\":\"image\",\"source\":{"
                                "\"data\":\"A\"}}],\"stop_reason\":\"x\"}";
    for (size_t len = 0; len < sizeof stream; len++) {
        char *copy = malloc(len ? len : 1);
        memcpy(copy, stream, len);
        free(describe(copy, len));
        if (len < sizeof plain) {
            memcpy(copy, plain, len);
            free(describe(copy, len));
        }
        free(copy);
    }
}

/* --- Requests --- */

/* depth label (* with cache_control) =bytes, a line each */
static char *outline(const char *body, size_t len)
{
    struct content_tree t;
    struct buf out;

    buf_init(&out);
    content_tree_from_request(body, len, &t);
    for (size_t i = 0; i < t.count; i++) {
        struct content_node *n = &t.nodes[i];
        buf_printf(&out, "%d %s%s =%.*s\n", n->depth, n->label, n->has_cache_control ? "*" : "",
                   n->depth ? (int)n->at.len : 0, body + n->at.off);
    }
    content_tree_done(&t);
    return buf_take(&out, NULL);
}

static void assert_outline(const char *body, const char *expected)
{
    char *came = outline(body, strlen(body));
    if (strcmp(came, expected) != 0)
        fail_msg("%s\nexpected:\n%scame:\n%s", body, expected, came);
    free(came);
}

static void test_tree_in_reading_order(void **state)
{
    (void)state;
    assert_outline(
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":["
        "{\"type\":\"tool_use\",\"name\":\"Bash\"}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_"
        "use_id\":\"t1\","
        "\"cache_control\":{}}]}],\"system\":[{\"type\":\"text\",\"text\":\"s\"},{\"type\":\"text\",\"cache_control\":"
        "null}],"
        "\"tools\":[{\"name\":\"Edit\",\"cache_control\":{\"type\":\"ephemeral\"}},{\"type\":\"web_search_20250305\"}]"
        "}",
        "0 system =\n"
        "1 text ={\"type\":\"text\",\"text\":\"s\"}\n"
        "1 text ={\"type\":\"text\",\"cache_control\":null}\n"
        "0 tools =\n"
        "1 tool Edit* ={\"name\":\"Edit\",\"cache_control\":{\"type\":\"ephemeral\"}}\n"
        "1 tool web_search_20250305 ={\"type\":\"web_search_20250305\"}\n"
        "0 messages =\n"
        "1 user ={\"role\":\"user\",\"content\":\"hi\"}\n"
        "2 text =\"hi\"\n"
        "1 assistant ={\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"name\":\"Bash\"}]}\n"
        "2 tool_use Bash ={\"type\":\"tool_use\",\"name\":\"Bash\"}\n"
        "1 user "
        "={\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"cache_control\":{}}]}\n"
        "2 tool_result t1* ={\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"cache_control\":{}}\n");
}

static void test_tree_of_odd_bodies(void **state)
{
    (void)state;
    assert_outline("", "");
    assert_outline("hello", "");
    assert_outline("{\"system\":\"be nice\",\"tools\":null,\"messages\":7}", "0 system =\n1 text =\"be nice\"\n");
    assert_outline(
        "{\"messages\":[1,\"x\",{\"content\":[[],{\"type\":\"image\",\"source\":{\"media_type\":\"image/png\"}}]}]}",
        "0 messages =\n1 message =1\n1 message =\"x\"\n"
        "1 message ={\"content\":[[],{\"type\":\"image\",\"source\":{\"media_type\":\"image/png\"}}]}\n"
        "2 value =[]\n2 image image/png ={\"type\":\"image\",\"source\":{\"media_type\":\"image/png\"}}\n");
    assert_outline("{\"tools\":[{\"name\":\"a\\u001b[2Jb\"}],\"x\":1", "");
}

static void test_labels_are_clean(void **state)
{
    (void)state;
    char *came = outline("{\"tools\":[{\"name\":\"a\\u001b[2J\"}]}", 34);
    assert_null(strchr(came, '\x1b'));
    assert_non_null(strstr(came, "tool a\xEF\xBF\xBD[2J"));
    free(came);
}

static void test_tree_is_bounded(void **state)
{
    (void)state;
    struct buf body;
    struct content_tree t;
    buf_init(&body);
    buf_puts(&body, "{\"messages\":[0");
    for (int i = 0; i < 200000; i++)
        buf_puts(&body, ",0");
    buf_puts(&body, "]}");
    content_tree_from_request(body.data, body.len, &t);
    assert_true(t.count > 10000 && t.count < 100000);
    content_tree_done(&t);
    buf_done(&body);
}

static void test_results_of_tools_and_their_marks(void **state)
{
    (void)state;
    assert_outline("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":"
                   "[{\"type\":\"text\",\"text\":\"x\"},7]}]}]}",
                   "0 messages =\n"
                   "1 user ={\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":"
                   "[{\"type\":\"text\",\"text\":\"x\"},7]}]}\n"
                   "2 tool_result t ={\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":"
                   "[{\"type\":\"text\",\"text\":\"x\"},7]}\n"
                   "3 text ={\"type\":\"text\",\"text\":\"x\"}\n"
                   "3 value =7\n");
    static const char body[] = "{\"system\":[{\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}},"
                               "{\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"}},{\"text\":\"b\"}]}";
    struct content_tree t;
    content_tree_from_request(body, sizeof body - 1, &t);
    assert_int_equal(t.count, 4);
    assert_string_equal(t.nodes[1].cache_ttl, "1h");
    assert_string_equal(t.nodes[2].cache_ttl, "5m");
    assert_string_equal(t.nodes[3].cache_ttl, "");
    content_tree_done(&t);
}

/* The tokens of every element, "-" unknown. */
static char *tokens_of(const char *body, int64_t counted, bool *is_scaled)
{
    struct content_tree t;
    struct buf out;
    buf_init(&out);
    content_tree_from_request(body, strlen(body), &t);
    *is_scaled = content_tree_estimate(&t, counted);
    for (size_t i = 0; i < t.count; i++)
        if (t.nodes[i].tokens < 0)
            buf_puts(&out, "- ");
        else
            buf_printf(&out, "%d ", (int)t.nodes[i].tokens);
    content_tree_done(&t);
    return buf_take(&out, NULL);
}

static void assert_tokens(const char *body, int64_t counted, const char *expected, bool scaled)
{
    bool is_scaled;
    char *came = tokens_of(body, counted, &is_scaled);
    assert_string_equal(came, expected);
    assert_int_equal(is_scaled, scaled);
    free(came);
}

#define PIXEL_PNG "iVBORw0KGgoAAAANSUhEUgAAAu4AAAB4CAYAAAA=" /* the head of 750 by 120 */

/* However far away its call stands; of two calls with one id it is the nearer before. */
static void test_results_are_named_by_the_nearest_call_before(void **state)
{
    (void)state;
    enum { FILL = 3000 };
    static const char use[] = "{\"type\":\"tool_use\",\"id\":\"%s\",\"name\":\"%s\"},";
    static const char result[] = "{\"type\":\"tool_result\",\"tool_use_id\":\"%s\"}";
    struct content_tree t;
    struct buf body;
    buf_init(&body);
    buf_puts(&body, "{\"messages\":[{\"content\":[");
    buf_printf(&body, result, "b");
    buf_puts(&body, ",");
    buf_printf(&body, use, "b", "First");
    buf_printf(&body, use, "a", "Far");
    buf_printf(&body, use, "b", "Second");
    for (int i = 0; i < FILL; i++)
        buf_puts(&body, "{\"type\":\"tool_use\",\"id\":\"c\"},"); /* without a name */
    buf_printf(&body, result, "a");
    buf_puts(&body, ",");
    buf_printf(&body, result, "b");
    buf_puts(&body, ",");
    buf_printf(&body, use, "b", "After");
    buf_printf(&body, result, "c");
    buf_puts(&body, "]}]}");
    content_tree_from_request(body.data, body.len, &t);
    assert_int_equal(t.count, 2 + 4 + FILL + 4);
    assert_string_equal(t.nodes[2].label, "tool_result b");
    assert_string_equal(t.nodes[6 + FILL].label, "tool_result Far");
    assert_string_equal(t.nodes[7 + FILL].label, "tool_result Second");
    assert_string_equal(t.nodes[9 + FILL].label, "tool_result c");
    content_tree_done(&t);
    buf_done(&body);
}

static void test_tokens_are_estimated_and_add_up(void **state)
{
    (void)state;
    static const char text[] = "{\"system\":\"0123456789abcdef\",\"messages\":[{\"content\":\"0123456789abcdef\"},{\"content\":\"012345\"}]}";
    assert_tokens(text, -1, "5 5 6 4 4 2 2 ", false); /* 18, 18 and 8 bytes at four a token, rounded as a sum */
    assert_tokens(text, 1000, "409 409 591 409 409 182 182 ", true);
    assert_tokens(text, 7, "3 3 4 3 3 1 1 ", true);
    assert_tokens("{\"messages\":[]}", 1000, "0 ", false);
    static const char image[] = "{\"messages\":[{\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\","
                                "\"media_type\":\"image/png\",\"data\":\"" PIXEL_PNG "\"}}]},{\"content\":\"x\"}]}";
    assert_tokens(image, -1, "121 120 120 1 1 ", false);
    assert_tokens(image, 242, "242 240 240 2 2 ", true);
    static const char unknown[] = "{\"messages\":[{\"content\":[{\"type\":\"document\",\"source\":{\"type\":\"file\","
                                  "\"file_id\":\"f\"}}]},{\"content\":\"01\"}]}";
    assert_tokens(unknown, 500, "- - - 1 1 ", false); /* nothing is made up */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_decode_leaves_plain_bytes),
        cmocka_unit_test(test_stream_of_all_kinds),
        cmocka_unit_test(test_blocks_may_interleave),
        cmocka_unit_test(test_tool_without_input),
        cmocka_unit_test(test_cut_stream_shows_what_came),
        cmocka_unit_test(test_error_in_the_stream),
        cmocka_unit_test(test_other_blocks),
        cmocka_unit_test(test_plain_answer),
        cmocka_unit_test(test_an_image_in_a_result_is_told_by_type_and_size),
        cmocka_unit_test(test_blocks_of_a_request),
        cmocka_unit_test(test_error_answers),
        cmocka_unit_test(test_what_cannot_be_read_is_one_part),
        cmocka_unit_test(test_every_cut_is_read),
        cmocka_unit_test(test_tree_in_reading_order),
        cmocka_unit_test(test_tree_of_odd_bodies),
        cmocka_unit_test(test_labels_are_clean),
        cmocka_unit_test(test_tree_is_bounded),
        cmocka_unit_test(test_results_of_tools_and_their_marks),
        cmocka_unit_test(test_results_are_named_by_the_nearest_call_before),
        cmocka_unit_test(test_tokens_are_estimated_and_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
