/* The filter language: what each word finds, and what is said of a wrong one. */
#include "tests/unit/log/tmplog.h"

#include <time.h>

#include "base/buf.h"
#include "log/filter.h"
#include "log/filter_sql.h"
#include "log/reader.h"

/* 2026-11-22 14:00:00 UTC, the present of these tests. */
#define NOW "1795356000000"
#define AGO(minutes) "(" NOW " - " #minutes " * 60000)"

static int fill(void **state)
{
    setenv("TZ", "UTC", 1);
    setenv("SPANTOP_CLOCK", NOW, 1);
    tzset();
    tmplog_open(state);
    tmplog_run("INSERT INTO session(session_id, title, first_at, last_at) VALUES('5f0c-api', 'api-refactor', 1, 2), ('77aa', 'Docs 100%', 1, 2)");
    tmplog_run("INSERT INTO call(id, state, started_at, session_id, agent_id, purpose, method, path, status, error_type, error_message,"
               " model_asked, model_sent, model_served, provider_pinned, provider_served, tokens_in, tokens_cache_read, tokens_out,"
               " cost_microusd, ttft_ms, duration_ms, attempt, is_retry, cache_break) VALUES"
               "(1, 'done', " AGO(3000) ", '5f0c-api', NULL, 'main', 'POST', '/v1/messages?beta=true', 200, NULL, NULL,"
               "  'claude-opus-5-5', 'claude-sonnet-5', 'claude-sonnet-5', NULL, 'anthropic', 100, 900, 50, 600000, 900, 3400, 1, 0, NULL),"
               "(2, 'error', " AGO(100) ", '5f0c-api', 'a1', 'subagent', 'POST', '/v1/messages', 529, 'overloaded_error', 'connection refused \"x\"',"
               "  'claude-opus-5-5', 'claude-opus-5-5', NULL, 'vertex_ai', NULL, NULL, NULL, NULL, NULL, NULL, 20, 2, 0, NULL),"
               "(3, 'done', " AGO(50) ", '77aa', NULL, 'title', 'POST', '/v1/messages', 200, NULL, NULL,"
               "  'claude-haiku-4-5', 'claude-haiku-4-5', 'claude-haiku-4-5', NULL, 'vertex_ai', 38000, 2000, 2000, 400000, 300, 1300, 1, 1, 'tool: Bash'),"
               "(4, 'open', " AGO(10) ", NULL, NULL, NULL, 'GET', '/v1/models%2F?a=1_2', NULL, NULL, NULL,"
               "  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL)");
    tmplog_run("INSERT INTO progress VALUES(4, 77, 0, 1000, 0)");
    return 0;
}

/* The ids that match, as "1 2 3". */
static const char *ids(const char *text)
{
    static char out[200];
    struct err e = {""};
    struct filter *f = filter_parse(text, &e);
    if (!f)
        fail_msg("%s: %s", text, e.text);
    struct call_query q = {.filter = f};
    struct call_page page;
    if (reader_calls(tmplog, &q, &page, &e) != 0)
        fail_msg("%s: %s (%s)", text, e.text, filter_sql(f));
    int64_t count = 0;
    assert_int_equal(reader_count(tmplog, &q, &count, &e), 0);
    assert_int_equal(count, page.count);
    out[0] = 0;
    for (size_t i = 0; i < page.count; i++)
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%lld", i ? " " : "", (long long)page.calls[i].id);
    call_page_done(&page);
    filter_free(f);
    return out;
}

