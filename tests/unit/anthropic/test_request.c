#include "anthropic/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- Models ----------------------------------------------------------------- */

/* Where the models stand, marked in a copy of the body: «…». */
static void assert_models(const char *body, const char *marked)
{
    struct span spans[4];
    struct buf out;
    size_t at = 0;
    size_t count = request_find_models(body, strlen(body), spans, 4);

    buf_init(&out);
    for (size_t i = 0; i < count; i++) {
        buf_put(&out, body + at, spans[i].off - at);
        buf_puts(&out, "<<");
        buf_put(&out, body + spans[i].off, spans[i].len);
        buf_puts(&out, ">>");
        at = spans[i].off + spans[i].len;
    }
    buf_puts(&out, body + at);
    if (strcmp(out.data, marked) != 0)
        fail_msg("%s: expected %s, came %s", body, marked, out.data);
    buf_done(&out);
}

static void test_models_are_found_at_the_top_only(void **state)
{
    (void)state;
    assert_models("{\"model\":\"a\",\"x\":1}", "{\"model\":<<\"a\">>,\"x\":1}");
    assert_models(" \n{ \"x\" : {\"model\":\"no\"} , \"model\" : \"a\" } \n",
                  " \n{ \"x\" : {\"model\":\"no\"} , \"model\" : <<\"a\">> } \n");
    assert_models("{\"messages\":[{\"model\":\"no\",\"content\":\"\\\"model\\\":\\\"no\\\"\"}],\"model\":\"a\"}",
                  "{\"messages\":[{\"model\":\"no\",\"content\":\"\\\"model\\\":\\\"no\\\"\"}],\"model\":<<\"a\">>}");
    assert_models("{\"model\":\"a\\\"b\\\\\",\"modelx\":1,\"mode\":2}",
                  "{\"model\":<<\"a\\\"b\\\\\">>,\"modelx\":1,\"mode\":2}");
}

static void test_every_duplicate_is_found(void **state)
{
    (void)state;
    assert_models("{\"model\":\"a\",\"model\":\"b\",\"n\":1e400,\"model\":null}",
                  "{\"model\":<<\"a\">>,\"model\":<<\"b\">>,\"n\":1e400,\"model\":<<null>>}");
    assert_models("{\"\\u006dodel\":\"a\",\"\\u006Dode\\u006c\":\"b\",\"\\u006dodex\":1}",
                  "{\"\\u006dodel\":<<\"a\">>,\"\\u006Dode\\u006c\":<<\"b\">>,\"\\u006dodex\":1}");
}

static void test_more_models_than_room_means_none(void **state)
{
    (void)state;
    assert_models("{\"model\":1,\"model\":2,\"model\":3,\"model\":4}",
                  "{\"model\":<<1>>,\"model\":<<2>>,\"model\":<<3>>,\"model\":<<4>>}");
    assert_models("{\"model\":1,\"model\":2,\"model\":3,\"model\":4,\"model\":5}",
                  "{\"model\":1,\"model\":2,\"model\":3,\"model\":4,\"model\":5}");
}

