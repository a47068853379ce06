/* The user's command: what it gets, what it does not, and that nothing of it stays. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/file.h"
#include "base/mem.h"
#include "log/alarm_hook.h"

static char dir[64];
static char *path_of(const char *name)
{
    return file_join(dir, name);
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/spantop-hook-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command) == 0 ? 0 : -1;
}

static void pause_10ms(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

static bool is_there(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

/* Step the hook until the file is there; a minute bounds a hang. */
static void await_file(struct alarm_hook *h, const char *path)
{
    for (int i = 0; i < 6000 && !is_there(path); i++) {
        alarm_hook_step(h);
        pause_10ms();
    }
    if (!is_there(path))
        fail_msg("%s never came", path);
}

static bool has_child(void)
{
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | WNOHANG) == 0 || errno != ECHILD;
}

static void await_no_child(struct alarm_hook *h)
{
    for (int i = 0; i < 6000 && has_child(); i++) {
        alarm_hook_step(h);
        pause_10ms();
    }
    assert_false(has_child());
}

static char *read_all(const char *path)
{
    struct err e = {""};
    struct buf text;
    buf_init(&text);
    if (file_read(path, 1 << 20, &text, &e) != 0)
        fail_msg("%s", e.text);
    return buf_take(&text, NULL);
}

static struct alarm an_alarm(void)
{
    static char session[] = "s-1", title[] = "it's \"quoted\" \n $(touch x)";
    struct alarm a = {.id = 7, .kind = ALARM_STORM, .at = 1800000000000, .session_id = session, .session_title = title, .call_id = 42};
    snprintf(a.text, sizeof a.text, "10 of 12 calls failed");
    return a;
}

static void test_what_the_command_gets(void **state)
{
    (void)state;
    char *out = path_of("out"), *ready = path_of("ready");
    char *command = xasprintf("{ cat; env; ls -l /proc/self/fd | grep -c secret.file; } > %s 2>&1; mv %s %s", out, out, ready);
    char *secret = path_of("secret.file");
    /* Without close-on-exec, as a library may leave it. */
    int fd = open(secret, O_CREAT | O_RDWR, 0600);
    struct alarm a = an_alarm();
    setenv("RESPAN_API_KEY", "a-secret-key", 1);
    setenv("SPANTOP_KEY_FILE", "a-secret-file", 1);
    setenv("SOMETHING_ELSE", "a-secret-more", 1);
    setenv("https_proxy", "http://u:a-secret-password@h", 1);
    setenv("DISPLAY", ":7", 1);
    signal(SIGPIPE, SIG_IGN);
    struct alarm_hook *h = alarm_hook_new(command, HOOK_LIMIT_MS);
    alarm_hook_give(h, &a);
    await_file(h, ready);
    await_no_child(h);
    char *text = read_all(ready);
    assert_non_null(strstr(text, "{\"id\":7,\"at\":1800000000000,\"kind\":\"storm\",\"text\":\"10 of 12 calls failed\",\"session_id\":\"s-1\","
                                 "\"session_title\":\"it's \\\"quoted\\\" \\n $(touch x)\",\"call_id\":42}\n"));
    assert_non_null(strstr(text, "SPANTOP_ALARM_KIND=storm\n"));
    assert_non_null(strstr(text, "SPANTOP_ALARM_TEXT=10 of 12 calls failed\n"));
    assert_non_null(strstr(text, "SPANTOP_ALARM_SESSION=s-1\n"));
    assert_non_null(strstr(text, "SPANTOP_ALARM_CALL=42\n"));
    assert_non_null(strstr(text, "DISPLAY=:7\n"));
    assert_non_null(strstr(text, "PATH="));
    assert_null(strstr(text, "a-secret"));
    assert_non_null(strstr(text, "\n0\n")); /* the open file is not there */
    alarm_hook_free(h);
    close(fd);
    free(text);
    free(command);
    free(out);
    free(ready);
    free(secret);
}

