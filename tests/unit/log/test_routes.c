/* Routes in the log: editing, switching, undoing, and the gateway's watch. */
#include "tests/unit/log/tmplog.h"

#include <unistd.h>

#include "log/routes.h"

static const struct route_scope EVERY = {0};
static const char ALL_ROUTES[] = "SELECT id, enabled, session_id, purpose, model_glob, set_model, set_provider, params_json FROM routes ORDER BY id";

static void check_ok(int rc, const struct err *e)
{
    if (rc != 0)
        fail_msg("status %d: %s", rc, e->text);
}

static void do_switch(enum route_setting what, const struct route_scope *scope, const char *value)
{
    struct err e = {""};
    check_ok(routes_switch(tmplog, what, scope, value, &e), &e);
}

static void check_undo(const char *told)
{
    struct err e = {""};
    char what[200] = "";
    check_ok(routes_undo(tmplog, what, sizeof what, &e), &e);
    assert_string_equal(what, told);
}

/* ---- editing ---- */

static void test_an_added_route_is_read_back(void **state)
{
    (void)state;
    struct err e = {""};
    struct route r = {.enabled = true, .session_id = "s1", .model_glob = "*opus*", .purpose = "side", .set_model = "m",
                      .set_provider = "p", .params_json = "{\"cache_enabled\":true}", .note = "why"};
    int64_t id = 0;
    check_ok(routes_add(tmplog, &r, &id, &e), &e);
    struct route_set s;
    check_ok(routes_load(tmplog, &s, &e), &e);
    assert_int_equal(s.count, 1);
    const struct route *got = &s.routes[0];
    assert_int_equal(got->id, id);
    assert_true(got->enabled);
    assert_string_equal(got->session_id, "s1");
    assert_string_equal(got->model_glob, "*opus*");
    assert_string_equal(got->purpose, "side");
    assert_string_equal(got->set_model, "m");
    assert_string_equal(got->set_provider, "p");
    assert_string_equal(got->params_json, "{\"cache_enabled\":true}");
    assert_string_equal(got->note, "why");
    assert_true(got->created_at > 1600000000000);
    assert_non_null(s.index);
    route_set_done(&s);
}

static void test_a_hand_insert_needs_one_value(void **state)
{
    (void)state;
    struct err e = {""};
    tmplog_run("INSERT INTO routes(set_model) VALUES('claude-sonnet-5')");
    struct route_set s;
    check_ok(routes_load(tmplog, &s, &e), &e);
    assert_int_equal(s.count, 1);
    assert_true(s.routes[0].enabled);
    struct route_choice c;
    route_choose(&s, &(struct route_subject){0}, &c);
    assert_non_null(c.model);
    route_choice_done(&c);
    route_set_done(&s);
}

static void test_a_route_is_changed_disabled_and_deleted(void **state)
{
    (void)state;
    struct err e = {""};
    struct route r = {.enabled = true, .set_model = "m", .session_id = ""};
    int64_t id = 0;
    check_ok(routes_add(tmplog, &r, &id, &e), &e);
    r = (struct route){.id = id, .enabled = true, .set_provider = "p", .purpose = "main"};
    check_ok(routes_update(tmplog, &r, &e), &e);
    assert_string_equal(tmplog_rows(ALL_ROUTES), "1|1|-|main|-|-|p|-");
    check_ok(routes_enable(tmplog, id, false, &e), &e);
    assert_string_equal(tmplog_rows(ALL_ROUTES), "1|0|-|main|-|-|p|-");
    check_ok(routes_delete(tmplog, id, &e), &e);
    assert_string_equal(tmplog_rows(ALL_ROUTES), "");
}

static void test_a_route_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct err e = {""};
    struct route r = {.id = 7, .set_model = "m"};
    assert_int_equal(routes_update(tmplog, &r, &e), -1);
    assert_non_null(strstr(e.text, "no route #7"));
    assert_int_equal(routes_delete(tmplog, 7, &e), -1);
    assert_int_equal(routes_enable(tmplog, 7, true, &e), -1);
}