static void test_what_is_no_json_has_no_model(void **state)
{
    (void)state;
    static const char *const bodies[] = {"",
                                         " ",
                                         "hello",
                                         "[{\"model\":\"a\"}]",
                                         "{\"model\":\"a\"",
                                         "{\"model\":\"a",
                                         "{\"model\":\"a\"} x",
                                         "{\"model\":\"a\",\"b\":[}",
                                         "{\"model\" \"a\"}",
                                         "{\"model\":}",
                                         "\"model\"",
                                         "{"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_models(bodies[i], bodies[i]);
    struct span v[1];
    assert_int_equal(request_find_models("{\"model\":\"a\"}\0", 14, v, 1), 0);
    assert_int_equal(request_find_models("{\"a\":\"\0\",\"model\":\"a\"}", 21, v, 1), 1);
}

/* --- Splicing ------------------------------------------------------------------ */

static void test_splice_keeps_all_other_bytes(void **state)
{
    (void)state;
    static const char body[] =
        "{ \"n\":12345678901234567890 ,\"e\":1e400,\"model\" :\t\"old\",\"s\":\"\\u00e4\\ud800\xff\0\", \"n\":1.0 }";
    struct span models[2];
    struct buf out;

    buf_init(&out);
    assert_int_equal(request_find_models(body, sizeof body - 1, models, 2), 1);
    struct splice splice = {models[0], bytes_of("\"a-longer-model\"")};
    assert_int_equal(request_splice(body, sizeof body - 1, &splice, 1, &out), 0);
    static const char expected[] = "{ \"n\":12345678901234567890 ,\"e\":1e400,\"model\" "
                                   ":\t\"a-longer-model\",\"s\":\"\\u00e4\\ud800\xff\0\", \"n\":1.0 }";
    assert_int_equal(out.len, sizeof expected - 1);
    assert_memory_equal(out.data, expected, sizeof expected - 1);
    buf_done(&out);
}

static void test_splice_at_edges(void **state)
{
    (void)state;
    struct buf out;
    struct splice splices[] = {{{0, 1}, bytes_of("<")},
                               {{1, 0}, bytes_of("+")},
                               {{1, 2}, {NULL, 0}},
                               {{5, 1}, bytes_of(">")},
                               {{6, 0}, bytes_of("!")}};

    buf_init(&out);
    assert_int_equal(request_splice("abcdef", 6, splices, 5, &out), 0);
    assert_string_equal(out.data, "<+de>!");
    buf_reset(&out);
    assert_int_equal(request_splice("abc", 3, NULL, 0, &out), 0);
    assert_string_equal(out.data, "abc");
    buf_done(&out);
}

static void test_impossible_splices_are_refused(void **state)
{
    (void)state;
    struct buf out;
    struct splice overlap[] = {{{0, 3}, {NULL, 0}}, {{2, 1}, {NULL, 0}}};
    struct splice outside[] = {{{2, 2}, {NULL, 0}}};
    struct splice far[] = {{{1, (size_t)-1}, {NULL, 0}}};

    buf_init(&out);
    assert_int_equal(request_splice("abc", 3, overlap, 2, &out), -1);
    assert_int_equal(request_splice("abc", 3, outside, 1, &out), -1);
    assert_int_equal(request_splice("abc", 3, far, 1, &out), -1);
    assert_int_equal(out.len, 0);
    buf_done(&out);
}

/* --- Telling calls apart --------------------------------------------------------- */

#define TARGET "/api/anthropic/v1/messages?beta=true"
#define SYSTEM                                                                                                         \
    "\"system\":[{\"type\":\"text\",\"text\":\"x-anthropic-billing-header: v\"},"                                      \
    "{\"type\":\"text\",\"text\":\"You are\",\"cache_control\":{\"type\":\"ephemeral\"}}]"
#define TOOLS  "\"tools\":[{\"name\":\"Bash\"},{\"name\":\"Edit\"}]"
#define STREAM "\"stream\":true"
#define MARKED                                                                                                         \
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\",\"cache_control\":{\"type\":\"ephemeral\"}}]}"
#define UNMARKED    "{\"role\":\"user\",\"content\":\"the \\\"cache_control\\\": no\"}"
#define NESTED      "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"content\":[{\"cache_control\":{}}]}]}"
#define ASSISTANT   "{\"role\":\"assistant\",\"content\":\"yes\"}"
#define LATE_SYSTEM "{\"role\":\"system\",\"content\":\"note\"}"
#define TITLE_FORMAT                                                                                                   \
    "\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\",\"properties\":"          \
    "{\"title\":{\"type\":\"string\"}}}}}"

static const struct {
    const char *name;
    const char *target;
    const char *agent_id;
    const char *body;
    enum call_purpose purpose;
} calls[] = {
    {"main", TARGET, NULL, "{\"messages\":[" MARKED "]," SYSTEM "," TOOLS "," STREAM "}", PURPOSE_MAIN},
    {"main, bare path", "/v1/messages", NULL, "{\"messages\":[" MARKED "]," SYSTEM "," TOOLS "," STREAM "}",
     PURPOSE_MAIN},
    {"main, again without stream", TARGET, NULL, "{\"messages\":[" MARKED "]," SYSTEM "," TOOLS "}", PURPOSE_MAIN},
    {"main, system message at the end", TARGET, NULL,
     "{\"messages\":[" MARKED "," LATE_SYSTEM "," LATE_SYSTEM "]," SYSTEM "," TOOLS "," STREAM "}", PURPOSE_MAIN},
    {"main, no caching at all", TARGET, NULL, "{\"messages\":[" UNMARKED "],\"system\":\"s\"," TOOLS "," STREAM "}",
     PURPOSE_MAIN},
    {"count_tokens", "/v1/messages/count_tokens?beta=true", "a", "{\"messages\":[" MARKED "]," TOOLS "}",
     PURPOSE_COUNT_TOKENS},
    {"count_tokens without a body", "/v1/messages/count_tokens", NULL, "", PURPOSE_COUNT_TOKENS},
    {"probe", TARGET, NULL, "{\"messages\":[" UNMARKED "],\"max_tokens\":1}", PURPOSE_SIDE},
    {"probe with one tool", TARGET, "a", "{\"messages\":[" MARKED "]," SYSTEM ",\"tools\":[{}],\"stream\":false}",
     PURPOSE_SIDE},
    {"title", TARGET, NULL, "{\"messages\":[" UNMARKED "],\"tools\":[]," TITLE_FORMAT "," STREAM "}", PURPOSE_TITLE},
    {"title, tools absent", TARGET, NULL, "{\"messages\":[" UNMARKED "]," TITLE_FORMAT "," STREAM "}", PURPOSE_TITLE},
    {"another schema", TARGET, NULL,
     "{\"tools\":[],\"output_config\":{\"format\":{\"schema\":{\"properties\":{\"isNew\":{}}}}}," STREAM "}",
     PURPOSE_SIDE},
    {"web search", TARGET, NULL,
     "{\"messages\":[" MARKED "]," SYSTEM
     ",\"tools\":[{\"type\":\"web_search\"}],\"tool_choice\":{\"type\":\"tool\"}," STREAM "}",
     PURPOSE_SIDE},
    {"tool_choice null is none", TARGET, NULL,
     "{\"messages\":[" MARKED "]," SYSTEM "," TOOLS ",\"tool_choice\":null," STREAM "}", PURPOSE_MAIN},
    {"fork", TARGET, NULL, "{\"messages\":[" MARKED "," ASSISTANT "," UNMARKED "]," SYSTEM "," TOOLS "," STREAM "}",
     PURPOSE_FORK},
    {"fork of a subagent", TARGET, "a", "{\"messages\":[" UNMARKED "," LATE_SYSTEM "]," SYSTEM "," TOOLS "," STREAM "}",
     PURPOSE_FORK},
    {"fork, a marker deeper down", TARGET, NULL, "{\"messages\":[" NESTED "]," SYSTEM "," TOOLS "," STREAM "}",
     PURPOSE_FORK},
    {"subagent", TARGET, "a1", "{\"messages\":[" MARKED "]," SYSTEM "," TOOLS "," STREAM "}", PURPOSE_SUBAGENT},
    {"empty agent header", TARGET, "", "{\"messages\":[" MARKED "]," SYSTEM "," TOOLS "," STREAM "}", PURPOSE_MAIN},
    {"one tool but stream", TARGET, NULL, "{\"messages\":[" MARKED "]," SYSTEM ",\"tools\":[{}]," STREAM "}",
     PURPOSE_MAIN},
    {"model list", "/v1/models?limit=1000", NULL, "", PURPOSE_OTHER},
    {"batches", "/v1/messages/batches", NULL, "{\"requests\":[]}", PURPOSE_OTHER},
    {"no JSON", TARGET, NULL, "hello", PURPOSE_OTHER},
    {"broken JSON", TARGET, NULL, "{\"messages\":[" MARKED "]," SYSTEM "," TOOLS, PURPOSE_OTHER},
    {"odd order and space", TARGET, NULL,
     " { " STREAM " , " TOOLS " , " SYSTEM
     " , \"messages\" : [ { \"content\" : [ { \"cache_control\" : { } } ] , \"role\" : \"user\" } "
     ", { \"content\" : \"x\" , \"role\" : \"sys\\u0074em\" } ] } ",
     PURPOSE_MAIN},
};

static void test_calls_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct request_facts f;
        request_read_facts(calls[i].target, calls[i].agent_id, NULL, calls[i].body, strlen(calls[i].body), &f);
        if (f.purpose != calls[i].purpose)
            fail_msg("%s: expected %s, came %s", calls[i].name, purpose_name(calls[i].purpose),
                     purpose_name(f.purpose));
    }
}

