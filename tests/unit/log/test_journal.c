/* The journal without a gateway: calls in, what a reader then finds. */
#include "tests/unit/tmpdir.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "log/bodies.h"
#include "log/journal.h"
#include "log/search_schema.h"
#include "log/sql.h"

#define LIMIT_US ((int64_t)15000000) /* to fail, not to measure */

static char path[128];
static struct journal_options options;

static int make_dir(void **state)
{
    (void)state;
    tmpdir_make(path, sizeof path, "log.db");
    options = (struct journal_options){.path = path, .keep_bodies = true};
    return 0;
}

static struct journal *open_journal(void)
{
    struct err e = {""};
    struct journal *j = journal_open(&options, &e);
    if (!j)
        fail_msg("%s", e.text);
    return j;
}

static struct db *open_reader(void)
{
    struct err e = {""};
    struct db *db = db_open(path, DB_WRITE, &e);
    if (!db)
        fail_msg("%s", e.text);
    return db;
}

static int64_t ask(struct db *db, const char *sql)
{
    struct err e = {""};
    int64_t n = 0;
    if (sql_int64(db_sqlite(db), sql, &n, &e) != 0)
        fail_msg("%s: %s", sql, e.text[0] ? e.text : "no row");
    return n;
}

/* Wait until the question has this answer. */
static void wait_for(struct db *db, const char *sql, int64_t want)
{
    int64_t until = clock_mono_us() + LIMIT_US;
    while (ask(db, sql) != want) {
        if (clock_mono_us() > until)
            fail_msg("%s: expected %" PRId64 ", still %" PRId64, sql, want, ask(db, sql));
        usleep(2000);
    }
}

static void ask_text(struct db *db, const char *sql, const char *want)
{
    struct err e;
    sqlite3_stmt *st = sql_prepare(db_sqlite(db), sql, &e);
    assert_non_null(st);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    const char *got = (const char *)sqlite3_column_text(st, 0);
    if (!got || strcmp(got, want) != 0)
        fail_msg("%s: expected %s, got %s", sql, want, got ? got : "NULL");
    sqlite3_finalize(st);
}

static const char request[] =
    "{\"model\":\"claude-opus-5-5\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\","
    "\"cache_control\":{\"type\":\"ephemeral\"}}]}],\"system\":[{\"type\":\"text\",\"text\":\"You are "
    "helpful.\\nWorking "
    "directory: "
    "/home/u/project\\n\",\"cache_control\":{\"type\":\"ephemeral\"}}],\"tools\":[{\"name\":\"Bash\"},{\"name\":"
    "\"Read\"}],\"max_tokens\":32000,\"stream\":true}";
static const char answer[] = "event: message_start\ndata: {}\n\n";

static int64_t begin(struct journal *j, const char *session, const char *body, size_t len)
{
    struct call c;
    call_init(&c);
    int64_t id = c.id = journal_next_id(j);
    c.started_at = clock_wall_ms();
    c.session_id = xstrdup(session);
    c.method = xstrdup("POST");
    c.path = xstrdup("/v1/messages?beta=true");
    struct blob *b = body ? blob_copy(body, len) : NULL;
    journal_begin(j, &c, b, NULL);
    assert_null(c.path); /* taken */
    blob_unref(b);
    call_done(&c);
    return id;
}

static void end(struct journal *j, int64_t id, enum call_state state, const char *body, size_t len)
{
    struct call c;
    call_init(&c);
    c.id = id;
    c.state = state;
    c.status = state == CALL_DONE ? 200 : 529;
    c.usage = (struct usage){
        .in = 100, .cache_read = 2000, .cache_write_5m = 30, .cache_write_1h = 4, .out = 55, .web_searches = -1};
    c.model_served = xstrdup("claude-opus-5-5");
    c.provider_served = xstrdup("anthropic");
    struct blob *b = body ? blob_copy(body, len) : NULL;
    journal_end(j, &c, b, NULL);
    blob_unref(b);
    call_done(&c);
}

static void check_body(struct db *db, int64_t id, enum body_kind kind, const char *want, size_t len)
{
    struct err e = {""};
    struct buf got;
    buf_init(&got);
    if (bodies_read(db, id, kind, &got, &e) != 0)
        fail_msg("body of call %" PRId64 ": %s", id, e.text);
    assert_int_equal(got.len, len);
    assert_memory_equal(got.data, want, len);
    buf_done(&got);
}

