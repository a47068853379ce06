/* Running another program. */
#include "tests/unit/tmpdir.h"

#include "base/mem.h"
#include "cli/tool.h"

static char pid_file[96];

static int set_up(void **state)
{
    (void)state;
    tmpdir_make(pid_file, sizeof pid_file, "pid");
    return 0;
}

static void test_run_gives_status_and_both_outputs(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "echo out; echo err >&2; cat; exit 3", NULL};
    const char *const missing[] = {"spantop-no-such-program", NULL};
    const char *const killed[] = {"sh", "-c", "kill -9 $$", NULL};
    struct buf out;
    buf_init(&out);
    buf_puts(&out, "old");
    assert_int_equal(tool_run(argv, &out), 3);
    assert_string_equal(out.data, "out\nerr\n");
    assert_int_equal(tool_run(argv, NULL), 3);
    assert_int_equal(tool_run(missing, &out), 127);
    assert_int_equal(tool_run(killed, NULL), -1);
    buf_done(&out);
}

static void test_too_much_output_does_not_hold_it_up(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "head -c 1000000 /dev/zero", NULL};
    struct buf out;
    buf_init(&out);
    assert_int_equal(tool_run(argv, &out), 0);
    assert_in_range(out.len, 1, TOOL_OUTPUT_MAX);
    buf_done(&out);
}

/* systemctl may leave something running: we wait for it, not for that. */
static void test_what_it_leaves_running_is_not_waited_for(void **state)
{
    (void)state;
    char *command = xasprintf("sleep 600 >/dev/null 2>&1 & echo $! > %s", pid_file);
    const char *const argv[] = {"sh", "-c", command, NULL};
    struct buf out;
    buf_init(&out);
    assert_int_equal(tool_run(argv, &out), 0); /* or the test runs into its limit */
    buf_done(&out);
    free(command);
    command = xasprintf("kill $(cat %s)", pid_file);
    assert_int_equal(system(command), 0);
    free(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_run_gives_status_and_both_outputs, set_up, tmpdir_remove),
        cmocka_unit_test_setup_teardown(test_too_much_output_does_not_hold_it_up, set_up, tmpdir_remove),
        cmocka_unit_test_setup_teardown(test_what_it_leaves_running_is_not_waited_for, set_up, tmpdir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