static void test_purpose_names_read_back(void **state)
{
    (void)state;
    enum call_purpose p;
    for (int i = PURPOSE_MAIN; i <= PURPOSE_OTHER; i++) {
        assert_true(purpose_parse(purpose_name((enum call_purpose)i), &p));
        assert_int_equal(p, i);
    }
    assert_false(purpose_parse("Main", &p));
    assert_false(purpose_parse("", &p));
}

/* --- Facts ------------------------------------------------------------------------- */

static void read_facts(const char *body, struct request_facts *f)
{
    request_read_facts(TARGET, NULL, NULL, body, strlen(body), f);
}

static void test_plain_facts(void **state)
{
    (void)state;
    struct request_facts f;
    read_facts("{\"model\":\"claude-opus-5[1m]\",\"messages\":[" MARKED "," ASSISTANT "," MARKED "]," TOOLS
               ",\"max_tokens\":32000," STREAM "}",
               &f);
    assert_true(f.is_json);
    assert_true(f.is_stream);
    assert_false(f.has_tool_choice);
    assert_string_equal(f.model, "claude-opus-5[1m]");
    assert_int_equal(f.max_tokens, 32000);
    assert_int_equal(f.tool_count, 2);
    assert_int_equal(f.message_count, 3);
}

static void test_unknown_facts(void **state)
{
    (void)state;
    struct request_facts f;
    static const char *const bodies[] = {
        "", "null", "{}", "{\"model\":5,\"max_tokens\":\"9\",\"tools\":{},\"messages\":\"x\",\"stream\":1}"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        memset(&f, 0x55, sizeof f);
        read_facts(bodies[i], &f);
        assert_int_equal(f.is_json, i >= 2);
        assert_string_equal(f.model, "");
        assert_string_equal(f.session_id, "");
        assert_string_equal(f.work_dir, "");
        assert_int_equal(f.max_tokens, -1);
        assert_int_equal(f.tool_count + f.message_count, 0);
        assert_false(f.is_stream);
        assert_false(f.has_tool_choice);
    }
}