static void test_a_call_is_seen_when_it_begins_and_when_it_ends(void **state)
{
    (void)state;
    struct journal *j = open_journal();
    struct db *db = open_reader();
    int64_t id = begin(j, "s1", request, sizeof request - 1);
    wait_for(db, "SELECT count(*) FROM calls WHERE state = 'open' AND finished_at IS NULL", 1);
    ask_text(db, "SELECT model_asked FROM calls", "claude-opus-5-5");
    ask_text(db, "SELECT model_sent FROM calls", "claude-opus-5-5");
    ask_text(db, "SELECT purpose FROM calls", "main");
    ask_text(db, "SELECT work_dir FROM calls", "/home/u/project");
    assert_int_equal(ask(db, "SELECT bytes_in FROM calls"), sizeof request - 1);
    check_body(db, id, BODY_REQUEST, request, sizeof request - 1);
    end(j, id, CALL_DONE, answer, sizeof answer - 1);
    wait_for(db, "SELECT count(*) FROM calls WHERE state = 'done' AND status = 200 AND finished_at >= started_at", 1);
    assert_int_equal(ask(db, "SELECT tokens_in = 100 AND tokens_cache_read = 2000 AND tokens_cache_write_5m = 30"
                             " AND tokens_cache_write_1h = 4 AND tokens_out = 55 AND duration_ms >= 0"
                             " AND body_state = 'kept' AND NOT has_sent_body AND cost_microusd IS NULL FROM calls"),
                     1);
    check_body(db, id, BODY_RESPONSE, answer, sizeof answer - 1);
    check_body(db, id, BODY_REQUEST, request, sizeof request - 1);
    check_body(db, id, BODY_SENT, request, sizeof request - 1); /* alike */
    journal_close(j);
    db_close(db);
}

/* Made by hand, or there because an older log was put back. */
static void test_a_row_in_the_way_is_replaced(void **state)
{
    (void)state;
    struct journal *j = open_journal();
    struct db *db = open_reader();
    struct err e = {""};
    assert_int_equal(sql_run(db_sqlite(db), "INSERT INTO call(id, state, started_at, session_id) VALUES(1, 'done', 1, 'by hand')", &e), 0);
    int64_t id = begin(j, "s1", request, sizeof request - 1);
    assert_int_equal(id, 1);
    int64_t next = begin(j, "s1", request, sizeof request - 1);
    end(j, id, CALL_DONE, answer, sizeof answer - 1);
    end(j, next, CALL_DONE, answer, sizeof answer - 1);
    wait_for(db, "SELECT count(*) FROM calls WHERE state = 'done' AND session_id = 's1'", 2);
    assert_int_equal(ask(db, "SELECT count(*) FROM calls"), 2);
    struct journal_stats stats;
    int64_t until = clock_mono_us() + LIMIT_US;
    do
        journal_stats(j, &stats);
    while (stats.written_calls < 2 && clock_mono_us() < until && usleep(2000) == 0);
    assert_int_equal(stats.written_calls, 2);
    assert_string_equal(stats.error, "");
    journal_close(j);
    db_close(db);
}

/* A burst is added up before it is written: by session, day, model, provider and minute. */
static void test_calls_of_one_commit_are_counted_each(void **state)
{
    (void)state;
    struct journal *j = open_journal();
    struct db *db = open_reader();
    enum { CALLS = 300 };
    static const char *const all[] = {"s1", "s2", "s3"};
    for (int i = 0; i < CALLS; i++) {
        int64_t id = begin(j, all[i % 3], NULL, 0);
        end(j, id, i % 10 ? CALL_DONE : CALL_ERROR, NULL, 0);
    }
    wait_for(db, "SELECT count(*) FROM call WHERE state != 'open'", CALLS);
    assert_int_equal(ask(db, "SELECT sum(calls) = 300 AND sum(errors) = 30 AND sum(tokens_out) = 300 * 55 FROM session"), 1);
    assert_int_equal(ask(db, "SELECT count(*) FROM session WHERE calls = 100 AND errors = 10 AND tokens_cache_read = 200000"), 3);
    assert_int_equal(ask(db, "SELECT sum(calls) = 300 AND sum(tokens_in) = 30000 FROM day_sum"), 1);
    assert_int_equal(ask(db, "SELECT sum(calls) = 300 AND sum(errors) = 30 FROM minute_sum"), 1);
    assert_int_equal(ask(db, "SELECT count(*) FROM session s WHERE first_at = (SELECT min(started_at) FROM call c WHERE c.session_id = s.session_id)"
                             " AND last_at = (SELECT max(finished_at) FROM call c WHERE c.session_id = s.session_id)"),
                     3);
    journal_close(j);
    db_close(db);
}

