/* Lines for shells: taken by the real shell where it is here, by its rules elsewhere. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/client_env.h"

#define NASTY "a b'c\"d$HOME`id`\\e!f*g;h&i\xe2\x80\x99j"

/* Runs text in a shell; what it printed.  Caller frees. */
static char *run_shell(const char *shell, const char *text)
{
    char path[] = "/tmp/spantop-env-XXXXXX", answer[512];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    char *command = xasprintf("%s %s", shell, path);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    size_t len = fread(answer, 1, sizeof answer - 1, p);
    answer[len] = '\0';
    assert_int_equal(pclose(p), 0);
    unlink(path);
    free(command);
    return xstrdup(answer);
}

static void expect_value_in(const char *shell, enum shell kind, const char *value)
{
    struct buf lines;
    buf_init(&lines);
    shell_set(&lines, kind, "NASTY", value);
    buf_puts(&lines, "printenv NASTY\n");
    char *got = run_shell(shell, lines.data);
    char *want = xasprintf("%s\n", value);
    assert_string_equal(got, want);
    free(got);
    free(want);
    buf_done(&lines);
}

static void test_shells_take_the_exact_value(void **state)
{
    (void)state;
    expect_value_in("sh", SHELL_POSIX, NASTY);
    expect_value_in("sh", SHELL_POSIX, "");
    expect_value_in("sh", SHELL_POSIX, "'");
    if (access("/bin/bash", X_OK) == 0)
        expect_value_in("bash", SHELL_POSIX, NASTY);
    if (access("/usr/bin/zsh", X_OK) == 0)
        expect_value_in("zsh", SHELL_POSIX, NASTY);
    if (access("/usr/bin/fish", X_OK) == 0)
        expect_value_in("fish", SHELL_FISH, NASTY);
}

static void expect_line(enum shell kind, const char *value, const char *want)
{
    struct buf line;
    buf_init(&line);
    shell_set(&line, kind, "X", value);
    assert_string_equal(line.data, want);
    buf_done(&line);
}

static void test_lines_of_shells_that_may_not_be_here(void **state)
{
    (void)state;
    expect_line(SHELL_POSIX, "", "export X=\n");
    expect_line(SHELL_POSIX, "http://a/", "export X='http://a/'\n");
    expect_line(SHELL_FISH, "it's \\ $x", "set -gx X 'it\\'s \\\\ $x'\n");
    expect_line(SHELL_FISH, "", "set -gx X ''\n");
    expect_line(SHELL_POWERSHELL, "it's $x", "$env:X = 'it''s $x'\n");
    expect_line(SHELL_POWERSHELL, "\xe2\x80\x99", "$env:X = '\xe2\x80\x99\xe2\x80\x99'\n");
}

static void test_a_key_is_named_never_printed(void **state)
{
    (void)state;
    struct buf lines;
    char key[] = "/tmp/spantop key'XXXXXX";
    int fd = mkstemp(key);
    assert_int_equal(write(fd, "the-key\n", 8), 8);
    close(fd);
    buf_init(&lines);
    shell_set_from_file(&lines, SHELL_POSIX, "A", key);
    buf_puts(&lines, "FROM='a b'\n");
    shell_set_from_variable(&lines, SHELL_POSIX, "B", "FROM");
    buf_puts(&lines, "printenv A B\n");
    char *got = run_shell("sh", lines.data);
    assert_string_equal(got, "the-key\na b\n");
    free(got);
    buf_done(&lines);
    unlink(key);
}

static void expect_base_url(const char *listen, const char *want)
{
    char folder[] = "/tmp/spantop-env-XXXXXX";
    struct client_env env;
    struct err e = {""};
    assert_non_null(mkdtemp(folder));
    struct settings s = {.listen = xstrdup(listen), .log_path = file_join(folder, "log.db")};
    int r = client_env_load(&s, &env, &e);
    if (want) {
        assert_int_equal(r, 0);
        assert_string_equal(env.base_url, want);
        assert_true(strncmp(env.token, "spantop-", 8) == 0);
    } else {
        assert_int_equal(r, -1);
    }
    char *command = xasprintf("rm -r %s", folder);
    assert_int_equal(system(command), 0);
    free(command);
    settings_done(&s);
}

static void test_base_url_is_where_a_client_can_go(void **state)
{
    (void)state;
    expect_base_url("127.0.0.1:4777", "http://127.0.0.1:4777/api/anthropic/");
    expect_base_url("[::1]:80", "http://[::1]:80/api/anthropic/");
    expect_base_url("0.0.0.0:5000", "http://127.0.0.1:5000/api/anthropic/");
    expect_base_url("[::]:5000", "http://[::1]:5000/api/anthropic/");
    expect_base_url("127.0.0.1:0", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shells_take_the_exact_value),
        cmocka_unit_test(test_lines_of_shells_that_may_not_be_here),
        cmocka_unit_test(test_a_key_is_named_never_printed),
        cmocka_unit_test(test_base_url_is_where_a_client_can_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
