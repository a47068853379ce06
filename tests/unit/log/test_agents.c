/* Subagents find the tool call that started them, whichever comes first. */
#include "tests/unit/log/tmplog.h"

#include "base/mem.h"
#include "log/agents.h"
#include "log/reader.h"

#define TOOL(id, input)                                                                                                \
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":"      \
    "\"tool_use\",\"id\":\"" id "\",\"name\":\"Agent\",\"input\":{}}}\n\n"                                             \
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"              \
    "\"input_json_delta\",\"partial_json\":\"" input "\"}}\n\n"                                                        \
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
#define INPUT(type, description, prompt)                                                                               \
    "{\\\"subagent_type\\\":\\\"" type "\\\",\\\"description\\\":\\\"" description "\\\",\\\"prompt\\\":\\\"" prompt "\\\"}"
#define FIRST(prompt)                                                                                                  \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"<reminder>\"},"       \
    "{\"type\":\"text\",\"text\":\"" prompt "\"}]},{\"role\":\"system\",\"content\":\"skills\"}]}"

static struct agents *agents;

static int setup(void **state)
{
    struct err e = {""};
    if (tmplog_open(state) != 0)
        return -1;
    agents = agents_open(db_sqlite(tmplog), &e);
    return agents ? 0 : -1;
}

static int teardown(void **state)
{
    agents_free(agents);
    return tmplog_close(state);
}

static void begin(int64_t id, const char *session, const char *agent, const char *parent, const char *body)
{
    struct call c;
    struct blob *b = body ? blob_copy(body, strlen(body)) : NULL;
    call_init(&c);
    c.id = id;
    c.session_id = xstrdup(session);
    c.agent_id = xstrdup(agent);
    c.parent_agent_id = xstrdup(parent);
    agents_begin(agents, &c, b);
    blob_unref(b);
    call_done(&c);
}

static void end(int64_t id, const char *session, const char *agent, const char *answer)
{
    struct call c;
    struct blob *b = blob_copy(answer, strlen(answer));
    call_init(&c);
    c.id = id;
    c.has_purpose = true;
    c.purpose = agent ? PURPOSE_SUBAGENT : PURPOSE_MAIN;
    c.session_id = xstrdup(session);
    c.agent_id = xstrdup(agent);
    agents_end(agents, &c, b);
    blob_unref(b);
    call_done(&c);
}

static const char *rows(void)
{
    struct err e = {""};
    if (agents_write(agents, &e) != 0)
        fail_msg("%s", e.text);
    agents_written(agents);
    return tmplog_rows("SELECT session_id, agent_id, parent_agent_id, type, description, parent_call_id, tool_use_id,"
                       " first_call_id FROM agents ORDER BY first_call_id");
}

static void test_an_agent_after_the_answer_that_starts_it(void **state)
{
    (void)state;
    end(1, "s", NULL, TOOL("toolu_1", INPUT("Explore", "look around", "Find it \\\\u00e9")));
    begin(2, "s", "a1", NULL, FIRST("Find it \\u00e9"));
    assert_string_equal(rows(), "s|a1|-|Explore|look around|1|toolu_1|2");
}

static void test_an_agent_before_the_answer_has_ended(void **state)
{
    (void)state;
    begin(2, "s", "a1", NULL, FIRST("Find it"));
    assert_string_equal(rows(), "s|a1|-|-|-|-|-|2");
    begin(3, "s", "a1", NULL, FIRST("Find it")); /* its second call says nothing new */
    end(1, "s", NULL, TOOL("toolu_1", INPUT("Explore", "look around", "Find it")));
    assert_string_equal(rows(), "s|a1|-|Explore|look around|1|toolu_1|2");
}

