/* The whole dashboard without a terminal: a log, keys in, rows of text out. */
#include "tests/unit/ui/tmpapp.h"

#include "ui/chart.h"

/* ---- What is shown ---- */

static void test_empty_log_greets_with_the_lines_to_type(void **state)
{
    (void)state;
    start(0);
    see("eval \"$(spantop env)\"");
    see("spantop demo");
    options.setup_lines = "eval \"$(/a/folder/of/some/length/spantop --log "
                          "/another/folder/that/is/long/indeed/very/much/so/log.db env)\"\nclaude";
    draw(36, 90);
    assert_true(find("--log \\") > 0);
    assert_true(find("env)\"") > find("eval"));
    see("model as sent · provider auto · cache off");
    see("12:42:31");
}

static void test_calls_and_sessions_are_shown(void **state)
{
    (void)state;
    start(120);
    see("following ▾ 120");
    see("api-refactor");
    see("142k/1M");
    see("127.0.0.1:9 → api.respan.ai");
}

static void test_demo_is_always_visible(void **state)
{
    (void)state;
    options.is_demo = true;
    start(5);
    for (int cols = 30; cols <= 140; cols += 10) {
        draw(cols > 60 ? 24 : 5, cols);
        if (find("DEMO") != 0)
            fail_msg("no DEMO at %d columns", cols);
    }
}

static void test_every_size_can_be_drawn_in_every_state(void **state)
{
    (void)state;
    start(120);
    static const char *const ways[] = {"",   "m",         "\033p", "\033?", "\033s", "\033/", "\033k",
                                       "\n", "\033\0332", "3",     "4",     "5",     "?", "\033A"};
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        press(ways[i]);
        for (int cols = 1; cols < 200; cols += 7)
            for (int rows = 1; rows < 60; rows += 3)
                draw(rows, cols);
    }
}

static void test_small_screens_keep_the_table_then_one_line(void **state)
{
    (void)state;
    start(120);
    draw(16, 60);
    assert_true(find("spantop") == 0);
    assert_true(find("TIME") > 0);
    assert_true(find("Q leave") == 15);
    draw(24, 80);
    assert_true(find("Last 5 minutes") > 0);
    assert_int_equal(find("Providers"), -1);
    draw(10, 40);
    assert_int_equal(find("TIME"), -1);
    for (int row = 1; row < 10; row++)
        assert_string_equal(row_text(row), "");
}

/* ---- Keys ---- */

static void test_arrows_select_and_escape_follows_again(void **state)
{
    (void)state;
    start(120);
    see_no("▸");
    app_key(&app, KEY_CODE_UP);
    assert_int_equal(app.feed.selected_id, 120);
    press("kkk");
    assert_int_equal(app.feed.selected_id, 117);
    see("▸");
    press("g");
    assert_int_equal(app.feed.selected_id, 1);
    press("G");
    assert_int_equal(app.feed.selected_id, 120);
    press("\033");
    assert_int_equal(app.feed.selected_id, 0);
    see("following");
}

static void test_a_selected_row_stays_while_calls_arrive(void **state)
{
    (void)state;
    start(120);
    press("kkkkk");
    draw(36, 120);
    int before = find("▸");
    add_calls(121, 140);
    struct err e = {""};
    assert_int_equal(feed_refresh(&app.feed, tmplog, &e), 0);
    draw(36, 120);
    assert_int_equal(app.feed.selected_id, 116);
    assert_int_equal(find("▸"), before);
    press("F");
    draw(36, 120);
    assert_int_equal(app.feed.calls[app.feed.count - 1].id, 140);
}

static void test_a_taller_screen_is_filled(void **state)
{
    (void)state;
    start(400);
    draw(200, 120);
    app_tick(&app);
    draw(200, 120);
    app_tick(&app);
    draw(200, 120);
    int calls = 0;
    for (int row = 0; row < 200; row++)
        calls += strstr(row_text(row), "opus-5-5 ") && strstr(row_text(row), "anthropic");
    assert_true(calls > 170);
}

static void test_paging_reaches_every_call_once(void **state)
{
    (void)state;
    start(1500);
    press("k");
    int64_t last = 1501;
    for (int i = 0; i < 2000 && app.feed.selected_id != 1; i++) {
        assert_int_equal(app.feed.selected_id, last - 1);
        last = app.feed.selected_id;
        press("k");
        assert_true(app.feed.count <= FEED_MAX);
    }
    assert_int_equal(app.feed.selected_id, 1);
    for (int64_t id = 1; id < 1500; id++) {
        assert_int_equal(app.feed.selected_id, id);
        press("j");
        draw(36, 120);
        assert_true(find("▸") > 0);
    }
    assert_int_equal(app.feed.selected_id, 1500);
}

