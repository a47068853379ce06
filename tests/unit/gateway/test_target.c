/* Bases, joins and kinds of targets; the address to listen on. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/listen.h"
#include "gateway/target.h"

static void test_targets(void **state)
{
    static const struct {
        const char *method, *target;
        enum target_kind kind;
        const char *rest; /* NULL: does not matter */
    } table[] = {
        {"POST", "/api/anthropic/v1/messages?beta=true", TARGET_FORWARD, "v1/messages?beta=true"},
        {"POST", "/v1/messages", TARGET_FORWARD, "v1/messages"},
        {"POST", "/api/anthropic//v1/messages", TARGET_FORWARD, "v1/messages"},
        {"POST", "//v1//messages/", TARGET_FORWARD, "v1//messages/"},
        {"GET", "/v1?x", TARGET_FORWARD, "v1?x"},
        {"GET", "/v1", TARGET_FORWARD, "v1"},
        {"GET", "/api/anthropic", TARGET_FORWARD, ""},
        {"GET", "/api/anthropic?q", TARGET_FORWARD, "?q"},
        {"GET", "http://localhost:1/v1/a%2Fb", TARGET_FORWARD, "v1/a%2Fb"},
        {"HEAD", "/v1/messages", TARGET_FORWARD, "v1/messages"},
        {"HEAD", "/", TARGET_WARM_UP, NULL},
        {"HEAD", "/api/anthropic", TARGET_WARM_UP, NULL},
        {"HEAD", "/api/anthropic/", TARGET_WARM_UP, NULL},
        {"HEAD", "/api/hello", TARGET_WARM_UP, NULL},
        {"HEAD", "/api/anthropic/api/hello", TARGET_WARM_UP, NULL},
        {"GET", "/spantop/health", TARGET_HEALTH, NULL},
        {"GET", "/spantop/health?x", TARGET_HEALTH, NULL},
        {"POST", "/spantop/health", TARGET_OTHER, NULL},
        {"GET", "/", TARGET_OTHER, NULL},
        {"GET", "/api/hello", TARGET_OTHER, NULL},
        {"GET", "/v12/x", TARGET_OTHER, NULL},
        {"GET", "/api/anthropicx/v1", TARGET_OTHER, NULL},
        {"OPTIONS", "*", TARGET_OTHER, NULL},
        {"GET", "", TARGET_OTHER, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *rest = NULL;
        enum target_kind kind = target_classify(table[i].method, table[i].target, &rest);
        if (kind != table[i].kind)
            fail_msg("%s %s: kind %d, expected %d", table[i].method, table[i].target, kind, table[i].kind);
        if (table[i].rest)
            assert_string_equal(rest, table[i].rest);
    }
}

static void test_which_targets_are_routed(void **state)
{
    (void)state;
    assert_true(target_is_routed("POST", "v1/messages"));
    assert_true(target_is_routed("POST", "v1/messages?beta=true"));
    assert_true(target_is_routed("POST", "v1/messages/count_tokens?x"));
    assert_false(target_is_routed("POST", "v1/messages/batches"));
    assert_false(target_is_routed("POST", "v1/messagesx"));
    assert_false(target_is_routed("GET", "v1/messages"));
    assert_true(target_is_models("GET", "v1/models?limit=1000"));
    assert_false(target_is_models("GET", "v1/models/claude"));
    assert_false(target_is_models("POST", "v1/models"));
}

static void test_bases(void **state)
{
    static const struct {
        const char *url, *origin, *host, *joined;
        bool is_tls, is_loopback;
    } table[] = {
        {"https://api.respan.ai/api/anthropic/", "https://api.respan.ai", "api.respan.ai", "/api/anthropic/v1/x", true, false},
        {"HTTPS://a.b:8443/api", "https://a.b:8443", "a.b", "/api/v1/x", true, false},
        {"http://127.0.0.1:99", "http://127.0.0.1:99", "127.0.0.1", "/v1/x", false, true},
        {"http://[::1]:99//", "http://[::1]:99", "::1", "/v1/x", false, true},
        {"http://localhost/a///", "http://localhost", "localhost", "/a/v1/x", false, true},
        {"http://127.9.9.9/a%20b/", "http://127.9.9.9", "127.9.9.9", "/a%20b/v1/x", false, true},
        {"http://127.0.0.1.evil/", "http://127.0.0.1.evil", "127.0.0.1.evil", "/v1/x", false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct upstream_base b;
        struct err e = {""};
        if (upstream_base_parse(&b, table[i].url, &e) != 0)
            fail_msg("%s: %s", table[i].url, e.text);
        char *joined = upstream_base_join(&b, "v1/x");
        assert_string_equal(b.origin, table[i].origin);
        assert_string_equal(b.host, table[i].host);
        assert_string_equal(joined, table[i].joined);
        assert_int_equal(b.is_tls, table[i].is_tls);
        assert_int_equal(b.is_loopback, table[i].is_loopback);
        free(joined);
        upstream_base_done(&b);
    }
}

static void test_impossible_bases(void **state)
{
    static const char *const bad[] = {"", "api.respan.ai", "ftp://x/", "http://", "http:///x", "https://u:p@x/", "http://x/?q",
                                      "http://x/#f", "http://x y/", "http://:80/", "http://[::1/", "http://x:8a/", "http://\xc3\xa9/"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct upstream_base b;
        struct err e = {""};
        if (upstream_base_parse(&b, bad[i], &e) != -1)
            fail_msg("%s was taken", bad[i]);
        assert_true(strlen(e.text) > 10);
        upstream_base_done(&b);
    }
}

static void test_listen_addresses(void **state)
{
    static const struct {
        const char *listen, *host;
        int port;
    } good[] = {{"127.0.0.1:4777", "127.0.0.1", 4777}, {"[::1]:0", "::1", 0}, {"localhost:65535", "localhost", 65535}};
    static const char *const bad[] = {"", ":", ":1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "::1:1",
                                      "[::1:1", "127.0.0.1:-1", "[]:1", "a:1234567"};
    char host[64];
    int port;
    struct err e;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(listen_parse(good[i].listen, host, sizeof host, &port, &e), 0);
        assert_string_equal(host, good[i].host);
        assert_int_equal(port, good[i].port);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (listen_parse(bad[i], host, sizeof host, &port, &e) != -1)
            fail_msg("%s was taken", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),          cmocka_unit_test(test_which_targets_are_routed),
        cmocka_unit_test(test_bases),            cmocka_unit_test(test_impossible_bases),
        cmocka_unit_test(test_listen_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
