/* Inspect: a call with its bodies, looked through by keys. */
#include "tests/unit/ui/tmpapp.h"

#include <sys/stat.h>

#include "base/mem.h"
#include "log/bodies.h"

static void put_list(const char *column, int64_t id, const struct buf *list)
{
    char sql[96];
    struct err e;
    snprintf(sql, sizeof sql, "UPDATE call SET %s = ?1, body_state = 'kept' WHERE id = ?2", column);
    sqlite3_stmt *st = sql_prepare(db_sqlite(tmplog), sql, &e);
    assert_non_null(st);
    sql_bind_blob(st, 1, buf_bytes(list));
    sqlite3_bind_int64(st, 2, id);
    assert_int_equal(sql_done(st, &e), 0);
    sqlite3_finalize(st);
}

/* Give the call bodies, as the journal would. */
static void give_bodies(int64_t id, const char *request, const char *answer)
{
    struct err e = {""};
    struct buf list;
    int64_t repeat_of, stored;
    struct bodies *bodies = bodies_open(db_sqlite(tmplog), &e);
    struct blob *body = blob_copy(request, strlen(request));
    buf_init(&list);
    tmplog_run("BEGIN");
    assert_int_equal(bodies_put_request(bodies, &(struct body_origin){"c", id}, body, &list, &repeat_of), 0);
    put_list("request_body", id, &list);
    buf_reset(&list);
    if (answer) {
        assert_int_equal(bodies_put_answer(bodies, bytes_of(answer), &list), 0);
        put_list("response_body", id, &list);
    }
    assert_int_equal(bodies_write(bodies, &stored, &e), 0);
    tmplog_run("COMMIT");
    bodies_written(bodies);
    buf_done(&list);
    blob_unref(body);
    bodies_free(bodies);
}

#define REQUEST                                                                                                        \
    "{\"model\":\"m\",\"system\":[{\"type\":\"text\",\"text\":\"be needle sharp\","                                    \
    "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}],"                                                     \
    "\"tools\":[{\"name\":\"Bash\",\"description\":\"Run it\",\"input_schema\":{\"type\":\"object\"}}],"               \
    "\"messages\":[{\"role\":\"user\",\"content\":\"first needle, second Needle\"},"                                   \
    "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"Bash\","                     \
    "\"input\":{\"command\":\"ls -l\"}}]},"                                                                            \
    "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"nothing here\"}]}]}"
#define ANSWER                                                                                                         \
    "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"I look for the needle.\"},"                      \
    "{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"Grep\",\"input\":{\"pattern\":\"needle\",\"path\":\"src\"}}],"    \
    "\"stop_reason\":\"tool_use\"}"

/* Inspect on the newest call, which has these bodies, on the Request tab. */
static void open_request(const char *request, const char *answer)
{
    add_calls(1, 3);
    add_sessions();
    give_bodies(3, request, answer);
    start(0);
    press("k\n\t");
    draw(36, 120);
}

static unsigned style_at(const char *text)
{
    int row = find(text);
    if (row < 0)
        fail_without(text);
    const char *line = row_text(row); /* lent until it is asked for the next time */
    char *before = xstrndup(line, (size_t)(strstr(line, text) - line));
    unsigned style = canvas_at(&screen, row, canvas_width(before))->style;
    free(before);
    return style;
}

/* ---- The request ---- */

static void test_elements_have_sizes_tokens_and_marks(void **state)
{
    (void)state;
    open_request(REQUEST, ANSWER); /* its input: 10 and 300 read */
    see("together the 310 tokens counted");
    see("▸ system  · 1");
    see("▾ messages  · 3");
    press("+");
    see("cache mark 1h");
    see("type: object"); /* a tool's schema, laid out */
    see("command: ls -l");
    int64_t sum = 0;
    for (size_t i = 0; i < app.inspect.tree.count; i++)
        sum += app.inspect.tree.nodes[i].depth == 0 ? app.inspect.tree.nodes[i].tokens : 0;
    assert_int_equal(sum, 310);
    press("-");
    see_no("nothing here");
    see("▸ messages  · 3");
}