static void test_errors_are_found_in_both_directions(void **state)
{
    (void)state;
    start(300);
    press("e");
    assert_int_equal(app.feed.selected_id, 257);
    see("✖ 529");
    see("Overloaded");
    press("E");
    assert_int_equal(app.feed.selected_id, 207);
    press("EEEE");
    assert_int_equal(app.feed.selected_id, 7);
    press("E");
    see("No earlier error.");
    press("e");
    assert_int_equal(app.feed.selected_id, 57);
}

static void test_filter_holds_until_cleared(void **state)
{
    (void)state;
    start(300);
    press("/status>=400\n");
    see("filter status>=400");
    assert_int_equal(app.filter_count, 6);
    press("2");
    see("filter status>=400");
    press("!");
    see("filter !status>=400");
    assert_int_equal(app.filter_count, 294);
    press("\033");
    see_no("filter status");
}

/* A log so large that a filter takes several steps, each as short as can be. */
static void start_large(void)
{
    start(0);
    tmplog_run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70000)"
               " INSERT INTO call(id, state, started_at, finished_at, model_sent, work_dir, cost_microusd)"
               " SELECT i, 'done', i, i, 'claude-opus-5-5', CASE WHEN i IN (7, 69000) THEN '/rare' ELSE '/home' END, i FROM n");
    app_tick(&app);
    draw(36, 120);
    app.feed.look.us = 1;
}

static void look_to_the_end(void)
{
    for (int i = 0; app_is_looking(&app); i++) {
        assert_true(i < 100);
        app_tick(&app);
    }
}

static void test_a_filter_looks_on_between_keys(void **state)
{
    (void)state;
    start_large();
    press("/work_dir:nosuch\n");
    assert_true(app_is_looking(&app));
    see("looking further…");
    see("No call so far; 23 % of the log looked at.");
    press("2"); /* keys are taken meanwhile */
    assert_int_equal(app.view, VIEW_CALLS);
    look_to_the_end();
    see("No call matches the filter.");
    assert_int_equal(app.filter_count, 0);
    press("/\x15work_dir:rare\n");
    assert_int_equal(app.feed.count, 1); /* what is found is shown at once */
    assert_int_equal(app.feed.calls[0].id, 69000);
    assert_true(app_is_looking(&app));
    press("/\x15work_dir:nosuch\n"); /* the next filter ends that of before */
    assert_int_equal(app.feed.count, 0);
    press("/\x15work_dir:rare\n");
    look_to_the_end();
    assert_int_equal(app.feed.count, 2);
    assert_int_equal(app.filter_count, 2);
    press("/\x15work_dir:home\n");
    see("+"); /* the list is full, the calls are still counted */
    look_to_the_end();
    assert_int_equal(app.filter_count, 69998);
    press("\033");
    assert_false(app_is_looking(&app));
}

static void test_sessions_are_looked_for_between_keys(void **state)
{
    (void)state;
    start_large();
    add_sessions();
    tmplog_run("UPDATE call SET session_id = 's' || (id % 3)"); /* 7 is of s1, 69000 of s0 */
    press("3/work_dir:rare\n");
    assert_true(sessions_is_looking(&app));
    see("1+ session with 1+ call that match, filter work_dir:rare, looking further…");
    see("api-refactor"); /* what is known is shown */
    see_no("docs-site");
    press("j"); /* keys are taken meanwhile */
    assert_int_equal(app.session_list.selected, 0);
    look_to_the_end();
    see("2 sessions with 2 calls that match, filter work_dir:rare");
    see("docs-site");
    assert_int_equal(app.session_list.selected, 0);
    app.is_match_stale = true; /* not again before it is due */
    app.match_due_us = INT64_MAX;
    app_tick(&app);
    assert_false(app_is_looking(&app));
    app.match_due_us = 0;
    app_tick(&app);
    assert_true(sessions_is_looking(&app));
    see("2 sessions with 2 calls that match"); /* what was known stays until all is known again */
    press("1");
    assert_false(sessions_is_looking(&app));
    press("3\033\033");
    assert_int_equal(app.sessions.count, 3);
}