static void test_what_was_sent_instead_is_kept_beside(void **state)
{
    (void)state;
    struct journal *j = open_journal();
    struct call c;
    call_init(&c);
    c.id = journal_next_id(j);
    const char *sent = "{\"model\":\"claude-sonnet-5\",\"messages\":[]}";
    struct blob *b = blob_copy(request, sizeof request - 1);
    struct blob *s = blob_copy(sent, strlen(sent));
    journal_begin(j, &c, b, s);
    blob_unref(b);
    blob_unref(s);
    journal_close(j);
    struct db *db = open_reader();
    ask_text(db, "SELECT model_sent FROM calls", "claude-sonnet-5");
    ask_text(db, "SELECT model_asked FROM calls", "claude-opus-5-5");
    assert_int_equal(ask(db, "SELECT has_sent_body FROM calls"), 1);
    check_body(db, 1, BODY_SENT, sent, strlen(sent));
    check_body(db, 1, BODY_REQUEST, request, sizeof request - 1);
    db_close(db);
}

static void test_sums_are_in_the_same_commit(void **state)
{
    (void)state;
    struct journal *j = open_journal();
    for (int i = 0; i < 500; i++) {
        int64_t id = begin(j, i % 2 ? "odd" : "even", request, sizeof request - 1);
        end(j, id, i % 5 ? CALL_DONE : CALL_ERROR, answer, sizeof answer - 1);
    }
    struct db *db = open_reader();
    wait_for(db, "SELECT sum(calls) = (SELECT count(*) FROM calls) FROM sessions", 1);
    wait_for(db, "SELECT sum(calls) FROM day_sum", 500);
    assert_int_equal(ask(db, "SELECT sum(errors) FROM day_sum"), 100);
    assert_int_equal(ask(db, "SELECT sum(tokens_out) FROM minute_sum"), 500 * 55);
    assert_int_equal(ask(db, "SELECT sum(unpriced_calls) FROM session"), 500);
    assert_int_equal(ask(db, "SELECT calls FROM sessions WHERE session_id = 'odd'"), 250);
    assert_int_equal(ask(db, "SELECT context_tokens FROM sessions WHERE session_id = 'odd'"), 2134);
    ask_text(db, "SELECT DISTINCT model || provider FROM day_sum", "claude-opus-5-5anthropic");
    assert_int_equal(ask(db, "SELECT count(DISTINCT blk) < 40 FROM piece"), 1); /* gathered */
    /* Readers see a commit a moment before its writer has counted it. */
    struct journal_stats stats;
    int64_t until = clock_mono_us() + LIMIT_US;
    do {
        journal_stats(j, &stats);
    } while (stats.written_calls < 500 && clock_mono_us() < until);
    assert_int_equal(stats.written_calls, 500);
    assert_int_equal(stats.queue_bytes, 0);
    assert_string_equal(stats.error, "");
    journal_close(j);
    db_close(db);
}

static void test_a_title_call_names_the_session(void **state)
{
    (void)state;
    static const char ask_title[] =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[],\"output_config\":{"
        "\"format\":"
        "{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\",\"properties\":{\"title\":{\"type\":\"string\"}}}}},"
        "\"stream\":true}";
    static const char title[] =
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":"
        "\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
        "\"delta\":{\"type\":\"text_delta\",\"text\":\"{\\\"title\\\": \\\"Fix the parser\\\"}\"}}\n\n"
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    struct journal *j = open_journal();
    int64_t main_call = begin(j, "s1", request, sizeof request - 1);
    int64_t id = begin(j, "s1", ask_title, sizeof ask_title - 1);
    end(j, id, CALL_DONE, title, sizeof title - 1);
    end(j, main_call, CALL_DONE, answer, sizeof answer - 1);
    journal_close(j);
    struct db *db = open_reader();
    ask_text(db, "SELECT title FROM sessions", "Fix the parser");
    ask_text(db, "SELECT session_title FROM calls WHERE id = 1", "Fix the parser");
    ask_text(db, "SELECT purpose FROM calls WHERE id = 2", "title");
    db_close(db);
}

