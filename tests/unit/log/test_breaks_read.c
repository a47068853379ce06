/* Cache breaks as readers ask for them: by kind, and the call before. */
#include "tests/unit/test.h"

#include "log/breaks_read.h"
#include "log/diff.h"
#include "tests/unit/log/tmplog.h"

static void fill(void)
{
    tmplog_run(
        "INSERT INTO call(id, state, started_at, session_id, agent_id, purpose, cache_break, cache_break_microusd,"
        " request_body) VALUES"
        "(1, 'done', 1000, 's', NULL, 'main', NULL, NULL, x'01'),"
        "(2, 'done', 2000, 's', NULL, 'title', NULL, NULL, x'01'),"
        "(3, 'done', 3000, 's', 'a', 'subagent', 'tool: Bash', 500, x'01'),"
        "(4, 'done', 4000, 's', NULL, 'main', 'tool: Read', NULL, NULL),"
        "(5, 'done', 5000, 's', NULL, 'fork', 'expired: idle 6m00s, lifetime 5m', 900, x'01'),"
        "(6, 'done', 6000, 't', NULL, 'main', 'model: a → b', 300, x'01'),"
        "(7, 'done', 7000, 's', NULL, 'main', 'tool: Bash', 500, x'01')");
}

static void check_kinds(int64_t since_ms, const char *session, const char *want)
{
    struct break_kind kinds[BREAK_KINDS_MAX];
    struct err e = {""};
    size_t count;
    char got[512] = "";
    size_t len = 0;
    assert_int_equal(break_kinds(tmplog, since_ms, session, kinds, &count, &e), 0);
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(got + len, sizeof got - len, "%s %lld $%lld ?%lld #%lld; ", kinds[i].kind,
                                (long long)kinds[i].count, (long long)kinds[i].cost_microusd,
                                (long long)kinds[i].unpriced, (long long)kinds[i].newest_call);
    assert_string_equal(got, want);
}

static void test_kinds_are_ranked_by_what_they_cost(void **state)
{
    (void)state;
    check_kinds(0, NULL, "");
    fill();
    check_kinds(0, NULL, "tool 3 $1000 ?1 #7; expired 1 $900 ?0 #5; model 1 $300 ?0 #6; ");
    check_kinds(4000, NULL, "expired 1 $900 ?0 #5; tool 2 $500 ?1 #7; model 1 $300 ?0 #6; ");
    check_kinds(0, "t", "model 1 $300 ?0 #6; ");
}

static void test_the_call_before_is_of_the_same_agent_and_kind(void **state)
{
    (void)state;
    static const struct {
        int64_t call, before; /* 0: none */
    } table[] = {{1, 0}, {2, 0}, {3, 0}, {4, 1}, {5, 1}, {6, 0}, {7, 1}, {99, 0}};
    fill();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err e = {""};
        int64_t before = 0;
        int rc = diff_find_before(tmplog, table[i].call, &before, &e);
        if (rc != (table[i].before ? 0 : 1) || before != table[i].before)
            fail_msg("call %lld: %d, %lld %s", (long long)table[i].call, rc, (long long)before, e.text);
        assert_true(rc == 0 || e.text[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kinds_are_ranked_by_what_they_cost, tmplog_open, tmplog_close),
        cmocka_unit_test_setup_teardown(test_the_call_before_is_of_the_same_agent_and_kind, tmplog_open, tmplog_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
