/* The event loop: order of timers, deferred work, watches that go in mid-turn. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/loop.h"
#include "gateway/timers.h"

static struct loop *new_loop(void)
{
    struct err e = {""};
    struct loop *l = loop_new(&e);
    if (!l)
        fail_msg("%s", e.text);
    return l;
}

static void turn(struct loop *l, int64_t wait_us)
{
    struct err e = {""};
    if (loop_turn(l, wait_us, &e) != 0)
        fail_msg("%s", e.text);
}

static void test_timers_come_in_order(void **state)
{
    enum { N = 500 };
    static struct timer timers[N];
    struct timers heap;
    unsigned seed = 7;
    (void)state;
    timers_init(&heap);
    for (int i = 0; i < N; i++) {
        seed = seed * 1103515245u + 12345u;
        timers_set(&heap, &timers[i], (int64_t)(seed % 1000));
    }
    for (int i = 0; i < N; i += 3)
        timers_set(&heap, &timers[i], 1000 - timers[i].due_us);
    for (int i = 0; i < N; i += 5)
        timers_clear(&heap, &timers[i]);
    int64_t last_us = -1000;
    int count = 0;
    assert_null(timers_pop(&heap, -1001));
    for (struct timer *t; (t = timers_pop(&heap, 2000)); count++) {
        assert_true(t->due_us >= last_us);
        assert_false(timer_is_set(t));
        last_us = t->due_us;
    }
    assert_int_equal(count, N - N / 5);
    assert_true(timers_next_us(&heap) == INT64_MAX);
    timers_done(&heap);
}

static void count_up(void *arg)
{
    (*(int *)arg)++;
}

static void test_timer_fires_when_due(void **state)
{
    struct loop *l = new_loop();
    int fired = 0;
    struct timer t = {.fn = count_up, .arg = &fired};
    (void)state;
    int64_t start_us = clock_mono_us();
    loop_timer_set(l, &t, start_us + 20000);
    while (!fired && clock_mono_us() - start_us < 5000000)
        turn(l, 1000000);
    assert_int_equal(fired, 1);
    assert_true(clock_mono_us() - start_us >= 20000);
    loop_free(l);
}

struct chain {
    struct loop *loop;
    struct task first, second;
    int runs;
};

static void run_first(void *arg)
{
    struct chain *c = arg;
    c->runs++;
    loop_defer(c->loop, &c->second);
}

static void run_second(void *arg)
{
    ((struct chain *)arg)->runs += 10;
}

static void test_deferred_work_runs_once_in_the_same_turn(void **state)
{
    struct loop *l = new_loop();
    struct chain c = {.loop = l};
    (void)state;
    c.first = (struct task){.fn = run_first, .arg = &c};
    c.second = (struct task){.fn = run_second, .arg = &c};
    loop_defer(l, &c.first);
    loop_defer(l, &c.first);
    turn(l, 0);
    assert_int_equal(c.runs, 11);
    loop_defer(l, &c.first);
    loop_undefer(l, &c.first);
    turn(l, 0);
    assert_int_equal(c.runs, 11);
    loop_free(l);
}

struct pair {
    struct loop *loop;
    struct watch watch[2];
    int fds[2][2];
    int calls;
};

/* Whichever is told first takes the other one away. */
static void take_other_away(void *arg, unsigned events)
{
    struct pair *p = arg;
    (void)events;
    p->calls++;
    loop_unwatch(p->loop, &p->watch[0]);
    loop_unwatch(p->loop, &p->watch[1]);
}

static void test_watch_cleared_in_mid_turn_is_not_told(void **state)
{
    struct pair p = {.loop = new_loop()};
    struct err e;
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p.fds[i]), 0);
        p.watch[i] = (struct watch){.fn = take_other_away, .arg = &p};
        assert_int_equal(loop_watch(p.loop, &p.watch[i], p.fds[i][0], LOOP_READ, &e), 0);
        assert_int_equal(write(p.fds[i][1], "x", 1), 1);
    }
    turn(p.loop, 1000000);
    turn(p.loop, 0);
    assert_int_equal(p.calls, 1);
    for (int i = 0; i < 2; i++) {
        close(p.fds[i][0]);
        close(p.fds[i][1]);
    }
    loop_free(p.loop);
}

