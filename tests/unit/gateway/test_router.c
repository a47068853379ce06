/* What routes make of a call: bytes of the body, pin and parameter headers. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/models.h"
#include "gateway/router.h"
#include "respan/params.h"

#define SET(array) {.routes = (array), .count = sizeof(array) / sizeof *(array)}

/* What is switched with; set by the tests that need them. */
static struct catalog *catalog;
static struct pins *pins;

struct fixture {
    struct headers headers;
    struct routed routed;
    struct blob *body;
};

static void apply(struct fixture *f, const struct route_set *set, const char *body, const char *name, const char *value)
{
    memset(f, 0, sizeof *f);
    headers_init(&f->headers);
    f->body = blob_copy(body, strlen(body));
    if (name)
        assert_int_equal(headers_put(&f->headers, name, value), 0);
    struct router router = {.routes = set, .catalog = catalog, .pins = pins};
    router_apply(&router, "v1/messages", f->body, &f->headers, &f->routed);
}

static void done(struct fixture *f)
{
    routed_done(&f->routed);
    headers_done(&f->headers);
    blob_unref(f->body);
}

static void test_no_route_changes_nothing(void **state)
{
    struct route_set none = {0};
    struct fixture f;
    (void)state;
    apply(&f, &none, "{\"model\":\"a\"}", "X", "1");
    assert_null(f.routed.sent);
    assert_null(f.routed.note);
    assert_null(f.routed.provider);
    assert_int_equal(f.headers.count, 1);
    assert_false(f.routed.has_headers_changed);
    done(&f);
}

static void test_model_switch_splices_every_top_level_model(void **state)
{
    struct route routes[] = {{.id = 1, .enabled = true, .set_model = "b\"x"}};
    struct route_set set = SET(routes);
    struct fixture f;
    (void)state;
    apply(&f, &set, "{ \"model\" : \"a\",\"x\":{\"model\":\"in\"},\"model\":7 }", NULL, NULL);
    assert_string_equal(f.routed.sent->data, "{ \"model\" : \"b\\\"x\",\"x\":{\"model\":\"in\"},\"model\":\"b\\\"x\" }");
    assert_string_equal(f.routed.model_sent, "b\"x");
    assert_non_null(f.routed.changes);
    assert_non_null(f.routed.note);
    done(&f);
}

static void test_switch_to_the_same_model_sends_the_same_bytes(void **state)
{
    struct route routes[] = {{.id = 1, .enabled = true, .set_model = "a"}};
    struct route_set set = SET(routes);
    struct fixture f;
    (void)state;
    apply(&f, &set, "{\"model\":\"a\"}", NULL, NULL);
    assert_null(f.routed.sent);
    assert_null(f.routed.changes);
    assert_string_equal(f.routed.model_sent, "a");
    done(&f);
}

static void test_body_without_a_model_is_left_alone(void **state)
{
    static const char *const bodies[] = {"", "no json", "[]", "{\"x\":{\"model\":\"a\"}}", "{\"model"};
    struct route routes[] = {{.id = 1, .enabled = true, .set_model = "b"}};
    struct route_set set = SET(routes);
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct fixture f;
        apply(&f, &set, bodies[i], NULL, NULL);
        assert_null(f.routed.sent);
        assert_null(f.routed.model_sent);
        assert_non_null(f.routed.note);
        done(&f);
    }
}

static void test_switch_leaves_behind_what_only_the_old_model_takes(void **state)
{
    struct route routes[] = {{.id = 7, .enabled = true, .set_model = "claude-haiku-4-5-20251001"}};
    struct route_set set = SET(routes);
    struct err warning = {""};
    struct fixture f;
    (void)state;
    catalog = catalog_load(NULL, NULL, &warning);
    apply(&f, &set,
          "{\"model\":\"claude-opus-4-8\",\"x\":1e400,\"max_tokens\":64000,\"thinking\":{\"type\":\"adaptive\"},"
          "\"output_config\":{\"effort\":\"high\"}}",
          "anthropic-beta", "a-1,context-1m-2025-08-07,b-2");
    assert_non_null(f.routed.sent);
    assert_null(strstr(f.routed.sent->data, "adaptive"));
    assert_null(strstr(f.routed.sent->data, "effort"));
    assert_non_null(strstr(f.routed.sent->data, "\"x\":1e400,"));
    assert_string_equal(headers_get(&f.headers, "anthropic-beta"), "a-1,b-2");
    assert_int_equal(f.routed.model_route, 7);
    assert_non_null(strstr(f.routed.changes, "claude-opus-4-8"));
    assert_non_null(strstr(f.routed.changes, "effort"));
    done(&f);
    catalog_free(catalog);
    catalog = NULL;
}

