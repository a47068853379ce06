/* Respan's figures come after the calls: rows and sums must agree all the same. */
#include "tests/unit/log/tmplog.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "log/amend.h"
#include "log/journal.h"

#define LIMIT_US ((int64_t)15000000) /* to fail, not to measure */

static struct catalog *catalog;
static struct journal *journal;

static void open_journal(void)
{
    struct err e = {""};
    struct journal_options o = {.path = tmplog_path, .catalog = catalog};
    journal = journal_open(&o, &e);
    if (!journal)
        fail_msg("%s", e.text);
}

static int set_up(void **state)
{
    struct err e = {""};
    if (tmplog_open(state) != 0)
        return -1;
    catalog = catalog_load(NULL, NULL, &e);
    open_journal();
    return 0;
}

static int tear_down(void **state)
{
    journal_close(journal);
    journal = NULL;
    catalog_free(catalog);
    return tmplog_close(state);
}

/* All that waits is committed. */
static void close_journal(void)
{
    journal_close(journal);
    journal = NULL;
}

static void wait_committed(int64_t calls)
{
    struct journal_stats s;
    int64_t until = clock_mono_us() + LIMIT_US;
    for (journal_stats(journal, &s); s.written_calls < calls; journal_stats(journal, &s)) {
        if (clock_mono_us() > until)
            fail_msg("only %" PRId64 " of %" PRId64 " calls written: %s", s.written_calls, calls, s.error);
        usleep(2000);
    }
}

struct plan {
    const char *session;
    const char *model; /* served; NULL: the answer names none */
    const char *provider;
    enum call_state state;
    bool has_usage;
};

static int64_t begin(const struct plan *p)
{
    struct call c;
    call_init(&c);
    int64_t id = c.id = journal_next_id(journal);
    c.started_at = clock_wall_ms();
    c.session_id = xstrdup(p->session);
    c.model_asked = xstrdup("claude-opus-5-5");
    c.has_purpose = true;
    c.purpose = PURPOSE_MAIN;
    journal_begin(journal, &c, NULL, NULL);
    return id;
}

static void end(int64_t id, const struct plan *p)
{
    struct call c;
    call_init(&c);
    c.id = id;
    c.state = p->state;
    c.model_served = xstrdup(p->model);
    c.provider_served = xstrdup(p->provider);
    if (p->has_usage)
        c.usage = (struct usage){1000, 20000, 300, 40, 500, -1, 0};
    c.ttft_ms = 70;
    journal_end(journal, &c, NULL, NULL);
}

static int64_t call_whole(const struct plan *p)
{
    int64_t id = begin(p);
    end(id, p);
    return id;
}

static void amend(int64_t id, int64_t cost, const char *provider)
{
    struct amend a;
    amend_init(&a);
    a.cost_microusd = cost;
    a.provider_served = xstrdup(provider);
    a.respan_cache = 0;
    journal_amend(journal, id, &a);
    assert_null(a.provider_served); /* taken */
}

static const struct plan usual = {"s1", "claude-opus-5-5", NULL, CALL_DONE, true};

/* What the rows say against what was summed up; each gives no row when they agree. */
static void check_sums(void)
{
#define FIGURES(of)                                                                                                    \
    of "calls, " of "errors, " of "retries, " of "tokens_in, " of "tokens_cache_read, " of "tokens_cache_write_5m, " of \
       "tokens_cache_write_1h, " of "tokens_out, " of "cost_microusd, " of "unpriced_calls, " of "cache_breaks, " of   \
       "cache_break_microusd, " of "ttft_count, " of "ttft_sum_ms"
#define FROM_ROWS                                                                                                      \
    "count(*), sum(state = 'error'), sum(is_retry), sum(ifnull(tokens_in, 0)), sum(ifnull(tokens_cache_read, 0)),"     \
    " sum(ifnull(tokens_cache_write_5m, 0)), sum(ifnull(tokens_cache_write_1h, 0)), sum(ifnull(tokens_out, 0)),"       \
    " sum(ifnull(cost_microusd, 0)), sum(cost_microusd IS NULL AND tokens_in IS NOT NULL),"                            \
    " sum(cache_break IS NOT NULL), sum(ifnull(cache_break_microusd, 0)), sum(ttft_ms IS NOT NULL),"                   \
    " sum(ifnull(ttft_ms, 0)) FROM call WHERE state <> 'open'"
#define MODEL "coalesce(model_served, model_sent, model_asked)"
    static const char *const both[][2] = {
        {"SELECT session_id, " FIGURES("") " FROM session WHERE calls > 0", "SELECT session_id, " FROM_ROWS " GROUP BY 1"},
        {"SELECT session_id, model, provider, purpose, " FIGURES("") " FROM day_sum",
         "SELECT session_id, " MODEL ", ifnull(provider_served, ''), purpose, " FROM_ROWS " GROUP BY 1, 2, 3, 4"},
        {"SELECT minute, model, provider, " FIGURES("") " FROM minute_sum",
         "SELECT finished_at / 60000, " MODEL ", ifnull(provider_served, ''), " FROM_ROWS " GROUP BY 1, 2, 3"},
    };
    for (size_t i = 0; i < sizeof both / sizeof *both; i++) {
        char sql[4096];
        for (int turn = 0; turn < 2; turn++) {
            snprintf(sql, sizeof sql, "SELECT * FROM (%s) EXCEPT SELECT * FROM (%s)", both[i][turn], both[i][!turn]);
            const char *rows = tmplog_rows(sql);
            if (rows[0])
                fail_msg("%s that the other side has not: %s\n%s", turn ? "rows" : "sums", rows, sql);
        }
    }
}