static void test_cache_is_summed_between_keys(void **state)
{
    (void)state;
    start_large();
    tmplog_run("UPDATE call SET started_at = 1795351000000 + id, finished_at = 1795351000001 + id");
    press("4/work_dir:rare\n");
    assert_true(lists_is_looking(&app));
    see("looking further…");
    assert_int_equal(lists_sums(&app)->totals.calls, 1);
    look_to_the_end();
    see("Cache, filtered");
    assert_int_equal(lists_sums(&app)->totals.calls, 2);
    app.is_sum_stale = true; /* not again before it is due */
    app.sum_due_us = INT64_MAX;
    app_tick(&app);
    assert_false(app_is_looking(&app));
    app.sum_due_us = 0;
    app_tick(&app);
    assert_true(lists_is_looking(&app));
    assert_int_equal(lists_sums(&app)->totals.calls, 2); /* until all is known again */
    press("t"); /* another time: anew */
    assert_true(app.is_sum_part);
    look_to_the_end();
    assert_int_equal(lists_sums(&app)->totals.calls, 2);
}

static void test_moving_waits_for_what_is_still_looked_for(void **state)
{
    (void)state;
    start_large();
    press("/work_dir:rare\n");
    press("g"); /* the first of all: call 7, not yet found */
    look_to_the_end();
    assert_int_equal(app.feed.selected_id, 7);
    press("j");
    assert_int_equal(app.feed.selected_id, 69000);
    press("F");
    look_to_the_end();
    tmplog_run("INSERT INTO call(id, state, started_at, finished_at, work_dir) VALUES(70001, 'done', 1, 1, '/rare')");
    app.is_feed_stale = true;
    app.feed_due_us = 0;
    app_tick(&app);
    assert_true(app.feed.count >= 2); /* what was there stays until all is known again */
    look_to_the_end();
    assert_int_equal(app.feed.count, 3);
    assert_int_equal(app.filter_count, 3);
}

static void test_a_wrong_filter_is_told_in_place(void **state)
{
    (void)state;
    start(30);
    press("/nosuchfield>3\n");
    assert_int_equal(app.overlay, PLACE_FILTER);
    assert_true(strstr(app.filter_error, "nosuchfield") != NULL);
    press("\033");
    assert_int_equal(app.overlay, 0);
    assert_string_equal(app.filter_text, "");
}

static void test_a_filter_is_completed_by_tab(void **state)
{
    (void)state;
    start(300);
    press("/mod\t");
    assert_string_equal(app.filter_field.text, "model"); /* as far as all are alike */
    see("model:  model_asked:");
    press("\t\t");
    assert_string_equal(app.filter_field.text, "model_asked:");
    app_key(&app, KEY_CODE_BACK_TAB);
    assert_string_equal(app.filter_field.text, "model:");
    press("op\t"); /* typing on: a value now, the only one */
    assert_string_equal(app.filter_field.text, "model:claude-opus-5-5");
    see_no("model_asked");
    press(" who:sub\t session:\t");
    assert_string_equal(app.filter_field.text, "model:claude-opus-5-5 who:subagent session:");
    see("api-refactor  docs-site");
    press("\t");
    assert_string_equal(app.filter_field.text, "model:claude-opus-5-5 who:subagent session:api-refactor");
    press("\033"); /* the choices first */
    assert_int_equal(app.overlay, PLACE_FILTER);
    press("\n");
    see("filter model:claude-opus-5-5 who:subagent session:api-refactor");
    assert_int_equal(app.filter_count, 0);
    press("/");
    app_key(&app, KEY_CTRL('U'));
    press("nothing-at-all\t");
    see("Nothing in the log completes this.");
}

static void test_views_tell_whether_the_filter_holds(void **state)
{
    (void)state;
    start(30);
    tmplog_run("UPDATE call SET cache_break = 'tool: Bash' WHERE id IN (4, 5)");
    press("/session:docs-site\n");
    see("filter session:docs-site");
    press("2");
    see("filter session:docs-site");
    press("3");
    see_no("filter not here");
    press("5");
    see("filter not here");
    press("4");
    see("Breaks, newest first, filter session:docs-site");
    assert_int_equal(app.breaks.count, 1); /* call 4 is of s1 */
    see("Cache, filtered");
    assert_int_equal(lists_sums(&app)->totals.calls, 10);
    assert_int_equal(lists_sums(&app)->page.count, 1);
    assert_string_equal(lists_sums(&app)->page.rows[0].label, "docs-site");
    assert_int_equal(app.reasons.rows[0].breaks, 1);
    press("/");
    app_key(&app, KEY_CTRL('U'));
    press("session:nightly\n");
    assert_int_equal(app.view, VIEW_CACHE);
    assert_int_equal(app.breaks.calls[0].id, 5);
    press("\033");
    see_no("filter session");
    see("Prompt cache");
    assert_int_equal(app.breaks.count, 2);
    assert_int_equal(app.reasons.rows[0].breaks, 2);
}