static void test_failing_pin_rests_and_is_tried_again(void **state)
{
    struct route routes[] = {{.id = 4, .enabled = true, .set_provider = "bedrock"}};
    struct route_set set = SET(routes);
    struct pin_limits limits = {.failures = 2, .rest_ms = 1000};
    struct fixture f;
    (void)state;
    pins = pins_new(&limits);
    for (int i = 0; i < 2; i++) {
        apply(&f, &set, "{}", NULL, NULL);
        assert_int_equal(f.routed.pin_route, 4);
        pins_tell(pins, 4, PIN_FAILED, -1000000); /* both a second ago: the rest is over by 0 */
        done(&f);
    }
    pins_tell(pins, 4, PIN_FAILED, 0);
    apply(&f, &set, "{}", NULL, NULL);
    assert_null(f.routed.provider);
    assert_int_equal(f.routed.pin_route, 0);
    assert_non_null(strstr(f.routed.note, "rests"));
    done(&f);
    assert_true(pins_take(pins, 4, 1000001));  /* the one call that tries */
    assert_false(pins_take(pins, 4, 1000002)); /* the others go on without */
    pins_tell(pins, 4, PIN_GOOD, 1000003);
    assert_true(pins_take(pins, 4, 1000004));
    pins_free(pins);
    pins = NULL;
}

static void test_what_counts_as_a_pin_s_failure(void **state)
{
    struct pin_limits limits = {0};
    (void)state;
    struct pins *p = pins_new(&limits);
    assert_int_equal(pins_judge(p, 0, NULL), PIN_FAILED);
    assert_int_equal(pins_judge(p, 529, NULL), PIN_FAILED);
    assert_int_equal(pins_judge(p, 429, "60"), PIN_FAILED);
    assert_int_equal(pins_judge(p, 429, "2"), PIN_NO_VERDICT);
    assert_int_equal(pins_judge(p, 429, NULL), PIN_NO_VERDICT);
    assert_int_equal(pins_judge(p, 400, NULL), PIN_NO_VERDICT);
    assert_int_equal(pins_judge(p, 200, NULL), PIN_GOOD);
    pins_free(p);
}

static void test_pin_replaces_and_is_reported(void **state)
{
    struct route routes[] = {{.id = 1, .enabled = true, .set_provider = "bedrock"}};
    struct route_set set = SET(routes), none = {0};
    struct fixture f;
    (void)state;
    apply(&f, &set, "{}", "x-respan-route-provider", "vertex_ai");
    assert_int_equal(headers_count(&f.headers, PARAMS_PIN_HEADER), 1);
    assert_string_equal(headers_get(&f.headers, PARAMS_PIN_HEADER), "bedrock");
    assert_string_equal(f.routed.provider, "bedrock");
    assert_true(f.routed.has_headers_changed);
    done(&f);
    apply(&f, &none, "{}", "x-respan-route-provider", "vertex_ai");
    assert_string_equal(f.routed.provider, "vertex_ai");
    assert_false(f.routed.has_headers_changed);
    done(&f);
}

static void test_unreadable_parameters_of_the_client_stay(void **state)
{
    struct route routes[] = {{.id = 1, .enabled = true, .params_json = "{\"cache_enabled\":true}"}};
    struct route_set set = SET(routes);
    struct fixture f;
    (void)state;
    apply(&f, &set, "{}", PARAMS_HEADER, "!!!");
    assert_string_equal(headers_get(&f.headers, PARAMS_HEADER), "!!!");
    assert_false(f.routed.has_headers_changed);
    assert_non_null(strstr(f.routed.note, "unreadable"));
    done(&f);
}

static void test_model_list_has_only_names_the_client_takes(void **state)
{
    struct err warning = {""};
    catalog = catalog_load(NULL, NULL, &warning);
    size_t len;
    (void)state;
    char *json = models_list_json(catalog, &len);
    assert_int_equal(strlen(json), len);
    assert_memory_equal(json, "{\"data\":[{\"type\":\"model\",\"id\":\"", 31);
    for (const char *at = json; (at = strstr(at, "\"id\":\"")); at += 6)
        assert_true(strncmp(at + 6, "claude", 6) == 0 || strncmp(at + 6, "anthropic", 9) == 0);
    free(json);
    json = models_list_json(NULL, &len);
    assert_string_equal(json, "{\"data\":[],\"has_more\":false}");
    free(json);
    catalog_free(catalog);
    catalog = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_route_changes_nothing),
        cmocka_unit_test(test_model_switch_splices_every_top_level_model),
        cmocka_unit_test(test_switch_to_the_same_model_sends_the_same_bytes),
        cmocka_unit_test(test_body_without_a_model_is_left_alone),
        cmocka_unit_test(test_switch_leaves_behind_what_only_the_old_model_takes),
        cmocka_unit_test(test_failing_pin_rests_and_is_tried_again),
        cmocka_unit_test(test_what_counts_as_a_pin_s_failure),
        cmocka_unit_test(test_pin_replaces_and_is_reported),
        cmocka_unit_test(test_unreadable_parameters_of_the_client_stay),
        cmocka_unit_test(test_model_list_has_only_names_the_client_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
