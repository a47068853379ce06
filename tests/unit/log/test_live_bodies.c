/* Answers that are looked at while they come. */
#include "tests/unit/log/tmplog.h"

#include "base/clock.h"
#include "log/live_bodies.h"
#include "log/reader.h"

static struct live_bodies *live;
static struct queue *queue;
static struct err e;

static int setup(void **state)
{
    if (tmplog_open(state) != 0)
        return -1;
    queue = queue_new(1 << 20);
    live = live_bodies_open(db_sqlite(tmplog), &e);
    return live ? 0 : -1;
}

static int teardown(void **state)
{
    live_bodies_free(live);
    queue_free(queue);
    return tmplog_close(state);
}

static void put(int64_t from, const char *text)
{
    struct queue_take t;
    queue_put_live(queue, 7, from, blob_copy(text, strlen(text)));
    queue_wait(queue, 1, true, &t);
    while (t.ops) {
        struct queue_op *op = t.ops;
        t.ops = op->next;
        live_bodies_take(live, op);
    }
    assert_int_equal(live_bodies_write(live, &e), 0);
    size_t bytes = live_bodies_written(live);
    assert_true(bytes > 0);
    queue_release(queue, bytes, 0);
}

static void test_only_who_was_asked_for_lately_is_watched(void **state)
{
    (void)state;
    live_bodies_look(live, queue);
    assert_false(queue_is_watched(queue, 7));
    assert_int_equal(reader_watch(tmplog, 7, &e), 0);
    live_bodies_look(live, queue);
    assert_true(queue_is_watched(queue, 7));
    assert_false(queue_is_watched(queue, 8));
    tmplog_run("UPDATE watch SET at = at - 6000");
    live_bodies_look(live, queue);
    assert_false(queue_is_watched(queue, 7));
}

static void test_parts_are_read_up_to_the_first_gap(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out);
    assert_int_equal(reader_live_body(tmplog, 7, &out, &e), 1);
    put(0, "event: ");
    put(7, "ping\n");
    put(20, "lost what came before");
    assert_int_equal(reader_live_body(tmplog, 7, &out, &e), 0);
    assert_string_equal(out.data, "event: ping\n");
    assert_int_equal(live_bodies_end(live, 7, &e), 0);
    assert_int_equal(tmplog_int("SELECT count(*) FROM live_body"), 0);
    buf_done(&out);
}

static void test_a_full_queue_lets_parts_go(void **state)
{
    (void)state;
    char *much = calloc(1, 600000);
    assert_non_null(much);
    queue_put_live(queue, 7, 0, blob_copy(much, 600000)); /* above half of 1 MiB */
    struct journal_stats s;
    queue_stats(queue, &s);
    assert_int_equal(s.queue_bytes, 0);
    assert_int_equal(s.dropped_bodies, 0); /* no body is lost: this was a copy */
    free(much);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_only_who_was_asked_for_lately_is_watched, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parts_are_read_up_to_the_first_gap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_full_queue_lets_parts_go, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