static void test_a_committed_call_is_amended_with_its_sums(void **state)
{
    (void)state;
    int64_t id = call_whole(&usual);
    wait_committed(1);
    int64_t catalog_cost = tmplog_int("SELECT cost_microusd FROM calls WHERE cost_source = 'catalog'");
    assert_true(catalog_cost > 0);
    amend(id, catalog_cost + 5000, "vertex_ai");
    close_journal();
    assert_int_equal(tmplog_int("SELECT cost_microusd FROM calls"), catalog_cost + 5000);
    assert_int_equal(tmplog_int("SELECT cost_catalog_microusd FROM calls"), catalog_cost);
    assert_string_equal(tmplog_rows("SELECT cost_source, provider_served, respan_cache FROM calls"),
                        "respan|vertex_ai|miss");
    assert_string_equal(tmplog_rows("SELECT provider FROM day_sum UNION ALL SELECT provider FROM minute_sum"
                                    " UNION ALL SELECT provider FROM sessions"),
                        "vertex_ai;vertex_ai;vertex_ai");
    assert_int_equal(tmplog_int("SELECT cost_microusd FROM sessions"), catalog_cost + 5000);
    check_sums();
}

static void test_a_call_still_in_the_queue_is_amended_too(void **state)
{
    (void)state;
    /* Held back by another writer, the call's own row cannot be committed first. */
    tmplog_run("BEGIN IMMEDIATE");
    int64_t id = call_whole(&usual);
    amend(id, 77, "bedrock");
    tmplog_run("COMMIT");
    close_journal();
    assert_string_equal(tmplog_rows("SELECT cost_microusd, cost_source, provider_served, cost_differs FROM calls"),
                        "77|respan|bedrock|1");
    assert_int_equal(tmplog_int("SELECT count(*) FROM day_sum"), 1);
    check_sums();
}

static void test_more_than_one_percent_apart_is_marked(void **state)
{
    (void)state;
    call_whole(&usual);
    wait_committed(1);
    int64_t cost = tmplog_int("SELECT cost_microusd FROM calls");
    const struct {
        int64_t respan;
        int differs;
    } table[] = {{cost, 0}, {cost + cost / 100, 0}, {cost + cost / 50, 1}, {cost - cost / 50, 1}, {0, 1}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        amend(call_whole(&usual), table[i].respan, NULL);
    close_journal();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char sql[96];
        snprintf(sql, sizeof sql, "SELECT cost_differs FROM calls WHERE id = %zu", i + 2);
        if (tmplog_int(sql) != table[i].differs)
            fail_msg("Respan %" PRId64 ", catalog %" PRId64 ": expected %d", table[i].respan, cost, table[i].differs);
    }
    check_sums();
}

static void test_an_answer_from_respans_cache_is_no_difference(void **state)
{
    (void)state;
    struct amend a;
    struct logrow row = {.cost_microusd = 0, .model = "respan/cache", .provider = "anthropic", .cache_hit = 1,
                         .credits_left_microusd = INT64_MIN};
    int64_t id = call_whole(&(struct plan){"s1", NULL, NULL, CALL_DONE, true});
    amend_from_row(&a, &row);
    journal_amend(journal, id, &a);
    close_journal();
    assert_string_equal(tmplog_rows("SELECT respan_cache, cost_differs, cost_microusd, ifnull(model_served, '-') FROM calls"),
                        "hit|0|0|-");
    check_sums();
}

static void test_what_the_row_leaves_out_stays(void **state)
{
    (void)state;
    struct amend a;
    struct logrow row = {.cost_microusd = -1, .cache_hit = -1, .credits_left_microusd = INT64_MIN};
    int64_t id = call_whole(&(struct plan){"s1", "claude-opus-5-5", "anthropic", CALL_DONE, true});
    wait_committed(1);
    amend_from_row(&a, &row);
    journal_amend(journal, id, &a);
    close_journal();
    assert_string_equal(tmplog_rows("SELECT cost_source, provider_served, respan_cache, cost_catalog_microusd FROM calls"),
                        "catalog|anthropic|-|-");
    assert_int_equal(tmplog_int("SELECT count(*) FROM setting"), 0);
    check_sums();
}