static void test_without_usage_tokens_are_said_to_be_guessed(void **state)
{
    (void)state;
    add_calls(1, 3);
    tmplog_run("UPDATE call SET tokens_in = NULL, tokens_cache_read = NULL");
    give_bodies(3, REQUEST, ANSWER);
    start(0);
    press("k\n\t");
    see("~ estimated, four bytes a token");
}

static void test_images_are_told_by_type_size_and_pixels(void **state)
{
    (void)state;
    open_request("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
                 "\"image/png\",\"data\":\"iVBORw0KGgoAAAANSUhEUgAAAu4AAAB4CAYAAAA=\"}},{\"type\":\"document\",\"source\":"
                 "{\"type\":\"url\",\"url\":\"https://x/y.pdf\"}}]}]}",
                 NULL);
    see("image/png 750x120 29 B");
    see_no("iVBORw0");
    see("four bytes a token"); /* the document's tokens are unknown: nothing is scaled to a sum */
}

/* A text of that many lines, "line 1" and on. */
static char *long_request(int lines)
{
    struct buf body;
    buf_init(&body);
    buf_puts(&body, "{\"messages\":[{\"role\":\"user\",\"content\":\"");
    for (int i = 1; i <= lines; i++)
        buf_printf(&body, "line %d of it\\n", i);
    buf_puts(&body, "\"}]}");
    return buf_take(&body, NULL);
}

static void test_a_long_text_is_paged(void **state)
{
    (void)state;
    char *body = long_request(20000);
    open_request(body, NULL);
    free(body);
    see("line 1 of it");
    see("page 1 of 6");
    assert_true(app.inspect.pager.count < 5000);
    press("jjj>");
    see("page 2 of 6");
    see_no("line 1 of it");
    press(">>>>");
    see("page 6 of 6");
    press(">");
    see("No further page");
    press("G");
    see("line 20000 of it");
    press("<");
    see("page 5 of 6");
    press("/line 123 of\n"); /* on the first page */
    see("hit 1 of 1");
    see("line 118 of it"); /* with something around it */
    see("line 123 of it");
    see_no("line 11870");
}

/* A page's end cuts no hit in two: neither in a text of lines nor in JSON, which is one line. */
static void test_every_hit_of_a_long_text_is_counted(void **state)
{
    (void)state;
    char *body = long_request(20000);
    open_request(body, NULL);
    free(body);
    press("/of it\n");
    see("hit 1 of 20000");
    press("\t\t\t\t"); /* Raw */
    see("20000 hits");
    press("N");
    see("hit 20000 of 20000");
    see("line 20000 of it");
    assert_int_equal(app.inspect.parts[TAB_RAW].list[1].page, 5);
}

/* ---- Search ---- */

static void test_a_search_unfolds_marks_counts_and_wraps(void **state)
{
    (void)state;
    open_request(REQUEST, ANSWER);
    press("g/needle");
    see("search needle");
    press("\n");
    see("\"needle\" hit 1 of 3");
    see("be needle sharp");
    assert_int_equal(style_at("needle sharp"), (int)(INK_LABEL | STYLE_BOLD));
    press("n");
    see("hit 2 of 3");
    see("first needle, second Needle");
    assert_int_equal(style_at("Needle"), (int)(INK_SELECTED | STYLE_UNDERLINE)); /* on the same line */
    press("nn");
    see("hit 1 of 3");
    see("on from the first");
    press("N");
    see("hit 3 of 3");
    see("on from the last");
    press("\033");
    see_no("hit 3");
    assert_true(app.inspect.is_open);
    press("\033");
    assert_false(app.inspect.is_open);
}

