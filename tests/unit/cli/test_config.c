/* The config file: what it may hold, and that every fault is told with its line. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/config.h"
#include "cli/config_check.h"
#include "cli/options.h"

static char path[] = "/tmp/spantop-config-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    strcpy(path + sizeof path - 7, "XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_config(const char *text, size_t len)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    fclose(f);
}

static void read_config(struct config *c, const char *text)
{
    struct err e;
    write_config(text, strlen(text));
    assert_int_equal(config_read(c, path, &e), 0);
}

static void test_entries_are_trimmed_unquoted_and_numbered(void **state)
{
    (void)state;
    struct config c;
    read_config(&c, "# spantop\n\n  keep=90d\r\nlog =  \" /a b/log \" \nredact = a=b\n#listen = x");
    assert_int_equal(c.fault_count, 0);
    assert_int_equal(c.count, 3);
    assert_string_equal(config_find(&c, "keep")->value, "90d");
    assert_int_equal(config_find(&c, "keep")->line, 3);
    assert_string_equal(config_find(&c, "log")->value, " /a b/log ");
    assert_string_equal(config_find(&c, "redact")->value, "a=b");
    assert_null(config_find(&c, "listen"));
    config_done(&c);
}

static void test_every_option_but_the_typed_ones_is_a_setting(void **state)
{
    (void)state;
    for (const struct option_spec *o = common_options; o->name; o++) {
        struct config c;
        char line[64];
        bool typed = strcmp(o->name, "config") == 0 || strcmp(o->name, "help") == 0 || strcmp(o->name, "version") == 0;
        snprintf(line, sizeof line, "%s = x\n", o->name);
        read_config(&c, line);
        assert_int_equal(c.count, typed ? 0 : 1);
        assert_int_equal(!typed, o->example && o->more);
        config_done(&c);
    }
}

static void test_names_that_are_none(void **state)
{
    (void)state;
    static const struct {
        const char *line, *told;
    } table[] = {
        {"lisen = x", "did you mean listen?"},
        {"SPANTOP_KEY_FILE = x", "did you mean key-file?"},
        {"--max-log-bytes = 1G", "did you mean max-log-bytes?"},
        {"config = x", "there is no setting \"config\""},
        {"api_secret = hunter2", "there is no setting \"api_secret\"; spantop config example"},
        {"no equals sign", "expected NAME = VALUE"},
        {"= 4", "there is no setting"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct config c;
        read_config(&c, table[i].line);
        assert_int_equal(c.fault_count, 1);
        if (!strstr(c.faults[0].text, table[i].told) || strstr(c.faults[0].text, "hunter2"))
            fail_msg("%s: %s", table[i].line, c.faults[0].text);
        config_done(&c);
    }
}

/* Somebody pastes a key where a line belongs: it must not be repeated. */
static void test_a_pasted_key_is_not_repeated(void **state)
{
    (void)state;
    struct config c;
    read_config(&c, "rk-12345678.abcdefgh\nrk-12345678.abcdefgh=\n");
    assert_int_equal(c.fault_count, 2);
    assert_null(strstr(c.faults[0].text, "12345678"));
    assert_null(strstr(c.faults[1].text, "12345678"));
    config_done(&c);
}

static void test_a_nul_byte_and_a_missing_file_are_refused(void **state)
{
    (void)state;
    struct config c;
    struct err e;
    write_config("keep = 9\0d\n", 11);
    assert_int_equal(config_read(&c, path, &e), -1);
    assert_non_null(strstr(e.text, "NUL byte"));
    config_done(&c);
    assert_int_equal(config_read(&c, "/nonexistent/spantop.conf", &e), -1);
    config_done(&c);
}

/* --- The check ------------------------------------------------------------------ */

static void expect_findings(const char *text, size_t faults, const char *const *told, size_t count)
{
    struct config_check check;
    struct err e;
    write_config(text, strlen(text));
    assert_int_equal(config_check_file(&check, path, &e), 0);
    assert_int_equal(check.count, count);
    assert_int_equal(check.faults, faults);
    for (size_t i = 0; i < count; i++) {
        if (!strstr(check.findings[i].text, told[i]))
            fail_msg("\"%s\" does not say \"%s\"", check.findings[i].text, told[i]);
    }
    config_check_done(&check);
}

static void test_check_tells_every_line(void **state)
{
    (void)state;
    const char *const told[] = {
        ":1: listen needs an address", ":2: there is no setting", ":4: warning: keep stands in line 3",
        ":5: redact: ",                ":6: upstream names a user",    ":7: max-log-bytes needs a size",
        ":8: pin-failures",            ":9: ca-file: cannot open",     ":10: key-file: ",
    };
    expect_findings("listen = nowhere\nlisten-on = x\nkeep = 9d\nkeep = 8d\nredact = (\nupstream = http://u:secret@h/\n"
                    "max-log-bytes = many\npin-failures = 0\nca-file = /nonexistent\nkey-file = /nonexistent\n",
                    8, told, 9);
}

/* Nothing but the file counts: the environment would hide what it says. */
static void test_check_ignores_the_environment(void **state)
{
    (void)state;
    const char *const told[] = {":1: listen needs"};
    setenv("SPANTOP_LISTEN", "127.0.0.1:1", 1);
    expect_findings("listen = nowhere\n", 1, told, 1);
    unsetenv("SPANTOP_LISTEN");
    setenv("SPANTOP_KEEP", "nonsense", 1);
    expect_findings("listen = 127.0.0.1:2\n", 0, NULL, 0);
    unsetenv("SPANTOP_KEEP");
}

static void test_check_warns_where_others_get_at_the_key(void **state)
{
    (void)state;
    const char *const writable[] = {"others can write to it"};
    const char *const readable[] = {":1: warning: others on this machine can read the key"};
    char key[] = "/tmp/spantop-key-XXXXXX", line[64];
    int fd = mkstemp(key);
    assert_int_equal(write(fd, "key\n", 4), 4);
    close(fd);
    snprintf(line, sizeof line, "key-file = %s\n", key);
    expect_findings(line, 0, NULL, 0);
    assert_int_equal(chmod(key, 0644), 0);
    expect_findings(line, 0, readable, 1);
    unlink(key);
    assert_int_equal(chmod(path, 0620), 0);
    expect_findings("keep = 9d\n", 0, writable, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_entries_are_trimmed_unquoted_and_numbered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_option_but_the_typed_ones_is_a_setting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_that_are_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_pasted_key_is_not_repeated, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_nul_byte_and_a_missing_file_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_check_tells_every_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_check_ignores_the_environment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_check_warns_where_others_get_at_the_key, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