static void test_progress_reaches_readers_and_goes_with_the_end(void **state)
{
    (void)state;
    struct journal *j = open_journal();
    struct db *db = open_reader();
    int64_t id = begin(j, "s1", request, sizeof request - 1);
    journal_progress(j, id, 7, true, 700);
    wait_for(db, "SELECT count(*) FROM calls WHERE live_tokens_out = 7 AND live_is_estimate AND tokens_out = 7", 1);
    journal_progress(j, id, 9, false, 900);
    wait_for(db, "SELECT count(*) FROM calls WHERE live_tokens_out = 9 AND NOT live_is_estimate AND bytes_out = 900",
             1);
    journal_progress(j, id, 10, false, 1000);
    end(j, id, CALL_ABORTED, NULL, 0);
    journal_progress(j, id, 11, false, 1100); /* too late: says nothing */
    wait_for(db, "SELECT count(*) FROM calls WHERE state = 'aborted' AND tokens_out = 55", 1);
    journal_close(j);
    assert_int_equal(ask(db, "SELECT count(*) FROM progress"), 0);
    db_close(db);
}

static void test_bytes_sent_again_after_an_error_are_a_retry(void **state)
{
    (void)state;
    struct journal *j = open_journal();
    end(j, begin(j, "s1", request, sizeof request - 1), CALL_ERROR, NULL, 0);
    end(j, begin(j, "s1", request, sizeof request - 1), CALL_DONE, NULL, 0); /* the retry */
    end(j, begin(j, "s1", request, sizeof request - 1), CALL_DONE, NULL, 0); /* the first came through: none */
    journal_close(j);
    struct db *db = open_reader();
    assert_int_equal(ask(db, "SELECT sum(is_retry) = 1 AND sum(is_retry * id) = 2 FROM calls"), 1);
    assert_int_equal(ask(db, "SELECT sum(retries) FROM day_sum"), 1);
    db_close(db);
}

static void test_no_bodies_are_kept_when_told_so(void **state)
{
    (void)state;
    options.keep_bodies = false;
    struct journal *j = open_journal();
    end(j, begin(j, "s1", request, sizeof request - 1), CALL_DONE, answer, sizeof answer - 1);
    journal_close(j);
    struct db *db = open_reader();
    ask_text(db, "SELECT body_state FROM calls", "off");
    ask_text(db, "SELECT purpose FROM calls", "main");
    assert_int_equal(ask(db, "SELECT count(*) FROM piece"), 0);
    struct err e = {""};
    struct buf out;
    buf_init(&out);
    assert_int_equal(bodies_read(db, 1, BODY_REQUEST, &out, &e), 1);
    assert_non_null(strstr(e.text, "--no-bodies"));
    assert_int_equal(bodies_read(db, 77, BODY_REQUEST, &out, &e), 1);
    assert_non_null(strstr(e.text, "no call 77"));
    buf_done(&out);
    db_close(db);
}

static void test_a_clean_end_hands_the_next_id_on(void **state)
{
    (void)state;
    struct journal *j = open_journal();
    assert_int_equal(journal_next_id(j), 1);
    assert_int_equal(journal_next_id(j), 2);
    journal_close(j);
    j = open_journal();
    assert_int_equal(journal_next_id(j), 3);
    journal_close(j);
}

static void test_ids_go_on_beyond_a_block(void **state)
{
    (void)state;
    struct journal *j = open_journal();
    int64_t last = 0;
    int64_t until = clock_mono_us() + LIMIT_US;
    while (last < 40000 && clock_mono_us() < until) {
        int64_t id = journal_next_id(j);
        if (id == 0)
            continue; /* faster than the disk; a gateway would carry the call without a row */
        assert_int_equal(id, last + 1);
        last = id;
    }
    assert_int_equal(last, 40000);
    journal_close(j);
}

/* ---- Death of the gateway -------------------------------------------------------- */

/* A gateway that ends 20 calls, leaves 3 open, says so, and waits to be killed. */
static void child_works(int told)
{
    struct journal *j = open_journal();
    int64_t open_ids[3];
    for (int i = 0; i < 3; i++)
        open_ids[i] = begin(j, "open", request, sizeof request - 1);
    journal_progress(j, open_ids[0], 12, false, 345);
    int64_t newest = 0;
    for (int i = 0; i < 20; i++) {
        newest = begin(j, "done", request, sizeof request - 1);
        end(j, newest, CALL_DONE, answer, sizeof answer - 1);
    }
    newest = journal_next_id(j); /* handed out, never written */
    /* The promise is 200 ms; this is when it counts from. */
    usleep(200000);
    if (write(told, &newest, sizeof newest) != sizeof newest)
        _exit(1);
    for (;;) /* busy when it dies */
        end(j, begin(j, "more", request, sizeof request - 1), CALL_DONE, answer, sizeof answer - 1);
}