static void test_last_duplicate_wins(void **state)
{
    (void)state;
    struct request_facts f;
    read_facts("{\"model\":\"a\",\"stream\":true,\"stream\":false,\"model\":\"b\"}", &f);
    assert_string_equal(f.model, "b");
    assert_false(f.is_stream);
}

static void test_session_from_header_then_metadata(void **state)
{
    (void)state;
    struct request_facts f;
    static const char body[] =
        "{\"metadata\":{\"user_id\":\"{\\\"device_id\\\":\\\"d\\\",\\\"session_id\\\":\\\"11-22\\\"}\"}}";
    request_read_facts(TARGET, NULL, "from-header", body, sizeof body - 1, &f);
    assert_string_equal(f.session_id, "from-header");
    request_read_facts(TARGET, NULL, "", body, sizeof body - 1, &f);
    assert_string_equal(f.session_id, "11-22");
    read_facts("{\"metadata\":{\"user_id\":\"user_ab_account_cd_session_33-44\"}}", &f);
    assert_string_equal(f.session_id, "33-44");
    read_facts("{\"metadata\":{\"user_id\":\"somebody\"}}", &f);
    assert_string_equal(f.session_id, "");
    read_facts("{\"metadata\":{\"user_id\":\"{broken\"}}", &f);
    assert_string_equal(f.session_id, "");
    read_facts("{\"metadata\":\"text\"}", &f);
    assert_string_equal(f.session_id, "");
}

/* --- Working directory ---------------------------------------------------------------- */

static const struct {
    const char *text; /* as it stands in the JSON */
    const char *dir;
} dirs[] = {
    {"# Environment\\n - Primary working directory: /home/a b/x\\n - Is a git repository: true", "/home/a b/x"},
    {"<env>\\nWorking directory: /src\\nIs directory a git repo: No", "/src"},
    {"CWD: /agent", "/agent"},
    {"CWD: /agent\\r\\nx", "/agent"},
    {"a\\nCWD: C:\\\\new\\\\repo\\nb", "C:\\new\\repo"},
    {"a\\nCWD: /d\\u00e4/\\\"q\\\"\\nb", "/d\xC3\xA4/\"q\""},
    {"see Working directory: /no\\nand\\nWorking directory: /yes", "/yes"},
    {"a\\\\nCWD: /no", ""},
    {"a\\\\\\nCWD: /yes", "/yes"},
    {"   Working directory: /no", ""},
    {"Working directory: \\nCWD: /later", "/later"},
    {"CWD: /first\\nWorking directory: /second", "/first"},
    {"working directory: /no", ""},
};

static void test_work_dir_in_system(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        struct buf body;
        struct request_facts f;
        buf_init(&body);
        buf_printf(&body,
                   "{\"messages\":[{\"role\":\"user\",\"content\":\"CWD: "
                   "%s\"}],\"system\":[{\"type\":\"text\",\"text\":\"hi\"},"
                   "{\"type\":\"text\",\"text\":\"%s\"}]}",
                   dirs[i].dir[0] ? "/wrong" : "", dirs[i].text);
        read_facts(body.data, &f);
        if (strcmp(f.work_dir, dirs[i].dir) != 0)
            fail_msg("%s: expected '%s', came '%s'", dirs[i].text, dirs[i].dir, f.work_dir);
        buf_done(&body);
    }
}