static void test_two_at_once_get_each_their_own(void **state)
{
    (void)state;
    end(1, "s", NULL, TOOL("toolu_1", INPUT("A", "one", "it")) TOOL("toolu_2", INPUT("B", "two", "find it")));
    begin(2, "s", "a2", NULL, FIRST("find it")); /* ends in the first one's, too */
    begin(3, "s", "a1", NULL, FIRST("it"));
    assert_string_equal(rows(), "s|a2|-|B|two|1|toolu_2|2;s|a1|-|A|one|1|toolu_1|3");
}

static void test_the_same_prompt_twice_is_two_agents(void **state)
{
    (void)state;
    end(1, "s", NULL, TOOL("toolu_1", INPUT("A", "one", "it")) TOOL("toolu_2", INPUT("A", "two", "it")));
    begin(2, "s", "a1", NULL, FIRST("it"));
    begin(3, "s", "a2", NULL, FIRST("it"));
    begin(4, "s", "a3", NULL, FIRST("it"));
    assert_string_equal(rows(), "s|a1|-|A|one|1|toolu_1|2;s|a2|-|A|two|1|toolu_2|3;s|a3|-|-|-|-|-|4");
}

static void test_a_nested_agent_has_its_parent(void **state)
{
    (void)state;
    end(2, "s", "a1", TOOL("toolu_1", INPUT("A", "deeper", "dig")));
    begin(3, "s", "a2", "a1", FIRST("dig"));
    begin(4, "s", "a3", "a1", FIRST("nobody asked this"));
    assert_string_equal(rows(), "s|a2|a1|A|deeper|2|toolu_1|3;s|a3|a1|-|-|-|-|4");
}

static void test_another_session_is_another_matter(void **state)
{
    (void)state;
    end(1, "s", NULL, TOOL("toolu_1", INPUT("A", "one", "it")));
    begin(2, "t", "a1", NULL, FIRST("it"));
    assert_string_equal(rows(), "t|a1|-|-|-|-|-|2");
}

static void test_bodies_that_say_nothing_are_no_harm(void **state)
{
    static const char *const bodies[] = {
        "",         "{",        "[]", "{\"messages\":7}", "{\"messages\":[{\"role\":\"user\",\"content\":[7,{}]}]}",
        FIRST(""), "{\"messages\":[7,\"x\",{\"role\":\"user\"}]}",
    };
    (void)state;
    begin(9, "s", "none", NULL, NULL);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char agent[2] = {(char)('a' + i), '\0'};
        begin(10 + (int64_t)i, "s", agent, NULL, bodies[i]);
    }
    end(1, "s", NULL, TOOL("toolu_1", "[\\\"Agent\\\"]") TOOL("toolu_2", "{\\\"prompt\\\":\\\"\\\"}") "data: {\"Agent\":");
    rows();
    assert_int_equal(tmplog_int("SELECT count(*) FROM agents WHERE type IS NULL AND parent_call_id IS NULL"), 8);
}

static void test_a_description_is_one_clean_line(void **state)
{
    (void)state;
    end(1, "s", NULL, TOOL("toolu_1", INPUT("A", "one\\\\n\\\\u001b[31mred", "it")));
    begin(2, "s", "a1", NULL, FIRST("it"));
    rows();
    assert_int_equal(tmplog_int("SELECT description NOT LIKE '%' || char(27) || '%' AND description NOT LIKE '%' || char(10) || '%'"
                                " AND description LIKE 'one%red' FROM agents"),
                     1);
}

static void test_many_agents_are_bounded(void **state)
{
    char agent[32], body[256];
    (void)state;
    for (int i = 0; i < 3000; i++) {
        snprintf(agent, sizeof agent, "agent%d", i);
        snprintf(body, sizeof body, FIRST("prompt %d"), i);
        begin(2 + i, "s", agent, NULL, body);
    }
    for (int i = 0; i < 600; i++)
        end(1, "s", NULL, TOOL("toolu_1", INPUT("A", "one", "nobody's")));
    end(1, "s", NULL, TOOL("toolu_1", INPUT("A", "last", "prompt 2999")));
    rows();
    assert_int_equal(tmplog_int("SELECT count(*) FROM agents"), 3000);
    assert_string_equal(tmplog_rows("SELECT agent_id FROM agents WHERE description = 'last'"), "agent2999");
}