static int64_t run_and_kill(void)
{
    int fds[2];
    int64_t newest = 0;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        child_works(fds[1]);
    }
    close(fds[1]);
    ssize_t got = read(fds[0], &newest, sizeof newest);
    usleep(20000);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(fds[0]);
    assert_int_equal(got, sizeof newest);
    return newest;
}

static void test_kill_loses_nothing_that_was_promised(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        int64_t newest = run_and_kill();
        struct err e = {""};
        struct db *early = db_open(path, DB_READ, &e); /* a reader may come before the next gateway */
        if (!early)
            fail_msg("%s", e.text);
        assert_true(ask(early, "SELECT count(*) FROM calls") >= 23 * (round + 1));
        db_close(early);
        struct journal *j = open_journal();
        int64_t next = journal_next_id(j);
        assert_true(next > newest);
        struct db *db = open_reader();
        assert_int_equal(ask(db, "SELECT count(*) FROM calls WHERE state = 'open'"), 0);
        assert_int_equal(ask(db, "SELECT max(id) FROM calls") < next, 1);
        assert_int_equal(ask(db, "SELECT count(*) FROM calls WHERE session_id = 'done' AND state = 'done'"),
                         20 * (round + 1));
        assert_int_equal(ask(db, "SELECT count(*) FROM calls WHERE session_id = 'open' AND state = 'lost'"
                                 " AND finished_at IS NULL"),
                         3 * (round + 1));
        assert_int_equal(ask(db, "SELECT count(*) FROM calls WHERE state = 'lost' AND tokens_out = 12"
                                 " AND bytes_out = 345"),
                         round + 1);
        assert_int_equal(ask(db, "SELECT (SELECT sum(calls) FROM day_sum) = (SELECT count(*) FROM calls)"), 1);
        assert_int_equal(ask(db, "SELECT (SELECT sum(calls) FROM session) = (SELECT count(*) FROM calls)"), 1);
        ask_text(db, "PRAGMA integrity_check", "ok");
        int64_t id = ask(db, "SELECT max(id) FROM calls WHERE session_id = 'done'");
        check_body(db, id, BODY_REQUEST, request, sizeof request - 1);
        check_body(db, id, BODY_RESPONSE, answer, sizeof answer - 1);
        db_close(db);
        journal_close(j);
    }
}

/* ---- A disk that does not take it --------------------------------------------------- */

static void test_calls_wait_while_another_program_locks_the_log(void **state)
{
    (void)state;
    struct journal *j = open_journal();
    struct db *db = open_reader();
    struct err e;
    struct journal_stats stats;
    assert_int_equal(sql_run(db_sqlite(db), "BEGIN IMMEDIATE", &e), 0);
    for (int i = 0; i < 10; i++)
        end(j, begin(j, "s", request, sizeof request - 1), CALL_DONE, answer, sizeof answer - 1);
    int64_t until = clock_mono_us() + LIMIT_US;
    do {
        usleep(2000);
        journal_stats(j, &stats);
    } while (!stats.error[0] && clock_mono_us() < until);
    assert_non_null(strstr(stats.error, "locked"));
    assert_true(stats.queue_bytes > 0);
    assert_int_equal(sql_run(db_sqlite(db), "COMMIT", &e), 0);
    wait_for(db, "SELECT count(*) FROM calls WHERE state = 'done'", 10);
    wait_for(db, "SELECT sum(calls) FROM day_sum", 10);
    until = clock_mono_us() + LIMIT_US;
    do {
        usleep(2000);
        journal_stats(j, &stats);
    } while (stats.error[0] && clock_mono_us() < until);
    assert_string_equal(stats.error, "");
    assert_int_equal(stats.queue_bytes, 0);
    assert_int_equal(stats.dropped_rows + stats.dropped_bodies, 0);
    journal_close(j);
    db_close(db);
}