static void note_events(void *arg, unsigned events)
{
    unsigned *seen = arg;
    *seen = *seen << 8 | events;
}

static void test_going_is_told_once(void **state)
{
    struct loop *l = new_loop();
    unsigned seen = 0;
    int fds[2];
    struct watch w = {.fn = note_events, .arg = &seen};
    struct err e;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(loop_watch(l, &w, fds[0], LOOP_GONE, &e), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    turn(l, 0);
    assert_int_equal(seen, 0); /* bytes are not going */
    close(fds[1]);
    turn(l, 1000000);
    assert_true(seen & LOOP_GONE);
    unsigned once = seen;
    turn(l, 0);
    assert_int_equal(seen, once);
    loop_unwatch(l, &w);
    close(fds[0]);
    loop_free(l);
}

static void note_turn(void *arg, unsigned events)
{
    (void)events;
    (*(int *)arg)++;
}

/* A half-close behind bytes that another reads: found once they are read, and
 * waiting for either costs no turns. */
static void test_going_behind_bytes(void **state)
{
    struct loop *l = new_loop();
    unsigned seen = 0;
    int fds[2], fired = 0, turns = 0;
    char bytes[8];
    struct watch w = {.fn = note_events, .arg = &seen};
    struct timer t = {.fn = count_up, .arg = &fired};
    struct err e;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(loop_watch(l, &w, fds[0], LOOP_GONE, &e), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    loop_timer_set(l, &t, clock_mono_us() + 30000);
    for (; !fired; turns++)
        turn(l, 1000000);
    assert_true(turns < 20);
    assert_int_equal(seen, 0);
    assert_int_equal(read(fds[0], bytes, sizeof bytes), 1);
    assert_int_equal(shutdown(fds[1], SHUT_WR), 0);
    turn(l, 1000000);
    assert_true(seen & LOOP_GONE);
    unsigned once = seen;
    fired = turns = 0;
    loop_timer_set(l, &t, clock_mono_us() + 30000);
    for (; !fired; turns++)
        turn(l, 1000000);
    assert_true(turns < 20);
    assert_int_equal(seen, once);
    loop_unwatch(l, &w);
    close(fds[0]);
    close(fds[1]);
    loop_free(l);
}

enum { MANY = 200 };

/* More are ready than a turn takes: the rest comes in the next ones, each gets its turn. */
static void test_many_ready_at_once(void **state)
{
    struct loop *l = new_loop();
    static struct watch w[MANY];
    int fds[MANY][2], told[MANY] = {0};
    struct err e;
    (void)state;
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds[i]), 0);
        w[i] = (struct watch){.fn = note_turn, .arg = &told[i]};
        assert_int_equal(loop_watch(l, &w[i], fds[i][0], LOOP_READ, &e), 0);
        assert_int_equal(write(fds[i][1], "x", 1), 1);
    }
    for (int i = 0; i < 8; i++)
        turn(l, 0);
    for (int i = 0; i < MANY; i++)
        assert_true(told[i] > 0);
    for (int i = 0; i < MANY; i += 2) /* from the middle of the list */
        loop_unwatch(l, &w[i]);
    memset(told, 0, sizeof told);
    for (int i = 0; i < 8; i++)
        turn(l, 0);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(told[i] > 0, i % 2);
        loop_unwatch(l, &w[i]);
        close(fds[i][0]);
        close(fds[i][1]);
    }
    loop_free(l);
}

static void test_wake_ends_the_wait(void **state)
{
    struct loop *l = new_loop();
    int woken = 0;
    (void)state;
    loop_set_on_wake(l, count_up, &woken);
    loop_wake(l);
    loop_wake(l);
    int64_t start_us = clock_mono_us();
    turn(l, 10000000);
    assert_true(clock_mono_us() - start_us < 5000000);
    assert_int_equal(woken, 1);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_come_in_order),
        cmocka_unit_test(test_timer_fires_when_due),
        cmocka_unit_test(test_deferred_work_runs_once_in_the_same_turn),
        cmocka_unit_test(test_watch_cleared_in_mid_turn_is_not_told),
        cmocka_unit_test(test_going_is_told_once),
        cmocka_unit_test(test_going_behind_bytes),
        cmocka_unit_test(test_many_ready_at_once),
        cmocka_unit_test(test_wake_ends_the_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
