#include "anthropic/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_write_is_anthropic_shaped(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out);
    error_body_write(&out, "api_error", "no \"way\"\n", "req_1");
    assert_string_equal(out.data,
                        "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"no \\\"way\\\"\\n\"},"
                        "\"request_id\":\"req_1\"}");
    buf_reset(&out);
    error_body_write(&out, "api_error", "x", NULL);
    assert_string_equal(
        out.data, "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"x\"},\"request_id\":null}");
    buf_done(&out);
}

static void test_what_we_write_we_read(void **state)
{
    (void)state;
    struct buf out;
    char type[64];
    char message[64];
    buf_init(&out);
    error_body_write(&out, "billing_error", "say \"when\"", "r");
    error_body_read(out.data, out.len, type, sizeof type, message, sizeof message);
    assert_string_equal(type, "billing_error");
    assert_string_equal(message, "say \"when\"");
    buf_done(&out);
}

static const struct {
    const char *body;
    const char *type;
    const char *message;
} shapes[] = {
    {"{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"},\"request_id\":\"r\"}",
     "overloaded_error", "Overloaded"},
    {"{\"detail\":\"Rate limit exceeded\",\"retry_after\":60}", "", "Rate limit exceeded"},
    {"{\"detail\":[{\"loc\":[\"body\",\"model\"],\"msg\":\"field required\",\"type\":\"value_error\"}]}", "",
     "field required"},
    {"{\"error\":\"Unauthorized\"}", "", "Unauthorized"},
    {"{\"error\":{\"message\":\"Invalid model\",\"type\":\"invalid_request_error\",\"code\":null}}",
     "invalid_request_error", "Invalid model"},
    {"{\"error\":{\"code\":\"quota\",\"message\":\"m\"}}", "quota", "m"},
    {"{\"message\":\"Too slow\"}", "", "Too slow"},
    {"{\"Message\":\"bad signature\"}", "", "bad signature"},
    {"{\"errors\":{\"model\":[\"This field may not be blank.\"]}}", "", "model: This field may not be blank."},
    {"{\"errors\":{\"a\":\"b\",\"c\":\"d\"}}", "", "a: b"},
    {"{\"errors\":[{\"message\":\"first\"},{\"message\":\"second\"}]}", "", "first"},
    {"[{\"error\":{\"type\":\"t\",\"message\":\"listed\"}}]", "t", "listed"},
    {"{\"type\":\"not_found\",\"message\":\"gone\"}", "not_found", "gone"},
    {" \n{\"error\":{\"message\":\"\\u00e4\\n\\ud83d\\ude00\"}} \n", "", "\xC3\xA4\n\xF0\x9F\x98\x80"},
    {"{\"error\":{}}", "", ""},
    {"{\"status\":500}", "", ""},
    {"{}", "", ""},
    {"[]", "", ""},
    {"  upstream connect error\r\n", "", "upstream connect error"},
    {"<html>\n<head><title>502 Bad Gateway</title></head><body>x</body></html>", "", "502 Bad Gateway"},
    {"<p>no title</p>", "", "<p>no title</p>"},
    {"{\"detail\":\"cut", "", "{\"detail\":\"cut"},
    {"", "", ""},
    {"   ", "", ""},
};

static void test_every_shape_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        char type[64] = "left over";
        char message[128] = "left over";
        error_body_read(shapes[i].body, strlen(shapes[i].body), type, sizeof type, message, sizeof message);
        if (strcmp(type, shapes[i].type) != 0 || strcmp(message, shapes[i].message) != 0)
            fail_msg("%s\n  expected '%s' '%s'\n  came     '%s' '%s'", shapes[i].body, shapes[i].type,
                     shapes[i].message, type, message);
    }
}

static void test_long_message_is_cut_at_a_character(void **state)
{
    (void)state;
    char type[8];
    char message[8];
    static const char body[] = "{\"error\":{\"type\":\"very_long_type\",\"message\":\"12345\xE2\x82\xAC\"}}";
    error_body_read(body, sizeof body - 1, type, sizeof type, message, sizeof message);
    assert_string_equal(type, "very_lo");
    assert_string_equal(message, "12345");
}

static void test_escape_sequences_do_not_pass(void **state)
{
    (void)state;
    char type[8];
    char message[64];
    static const char body[] = "{\"detail\":\"a\\u001b[2Jb\\u0000c\"}";
    error_body_read(body, sizeof body - 1, type, sizeof type, message, sizeof message);
    assert_null(strchr(message, '\x1b'));
    assert_string_equal(message, "a\xEF\xBF\xBD[2Jb\xEF\xBF\xBD"
                                 "c");
}

static void test_binary_is_no_trouble(void **state)
{
    (void)state;
    char type[8];
    char message[16];
    error_body_read("\0\xff\xfe\x80{\"", 6, type, sizeof type, message, sizeof message);
    assert_int_not_equal(message[0], '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_is_anthropic_shaped),    cmocka_unit_test(test_what_we_write_we_read),
        cmocka_unit_test(test_every_shape_is_read),          cmocka_unit_test(test_long_message_is_cut_at_a_character),
        cmocka_unit_test(test_escape_sequences_do_not_pass), cmocka_unit_test(test_binary_is_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