static void test_sessions_are_those_with_calls_that_match(void **state)
{
    (void)state;
    start(30); /* 10 calls each; call 7, the one error, is of s1 */
    press("3/status>=400\n");
    assert_int_equal(app.view, VIEW_SESSIONS);
    see("1 session with 1 call that match, filter status>=400");
    assert_int_equal(app.sessions.count, 1);
    see("docs-site");
    see_no("api-refactor");
    assert_int_equal(app.sessions.sessions[0].totals.calls, 5); /* the session's own sums */
    press("!");
    see("3 sessions with 29 calls that match, filter !status>=400");
    press("!");
    press("j\n"); /* its timeline: the one call, and no gap to calls that are not seen */
    assert_true(app.timeline.is_open);
    assert_int_equal(app.timeline.feed.count, 1);
    assert_int_equal(app.timeline.feed.calls[0].id, 7);
    see("docs-site   filter status>=400");
    see_no("idle");
    press("\033");
    tmplog_run("UPDATE call SET status = 500 WHERE id = 6");
    app.is_match_stale = app.is_view_stale = true;
    app.match_due_us = 0;
    app_tick(&app);
    see("2 sessions with 2 calls that match");
    see("api-refactor");
    press("/\x15" "cost>500\n");
    see("No session has a call that matches the filter.");
    press("\033");
    assert_string_equal(app.filter_text, "");
    assert_int_equal(app.sessions.count, 3);
    press("/session:nightly\n2"); /* one filter for all views */
    assert_int_equal(app.filter_count, 10);
    press("\0333");
    see("api-refactor");
}

static void test_sorting_by_a_chosen_column(void **state)
{
    (void)state;
    start(300);
    press("s");
    see("Sort by");
    app_key(&app, KEY_CODE_UP); /* from the first to the last: cost */
    press("\n");
    assert_int_equal(app.feed.sort, SORT_COST);
    assert_int_equal(app.feed.calls[0].id, 300);
    see("by cost");
    press("sr");
    assert_int_equal(app.feed.calls[0].id, 1);
}

static void test_enter_inspects_and_escape_comes_back(void **state)
{
    (void)state;
    start(30);
    press("k\n");
    see("Overview");
    see("cache read");
    app_key(&app, KEY_CODE_TAB);
    see("--no-bodies");
    press("\033");
    see("▸");
    press("\033");
    see("following");
}

static void test_brackets_walk_from_call_to_call(void **state)
{
    (void)state;
    start(30);
    press("kk\n");
    see("Call 29");
    press("[");
    see("Call 28");
    press("]]");
    see("Call 30");
    press("]");
    see("There is no call below.");
    press("\033");
    assert_int_equal(app.feed.selected_id, 30);
}

static void test_views_and_a_session_of_the_list(void **state)
{
    (void)state;
    start(90);
    press("3j");
    see("CONTEXT");
    press("c");
    assert_int_equal(app.view, VIEW_CALLS);
    see("session api-refactor");
    assert_int_equal(app.filter_count, 30);
    press("\033");
    assert_int_equal(app.view, VIEW_SESSIONS);
    press("4");
    see("Breaks, newest first");
    press("5");
    see("MODEL");
    press("s");
    see("PROVIDER");
    press("1");
    see("following");
}

static void test_help_tells_of_every_key_of_its_place(void **state)
{
    (void)state;
    start(5);
    press("?");
    draw(60, 120);
    const struct key_binding *k;
    for (size_t i = 0; (k = keys_at(PLACE_LIVE, i)); i++)
        if (k->help && find(k->help) < 0)
            fail_without(k->help);
    press("\033");
    see("Q leave");
}

/* ---- Switching ---- */