static void test_ids_outlast_a_disk_that_stands_still_for_long(void **state)
{
    (void)state;
    struct journal *j = open_journal();
    struct db *db = open_reader();
    struct err e;
    struct journal_stats stats;
    end(j, begin(j, "s", NULL, 0), CALL_DONE, NULL, 0);
    wait_for(db, "SELECT count(*) FROM calls WHERE state = 'done'", 1);
    assert_int_equal(sql_run(db_sqlite(db), "BEGIN IMMEDIATE", &e), 0);
    for (int64_t last = 1; last < 12000; last++) {
        int64_t id = begin(j, "s", NULL, 0);
        assert_int_equal(id, last + 1);
        end(j, id, CALL_DONE, NULL, 0);
    }
    assert_int_equal(sql_run(db_sqlite(db), "COMMIT", &e), 0);
    journal_stats(j, &stats);
    assert_int_equal(stats.dropped_rows, 0);
    wait_for(db, "SELECT count(*) FROM calls WHERE state = 'done'", 12000);
    journal_close(j);
    db_close(db);
}

/* All that the old log can say of the calls is in the file that was moved. */
static void test_a_log_moved_away_is_begun_anew(void **state)
{
    (void)state;
    char moved[160];
    struct journal_stats stats;
    struct journal *j = open_journal();
    struct db *db = open_reader();
    int64_t done = begin(j, "s", request, sizeof request - 1);
    end(j, done, CALL_DONE, answer, sizeof answer - 1);
    int64_t open = begin(j, "s", request, sizeof request - 1);
    wait_for(db, "SELECT count(*) FROM calls", 2);
    snprintf(moved, sizeof moved, "%s.moved", path);
    assert_int_equal(rename(path, moved), 0);
    db_close(db);
    end(j, begin(j, "s", request, sizeof request - 1), CALL_DONE, answer, sizeof answer - 1);
    int64_t until = clock_mono_us() + LIMIT_US;
    do {
        usleep(5000);
        journal_stats(j, &stats);
    } while (!stats.notice[0] && clock_mono_us() < until);
    assert_non_null(strstr(stats.notice, path));
    assert_int_equal(stats.logs, 1);
    db = open_reader();
    end(j, open, CALL_DONE, answer, sizeof answer - 1);
    wait_for(db, "SELECT count(*) FROM calls WHERE state = 'done'", 2);
    wait_for(db, "SELECT calls FROM session", 2);
    wait_for(db, "SELECT sum(calls) FROM day_sum", 2);
    assert_int_equal(ask(db, "SELECT min(id) FROM calls"), open);
    ask_text(db, "SELECT body_state FROM calls ORDER BY id LIMIT 1", "dropped");
    check_body(db, open, BODY_RESPONSE, answer, sizeof answer - 1);
    db_close(db);
    journal_close(j);
    assert_int_equal(rename(moved, path), 0);
    db = open_reader();
    check_body(db, done, BODY_REQUEST, request, sizeof request - 1);
    db_close(db);
}

struct other_user {
    atomic_int asked;
    atomic_int logs;
    pthread_t thread;
};

/* Fails, then is not done yet, then is. */
static int open_other_log(void *arg, int64_t logs, struct err *e)
{
    struct other_user *u = arg;
    u->thread = pthread_self();
    atomic_store(&u->logs, (int)logs);
    int asked = atomic_fetch_add(&u->asked, 1);
    return asked < 2 ? err_set(e, "no file can be opened") : asked < 3;
}

static void test_who_has_the_log_open_is_told_until_all_is_well(void **state)
{
    (void)state;
    char moved[160];
    struct journal_stats stats;
    struct other_user user = {0};
    bool was_told = false;
    options.on_other_log = open_other_log;
    options.on_other_log_arg = &user;
    struct journal *j = open_journal();
    end(j, begin(j, "s", NULL, 0), CALL_DONE, NULL, 0);
    snprintf(moved, sizeof moved, "%s.moved", path);
    assert_int_equal(rename(path, moved), 0);
    int64_t until = clock_mono_us() + LIMIT_US;
    do {
        usleep(5000);
        journal_stats(j, &stats);
        was_told = was_told || strstr(stats.error, "no file can be opened");
    } while ((atomic_load(&user.asked) < 4 || stats.error[0]) && clock_mono_us() < until);
    assert_true(was_told);
    assert_string_equal(stats.error, "");
    assert_int_equal(stats.logs, 1);
    assert_int_equal(atomic_load(&user.logs), 1);
    journal_close(j);
    assert_int_equal(atomic_load(&user.asked), 4); /* and then no more */
    assert_false(pthread_equal(user.thread, pthread_self()));
}