static void test_an_unknown_served_model_is_filled_and_counted(void **state)
{
    (void)state;
    struct amend a;
    struct logrow row = {.cost_microusd = 12, .model = "claude-sonnet-5", .cache_hit = 0, .credits_left_microusd = INT64_MIN};
    int64_t id = call_whole(&(struct plan){"s1", NULL, NULL, CALL_ABORTED, true});
    wait_committed(1);
    amend_from_row(&a, &row);
    journal_amend(journal, id, &a);
    close_journal();
    assert_string_equal(tmplog_rows("SELECT model_served FROM calls"), "claude-sonnet-5");
    assert_string_equal(tmplog_rows("SELECT model FROM day_sum"), "claude-sonnet-5");
    assert_string_equal(tmplog_rows("SELECT model FROM minute_sum"), "claude-sonnet-5");
    check_sums();
}

static void test_an_unpriced_call_gets_its_price(void **state)
{
    (void)state;
    int64_t id = call_whole(&(struct plan){"s1", "nobody-knows-1", NULL, CALL_DONE, true});
    wait_committed(1);
    assert_int_equal(tmplog_int("SELECT unpriced_calls FROM sessions"), 1);
    amend(id, 4321, "azure");
    close_journal();
    assert_string_equal(tmplog_rows("SELECT unpriced_calls, cost_microusd FROM sessions"), "0|4321");
    assert_string_equal(tmplog_rows("SELECT cost_catalog_microusd, cost_differs FROM calls"), "-|0");
    check_sums();
}

static void tell_credits(int64_t id, int64_t left)
{
    struct amend a;
    amend_init(&a);
    a.credits_left_microusd = left;
    journal_amend(journal, id, &a);
}

static void test_the_newest_calls_credits_are_the_last_word(void **state)
{
    (void)state;
    int64_t first = call_whole(&usual);
    int64_t second = call_whole(&usual);
    tell_credits(second, 41000000);
    tell_credits(first, 42000000); /* an older moment, found later */
    close_journal();
    assert_string_equal(tmplog_rows("SELECT value FROM setting WHERE key = 'credits_left_microusd'"), "41000000");
    assert_true(tmplog_int("SELECT value FROM setting WHERE key = 'credits_left_at'") > 1500000000000);
}

static void test_a_call_without_a_row_is_left_alone(void **state)
{
    (void)state;
    amend(77, 5, "anthropic");
    amend(0, 5, "anthropic");
    close_journal();
    assert_int_equal(tmplog_int("SELECT count(*) FROM call"), 0);
    assert_int_equal(tmplog_int("SELECT count(*) FROM day_sum"), 0);
}

static void test_any_order_gives_the_same_sums(void **state)
{
    (void)state;
    static const char *const sessions[] = {"s1", "s2", "s3"};
    static const char *const models[] = {"claude-opus-5-5", "claude-sonnet-5", "nobody-knows-1", NULL};
    static const char *const providers[] = {NULL, "anthropic", "vertex_ai", "bedrock"};
    unsigned dice = 12345;
    int64_t ids[400];
    for (size_t i = 0; i < 400; i++) {
        dice = dice * 1103515245u + 12345u;
        unsigned d = dice >> 8;
        struct plan p = {sessions[d % 3], models[d / 3 % 4], providers[d / 12 % 4],
                         d / 48 % 5 ? CALL_DONE : CALL_ERROR, d / 240 % 6 != 0};
        ids[i] = call_whole(&p);
        if (i % 5 == 0) /* at once; the others wait until their call is most likely written */
            amend(ids[i], (int64_t)(d % 90000), providers[d / 7 % 4]);
        if (i % 50 == 49)
            wait_committed((int64_t)i + 1);
    }
    for (size_t i = 0; i < 400; i += 2)
        amend(ids[i], (int64_t)(i * 31 % 70000), providers[i / 2 % 4]);
    close_journal();
    assert_int_equal(tmplog_int("SELECT count(*) FROM calls"), 400);
    assert_int_equal(tmplog_int("SELECT count(*) FROM calls WHERE cost_source = 'respan'"), 240);
    assert_int_equal(tmplog_int("SELECT count(*) FROM day_sum WHERE calls <= 0"), 0);
    check_sums();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_committed_call_is_amended_with_its_sums),
        TEST(test_a_call_still_in_the_queue_is_amended_too),
        TEST(test_more_than_one_percent_apart_is_marked),
        TEST(test_an_answer_from_respans_cache_is_no_difference),
        TEST(test_what_the_row_leaves_out_stays),
        TEST(test_an_unknown_served_model_is_filled_and_counted),
        TEST(test_an_unpriced_call_gets_its_price),
        TEST(test_the_newest_calls_credits_are_the_last_word),
        TEST(test_a_call_without_a_row_is_left_alone),
        TEST(test_any_order_gives_the_same_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