static void test_agents_unfold_below_their_session(void **state)
{
    (void)state;
    start(3);
    tmplog_run("INSERT INTO call(id,state,started_at,finished_at,session_id,agent_id,purpose,model_sent,tokens_in,tokens_out,"
               "cost_microusd) VALUES(10,'done',1,2,'s0','helper-1','subagent','claude-sonnet-5',5000,1,2000),"
               "(11,'error',3,4,'s0','helper-2','subagent','claude-sonnet-5',5000,1,2000)");
    tmplog_run("INSERT INTO agent(session_id,agent_id,parent_agent_id,type,description) VALUES"
               "('s0','helper-1',NULL,'Explore','find the tests'),('s0','helper-2','helper-1',NULL,NULL)");
    press("3j ");
    see("main agent");
    see("Explore: find the tests");
    see("subagent helper-2");
    assert_true(find("subagent helper-2") > find("Explore: find the tests"));
    press("jjj\n"); /* helper-2's timeline */
    see("api-refactor, agent helper-2");
    press("\n");
    see("Call 11");
    press("\033\033k");
    press("kk "); /* back on the session: folded again */
    see_no("main agent");
}

static void test_sessions_go_on_beyond_a_page(void **state)
{
    (void)state;
    start(1);
    tmplog_run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450)"
               " INSERT INTO session(session_id,title,first_at,last_at) SELECT 'x' || i, 'old ' || i, 1, i FROM n");
    press("3");
    assert_int_equal(app.sessions.count, 200);
    press("G");
    assert_int_equal(app.sessions.count, 400);
    press("GG");
    assert_int_equal(app.sessions.count, 453);
    see("old 1");
}

static void test_time_goes_to_tools_idling_waiting_and_streaming(void **state)
{
    (void)state;
    struct call before, call;
    struct timeline_parts p;
    call_init(&before);
    call_init(&call);
    before.stop_reason = "tool_use";
    before.finished_at = 1000;
    call.state = CALL_DONE;
    call.started_at = 1700;
    call.ttft_ms = 300;
    call.duration_ms = 2000;
    timeline_parts_of(&call, &before, 0, &p);
    assert_int_equal(p.tools_ms, 700);
    assert_int_equal(p.idle_ms, 0);
    assert_int_equal(p.waiting_ms, 300);
    assert_int_equal(p.streaming_ms, 1700);
    before.stop_reason = "end_turn";
    timeline_parts_of(&call, &before, 0, &p);
    assert_int_equal(p.idle_ms, 700);
    call.ttft_ms = -1; /* nothing came */
    timeline_parts_of(&call, NULL, 0, &p);
    assert_int_equal(p.waiting_ms, 2000);
    assert_int_equal(p.streaming_ms, 0);
}

static void test_spend_is_drawn_as_stacked_bars(void **state)
{
    (void)state;
    start(3);
    tmplog_run("INSERT INTO day_sum(day,session_id,model,provider,purpose,calls,cost_microusd) VALUES"
               "(20261122,'s0','claude-opus-5-5','p','main',1,3000000),(20261122,'s1','claude-sonnet-5','p','main',1,1000000),"
               "(20261120,'s0','claude-opus-5-5','p','main',1,2000000)");
    press("5tt");
    see("$6.00 30 days");
    see("▓▓");
    see("██ opus-5-5 $5.00   ▓▓ sonnet-5 $1.00");
    see("20 Nov");
    assert_int_equal(chart_series_at(&app.chart, 29, 2999999), 0);
    assert_int_equal(chart_series_at(&app.chart, 29, 3000000), 1);
    assert_int_equal(chart_series_at(&app.chart, 29, 4000000), 2);
    press("sssss");
    see("FOLDER");
    press("s");
    see("MODEL");
}

static void test_a_switch_for_every_session_is_written_before_the_picker_closes(void **state)
{
    (void)state;
    start(60);
    press("mclaude-sonnet-5\n");
    assert_int_equal(app.overlay, 0);
    assert_string_equal(tmplog_rows("SELECT session_id, set_model, enabled FROM routes"), "-|claude-sonnet-5|1");
    see("model sonnet-5");
    see("for every session, from the next call");
    press("m\n"); /* "as Claude Code asks" stands first */
    assert_int_equal(tmplog_int("SELECT count(*) FROM routes WHERE enabled"), 0);
    see("model as sent");
}

static void test_a_switch_for_the_selected_rows_session(void **state)
{
    (void)state;
    start(60);
    press("kk"); /* call 59: session s2 */
    press("mclaude-haiku-5-5");
    see("session nightly");
    see("instead of");
    press("\n");
    assert_string_equal(tmplog_rows("SELECT session_id, set_model FROM routes"), "s2|claude-haiku-5-5");
    press("pbedrock");
    app_key(&app, KEY_CODE_TAB);
    press("\n");
    assert_string_equal(tmplog_rows("SELECT session_id, set_provider FROM routes WHERE set_provider IS NOT NULL"),
                        "-|bedrock");
    see("provider bedrock");
}

