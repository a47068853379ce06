/* What is refused before anything is done with it. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "gateway/guard.h"

struct request {
    const char *method;
    const char *target;
    const char *lines[8]; /* "Name: value" */
    size_t head_bytes;
    size_t folded_bytes;
    const char *local_address;
};

static struct refusal check(struct request r, const char *listen_host)
{
    struct headers h;
    headers_init(&h);
    for (size_t i = 0; i < 8 && r.lines[i]; i++) {
        const char *colon = strchr(r.lines[i], ':');
        assert_int_equal(headers_add(&h, r.lines[i], (size_t)(colon - r.lines[i]), colon + 2, strlen(colon + 2)), 0);
    }
    struct guard_request g = {r.method ? r.method : "POST", r.target ? r.target : "/v1/messages", &h, r.head_bytes,
                              r.folded_bytes, r.local_address};
    struct refusal verdict = guard_check(&g, listen_host ? listen_host : "127.0.0.1");
    headers_done(&h);
    return verdict;
}

#define PASSES(...)             assert_int_equal(check((struct request){__VA_ARGS__}, NULL).status, 0)
#define REFUSED(want, why, ...) refused(check((struct request){__VA_ARGS__}, NULL), want, why)

static void refused(struct refusal r, int status, const char *code)
{
    assert_int_equal(r.status, status);
    assert_string_equal(r.code, code);
    assert_true(strlen(r.message) > 10 && strlen(r.type) > 3);
}

static void test_plain_requests_pass(void **state)
{
    (void)state;
    PASSES(.lines = {"Host: 127.0.0.1:4777", "Content-Length: 5"});
    PASSES(.lines = {"Host: localhost", "Transfer-Encoding: chunked"});
    PASSES(.lines = {"Host: [::1]:1", "Sec-Fetch-Site: none"});
    PASSES(.method = "BREW", .target = "/v1/x?a=%20", .lines = {"X: a\tb \xe9"});
    PASSES(.lines = {"Host: LocalHost:80", "sec-fetch-site: same-origin"}, .head_bytes = GUARD_HEAD_MAX, .folded_bytes = 2);
}

static void test_foreign_hosts(void **state)
{
    static const char *const hosts[] = {"Host: evil.example", "Host: 127.0.0.1.evil", "Host: ", "Host: 127.0.0.2",
                                        "Host: localhost:x",  "Host: [::1]x",         "Host: [localhost]",
                                        "Host: ::1",          "Host: 127.0.0.1:80:80", "Host: [::1"};
    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        REFUSED(403, "host", .lines = {hosts[i]});
    REFUSED(400, "host", .lines = {"Host: localhost", "host: localhost"});
    REFUSED(403, "host", .target = "http://evil.example/v1/x", .lines = {"Host: localhost"});
    REFUSED(403, "host", .target = "http://localhost@evil.example/v1/x", .lines = {"Host: localhost"});
    PASSES(.target = "http://127.0.0.1:4777/v1/x", .lines = {"Host: localhost"});
}

static void test_listen_address_and_local_address_are_own(void **state)
{
    (void)state;
    struct request r = {.lines = {"Host: 192.0.2.7:4777"}};
    assert_int_equal(check(r, "127.0.0.1").status, 403);
    assert_int_equal(check(r, "192.0.2.7").status, 0);
    r.local_address = "192.0.2.7";
    assert_int_equal(check(r, "0.0.0.0").status, 0);
    struct request v6 = {.lines = {"Host: [fd00::7]:4777"}, .local_address = "fd00::7"};
    assert_int_equal(check(v6, "::").status, 0);
}

static void test_web_pages(void **state)
{
    (void)state;
    REFUSED(403, "origin", .lines = {"Host: localhost", "Origin: http://localhost"});
    REFUSED(403, "origin", .lines = {"origin: null"});
    REFUSED(403, "fetch_site", .lines = {"Sec-Fetch-Site: cross-site"});
    REFUSED(403, "fetch_site", .lines = {"Sec-Fetch-Site: none", "Sec-Fetch-Site: same-site"});
    REFUSED(403, "fetch_site", .lines = {"Sec-Fetch-Site: "});
}

static void test_ambiguous_ends(void **state)
{
    (void)state;
    REFUSED(400, "length", .lines = {"Content-Length: 1", "Content-Length: 1"});
    REFUSED(400, "length", .lines = {"Content-Length: 1", "Transfer-Encoding: chunked"});
    REFUSED(400, "length", .lines = {"Transfer-Encoding: chunked", "content-length: 0"});
    REFUSED(400, "length", .lines = {"Content-Length: 1, 1"});
    REFUSED(400, "length", .lines = {"Content-Length: +1"});
    REFUSED(400, "length", .lines = {"Content-Length: "});
    REFUSED(400, "length", .lines = {"Content-Length: 1234567890123456789"});
    REFUSED(400, "length", .lines = {"Transfer-Encoding: gzip, chunked"});
    REFUSED(400, "length", .lines = {"Transfer-Encoding: chunked", "Transfer-Encoding: chunked"});
    REFUSED(400, "folded", .lines = {"X: a"}, .folded_bytes = 3);
}

static void test_odd_bytes(void **state)
{
    (void)state;
    REFUSED(400, "method", .method = "GE(T");
    REFUSED(400, "method", .method = "");
    REFUSED(400, "target", .target = "/v1/a b");
    REFUSED(400, "target", .target = "/v1/\x7f");
    REFUSED(400, "header", .lines = {"bad name: x"});
    REFUSED(400, "header", .lines = {"X: a\r\nY: b"});
    REFUSED(431, "headers_too_large", .lines = {"X: a"}, .head_bytes = GUARD_HEAD_MAX + 1);
}

static void test_value_with_a_nul(void **state)
{
    (void)state;
    struct headers h;
    headers_init(&h);
    assert_int_equal(headers_add(&h, "X", 1, "a\0b", 3), 0);
    struct guard_request r = {.method = "GET", .target = "/", .headers = &h};
    refused(guard_check(&r, "127.0.0.1"), 400, "header");
    headers_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_requests_pass),
        cmocka_unit_test(test_foreign_hosts),
        cmocka_unit_test(test_listen_address_and_local_address_are_own),
        cmocka_unit_test(test_web_pages),
        cmocka_unit_test(test_ambiguous_ends),
        cmocka_unit_test(test_odd_bytes),
        cmocka_unit_test(test_value_with_a_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