static void test_impossible_routes_are_refused(void **state)
{
    (void)state;
    char huge[2000];
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = 0;
    struct { struct route r; const char *why; } table[] = {
        {{.session_id = "s"}, "sets nothing"},
        {{.set_model = "", .params_json = ""}, "sets nothing"},
        {{.set_model = "m", .purpose = "agent"}, "main, subagent, side"},
        {{.set_provider = "p\r\nX: y"}, "provider of a route holds a control character"},
        {{.set_model = huge}, "model of a route is longer"},
        {{.params_json = "{\"cache_ttl\":"}, ""},
        {{.params_json = "{\"cache_ttl\":\"soon\"}"}, "cache_ttl"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err e = {""};
        assert_int_equal(routes_add(tmplog, &table[i].r, NULL, &e), -1);
        if (!*e.text || !strstr(e.text, table[i].why))
            fail_msg("expected \"%s\" in: %s", table[i].why, e.text);
    }
    assert_string_equal(tmplog_rows(ALL_ROUTES), "");
}

/* ---- switching ---- */

static void test_a_switch_replaces_only_its_own_scope(void **state)
{
    (void)state;
    tmplog_run("INSERT INTO routes(session_id, set_model) VALUES('s1', 'a');"
               "INSERT INTO routes(purpose, set_model) VALUES('main', 'b');"
               "INSERT INTO routes(model_glob, set_model) VALUES('*', 'c');"
               "INSERT INTO routes(enabled, set_model) VALUES(0, 'd');"
               "INSERT INTO routes(set_model) VALUES('e');"
               "INSERT INTO routes(set_model, set_provider) VALUES('f', 'p');");
    do_switch(ROUTE_MODEL, &EVERY, "new");
    assert_string_equal(tmplog_rows(ALL_ROUTES), "1|1|s1|-|-|a|-|-;2|1|-|main|-|b|-|-;3|1|-|-|*|c|-|-;4|0|-|-|-|d|-|-;"
                                                 "6|1|-|-|-|-|p|-;7|1|-|-|-|new|-|-");
    do_switch(ROUTE_MODEL, &(struct route_scope){.session_id = "s1"}, "s");
    do_switch(ROUTE_MODEL, &EVERY, NULL);
    assert_string_equal(tmplog_rows(ALL_ROUTES), "2|1|-|main|-|b|-|-;3|1|-|-|*|c|-|-;4|0|-|-|-|d|-|-;"
                                                 "6|1|-|-|-|-|p|-;8|1|s1|-|-|s|-|-");
    do_switch(ROUTE_PROVIDER, &EVERY, "");
    assert_int_equal(tmplog_int("SELECT count(*) FROM routes WHERE set_provider IS NOT NULL"), 0);
}

static void test_undo_restores_exactly_what_was_replaced(void **state)
{
    (void)state;
    tmplog_run("INSERT INTO routes(set_model, note) VALUES('a', 'mine \"quoted\" é');"
               "INSERT INTO routes(set_model, set_provider, params_json) VALUES('b', 'p', '{\"cache_ttl\": 5}');"
               "INSERT INTO routes(session_id, set_model) VALUES('s1', 'c');");
    char before[2000], between[2000];
    static const char everything[] = "SELECT * FROM routes ORDER BY id";
    snprintf(before, sizeof before, "%s", tmplog_rows(everything));
    do_switch(ROUTE_MODEL, &EVERY, "claude-sonnet-5");
    snprintf(between, sizeof between, "%s", tmplog_rows(everything));
    do_switch(ROUTE_PROVIDER, &(struct route_scope){.session_id = "s1", .purpose = "main", .model_glob = "*opus*"}, "vertex_ai");
    do_switch(ROUTE_MODEL, &EVERY, NULL);
    check_undo("model as asked for every session");
    check_undo("provider vertex_ai for session s1, main calls, *opus* requests");
    assert_string_equal(tmplog_rows(everything), between);
    check_undo("model claude-sonnet-5 for every session");
    assert_string_equal(tmplog_rows(everything), before);
    struct err e = {""};
    assert_int_equal(routes_undo(tmplog, NULL, 0, &e), 1);
}

static void test_undo_leaves_what_others_did_since(void **state)
{
    (void)state;
    do_switch(ROUTE_MODEL, &EVERY, "a");
    tmplog_run("UPDATE routes SET set_provider = 'p'; INSERT INTO routes(set_model) VALUES('other')");
    check_undo("model a for every session");
    assert_string_equal(tmplog_rows(ALL_ROUTES), "1|1|-|-|-|-|p|-;2|1|-|-|-|other|-|-");
}

static void test_a_switch_that_changes_nothing_is_not_remembered(void **state)
{
    (void)state;
    struct err e = {""};
    do_switch(ROUTE_MODEL, &EVERY, NULL);
    do_switch(ROUTE_MODEL, &EVERY, "a");
    do_switch(ROUTE_MODEL, &EVERY, "a");
    check_undo("model a for every session");
    assert_int_equal(routes_undo(tmplog, NULL, 0, &e), 1);
    assert_string_equal(tmplog_rows(ALL_ROUTES), "");
}

static void test_history_is_bounded(void **state)
{
    (void)state;
    char value[16];
    for (int i = 0; i < 130; i++) {
        snprintf(value, sizeof value, "m%d", i);
        do_switch(ROUTE_MODEL, &EVERY, value);
    }
    assert_int_equal(tmplog_int("SELECT count(*) FROM switch_history"), 100);
    assert_int_equal(tmplog_int("SELECT count(*) FROM routes"), 1);
    check_undo("model m129 for every session");
    assert_int_equal(tmplog_int("SELECT set_model = 'm128' FROM routes"), 1);
}

static void test_a_locked_log_refuses_the_switch_whole(void **state)
{
    (void)state;
    struct err e = {""};
    do_switch(ROUTE_MODEL, &EVERY, "a");
    struct db *other = db_open(tmplog_path, DB_WRITE, &e);
    assert_non_null(other);
    sqlite3_busy_timeout(db_sqlite(other), 0);
    tmplog_run("BEGIN IMMEDIATE");
    assert_int_equal(routes_switch(other, ROUTE_MODEL, &EVERY, "b", &e), -1);
    assert_non_null(strstr(e.text, "cannot switch the model: another program holds the log locked"));
    assert_int_equal(routes_undo(other, NULL, 0, &e), -1);
    tmplog_run("ROLLBACK");
    assert_string_equal(tmplog_rows(ALL_ROUTES), "1|1|-|-|-|a|-|-");
    check_ok(routes_switch(other, ROUTE_MODEL, &EVERY, "b", &e), &e);
    db_close(other);
}

/* ---- watching ---- */

static struct route_watch *watch(void)
{
    struct err e = {""};
    struct route_watch *w = route_watch_open(tmplog_path, &e);
    if (!w)
        fail_msg("%s", e.text);
    return w;
}

static void test_the_watch_sees_every_change_at_once(void **state)
{
    (void)state;
    struct err e = {""};
    tmplog_run("INSERT INTO routes(set_model) VALUES('a')");
    struct route_watch *w = watch();
    const struct route_set *s = route_watch_poll(w, &e);
    assert_string_equal(e.text, "");
    assert_int_equal(s->count, 1);
    static const char *const changes[] = {
        "INSERT INTO routes(set_model) VALUES('b')", "UPDATE routes SET set_model = 'c' WHERE id = 1",
        "DELETE FROM routes WHERE id = 1", "UPDATE routes SET enabled = 0", "DELETE FROM routes",
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        int64_t before = s->version;
        int64_t now = 0;
        tmplog_run(changes[i]);
        s = route_watch_poll(w, &e);
        check_ok(routes_version(tmplog, &now, &e), &e);
        if (s->version == before || s->version != now || (int64_t)s->count != tmplog_int("SELECT count(*) FROM routes"))
            fail_msg("after \"%s\": version %lld of %lld, %zu routes", changes[i], (long long)s->version, (long long)now, s->count);
    }
    route_watch_close(w);
}

static void test_other_writes_do_not_reload_the_routes(void **state)
{
    (void)state;
    tmplog_run("INSERT INTO routes(set_model) VALUES('a')");
    struct route_watch *w = watch();
    const struct route *rows = route_watch_poll(w, NULL)->routes;
    tmplog_run("INSERT INTO setting VALUES('x', 'y')");
    assert_ptr_equal(route_watch_poll(w, NULL)->routes, rows);
    route_watch_close(w);
}

static void test_a_lock_neither_blocks_the_watch_nor_hides_the_routes(void **state)
{
    (void)state;
    struct err e = {""};
    tmplog_run("INSERT INTO routes(set_model) VALUES('a')");
    struct route_watch *w = watch();
    route_watch_poll(w, &e);
    tmplog_run("BEGIN EXCLUSIVE; INSERT INTO routes(set_model) VALUES('b')");
    const struct route_set *s = route_watch_poll(w, &e);
    assert_string_equal(e.text, "");
    assert_int_equal(s->count, 1);
    tmplog_run("COMMIT");
    assert_int_equal(route_watch_poll(w, &e)->count, 2);
    route_watch_close(w);
}

static void test_routes_that_cannot_be_read_keep_those_in_hand(void **state)
{
    (void)state;
    struct err e = {""};
    tmplog_run("INSERT INTO routes(set_model) VALUES('a')");
    struct route_watch *w = watch();
    route_watch_poll(w, &e);
    tmplog_run("INSERT INTO routes(set_model) VALUES('b'); ALTER TABLE routes RENAME TO hidden");
    const struct route_set *s = route_watch_poll(w, &e);
    assert_non_null(strstr(e.text, "cannot read the routes"));
    assert_int_equal(s->count, 1);
    tmplog_run("ALTER TABLE hidden RENAME TO routes");
    s = route_watch_poll(w, &e);
    assert_string_equal(e.text, "");
    assert_int_equal(s->count, 2);
    route_watch_close(w);
}

static struct db *put_new_log_in_place(void)
{
    struct err e = {""};
    char moved[128];
    snprintf(moved, sizeof moved, "%s/moved.db", tmpdir);
    assert_int_equal(rename(tmplog_path, moved), 0);
    struct db *fresh = db_open(tmplog_path, DB_CREATE, &e);
    if (!fresh)
        fail_msg("%s", e.text);
    return fresh;
}

static void watch_other_log(struct route_watch *w)
{
    struct route_watch *other = watch();
    route_watch_swap(w, other);
    route_watch_close(other);
}

static void test_routes_of_a_log_that_went_hold_until_the_new_one_has_some(void **state)
{
    (void)state;
    struct err e = {""};
    tmplog_run("INSERT INTO routes(set_model) VALUES('a')");
    struct route_watch *w = watch();
    route_watch_poll(w, &e);
    struct db *fresh = put_new_log_in_place();
    watch_other_log(w);
    for (int i = 0; i < 2; i++) {
        const struct route_set *s = route_watch_poll(w, &e);
        assert_non_null(strstr(e.text, "until the next switch"));
        assert_int_equal(s->count, 1);
        assert_string_equal(s->routes[0].set_model, "a");
    }
    check_ok(sql_run(db_sqlite(fresh), "INSERT INTO routes(set_model) VALUES('b')", &e), &e);
    const struct route_set *s = route_watch_poll(w, &e);
    assert_string_equal(e.text, "");
    assert_int_equal(s->count, 1);
    assert_string_equal(s->routes[0].set_model, "b");
    route_watch_close(w);
    db_close(fresh);
}

/* Though their versions are the same. */
static void test_routes_of_a_log_put_in_its_place_hold(void **state)
{
    (void)state;
    struct err e = {""};
    tmplog_run("INSERT INTO routes(set_model) VALUES('a')");
    struct route_watch *w = watch();
    route_watch_poll(w, &e);
    struct db *fresh = put_new_log_in_place();
    check_ok(sql_run(db_sqlite(fresh), "INSERT INTO routes(set_model) VALUES('b')", &e), &e);
    watch_other_log(w);
    const struct route_set *s = route_watch_poll(w, &e);
    assert_string_equal(e.text, "");
    assert_string_equal(s->routes[0].set_model, "b");
    route_watch_close(w);
    db_close(fresh);
}

static void test_a_raised_route_is_the_newest(void **state)
{
    (void)state;
    struct err e = {""};
    int64_t id = 0;
    tmplog_run("INSERT INTO routes(set_model, note, max_calls, calls_taken) VALUES('a', 'n', 9, 3)");
    tmplog_run("INSERT INTO routes(set_model) VALUES('b')");
    check_ok(routes_raise(tmplog, 1, &id, &e), &e);
    assert_int_equal(id, 3);
    assert_string_equal(tmplog_rows("SELECT id, set_model, note, max_calls, calls_taken, enabled FROM routes ORDER BY id"),
                        "2|b|-|-|0|1;3|a|n|9|3|1");
    assert_int_equal(routes_raise(tmplog, 1, &id, &e), -1);
    assert_non_null(strstr(e.text, "#1"));
    assert_int_equal(tmplog_int("SELECT count(*) FROM routes"), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, tmplog_open, tmplog_close)
    const struct CMUnitTest tests[] = {
        TEST(test_an_added_route_is_read_back),
        TEST(test_a_hand_insert_needs_one_value),
        TEST(test_a_route_is_changed_disabled_and_deleted),
        TEST(test_a_raised_route_is_the_newest),
        TEST(test_a_route_that_is_not_there_is_named),
        TEST(test_impossible_routes_are_refused),
        TEST(test_a_switch_replaces_only_its_own_scope),
        TEST(test_undo_restores_exactly_what_was_replaced),
        TEST(test_undo_leaves_what_others_did_since),
        TEST(test_a_switch_that_changes_nothing_is_not_remembered),
        TEST(test_history_is_bounded),
        TEST(test_a_locked_log_refuses_the_switch_whole),
        TEST(test_the_watch_sees_every_change_at_once),
        TEST(test_other_writes_do_not_reload_the_routes),
        TEST(test_a_lock_neither_blocks_the_watch_nor_hides_the_routes),
        TEST(test_routes_that_cannot_be_read_keep_those_in_hand),
        TEST(test_routes_of_a_log_that_went_hold_until_the_new_one_has_some),
        TEST(test_routes_of_a_log_put_in_its_place_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