static void test_one_at_a_time_and_in_order(void **state)
{
    (void)state;
    char *list = path_of("list"), *last = path_of("last");
    char *command = xasprintf("test -e %s.on && echo two at once >> %s; touch %s.on; echo $SPANTOP_ALARM_CALL >> %s; rm %s.on;"
                              " test $SPANTOP_ALARM_CALL = 5 && touch %s; true",
                              list, list, list, list, list, last);
    struct alarm a = an_alarm();
    struct alarm_hook *h = alarm_hook_new(command, HOOK_LIMIT_MS);
    for (a.call_id = 1; a.call_id <= 5; a.call_id++)
        alarm_hook_give(h, &a);
    await_file(h, last);
    await_no_child(h);
    char *text = read_all(list);
    assert_string_equal(text, "1\n2\n3\n4\n5\n");
    alarm_hook_free(h);
    free(text);
    free(command);
    free(list);
    free(last);
}

static void test_failures_are_said_once(void **state)
{
    (void)state;
    struct err e = {""};
    char *said = path_of("diag");
    struct alarm a = an_alarm();
    assert_int_equal(diag_open(said, &e), 0);
    struct alarm_hook *h = alarm_hook_new("exit 3", HOOK_LIMIT_MS);
    for (int i = 0; i < 40; i++)
        alarm_hook_give(h, &a); /* more than may wait */
    for (int i = 0; i < 5; i++)
        await_no_child(h);
    alarm_hook_free(h);
    char *text = read_all(said);
    const char *first = strstr(text, "--on-alarm");
    assert_non_null(first);
    assert_null(strstr(first + 1, "--on-alarm"));
    free(text);
    free(said);
}

static void test_what_still_runs_ends_with_the_gateway(void **state)
{
    (void)state;
    char *begun = path_of("begun"), *command = xasprintf("touch %s; sleep 1000 & wait", begun);
    struct alarm a = an_alarm();
    struct alarm_hook *h = alarm_hook_new(command, HOOK_LIMIT_MS);
    alarm_hook_give(h, &a);
    await_file(h, begun);
    assert_true(has_child());
    alarm_hook_free(h); /* at once */
    int status = 0;
    assert_true(wait(&status) > 0);
    assert_true(WIFSIGNALED(status));
    free(begun);
    free(command);
}

static void test_what_runs_too_long_is_ended_with_all_it_started(void **state)
{
    (void)state;
    char *begun = path_of("begun"), *after = path_of("after");
    char *command = xasprintf("if test $SPANTOP_ALARM_CALL = 1; then sleep 1000 & echo $! > %s; wait; else touch %s; fi", begun, after);
    struct alarm a = an_alarm();
    struct alarm_hook *h = alarm_hook_new(command, 100);
    a.call_id = 1;
    alarm_hook_give(h, &a);
    a.call_id = 2;
    alarm_hook_give(h, &a);
    await_file(h, after); /* the next one runs */
    await_no_child(h);
    char *sleeper = read_all(begun);
    for (int i = 0; i < 6000 && kill((pid_t)atoi(sleeper), 0) == 0; i++)
        pause_10ms();
    assert_int_equal(kill((pid_t)atoi(sleeper), 0), -1);
    alarm_hook_free(h);
    free(sleeper);
    free(begun);
    free(after);
    free(command);
}

static void test_without_a_command_nothing_runs(void **state)
{
    (void)state;
    struct alarm a = an_alarm();
    assert_null(alarm_hook_new(NULL, 1));
    assert_null(alarm_hook_new("", 1));
    alarm_hook_give(NULL, &a);
    alarm_hook_step(NULL);
    alarm_hook_free(NULL);
    assert_false(has_child());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_the_command_gets, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_one_at_a_time_and_in_order, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_failures_are_said_once, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_what_still_runs_ends_with_the_gateway, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_what_runs_too_long_is_ended_with_all_it_started, make_folder, remove_folder),
        cmocka_unit_test(test_without_a_command_nothing_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