static void test_the_reader_gives_the_sessions_agents(void **state)
{
    struct agent_page page;
    struct err e = {""};
    (void)state;
    end(1, "s", NULL, TOOL("toolu_1", INPUT("Explore", "look", "it")));
    begin(2, "s", "a1", NULL, FIRST("it"));
    rows();
    tmplog_run("INSERT INTO call(id, state, started_at, finished_at, session_id, agent_id, tokens_out, cost_microusd, attempt) VALUES"
               "(1, 'done', 1000, 2000, 's', NULL, 10, 100, 1), (2, 'done', 1500, 1800, 's', 'a1', 20, 200, 2),"
               "(3, 'error', 1600, 1900, 's', 'a1', NULL, NULL, 1), (4, 'open', 1700, NULL, 's', 'a1', NULL, NULL, 1),"
               "(5, 'done', 1000, 2000, 't', NULL, 10, 100, 1)");
    assert_int_equal(reader_agents(tmplog, "s", &page, &e), 0);
    assert_int_equal(page.count, 2);
    assert_null(page.rows[0].agent_id);
    assert_null(page.rows[0].type);
    assert_int_equal(page.rows[0].totals.cost_microusd, 100);
    const struct agent_row *a = &page.rows[1];
    assert_string_equal(a->agent_id, "a1");
    assert_string_equal(a->type, "Explore");
    assert_string_equal(a->description, "look");
    assert_string_equal(a->tool_use_id, "toolu_1");
    assert_int_equal(a->parent_call_id, 1);
    assert_int_equal(a->first_call_id, 2);
    assert_int_equal(a->first_at, 1500);
    assert_int_equal(a->last_at, 1900);
    assert_int_equal(a->running, 1);
    assert_int_equal(a->totals.calls, 2);
    assert_int_equal(a->totals.errors, 1);
    assert_int_equal(a->totals.retries, 1);
    assert_int_equal(a->totals.tokens_out, 20);
    agent_page_done(&page);
    /* Calls of a gateway that did not know of agents. */
    tmplog_run("INSERT INTO call(id, state, started_at, session_id, agent_id, parent_agent_id) VALUES(9, 'done', 1, 'old', 'b', 'a')");
    assert_int_equal(reader_agents(tmplog, "old", &page, &e), 0);
    assert_int_equal(page.count, 1);
    assert_string_equal(page.rows[0].parent_agent_id, "a");
    assert_null(page.rows[0].type);
    agent_page_done(&page);
    assert_int_equal(reader_agents(tmplog, "nobody", &page, &e), 0);
    assert_int_equal(page.count, 0);
    agent_page_done(&page);
}

static void test_an_older_log_gets_what_it_lacks(void **state)
{
    struct err e = {""};
    (void)state;
    tmplog_run("DROP VIEW agents; DROP TABLE agent");
    struct db *again = db_open(tmplog_path, DB_CREATE, &e);
    if (!again)
        fail_msg("%s", e.text);
    db_close(again);
    assert_int_equal(tmplog_int("SELECT count(*) FROM agents"), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_an_agent_after_the_answer_that_starts_it),
        TEST(test_an_agent_before_the_answer_has_ended),
        TEST(test_two_at_once_get_each_their_own),
        TEST(test_the_same_prompt_twice_is_two_agents),
        TEST(test_a_nested_agent_has_its_parent),
        TEST(test_another_session_is_another_matter),
        TEST(test_bodies_that_say_nothing_are_no_harm),
        TEST(test_a_description_is_one_clean_line),
        TEST(test_many_agents_are_bounded),
        TEST(test_the_reader_gives_the_sessions_agents),
        TEST(test_an_older_log_gets_what_it_lacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