static void test_undo_says_what_it_took_back(void **state)
{
    (void)state;
    start(30);
    press("u");
    see("no switch to take back");
    press("mclaude-sonnet-5\nu");
    see("Taken back");
    see("claude-sonnet-5");
    see("model as sent");
    assert_int_equal(tmplog_int("SELECT count(*) FROM routes WHERE enabled"), 0);
}

static void test_a_route_is_added_edited_and_raised_by_the_form(void **state)
{
    (void)state;
    start(30);
    press("ra");
    see("New route");
    press("\n");
    see("fill in one of them");
    press("claude-sonnet-5");
    app_key(&app, KEY_CODE_BACK_TAB);
    press("*haiku*");
    app_key(&app, KEY_CODE_UP);
    press("sub");
    press("\n");
    see("One of main, subagent");
    press("agent\n");
    see("only *haiku*");
    assert_string_equal(tmplog_rows("SELECT id, purpose, model_glob, set_model, enabled FROM routes"),
                        "1|subagent|*haiku*|claude-sonnet-5|1");
    press("\n");
    see("Route 1 ");
    for (int i = 0; i < 4; i++)
        app_key(&app, KEY_CODE_TAB);
    press("{\"cache_ttl\":\"soon\"}\n");
    see("cache_ttl");
    assert_int_equal(app.overlay, PLACE_ROUTE_FORM);
    app_key(&app, KEY_CTRL('U'));
    press("{\"cache_enabled\":true}\t5\t18:00\n");
    assert_string_equal(tmplog_rows("SELECT params_json, max_calls, until_at FROM routes"),
                        "{\"cache_enabled\":true}|5|1795370400000");
    press("aclaude-opus-5-5\n");
    press("jK");
    assert_string_equal(tmplog_rows("SELECT id, set_model FROM routes ORDER BY id"), "2|claude-opus-5-5;3|claude-sonnet-5");
    press("a\033");
    assert_int_equal(app.overlay, PLACE_ROUTES);
}

static void test_parameters_have_fields_of_their_own(void **state)
{
    (void)state;
    start(30);
    press("ra\t\tclaude-sonnet-5, claude-haiku-4-5\tsoon\n");
    see("the cache can be off, on, or a time");
    assert_int_equal(app.form.at, FORM_CACHE);
    app_key(&app, KEY_CTRL('U'));
    press("1h\t{\"custom_identifier\":\"x\"}\n");
    assert_string_equal(tmplog_rows("SELECT params_json FROM routes"),
                        "{\"custom_identifier\":\"x\",\"fallback_models\":[\"claude-sonnet-5\",\"claude-haiku-4-5\"],"
                        "\"cache_enabled\":true,\"cache_ttl\":3600}");
    press("\n"); /* edited again they stand where they were typed */
    assert_string_equal(app.form.fields[FORM_FALLBACK].text, "claude-sonnet-5,claude-haiku-4-5");
    assert_string_equal(app.form.fields[FORM_CACHE].text, "1h");
    assert_string_equal(app.form.fields[FORM_PARAMS].text, "{\"custom_identifier\":\"x\"}");
    press("\t\t");
    app_key(&app, KEY_CTRL('U'));
    press("a,,b\n");
    see("fallback_models");
    app_key(&app, KEY_CTRL('U'));
    press("\n");
    assert_string_equal(tmplog_rows("SELECT params_json FROM routes"),
                        "{\"custom_identifier\":\"x\",\"cache_enabled\":true,\"cache_ttl\":3600}");
    press("\n");
    draw(16, 60);
    assert_true(find("Enter save") > 0);
    assert_true(find("for calls") > 0);
}

static void test_a_route_for_a_session_by_its_title(void **state)
{
    (void)state;
    start(30);
    press("raclaude-sonnet-5");
    for (int i = 0; i < 3; i++)
        app_key(&app, KEY_CODE_UP);
    press("nobody\n");
    see("nobody");
    assert_int_equal(tmplog_int("SELECT count(*) FROM routes"), 0);
    app_key(&app, KEY_CTRL('U'));
    press("docs-site\n");
    assert_string_equal(tmplog_rows("SELECT session_id FROM routes"), "s1");
}