static void test_bodies_are_dropped_before_rows(void **state)
{
    (void)state;
    enum { CALLS = 40, SIZE = 200000 };
    options.queue_max_bytes = 10 * SIZE;
    struct journal *j = open_journal();
    struct db *db = open_reader();
    struct err e;
    char *big = xmalloc(SIZE);
    memset(big, 'x', SIZE);
    assert_int_equal(sql_run(db_sqlite(db), "BEGIN IMMEDIATE", &e), 0);
    for (int i = 0; i < CALLS; i++)
        end(j, begin(j, "s", big, SIZE), CALL_DONE, NULL, 0);
    struct journal_stats stats;
    journal_stats(j, &stats);
    assert_int_equal(stats.dropped_rows, 0);
    assert_true(stats.dropped_bodies > CALLS / 2 && stats.dropped_bodies < CALLS);
    assert_true(stats.queue_bytes < 12 * SIZE);
    assert_int_equal(sql_run(db_sqlite(db), "COMMIT", &e), 0);
    wait_for(db, "SELECT count(*) FROM calls WHERE state = 'done'", CALLS);
    assert_int_equal(ask(db, "SELECT count(*) FROM calls WHERE body_state = 'dropped'"), stats.dropped_bodies);
    check_body(db, 1, BODY_REQUEST, big, SIZE);
    journal_close(j);
    free(big);
    db_close(db);
}

static void test_rows_are_dropped_whole_and_counted(void **state)
{
    (void)state;
    options.queue_max_bytes = 1;
    struct journal *j = open_journal();
    struct db *db = open_reader();
    struct err e;
    struct journal_stats stats;
    assert_int_equal(sql_run(db_sqlite(db), "BEGIN IMMEDIATE", &e), 0);
    int64_t begun = 0;
    do { /* until a row finds no room */
        int64_t id = begin(j, "s", NULL, 0);
        begun++;
        end(j, id, CALL_DONE, NULL, 0);
        journal_stats(j, &stats);
    } while (stats.dropped_rows < 10 && begun < 1000000);
    assert_int_equal(stats.dropped_rows, 10);
    assert_int_equal(sql_run(db_sqlite(db), "COMMIT", &e), 0);
    wait_for(db, "SELECT count(*) FROM calls WHERE state = 'done'", begun - 10);
    assert_int_equal(ask(db, "SELECT count(*) FROM calls WHERE state = 'open'"), 0);
    journal_close(j);
    db_close(db);
}

static void test_a_log_damaged_inside_is_refused_at_start(void **state)
{
    (void)state;
    struct err e = {""};
    struct journal *j = open_journal();
    for (int i = 0; i < 200; i++)
        begin(j, "s", NULL, 0);
    journal_close(j);
    struct db *db = open_reader();
    int64_t root = ask(db, "SELECT rootpage FROM sqlite_schema WHERE name = 'call'");
    db_close(db);
    FILE *f = fopen(path, "r+"); /* nobody has it open now */
    assert_non_null(f);
    assert_int_equal(fseek(f, (long)(root - 1) * 4096, SEEK_SET), 0);
    for (int i = 0; i < 4096; i++)
        fputc(0xa5, f);
    fclose(f);
    assert_null(journal_open(&options, &e));
    if (!strstr(e.text, "is damaged"))
        fail_msg("%s", e.text);
}

