/* What a filter's word can become, in a log with a few calls. */
#include "tests/unit/log/tmplog.h"

#include "log/filter.h"
#include "log/filter_complete.h"

static int open_log(void **state)
{
    tmplog_open(state);
    tmplog_run("INSERT INTO call(id,state,started_at,session_id,purpose,model_asked,model_sent,model_served,provider_served,status,error_message) VALUES"
               "(1,'done',1,'s1','main','claude-haiku-4-5','claude-haiku-4-5','claude-haiku-4-5','anthropic',200,NULL),"
               "(2,'done',2,'s1','main','claude-opus-5-5','claude-sonnet-5','claude-sonnet-5','vertex_ai',200,NULL),"
               "(3,'error',3,'s2','main','claude-opus-5-5','claude-opus-5-5',NULL,NULL,529,'say \"hi\" there')");
    tmplog_run("INSERT INTO session(session_id,title,first_at,last_at) VALUES('s1','fix the tests',1,2),('s2','docs',1,3)");
    return 0;
}

/* "from-to: choice choice", '|' marks the cursor in text. */
static const char *complete(const char *marked)
{
    static char out[4096];
    char text[256];
    struct filter_choices c;
    struct err e = {""};
    size_t at = strcspn(marked, "|");
    snprintf(text, sizeof text, "%.*s%s", (int)at, marked, marked + at + (marked[at] == '|'));
    if (filter_complete(tmplog, text, at, &c, &e) != 0)
        fail_msg("%s", e.text);
    int used = snprintf(out, sizeof out, "%zu-%zu:", c.from, c.to);
    for (size_t i = 0; i < c.count; i++)
        used += snprintf(out + used, sizeof out - (size_t)used, " %s", c.list[i]);
    filter_choices_done(&c);
    return out;
}

static void test_fields_by_their_beginning(void **state)
{
    (void)state;
    assert_string_equal(complete("mod|"), "0-3: model: model_asked: model_sent: model_served:");
    assert_string_equal(complete("status:5xx !ttft|"), "12-16: ttft> ttft_ms>");
    assert_string_equal(complete("errs|"), "0-4:");
    assert_string_equal(complete("err|"), "0-3: error: errors error_type: error_message:");
    assert_non_null(strstr(complete("model:x | cost>1"), "8-8: "));
    assert_non_null(strstr(complete("|"), " model: provider: session: who:"));
}

static void test_values_that_the_log_has(void **state)
{
    (void)state;
    assert_string_equal(complete("model:|"), "6-6: claude-sonnet-5 claude-haiku-4-5 claude-opus-5-5");
    assert_string_equal(complete("model:opus|"), "6-10: claude-opus-5-5");
    assert_string_equal(complete("cost>1 provider=VERT|"), "16-20: vertex_ai");
    assert_string_equal(complete("session:|"), "8-8: docs \"fix the tests\"");
    assert_string_equal(complete("session:\"fix th|"), "8-15: \"fix the tests\"");
    assert_string_equal(complete("who:ma|in"), "4-8: main");
    assert_string_equal(complete("state:|"), "6-6: open done error aborted lost");
    assert_string_equal(complete("status:|"), "7-7: 2xx 4xx 5xx 529 200");
    assert_string_equal(complete("since:to|"), "6-8: today");
    assert_string_equal(complete("error:say|"), "6-9: \"say \\\"hi\\\" there\"");
    assert_string_equal(complete("cost>|"), "5-5:");
    assert_string_equal(complete("nosuch:x|"), "0-8:");
    assert_string_equal(complete("\"in quotes|"), "0-10:");
}

/* Whatever is offered can be parsed. */
static void test_choices_are_filters(void **state)
{
    (void)state;
    static const char *const fields[] = {"model", "provider", "session", "who", "state", "status", "since", "error", "body_state"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        char text[256];
        struct filter_choices c;
        struct err e = {""};
        int len = snprintf(text, sizeof text, "%s:", fields[i]);
        assert_int_equal(filter_complete(tmplog, text, (size_t)len, &c, &e), 0);
        assert_true(c.count > 0);
        for (size_t k = 0; k < c.count; k++) {
            snprintf(text + len, sizeof text - (size_t)len, "%s", c.list[k]);
            struct filter *f = filter_parse(text, &e);
            if (!f)
                fail_msg("%s: %s", text, e.text);
            filter_free(f);
        }
        filter_choices_done(&c);
    }
}

static void test_any_text_at_any_cursor(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "!", "!!", "model:", "\"", "a\"b c\"d e", "model:\"x", "model:\"x\\", "  x  ", ":", "<>=", "session:\" \" who:"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t at = 0; at <= strlen(texts[i]); at++) {
            struct filter_choices c;
            struct err e = {""};
            assert_int_equal(filter_complete(tmplog, texts[i], at, &c, &e), 0);
            assert_true(c.from <= c.to && c.to <= strlen(texts[i]));
            filter_choices_done(&c);
        }
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, open_log, tmplog_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fields_by_their_beginning),
        TEST(test_values_that_the_log_has),
        TEST(test_choices_are_filters),
        TEST(test_any_text_at_any_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