static void test_routes_can_be_put_off_and_deleted(void **state)
{
    (void)state;
    start(30);
    press("r");
    see("Nothing is switched");
    press("\033mclaude-sonnet-5\n");
    press("kpbedrock\n"); /* call 30: session s0 */
    see("+1 route");
    press("r");
    see("every session");
    see("session api-refactor");
    press("j ");
    see("Route 1 is off");
    assert_int_equal(tmplog_int("SELECT enabled FROM routes WHERE set_model IS NOT NULL"), 0);
    see("model as sent");
    press(" ");
    see("model sonnet-5");
    press("d");
    assert_int_equal(tmplog_int("SELECT count(*) FROM routes"), 2);
    press("jd"); /* another key between: asked again */
    assert_int_equal(tmplog_int("SELECT count(*) FROM routes"), 2);
    press("d");
    assert_string_equal(tmplog_rows("SELECT set_provider FROM routes"), "bedrock");
    press("?");
    see("Keys in Routes");
    press("\033");
    see("session api-refactor");
    press("\033");
    see("Calls");
}

static void test_a_failed_switch_keeps_the_picker_open(void **state)
{
    (void)state;
    start(30);
    tmplog_run("CREATE TRIGGER no_routes BEFORE INSERT ON routes BEGIN SELECT RAISE(ABORT, 'the disk is full'); END");
    press("mclaude-sonnet-5\n");
    assert_int_equal(app.overlay, PLACE_PICKER);
    assert_true(app.picker.error[0] != '\0');
    see(app.picker.error[0] ? "the disk is full" : "");
}

static void test_a_switch_the_gateway_did_not_take_is_said(void **state)
{
    (void)state;
    start(30);
    press("mclaude-sonnet-5\n"); /* nobody answers at the address of the lock */
    app.switch_deadline_us = clock_mono_us();
    switch_check(&app);
    see("has not taken it");
}

/* ---- The gateway ---- */

static void test_a_stopped_gateway_is_told_and_restarted(void **state)
{
    (void)state;
    start(30);
    snapshot_check_gateway(&app.data, tmplog_path); /* missed twice */
    see("no answer");
    press("R");
    assert_int_equal(restarts, 0);
    peer_lock_free(gateway);
    gateway = NULL;
    snapshot_check_gateway(&app.data, tmplog_path);
    see("✖ gateway stopped");
    see("R starts it again");
    press("R");
    assert_int_equal(restarts, 1);
}

static void test_leaving(void **state)
{
    (void)state;
    start(5);
    press("q");
    assert_false(app.wants_leave);
    see("Q leaves");
    press("Q");
    assert_true(app.wants_leave);
}

/* Whoever leans on the keyboard: any keys, at any size, and every row stays whole. */
static void test_any_keys_in_any_order(void **state)
{
    (void)state;
    static const int keys[] = {'1',
                               '2',
                               '3',
                               '4',
                               '5',
                               'm',
                               'p',
                               'u',
                               'r',
                               '/',
                               '!',
                               's',
                               'F',
                               'e',
                               'E',
                               'y',
                               '?',
                               'j',
                               'k',
                               'g',
                               'G',
                               't',
                               'd',
                               '[',
                               ']',
                               ' ',
                               'o',
                               '>',
                               '<',
                               'n',
                               'N',
                               '+',
                               '-',
                               'A',
                               'c',
                               '"',
                               0x8a2d,
                               KEY_CODE_ENTER,
                               KEY_CODE_ENTER,
                               KEY_CODE_ESC,
                               KEY_CODE_TAB,
                               KEY_CODE_BACK_TAB,
                               KEY_CODE_UP,
                               KEY_CODE_DOWN,
                               KEY_CODE_LEFT,
                               KEY_CODE_RIGHT,
                               KEY_CODE_PAGE_UP,
                               KEY_CODE_PAGE_DOWN,
                               KEY_CODE_HOME,
                               KEY_CODE_END,
                               KEY_CODE_BACKSPACE,
                               KEY_CODE_DELETE,
                               KEY_CTRL('L'),
                               KEY_CTRL('U'),
                               KEY_CTRL('W')};
    uint32_t seed = 20261122;
    start(700);
    for (int i = 0; i < 6000; i++) {
        seed = seed * 1664525 + 1013904223;
        app_key(&app, keys[(seed >> 12) % (sizeof(keys) / sizeof(keys[0]))]);
        if (i % 7 == 0)
            app_tick(&app);
        if (i % 3 == 0)
            draw((int)(seed >> 9) % 50 + 1, (int)(seed >> 17) % 180 + 1);
        int row = (int)(seed >> 5) % screen.rows, sum = 0;
        for (int col = 0; col < screen.cols; col++)
            sum += canvas_at(&screen, row, col)->width;
        if (sum != screen.cols)
            fail_msg("after %d keys row %d is %d columns wide, not %d", i + 1, row, sum, screen.cols);
    }
    assert_false(app.wants_leave);
}