/* Files may not grow: what a full disk does, without one. */
static void let_files_grow_to(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_writing_resumes_when_the_disk_takes_it_again(void **state)
{
    (void)state;
    struct rlimit before;
    struct journal_stats stats;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct journal *j = open_journal();
    struct db *db = open_reader();
    end(j, begin(j, "s", request, sizeof request - 1), CALL_DONE, answer, sizeof answer - 1);
    wait_for(db, "SELECT count(*) FROM calls WHERE state = 'done'", 1);
    let_files_grow_to(4096);
    for (int i = 0; i < 10; i++)
        end(j, begin(j, "s", request, sizeof request - 1), CALL_DONE, answer, sizeof answer - 1);
    int64_t until = clock_mono_us() + LIMIT_US;
    do {
        usleep(2000);
        journal_stats(j, &stats);
    } while (!stats.error[0] && clock_mono_us() < until);
    let_files_grow_to(before.rlim_cur);
    assert_true(stats.error[0] != '\0');
    wait_for(db, "SELECT count(*) FROM calls WHERE state = 'done'", 11);
    assert_int_equal(ask(db, "SELECT sum(calls) FROM day_sum"), 11);
    check_body(db, 11, BODY_RESPONSE, answer, sizeof answer - 1);
    ask_text(db, "PRAGMA integrity_check", "ok");
    journal_close(j);
    db_close(db);
}

/* The index of calls that have given up their bodies, and one call that is not in the index yet. */
static void make_old_index(void)
{
    struct err e = {""};
    struct db *db = db_open(path, DB_CREATE, &e);
    if (!db || search_schema_add_gen(db_sqlite(db), 1, 1, &e) != 0 || search_schema_add_gen(db_sqlite(db), 2, 3, &e) != 0 ||
        sql_run(db_sqlite(db), "UPDATE meta SET value = 3 WHERE key = 'bodies_gone_to'", &e) != 0 ||
        sql_run(db_sqlite(db), "INSERT INTO call(id, state, started_at, body_state) VALUES(3, 'done', 1000, 'kept')", &e) != 0 ||
        sql_run(db_sqlite(db), "INSERT INTO search_todo VALUES(3)", &e) != 0)
        fail_msg("%s", e.text);
    db_close(db);
}

static void test_an_old_index_goes_from_a_full_disk(void **state)
{
    (void)state;
    struct rlimit before;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    make_old_index();
    let_files_grow_to(2 << 20); /* enough for the log, too little for its reserve */
    struct journal *j = open_journal();
    struct db *db = open_reader();
    wait_for(db, "SELECT count(*) FROM search_gen", 1);
    assert_int_equal(ask(db, "SELECT count(*) FROM search_todo"), 1); /* what takes room waits */
    let_files_grow_to(before.rlim_cur);
    wait_for(db, "SELECT count(*) FROM search_todo", 0);
    journal_close(j);
    db_close(db);
}

static void test_the_write_ahead_log_stays_short(void **state)
{
    (void)state;
    enum { SIZE = 400000, CALLS = 200 }; /* 80 MB that cannot be packed */
    struct journal *j = open_journal();
    char *noise = xmalloc(SIZE);
    uint64_t seed = 1;
    char name[160];
    snprintf(name, sizeof name, "%s-wal", path);
    struct db *db = open_reader();
    for (int i = 0; i < CALLS; i++) {
        for (int k = 0; k < SIZE; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            noise[k] = (char)(seed >> 33);
        }
        end(j, begin(j, "s", NULL, 0), CALL_DONE, noise, SIZE);
    }
    wait_for(db, "SELECT count(*) FROM calls WHERE state = 'done'", CALLS);
    struct stat st;
    assert_int_equal(stat(name, &st), 0); /* never open(): closing would drop SQLite's locks */
    if (st.st_size > (off_t)64 << 20)
        fail_msg("the write-ahead log has %lld bytes", (long long)st.st_size);
    check_body(db, CALLS, BODY_RESPONSE, noise, SIZE);
    free(noise);
    journal_close(j);
    db_close(db);
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, tmpdir_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_a_call_is_seen_when_it_begins_and_when_it_ends),
        WITH_DIR(test_a_row_in_the_way_is_replaced),
        WITH_DIR(test_calls_of_one_commit_are_counted_each),
        WITH_DIR(test_what_was_sent_instead_is_kept_beside),
        WITH_DIR(test_sums_are_in_the_same_commit),
        WITH_DIR(test_a_title_call_names_the_session),
        WITH_DIR(test_progress_reaches_readers_and_goes_with_the_end),
        WITH_DIR(test_bytes_sent_again_after_an_error_are_a_retry),
        WITH_DIR(test_no_bodies_are_kept_when_told_so),
        WITH_DIR(test_a_clean_end_hands_the_next_id_on),
        WITH_DIR(test_ids_go_on_beyond_a_block),
        WITH_DIR(test_kill_loses_nothing_that_was_promised),
        WITH_DIR(test_calls_wait_while_another_program_locks_the_log),
        WITH_DIR(test_ids_outlast_a_disk_that_stands_still_for_long),
        WITH_DIR(test_a_log_moved_away_is_begun_anew),
        WITH_DIR(test_who_has_the_log_open_is_told_until_all_is_well),
        WITH_DIR(test_bodies_are_dropped_before_rows),
        WITH_DIR(test_rows_are_dropped_whole_and_counted),
        WITH_DIR(test_a_log_damaged_inside_is_refused_at_start),
        WITH_DIR(test_writing_resumes_when_the_disk_takes_it_again),
        WITH_DIR(test_an_old_index_goes_from_a_full_disk),
        WITH_DIR(test_the_write_ahead_log_stays_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
