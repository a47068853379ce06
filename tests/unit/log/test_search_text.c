/* What of a piece is text for people, and where it is said to stand. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "log/search_text.h"

static struct search_text text;

static int set_up(void **state)
{
    (void)state;
    search_text_init(&text);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    search_text_done(&text);
    return 0;
}

/* "where: text/where: text", line breaks as |. */
static const char *read_piece(enum piece_kind kind, const char *piece)
{
    static char out[2000];
    out[0] = '\0';
    search_text_read(&text, kind, bytes_of(piece));
    for (size_t i = 0; i < text.count; i++) {
        struct bytes part = search_part_text(&text, i);
        size_t len = strlen(out);
        snprintf(out + len, sizeof out - len, "%s%s: %.*s", i ? "/" : "", text.parts[i].where, (int)part.len, part.data);
    }
    for (char *c = out; *c; c++)
        *c = *c == '\n' ? '|' : *c;
    return out;
}

static void test_elements(void **state)
{
    (void)state;
    static const struct { const char *piece, *parts; } table[] = {
        {"{\"role\":\"user\",\"content\":\"one\\ntwo \\u00e9\"}", "user: one|two é"},
        {"{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"},{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_1\","
         "\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}]}",
         "user: hi/user tool_result: a|b"},
        {"{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"content\":\"exit 1\",\"is_error\":true}]}", "user tool_result: exit 1"},
        {"{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hmm\",\"signature\":\"EqQB\"},"
         "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"Bash\",\"input\":{\"command\":\"ls -l\",\"timeout\":120,\"ok\":true}}]}",
         "assistant thinking: hmm/assistant tool_use Bash: ls -l|120"},
        {"{\"name\":\"Bash\",\"description\":\"Runs\",\"input_schema\":{\"type\":\"object\",\"properties\":{\"command\":{\"type\":\"string\","
         "\"description\":\"What\"}},\"required\":[\"command\"]}}",
         "tool Bash: Bash|Runs|What|command"},
        {"{\"type\":\"text\",\"text\":\"You are.\",\"cache_control\":{\"type\":\"ephemeral\"}}", "system: You are."},
        {" \"plain\" ", "request: plain"},
        {"{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"\"}}]}", ""},
        {"{\"role\":\"user\",\"content\":\"\"}", ""}, {"{\"role\":\"user\"}", ""}, {"{", ""}, {"true story", "request: true story"}, {"", ""}, {"[1,\"x\"]", "request: 1|x"},
        {"{\"role\":\"user\",\"content\":\"cut sho", ""},
        {"no json at all", "request: no json at all"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_string_equal(read_piece(PIECE_ELEMENT, table[i].piece), table[i].parts);
}

static void test_skeletons(void **state)
{
    (void)state;
    assert_string_equal(read_piece(PIECE_SKELETON, "{\"model\":\"m\",\"max_tokens\":9,\"system\":\"Be brief.\",\"messages\":[],"
                                                   "\"metadata\":{\"user_id\":\"u\"},\"prompt\":\"old\",\"stream\":true}"),
                        "system: Be brief./request: old");
}

static void test_answers(void **state)
{
    (void)state;
    assert_string_equal(
        read_piece(PIECE_ANSWER,
                   "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
                   "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"conn\"}}\n\n"
                   "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"ection\"}}\n\n"
                   "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"Bash\",\"input\":{}}}\n\n"
                   "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"command\\\": \\\"l\"}}\n\n"
                   "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"s\\\"}\"}}\n\n"),
        "answer: connection/answer tool_use Bash: ls");
    assert_string_equal(read_piece(PIECE_ANSWER, "{\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\"},{\"type\":\"text\",\"text\":\"yes\"}]}"),
                        "answer thinking: hm/answer: yes");
    assert_string_equal(read_piece(PIECE_ANSWER, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Too busy\"}}"),
                        "answer overloaded_error: Too busy");
    assert_string_equal(read_piece(PIECE_ANSWER, "<html>Bad gateway</html>"), "answer body: <html>Bad gateway</html>");
}

/* Pictures and signatures are no words; long words of people are. */
static void test_what_is_opaque_is_left_out(void **state)
{
    (void)state;
    char piece[700];
    char blob[301];
    memset(blob, 'A', 300);
    blob[300] = '\0';
    snprintf(piece, sizeof piece, "{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"data\":\"%s\"}}]}", blob);
    assert_string_equal(read_piece(PIECE_ELEMENT, piece), "");
    blob[100] = ' ';
    snprintf(piece, sizeof piece, "{\"role\":\"user\",\"content\":\"%s\"}", blob);
    read_piece(PIECE_ELEMENT, piece);
    assert_int_equal(text.count, 1);
}

static void test_giant_pieces_are_bounded(void **state)
{
    (void)state;
    struct buf piece;
    buf_init(&piece);
    buf_puts(&piece, "{\"role\":\"user\",\"content\":[");
    for (int i = 0; i < 200000; i++)
        buf_puts(&piece, i ? ",\"wörter\"" : "\"wörter\"");
    buf_puts(&piece, "]}");
    search_text_read(&text, PIECE_ELEMENT, buf_bytes(&piece));
    assert_true(text.count <= 4097);
    buf_reset(&piece);
    buf_puts(&piece, "{\"role\":\"user\",\"content\":\"");
    for (int i = 0; i < 300000; i++)
        buf_puts(&piece, "wörter ");
    buf_puts(&piece, "\"}");
    search_text_read(&text, PIECE_ELEMENT, buf_bytes(&piece));
    assert_int_equal(text.count, 1);
    assert_true(text.text.len > SEARCH_TEXT_MAX - 20 && text.text.len < SEARCH_TEXT_MAX + 20);
    buf_reset(&piece);
    for (int i = 0; i < 1000; i++)
        buf_putc(&piece, '[');
    search_text_read(&text, PIECE_ELEMENT, buf_bytes(&piece));
    buf_done(&piece);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_elements), TEST(test_skeletons), TEST(test_answers), TEST(test_what_is_opaque_is_left_out), TEST(test_giant_pieces_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