static void test_hostile_text_keeps_the_rows_in_place(void **state)
{
    (void)state;
    start(5);
    tmplog_run("UPDATE session SET title = char(27) || '[2J' || char(10) || char(7) || char(8238) || 'x' WHERE "
               "session_id = 's0'");
    tmplog_run("UPDATE session SET title = '設計の見直し日本語タイトルはとても長い' WHERE session_id = 's1'");
    tmplog_run("UPDATE call SET error_message = char(27) || ']52;c;x' || char(7), state = 'error', model_asked = "
               "char(155) || '31m'");
    app_tick(&app);
    press("k");
    static const int widths[] = {60, 80, 100, 120, 160};
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        draw(36, widths[i]);
        for (int row = 0; row < 36; row++) {
            int sum = 0;
            for (int col = 0; col < screen.cols; col++)
                sum += canvas_at(&screen, row, col)->width;
            assert_int_equal(sum, widths[i]);
            for (const unsigned char *s = (const unsigned char *)row_text(row); *s; s++)
                assert_true(*s >= 0x20 && *s != 0x7f && !(*s == 0xc2 && s[1] < 0xa0));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOG(test_empty_log_greets_with_the_lines_to_type),
        WITH_LOG(test_calls_and_sessions_are_shown),
        WITH_LOG(test_agents_unfold_below_their_session),
        WITH_LOG(test_sessions_go_on_beyond_a_page),
        WITH_LOG(test_spend_is_drawn_as_stacked_bars),
        WITH_LOG(test_time_goes_to_tools_idling_waiting_and_streaming),
        WITH_LOG(test_demo_is_always_visible),
        WITH_LOG(test_every_size_can_be_drawn_in_every_state),
        WITH_LOG(test_small_screens_keep_the_table_then_one_line),
        WITH_LOG(test_arrows_select_and_escape_follows_again),
        WITH_LOG(test_a_selected_row_stays_while_calls_arrive),
        WITH_LOG(test_a_taller_screen_is_filled),
        WITH_LOG(test_paging_reaches_every_call_once),
        WITH_LOG(test_errors_are_found_in_both_directions),
        WITH_LOG(test_filter_holds_until_cleared),
        WITH_LOG(test_a_filter_looks_on_between_keys),
        WITH_LOG(test_moving_waits_for_what_is_still_looked_for),
        WITH_LOG(test_a_wrong_filter_is_told_in_place),
        WITH_LOG(test_a_filter_is_completed_by_tab),
        WITH_LOG(test_views_tell_whether_the_filter_holds),
        WITH_LOG(test_sessions_are_those_with_calls_that_match),
        WITH_LOG(test_sessions_are_looked_for_between_keys),
        WITH_LOG(test_cache_is_summed_between_keys),
        WITH_LOG(test_sorting_by_a_chosen_column),
        WITH_LOG(test_enter_inspects_and_escape_comes_back),
        WITH_LOG(test_brackets_walk_from_call_to_call),
        WITH_LOG(test_views_and_a_session_of_the_list),
        WITH_LOG(test_help_tells_of_every_key_of_its_place),
        WITH_LOG(test_a_switch_for_every_session_is_written_before_the_picker_closes),
        WITH_LOG(test_a_switch_for_the_selected_rows_session),
        WITH_LOG(test_undo_says_what_it_took_back),
        WITH_LOG(test_a_route_is_added_edited_and_raised_by_the_form),
        WITH_LOG(test_parameters_have_fields_of_their_own),
        WITH_LOG(test_a_route_for_a_session_by_its_title),
        WITH_LOG(test_routes_can_be_put_off_and_deleted),
        WITH_LOG(test_a_failed_switch_keeps_the_picker_open),
        WITH_LOG(test_a_switch_the_gateway_did_not_take_is_said),
        WITH_LOG(test_a_stopped_gateway_is_told_and_restarted),
        WITH_LOG(test_leaving),
        WITH_LOG(test_any_keys_in_any_order),
        WITH_LOG(test_hostile_text_keeps_the_rows_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