static void test_titles_are_hits_before_their_texts(void **state)
{
    (void)state;
    open_request("{\"system\":\"a text in a text\",\"messages\":[]}", NULL);
    press("/text\n");
    see("hit 1 of 3");
    assert_int_equal(style_at("text   "), (int)(INK_LABEL | STYLE_BOLD));
    press("n");
    see("hit 2 of 3");
    assert_int_equal(style_at("text in"), (int)(INK_LABEL | STYLE_BOLD));
    press("n");
    see("hit 3 of 3");
    assert_int_equal(style_at("text in"), (int)(INK_SELECTED | STYLE_UNDERLINE));
}

static void test_a_search_goes_on_in_the_other_tabs(void **state)
{
    (void)state;
    open_request(REQUEST, ANSWER);
    tmplog_run("INSERT INTO headers(call_id, response) VALUES(3, '[[\"x-needle\",\"a needle\"],[\"other\",\"b\"]]')");
    press("\033\n\t/needle\n\t");
    see("\"needle\" 2 hits"); /* Response: the text and the tool's input */
    press("nn");
    see("hit 2 of 2");
    see("pattern: needle");
    press("\t");
    see("\"needle\" 2 hits");
    press("n");
    see("hit 1 of 2");
    assert_int_equal(style_at("needle: a"), (int)(INK_LABEL | STYLE_BOLD));
    press("\t\t");
    see("\"needle\" 5 hits"); /* Raw: both bodies as they are */
    press("N");
    see("hit 5 of 5");
    assert_int_equal(style_at("needle sharp"), (int)(INK_WARN | STYLE_UNDERLINE));
    press("\t/nowhere\n");
    see("is not in this tab");
}

static void test_a_hit_may_be_wrapped_and_hostile_text_is_harmless(void **state)
{
    (void)state;
    open_request("{\"messages\":[{\"role\":\"user\",\"content\":\"aaaa aaaa aaaa aaaa aaaa aaaa aaaa aaaa aaaa aaaa two words "
                 "\\u001b[31mred\\tblue\"}]}",
                 NULL);
    draw(24, 60);
    for (int cols = 60; cols < 76; cols++) { /* broken at each blank on the way */
        draw(24, cols);
        press("/aaaa two words\n");
        draw(24, cols);
        assert_int_equal(app.inspect.search.total, 1);
        assert_true(app.inspect.pager.hit_count >= 1);
    }
    press("/red\n");
    assert_int_equal(app.inspect.search.total, 1);
}

static void test_the_hit_stays_when_the_window_changes(void **state)
{
    (void)state;
    char text[8192] = "{\"system\":\"", *at = text + strlen(text);
    for (int i = 0; i < 100; i++)
        at += sprintf(at, "words enough to be wrapped more or less often, ");
    sprintf(at, "needle\",\"messages\":[{\"role\":\"user\",\"content\":\"first needle, second needle\"}]}");
    open_request(text, NULL);
    press("g/needle\nn");
    for (int cols = 60; cols < 200; cols += 9) {
        draw(20, cols);
        assert_true(find("hit 2 of 3") > 0);
        assert_int_equal(style_at("needle, second"), (int)(INK_LABEL | STYLE_BOLD)); /* and is seen */
        assert_non_null(strstr(app.inspect.pager.lines[app.inspect.cursor].text, "first needle")); /* the cursor is on it */
    }
}

static void open_found(const char *filter)
{
    inspect_close(&app.inspect);
    snprintf(app.filter_text, sizeof app.filter_text, "%s", filter);
    press("\n");
}

static void test_a_call_found_by_its_text_is_opened_there(void **state)
{
    (void)state;
    open_request(REQUEST, ANSWER);
    open_found("model:opus text:\"needle sharp\"");
    see("\"needle sharp\" hit 1 of 1");
    open_found("text:Done !x");
    see("Overview");
    see("not as one text");
    open_found("text:\"look for\"");
    see("\"look for\" hit 1 of 1");
    assert_int_equal(app.inspect.tab, TAB_RESPONSE);
    open_found("model:opus \"look for\"");
    assert_int_equal(app.inspect.tab, TAB_RESPONSE);
    open_found("\"of the row\"");
    see("Overview");
    see_no("not as one text");
    open_found("text:shar*");
    see("\"shar\" hit 1 of 1");
    open_found("context:x !text:y");
    assert_string_equal(app.inspect.search.words, "");
}

