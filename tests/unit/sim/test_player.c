/* The simulator in this process, and the made-up client talking to it. */
#include "tests/unit/test.h"

#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "sim/jsonx.h"
#include "sim/play_http.h"
#include "sim/play_talk.h"
#include "sim/player.h"
#include "sim/sim.h"

#define LIMIT_US 60000000 /* bounds a hang; two noisy cores and a sanitizer stay far below */
#define ROWS 250

static struct sim *start(struct err *e)
{
    struct sim_options o;
    sim_options_init(&o);
    o.speed = 0;
    o.provider_mix = true;
    o.keep_body_bytes = 64 << 20;
    return sim_start(&o, e);
}

/* What a GET of the control interface says. */
static cJSON *look(struct sim *s, const char *path)
{
    struct play_place place;
    struct play_conn c;
    struct play_answer a;
    struct buf empty;
    struct err e;
    cJSON *json;

    assert_int_equal(play_place_parse(&place, sim_base_url(s), &e), 0);
    *place.path = '\0';
    play_conn_init(&c, &place, -1);
    buf_init(&empty);
    play_post(&c, path, "", &empty, &a);
    json = cJSON_ParseWithLength(a.body.data, a.body.len);
    play_answer_done(&a);
    buf_done(&empty);
    play_conn_done(&c);
    return json;
}

static void test_loopback_only(void **state)
{
    struct sim_options o;
    struct err e = {""};
    (void)state;
    sim_options_init(&o);
    o.addr = "0.0.0.0";
    assert_null(sim_start(&o, &e));
    assert_non_null(strstr(e.text, "loopback"));
    assert_null(player_start("http://192.0.2.1:80/api/anthropic/", "k", 1, 1, &e));
    assert_non_null(strstr(e.text, "loopback"));
    assert_null(player_start("https://127.0.0.1:80/", "k", 1, 1, &e));
}

static void test_bad_faults_are_named_at_start(void **state)
{
    struct sim_options o;
    struct err e = {""};
    (void)state;
    sim_options_init(&o);
    o.faults = "[{\"stage\":\"nowhere\",\"fault\":\"reset\"}]";
    assert_null(sim_start(&o, &e));
    assert_non_null(strstr(e.text, "nowhere"));
}

static void test_body_has_the_clients_shape(void **state)
{
    static const char *const keys[] = {"model", "messages", "system", "tools", "metadata", "max_tokens", "thinking",
                                       "context_management", "output_config", "stream"};
    struct talk t;
    struct buf body;
    cJSON *json, *answer;
    const cJSON *key;
    size_t i = 0;
    (void)state;

    buf_init(&body);
    talk_init(&t, "claude-opus-5-5", "/home/x", "11111111-2222-4333-a444-555555555555", false, 1);
    talk_say(&t, "first words");
    talk_body(&t, true, &body);
    json = cJSON_Parse(body.data);
    assert_non_null(json);
    assert_in_range(body.len, 70000, 95000);
    cJSON_ArrayForEach(key, json)
        assert_string_equal(key->string, keys[i++]);
    assert_int_equal(i, 10);
    assert_in_range(jsonx_count(jsonx_get(json, "tools")), 24, 27);
    cJSON_Delete(json);

    answer = cJSON_Parse("[{\"type\":\"text\",\"text\":\"fine\"}]");
    talk_add(&t, "assistant", answer);
    talk_say(&t, "second words");
    talk_add(&t, "assistant", cJSON_Parse("[{\"type\":\"text\",\"text\":\"fine\"}]"));
    talk_say(&t, "third words");
    talk_body(&t, false, &body);
    assert_non_null(strstr(body.data, "{\"role\":\"user\",\"content\":\"second words\"}"));
    assert_non_null(strstr(body.data, "\"text\":\"third words\",\"cache_control\":{\"type\":\"ephemeral\"}}]}]"));
    assert_null(strstr(body.data, "\"stream\""));
    talk_done(&t);
    buf_done(&body);
}

struct seen {
    int rows, agents, titles, vertex, tool_use, failed_badly;
    double read, fresh;
    char sessions[8][40];
    int session_count;
};

static void note_session(struct seen *n, const char *id)
{
    for (int i = 0; i < n->session_count; i++)
        if (strcmp(n->sessions[i], id) == 0)
            return;
    if (n->session_count < 8)
        strcpy(n->sessions[n->session_count++], id);
}

static void count_rows(const cJSON *ledger, struct seen *n)
{
    const cJSON *row;

    memset(n, 0, sizeof(*n));
    cJSON_ArrayForEach(row, jsonx_get(ledger, "rows")) {
        const cJSON *usage = jsonx_get(row, "usage");
        int64_t status = jsonx_int(row, "status", 0);
        n->rows++;
        n->agents += *jsonx_string(row, "agent_id", "") != '\0';
        n->titles += status == 200 && jsonx_number(usage, "cache_read", 0) + jsonx_number(usage, "cache_write_5m", 0) < 1;
        n->vertex += strcmp(jsonx_string(row, "provider", ""), "anthropic") != 0;
        n->tool_use += strcmp(jsonx_string(row, "stop_reason", ""), "tool_use") == 0;
        n->failed_badly += status != 0 && status != 200 && status != 429 && status != 529;
        n->read += jsonx_number(usage, "cache_read", 0);
        n->fresh += jsonx_number(usage, "input_tokens", 0) + jsonx_number(usage, "cache_write_5m", 0);
        note_session(n, jsonx_string(row, "session_id", ""));
    }
}

static void test_sessions_play_by_themselves(void **state)
{
    struct err e = {""};
    struct sim *s = start(&e);
    struct player *p;
    int64_t end_us = clock_mono_us() + LIMIT_US;
    struct seen n;
    cJSON *ledger;
    (void)state;

    assert_non_null(s);
    p = player_start(sim_base_url(s), "demo-key", 0, 3, &e);
    assert_non_null(p);
    do {
        ledger = look(s, "/sim/ledger");
        count_rows(ledger, &n);
        cJSON_Delete(ledger);
        play_sleep(-1, 20);
    } while (n.rows < ROWS && clock_mono_us() < end_us);
    player_stop(p);
    sim_stop(s);
    assert_true(n.rows >= ROWS);
    assert_int_equal(n.failed_badly, 0);
    assert_true(n.session_count >= 3);
    assert_true(n.agents > 0 && n.titles > 0 && n.vertex > 0);
    assert_true(n.tool_use > ROWS / 4);
    assert_true(n.read > 5 * n.fresh); /* a conversation reads what it wrote */
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as main() of the program */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loopback_only),
        cmocka_unit_test(test_bad_faults_are_named_at_start),
        cmocka_unit_test(test_body_has_the_clients_shape),
        cmocka_unit_test(test_sessions_play_by_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