static void test_work_dir_in_the_first_message_only(void **state)
{
    (void)state;
    struct request_facts f;
    read_facts("{\"system\":\"nothing "
               "here\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\\nCWD: /m\"}]}]}",
               &f);
    assert_string_equal(f.work_dir, "/m");
    read_facts("{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"user\",\"content\":\"CWD: /m\"}]}",
               &f);
    assert_string_equal(f.work_dir, "");
    read_facts("{\"system\":\"x\\nWorking directory: /as/string\",\"messages\":[]}", &f);
    assert_string_equal(f.work_dir, "/as/string");
}

static void test_long_work_dir_is_cut_at_a_character(void **state)
{
    (void)state;
    struct buf body;
    struct request_facts f;
    buf_init(&body);
    buf_puts(&body, "{\"system\":\"CWD: /");
    for (int i = 0; i < 600; i++)
        buf_puts(&body, "\xC3\xA4");
    buf_puts(&body, "\"}");
    read_facts(body.data, &f);
    assert_int_equal(strlen(f.work_dir), 511);
    buf_reset(&body);
    buf_puts(&body, "{\"system\":\"CWD: ");
    for (int i = 0; i < 600; i++)
        buf_puts(&body, "\xC3\xA4");
    buf_puts(&body, "\"}");
    read_facts(body.data, &f);
    assert_int_equal(strlen(f.work_dir), 510);
    buf_done(&body);
}

/* --- Titles ------------------------------------------------------------------------------ */

static void test_title_from_answer(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        const char *title;
    } cases[] = {
        {"{\"title\":\"Fix the login\"}", "Fix the login"},
        {"```json\n{ \"title\" : \" Tidy \\u00fcp \" }\n```", "Tidy \xC3\xBCp"},
        {"{\"title\":\"a\\u001b[31mb\"}", "a\xEF\xBF\xBD[31mb"},
        {"{\"title\":\"\"}", NULL},
        {"{\"title\":null}", NULL},
        {"{\"titles\":\"x\"}", NULL},
        {"{\"title\":\"cut", NULL},
        {"no JSON", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char title[64] = "";
        bool found = request_title_from_answer(cases[i].answer, strlen(cases[i].answer), title, sizeof title);
        if (found != (cases[i].title != NULL) || (found && strcmp(title, cases[i].title) != 0))
            fail_msg("%s: expected '%s', came '%s'", cases[i].answer, cases[i].title ? cases[i].title : "none",
                     found ? title : "none");
    }
}

/* Every cut of a body: no crash, nothing read beyond the end (the sanitizers
 * watch an exact copy), and never taken for whole. */
static void test_cut_bodies(void **state)
{
    (void)state;
    static const char body[] =
        "{\"model\":\"m\\u0041\",\"metadata\":{\"user_id\":\"{\\\"session_id\\\":\\\"s\\\"}\"},\"messages\":[" MARKED
        "," LATE_SYSTEM "]," SYSTEM "," TOOLS ",\"x\":\"a\\nCWD: /d\\n\"," TITLE_FORMAT "," STREAM "}";
    for (size_t len = 0; len < sizeof body - 1; len++) {
        struct request_facts f;
        struct span v[2];
        char *copy = malloc(len ? len : 1);
        memcpy(copy, body, len);
        request_read_facts(TARGET, NULL, NULL, copy, len, &f);
        assert_false(f.is_json);
        assert_int_equal(f.purpose, PURPOSE_OTHER);
        assert_int_equal(request_find_models(copy, len, v, 2), 0);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models_are_found_at_the_top_only),
        cmocka_unit_test(test_every_duplicate_is_found),
        cmocka_unit_test(test_more_models_than_room_means_none),
        cmocka_unit_test(test_what_is_no_json_has_no_model),
        cmocka_unit_test(test_splice_keeps_all_other_bytes),
        cmocka_unit_test(test_splice_at_edges),
        cmocka_unit_test(test_impossible_splices_are_refused),
        cmocka_unit_test(test_calls_are_told_apart),
        cmocka_unit_test(test_purpose_names_read_back),
        cmocka_unit_test(test_plain_facts),
        cmocka_unit_test(test_unknown_facts),
        cmocka_unit_test(test_last_duplicate_wins),
        cmocka_unit_test(test_session_from_header_then_metadata),
        cmocka_unit_test(test_work_dir_in_system),
        cmocka_unit_test(test_work_dir_in_the_first_message_only),
        cmocka_unit_test(test_long_work_dir_is_cut_at_a_character),
        cmocka_unit_test(test_title_from_answer),
        cmocka_unit_test(test_cut_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