static void test_each_word_finds_its_calls(void **state)
{
    (void)state;
    static const struct { const char *text, *ids; } table[] = {
        {"", "1 2 3 4"}, {NULL, "1 2 3 4"}, {"  \t ", "1 2 3 4"},
        /* texts */
        {"model:OPUS", "1 2"}, {"model:sonnet", "1"}, {"model=claude-opus-5-5", "1 2"}, {"model=claude-opus", ""},
        {"model!=claude-opus-5-5", "3 4"}, {"!model:opus", "3 4"}, {"Model:haiku", "3"}, {"model_asked:opus !model_sent:opus", "1"},
        {"provider:vertex", "2 3"}, {"provider_served:vertex", "3"}, {"!provider:vertex", "1 4"}, {"provider=\"\"", "4"},
        {"provider!=\"\"", "1 2 3"}, {"path:%2F", "4"}, {"path:1_2", "4"}, {"path:1x2", ""}, {"method=GET", "4"}, {"method:get", "4"},
        {"error:overloaded", "2"}, {"error:refused", "2"}, {"break:tool", "3"}, {"agent=a1", "2"},
        /* sessions by id or title */
        {"session:api", "1 2"}, {"session:5F0C", "1 2"}, {"session=api-refactor", "1 2"}, {"session=77aa", "3"}, {"session=77", ""},
        {"session:100%", "3"}, {"session_title:docs", "3"}, {"!session:api", "3 4"}, {"session=\"\"", "4"}, {"session_title!=\"\"", "1 2 3"},
        /* words */
        {"state:done", "1 3"}, {"!state:done", "2 4"}, {"state!=open", "1 2 3"}, {"who:sub", "2"}, {"purpose:title", "3"}, {"purpose=main", "1"},
        {"errors", "2"}, {"!errors", "1 3 4"}, {"retries", "2 3"}, {"breaks", "3"}, {"running", "4"},
        /* numbers */
        {"id:3", "3"}, {"id>=3", "3 4"}, {"id!=3", "1 2 4"}, {"status>=400", "2"}, {"status:5xx", "2"}, {"status:2xx", "1 3"}, {"!status:2xx", "2 4"},
        {"status=529", "2"}, {"status=\"\"", "4"}, {"cost>0.5", "1"}, {"cost<=$0.4", "3"}, {"cost_microusd=400000", "3"}, {"cost=\"\"", "2 4"},
        {"!cost>0.5", "2 3 4"}, {"in>=40k", "3"}, {"in:1000", "1"}, {"tokens_in:100", "1"}, {"out:2k", "3"}, {"out=77", "4"}, {"tokens_out>=77", "3 4"},
        {"bytes_out=1k", "4"}, {"read<1000", "1"}, {"cache>=90", "1"}, {"cache<10%", "3"}, {"rate>1000", "3"}, {"attempt>1", "2"},
        {"ttft<0.5", "3"}, {"ttft<500ms", "3"}, {"ttft_ms<500", "3"}, {"ttft_ms<0.5s", "3"}, {"duration>=3.4", "1"}, {"duration<1s", "2"},
        /* times */
        {"since:1h", "3 4"}, {"since:2h", "2 3 4"}, {"since:3d", "1 2 3 4"}, {"until:1h", "1 2"}, {"since:today", "2 3 4"}, {"until:today", "1"},
        {"since:2026-11-22", "2 3 4"}, {"since:2026-11-20", "1 2 3 4"}, {"since:2026-11-22T13:30", "4"}, {"since:\"2026-11-22 13:30\"", "4"},
        {"since:13:30", "4"}, {"since:yesterday until:today", ""}, {"since:2h until:30m", "2 3"}, {"started_at>1h", "3 4"}, {"started_at<=" NOW, "1 2 3 4"},
        /* bare text */
        {"refused", "2"}, {"\"connection refused\"", "2"}, {"\"refused \\\"x\\\"\"", "2"}, {"connection refused", "2"}, {"api-REFACTOR", "1 2"},
        {"!opus", "3 4"}, {"\"errors\"", ""}, {"%", "3 4"}, {"_", "2 3 4"}, {"!\"overloaded\"", "1 3 4"},
        {"'; DROP TABLE call; --", ""}, {"\"') OR 1 --\"", ""}, {"error:\"' OR '1'='1\"", ""},
        /* together */
        {"model:opus status>=400 since:2h session:api \"connection refused\" !state:done", "2"},
        {"provider:vertex !errors", "3"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(ids(table[i].text), table[i].ids) != 0)
            fail_msg("%s: expected \"%s\", found \"%s\"", table[i].text, table[i].ids, ids(table[i].text));
}

static void test_a_wrong_word_is_named_with_what_is_possible(void **state)
{
    (void)state;
    static const struct { const char *text, *says[3]; } table[] = {
        {"modle:opus", {"\"modle\"", "model, provider, session", "quotes"}},
        {"http://x", {"\"http\"", "quotes", ""}},
        {"status>=abc", {"status>=abc", "5xx", ""}},
        {"status>=4xx", {"status>=4xx", "number", ""}},
        {"cost>much", {"cost>much", "dollars", ""}},
        {"cost>5%", {"dollars", "", ""}},
        {"cost>-1", {"cost>-1", "dollars", ""}},
        {"since:soon", {"since:soon", "1h", "2026-11-22"}},
        {"since:2026-13-45", {"since:2026-13-45", "", ""}},
        {"since>1h", {"since>1h", "since:VALUE", ""}},
        {"state:nope", {"state:nope", "open done error aborted lost", ""}},
        {"purpose:agent2", {"purpose:agent2", "main subagent", ""}},
        {"model>5", {"model>5", "text", "model:TEXT"}},
        {"ttft>slow", {"ttft>slow", "ms, s, m, h", ""}},
        {"out>0x10", {"out>0x10", "number", ""}},
        {"out>inf", {"out>inf", "number", ""}},
        {"errors:1", {"errors:1", "stands alone", ""}},
        {"model:", {"model:", "a value is missing", "model=\"\""}},
        {"\"open", {"\"open", "not closed", ""}},
        {"!", {"!", "missing", ""}},
        {"\"\"", {"missing", "", ""}},
        {"state:done cost>x", {"cost>x", "", ""}},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err e = {""};
        struct filter *f = filter_parse(table[i].text, &e);
        if (f)
            fail_msg("%s was accepted: %s", table[i].text, filter_sql(f));
        for (int k = 0; k < 3; k++)
            if (!strstr(e.text, table[i].says[k]))
                fail_msg("%s: expected \"%s\" in: %s", table[i].text, table[i].says[k], e.text);
    }
}

static void test_no_value_reaches_the_sql(void **state)
{
    (void)state;
    struct err e = {""};
    struct filter *f = filter_parse("model:zqx \"zqx\" cost>0.7654 session=zqx error!=zqx state:done", &e);
    assert_non_null(f);
    assert_null(strstr(filter_sql(f), "zqx"));
    assert_null(strstr(filter_sql(f), "7654"));
    assert_null(strstr(filter_sql(f), "done"));
    filter_free(f);
}

static void test_every_column_of_calls_is_a_field(void **state)
{
    (void)state;
    struct err e = {""};
    sqlite3_stmt *st = sql_prepare(db_sqlite(tmplog), "SELECT name FROM pragma_table_info('calls')", &e);
    int columns = 0;
    while (sqlite3_step(st) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(st, 0);
        if (strncmp(name, "live_", 5) == 0 || strcmp(name, "has_sent_body") == 0)
            continue; /* shown otherwise */
        if (!filter_field_find(name, strlen(name)))
            fail_msg("column %s cannot be filtered by", name);
        columns++;
    }
    sqlite3_finalize(st);
    assert_true(columns > 38);
}

static void test_every_field_makes_good_sql(void **state)
{
    (void)state;
    char text[100];
    for (const char *const *name = filter_fields(); *name; name++) {
        const struct filter_field *field = filter_field_find(*name, strlen(*name));
        bool is_flag = field->kind == FIELD_FLAG;
        bool is_span = field->kind == FIELD_SINCE || field->kind == FIELD_UNTIL || field->kind == FIELD_BODY;
        snprintf(text, sizeof text, "%s%s", *name, is_flag ? "" : is_span ? ":1h" : "=\"\"");
        ids(text);
    }
}

static void test_too_many_words_are_refused(void **state)
{
    (void)state;
    struct err e = {""};
    struct buf text;
    buf_init(&text);
    for (int i = 0; i < 300; i++)
        buf_puts(&text, "x ");
    assert_null(filter_parse(text.data, &e));
    assert_non_null(strstr(e.text, "more than"));
    buf_done(&text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fill, tmplog_close)
    const struct CMUnitTest tests[] = {
        TEST(test_each_word_finds_its_calls),
        TEST(test_a_wrong_word_is_named_with_what_is_possible),
        TEST(test_no_value_reaches_the_sql),
        TEST(test_every_column_of_calls_is_a_field),
        TEST(test_every_field_makes_good_sql),
        TEST(test_too_many_words_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