/* ---- The Cache tab ---- */

#define WITH_TOOL(words, more)                                                                                         \
    "{\"tools\":[{\"name\":\"Read\",\"description\":\"reads\"},{\"name\":\"Bash\",\"description\":\"" words "\"}],"    \
    "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}" more "]}"

static void open_cache_tab(const char *before, const char *after, const char *reason)
{
    char sql[512];
    for (int id = 1; id <= 2; id++) {
        snprintf(sql, sizeof sql,
                 "INSERT INTO call(id,state,started_at,finished_at,session_id,purpose,tokens_in,tokens_cache_read,tokens_cache_write_5m,"
                 "cache_break,cache_break_microusd) VALUES(%d,'done',%d,%d,'s','main',10,%d,%d,%s%s%s,%s)",
                 id, id * 10000, id * 10000 + 4000, id == 1 ? 90 : 0, id == 1 ? 0 : 900, id == 1 || !reason ? "" : "'",
                 id == 1 || !reason ? "NULL" : reason, id == 1 || !reason ? "" : "'", id == 1 || !reason ? "NULL" : "380000");
        tmplog_run(sql);
    }
    give_bodies(1, before, NULL);
    give_bodies(2, after, NULL);
    start(0);
    inspector_open(&app, 2);
    press("\t\t\t\t");
    draw(36, 120);
}

static void test_the_cache_tab_shows_the_lines_that_broke_it(void **state)
{
    (void)state;
    open_cache_tab(WITH_TOOL("one\\ntwo\\nthree", ""), WITH_TOOL("one\\n2\\nthree", ",{\"role\":\"user\",\"content\":\"more\"}"), "tool: Bash");
    see("written, 5 min        900   99%");
    see("reason            tool: Bash");
    see("$0.380 more than reading it would have been");
    see("Changed since call 1 of the same agent, which ended 6.0s earlier");
    see("changed  tool Bash   the prefix broke here");
    int at = find("the prefix broke here");
    assert_true(find("-   two") == at + 4 && find("+   2") == at + 5);
    assert_int_equal(style_at("-   two"), INK_BAD);
    assert_int_equal(style_at("+   2"), INK_GOOD);
    see("one");
    see("added    message[1] (user)");
    see_no("tool Read"); /* the same as before */
    press("/three\n"); /* the diff is looked through, too */
    see("hit 1 of 1");
}

static void test_the_cache_tab_names_no_reason_that_is_not_proven(void **state)
{
    (void)state;
    open_cache_tab(WITH_TOOL("one", ""), WITH_TOOL("two", ""), NULL);
    see("No break of the cache is proven.");
    see("changed  tool Bash");
    see_no("the prefix broke here");
    see_no("+ ");
}

static void test_the_cache_tab_of_the_same_request_again(void **state)
{
    (void)state;
    open_cache_tab(WITH_TOOL("one", ""), WITH_TOOL("one", ""), "expired: 6 min");
    see("More time passed than the cache keeps a prompt.");
    see("Nothing: the same request again.");
    inspector_open(&app, 1);
    press("\t\t\t\t");
    see("is the first of its agent");
}

/* ---- The answer, copying ---- */

static void test_the_answer_lays_tool_calls_out(void **state)
{
    (void)state;
    open_request(REQUEST, ANSWER);
    press("\t");
    see("Tool call Grep");
    see("    pattern: needle");
    see("stop reason       tool_use");
    see("10 in, 300 read from cache, 3 out");
}

