/* Header lists, which of them end here, what the log keeps, and which key goes up. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/headers.h"
#include "gateway/token.h"

#define TOKEN "spantop-0123456789abcdef"

static void fill(struct headers *h, const char *const *lines)
{
    headers_init(h);
    for (; *lines; lines++) {
        const char *colon = strstr(*lines, ": ");
        assert_int_equal(headers_add(h, *lines, (size_t)(colon - *lines), colon + 2, strlen(colon + 2)), 0);
    }
}

static void expect(const struct headers *h, const char *const *lines)
{
    size_t i = 0;
    for (; lines[i]; i++) {
        char line[256];
        assert_true(i < h->count);
        snprintf(line, sizeof line, "%s: %s", headers_name(h, i), headers_value(h, i));
        assert_string_equal(line, lines[i]);
    }
    assert_int_equal(h->count, i);
}

#define LINES(...) (const char *const[]){__VA_ARGS__, NULL}

static void test_order_case_and_duplicates_stay(void **state)
{
    struct headers h;
    (void)state;
    fill(&h, LINES("X-B: 2", "x-a: 1", "X-B: 3", "Empty: "));
    expect(&h, LINES("X-B: 2", "x-a: 1", "X-B: 3", "Empty: "));
    assert_string_equal(headers_get(&h, "x-b"), "2");
    assert_int_equal(headers_count(&h, "X-b"), 2);
    assert_int_equal(headers_find(&h, "x-B", 1), 2);
    assert_null(headers_get(&h, "x"));
    headers_done(&h);
}

static void test_replacing_keeps_the_first_place(void **state)
{
    struct headers h;
    (void)state;
    fill(&h, LINES("A: 1", "b: 2", "C: 3", "B: 4"));
    assert_int_equal(headers_replace(&h, "B", "a longer value"), 0);
    expect(&h, LINES("A: 1", "b: a longer value", "C: 3"));
    assert_int_equal(headers_replace(&h, "New", ""), 0);
    expect(&h, LINES("A: 1", "b: a longer value", "C: 3", "New: "));
    headers_remove(&h, "a");
    expect(&h, LINES("b: a longer value", "C: 3", "New: "));
    headers_done(&h);
}

static void test_hop_by_hop(void **state)
{
    struct headers h, kept;
    (void)state;
    fill(&h, LINES("A: 1", "connection: keep-alive ,  X-Mine,close", "X-Mine: 1", "X-Mine-Too: 2", "TE: trailers",
                   "Upgrade: h2c", "Transfer-Encoding: chunked", "Connection: X-Second", "x-second: 1", "Trailer: x",
                   "Keep-Alive: 5", "Proxy-Authorization: x", "B: 2"));
    headers_init(&kept);
    assert_int_equal(headers_copy_end_to_end(&kept, &h), 0);
    expect(&kept, LINES("A: 1", "X-Mine-Too: 2", "B: 2"));
    headers_done(&kept);
    headers_done(&h);
}

static void test_size_is_bounded(void **state)
{
    struct headers h;
    char *big = malloc(HEADERS_TEXT_MAX);
    (void)state;
    memset(big, 'x', HEADERS_TEXT_MAX);
    headers_init(&h);
    assert_int_equal(headers_add(&h, "A", 1, big, HEADERS_TEXT_MAX), -1);
    headers_reset(&h);
    for (size_t i = 0; i < HEADERS_MAX; i++)
        assert_int_equal(headers_put(&h, "A", "b"), 0);
    assert_int_equal(headers_put(&h, "A", "b"), -1);
    assert_int_equal(h.count, HEADERS_MAX);
    headers_done(&h);
    free(big);
}

static void test_log_keeps_values_by_an_allow_list(void **state)
{
    struct headers h;
    (void)state;
    fill(&h, LINES("Content-Type: a\"b", "x-api-key: secret", "Authorization: Bearer secret", "Cookie: secret",
                   "X-Anything: secret", "anthropic-beta: b1", "X-Claude-Code-Session-Id: s", "x-claude-codes: secret",
                   "X-Data-Respan-Params: secret", "anthropic-ratelimit-tokens: 5"));
    char *json = headers_to_json(&h);
    assert_null(strstr(json, "secret"));
    assert_string_equal(json, "[[\"Content-Type\",\"a\\\"b\"],[\"x-api-key\",\"(masked)\"],[\"Authorization\",\"(masked)\"],"
                              "[\"Cookie\",\"(masked)\"],[\"X-Anything\",\"(masked)\"],[\"anthropic-beta\",\"b1\"],"
                              "[\"X-Claude-Code-Session-Id\",\"s\"],[\"x-claude-codes\",\"(masked)\"],"
                              "[\"X-Data-Respan-Params\",\"(masked)\"],[\"anthropic-ratelimit-tokens\",\"5\"]]");
    free(json);
    headers_done(&h);
}

static void test_tokens(void **state)
{
    static const struct {
        const char *lines[3];
        enum token_verdict verdict;
    } table[] = {
        {{"x-api-key: own", NULL}, TOKEN_PASS},
        {{"A: b", NULL}, TOKEN_PASS},
        {{"x-api-key: " TOKEN, NULL}, TOKEN_REPLACE},
        {{"Authorization: bearer\t" TOKEN, NULL}, TOKEN_REPLACE},
        {{"Authorization: Bearer own", "X-Api-Key: " TOKEN}, TOKEN_REPLACE},
        {{"x-api-key: " TOKEN "0", NULL}, TOKEN_WRONG},
        {{"x-api-key: spantop-", NULL}, TOKEN_WRONG},
        {{"Authorization: Bearer spantop-x", "x-api-key: " TOKEN}, TOKEN_WRONG},
        {{"Authorization: Basic " TOKEN, NULL}, TOKEN_PASS},
        {{"Authorization: Bearer" TOKEN, NULL}, TOKEN_PASS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct headers h;
        fill(&h, (const char *const[]){table[i].lines[0], table[i].lines[1], NULL});
        assert_int_equal(token_check(&h, TOKEN), table[i].verdict);
        headers_done(&h);
    }
}

static void test_replacing_the_token_leaves_one_key(void **state)
{
    struct headers h;
    (void)state;
    fill(&h, LINES("authorization: Bearer x", "A: 1", "X-API-KEY: " TOKEN));
    assert_int_equal(token_replace(&h, "respan"), 0);
    expect(&h, LINES("A: 1", "x-api-key: respan"));
    headers_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_case_and_duplicates_stay),
        cmocka_unit_test(test_replacing_keeps_the_first_place),
        cmocka_unit_test(test_hop_by_hop),
        cmocka_unit_test(test_size_is_bounded),
        cmocka_unit_test(test_log_keeps_values_by_an_allow_list),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_replacing_the_token_leaves_one_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