static void test_a_tool_call_that_still_comes_is_laid_out(void **state)
{
    (void)state;
    open_request(REQUEST, "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t2\","
                          "\"name\":\"Grep\",\"input\":{}}}\n\n"
                          "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\","
                          "\"partial_json\":\"{\\\"pattern\\\": \\\"nee\"}}\n\n");
    press("\t");
    see("Tool call Grep");
    see("pattern: nee");
}

static void test_copying_takes_what_the_cursor_is_on(void **state)
{
    (void)state;
    open_request(REQUEST, ANSWER);
    press("G"); /* the newest result */
    press("y");
    assert_string_equal(app.copy_text, "nothing here");
    press("\tjjjjj"); /* the tool's call */
    draw(36, 120);
    press("y");
    assert_string_equal(app.copy_text, "pattern: needle\npath: src\n");
}

/* Call 7 of s1 calls two tools, call 8 fails, call 9 has a result of theirs and call 10
 * both in an earlier message. */
static void add_turns(void)
{
    static const char *const results[] = {
        "{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":[{\"type\":\"text\",\"text\":\"one file\"}]}",
        "{\"type\":\"tool_result\",\"tool_use_id\":\"t2\",\"is_error\":true,\"content\":\"no such file\"}"};
    char body[2048];
    for (int id = 7; id <= 10; id++) {
        snprintf(body, sizeof body,
                 "INSERT INTO call(id,state,started_at,finished_at,session_id,purpose,method,path,status) VALUES"
                 "(%d,'done',%d,%d,'s1','main','POST','/v1/messages',200)", id, id * 10000, id * 10000 + 7900);
        tmplog_run(body);
    }
    tmplog_run("INSERT INTO call(id,state,started_at,finished_at,session_id,agent_id,purpose) VALUES(11,'done',1,2,'s1','other','subagent')");
    give_bodies(7, "{\"messages\":[{\"role\":\"user\",\"content\":\"go\"}]}",
                "{\"content\":[{\"type\":\"text\",\"text\":\"I look.\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"Bash\",\"input\":"
                "{\"command\":\"ls\"}},{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"Read\",\"input\":{\"path\":\"x\"}}],"
                "\"stop_reason\":\"tool_use\"}");
    snprintf(body, sizeof body, "{\"messages\":[{\"role\":\"user\",\"content\":[%s,%s]}]}", results[0], results[1]);
    give_bodies(9, body, "{\"content\":[{\"type\":\"text\",\"text\":\"Done.\"}],\"stop_reason\":\"end_turn\"}");
    snprintf(body, sizeof body,
             "{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"Bash\",\"input\":{}}]},"
             "{\"role\":\"user\",\"content\":[%s]},{\"role\":\"user\",\"content\":\"more\"}]}", results[0]);
    give_bodies(10, body, NULL);
}

static void test_tool_calls_are_joined_to_their_results(void **state)
{
    (void)state;
    add_turns();
    start(0);
    inspector_open(&app, 7);
    press("\t\t");
    see("result 12s later, 87 B, in call 9 (key o)");
    see("failed, result 12s later, 8");
    press("jjjj\n"); /* Enter on Bash's call */
    see("Call 9");
    see("tool_result");
    see("answers Bash in call 7 (key o), which ended 12s earlier");
    see("answers Read in call 7");
    see("one file");
    press("o"); /* and back */
    see("Call 7");
    see("Tool call Bash");
    assert_int_equal(app.inspect.pager.lines[app.inspect.cursor].node, 1);
    press("gjo");
    see("No tool's call is under the cursor.");
}

static void test_results_of_earlier_turns_lead_to_their_calls(void **state)
{
    (void)state;
    add_turns();
    start(0);
    inspector_open(&app, 10);
    press("\t+");
    see("tool_result Bash"); /* named by the call in the same request */
    see_no("answers Bash");
    press("/one file\no");
    see("Call 7");
    see("Tool call Bash");
    inspector_open(&app, 11);
    press("\t\to");
    see("o goes from a tool's call");
}

static void test_a_result_that_comes_later_is_joined(void **state)
{
    (void)state;
    add_turns();
    tmplog_run("UPDATE call SET session_id = 'elsewhere' WHERE id IN (9, 10)");
    start(0);
    inspector_open(&app, 7);
    press("\t\t");
    see("no result in the log so far");
    tmplog_run("UPDATE call SET session_id = 's1' WHERE id = 9");
    app.inspect.joined_us = 0; /* a second has passed */
    inspect_refresh(&app.inspect, tmplog);
    see("result 12s later");
}

static void test_what_was_copied_can_be_curl_or_json_instead(void **state)
{
    (void)state;
    open_request(REQUEST, ANSWER);
    press("y");
    see("Copied as text.");
    see("c curl");
    press("c");
    see("Copied as curl.");
    assert_non_null(strstr(app.copy_text, "printf %s '{\"model\":\"m\""));
    assert_non_null(strstr(app.copy_text, "curl -sS -N 'https://api.respan.ai/api/anthropic/v1/messages?beta=true' \\\n"));
    assert_non_null(strstr(app.copy_text, "-H \"x-api-key: $RESPAN_API_KEY\""));
    press("j");
    see("Copied as JSON.");
    assert_non_null(strstr(app.copy_text, "\"session_id\":\t\"s0\""));
    press("t");
    see("Copied as text.");
    press("\033");
    see_no("c curl");
    see("Call 3");
    press("y]"); /* any other key means what it always does */
    see_no("c curl");
    see("no call below");
    press("\033ky"); /* the same on a row of the list */
    see("Copied the call's ids.");
    press("c");
    see("--no-bodies");
}

static void test_too_much_for_a_clipboard_goes_to_a_private_file(void **state)
{
    (void)state;
    char *body = long_request(20000), path[128];
    struct stat st;
    open_request(body, NULL);
    setenv("XDG_CACHE_HOME", tmpdir, 1);
    press("y");
    snprintf(path, sizeof path, "%s/spantop/call-3.txt", tmpdir);
    see("Too large for the clipboard (329 KB), so written to");
    see(path);
    assert_null(app.copy_text);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, strlen(body) - strlen("{\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}") - 20000); /* \\n is one byte */
    unsetenv("XDG_CACHE_HOME");
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOG(test_elements_have_sizes_tokens_and_marks),
        WITH_LOG(test_without_usage_tokens_are_said_to_be_guessed),
        WITH_LOG(test_images_are_told_by_type_size_and_pixels),
        WITH_LOG(test_a_long_text_is_paged),
        WITH_LOG(test_every_hit_of_a_long_text_is_counted),
        WITH_LOG(test_a_search_unfolds_marks_counts_and_wraps),
        WITH_LOG(test_titles_are_hits_before_their_texts),
        WITH_LOG(test_a_search_goes_on_in_the_other_tabs),
        WITH_LOG(test_a_hit_may_be_wrapped_and_hostile_text_is_harmless),
        WITH_LOG(test_the_hit_stays_when_the_window_changes),
        WITH_LOG(test_the_cache_tab_shows_the_lines_that_broke_it),
        WITH_LOG(test_the_cache_tab_names_no_reason_that_is_not_proven),
        WITH_LOG(test_the_cache_tab_of_the_same_request_again),
        WITH_LOG(test_a_call_found_by_its_text_is_opened_there),
        WITH_LOG(test_the_answer_lays_tool_calls_out),
        WITH_LOG(test_a_tool_call_that_still_comes_is_laid_out),
        WITH_LOG(test_copying_takes_what_the_cursor_is_on),
        WITH_LOG(test_tool_calls_are_joined_to_their_results),
        WITH_LOG(test_results_of_earlier_turns_lead_to_their_calls),
        WITH_LOG(test_a_result_that_comes_later_is_joined),
        WITH_LOG(test_what_was_copied_can_be_curl_or_json_instead),
        WITH_LOG(test_too_much_for_a_clipboard_goes_to_a_private_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
