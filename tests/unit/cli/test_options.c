/* Settings: which of option, environment, config file and default holds. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/options.h"

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    static const char *const variables[] = {"SPANTOP_LISTEN", "SPANTOP_UPSTREAM", "SPANTOP_LOG", "SPANTOP_CONFIG",
        "SPANTOP_NO_BODIES", "SPANTOP_KEEP", "SPANTOP_KEY_FILE", "RESPAN_BASE_URL", "RESPAN_API_KEY", "NO_COLOR",
        "XDG_DATA_HOME", "SPANTOP_NO_COLOR"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    snprintf(folder, sizeof folder, "/tmp/spantop-options-XXXXXX");
    assert_non_null(mkdtemp(folder));
    char *config = xasprintf("%s/spantop", folder); /* the default file's folder */
    assert_int_equal(mkdir(config, 0700), 0);
    free(config);
    setenv("XDG_CONFIG_HOME", folder, 1);
    setenv("HOME", folder, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char *command = xasprintf("rm -r %s", folder);
    int r = system(command);
    free(command);
    return r;
}

static char *write_file(const char *name, const char *text)
{
    char *path = xasprintf("%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

/* words: a NULL-terminated argv behind the program's name. */
static int load(struct settings *s, char **words, struct err *e)
{
    char *argv[16] = {(char *)"spantop"};
    int argc = 1;
    struct args a;
    for (; words && *words; words++)
        argv[argc++] = *words;
    e->text[0] = '\0';
    assert_int_equal(args_parse(&a, argc, argv, 0, false, common_options, NULL, e), 0);
    int r = settings_load(s, &a, e);
    args_done(&a);
    return r;
}

#define WORDS(...) ((char *[]){__VA_ARGS__, NULL})

static void test_defaults(void **state)
{
    (void)state;
    struct settings s;
    struct err e;
    assert_int_equal(load(&s, NULL, &e), 0);
    assert_string_equal(s.listen, "127.0.0.1:4777");
    assert_string_equal(s.upstream, "https://api.respan.ai/api/anthropic/");
    assert_null(s.api_base);
    assert_non_null(strstr(s.log_path, "/.local/share/spantop/log.db"));
    assert_true(s.keep_bodies && s.color);
    assert_int_equal(s.keep_days, 0);
    char alarms[ALARM_LIMITS_TEXT_MAX]; /* what is told is what holds */
    alarm_limits_text(&s.alarms, alarms);
    assert_string_equal(option_find(common_options, "alarms", 6)->fallback, alarms);
    settings_done(&s);
}

static void test_option_beats_environment_beats_config(void **state)
{
    (void)state;
    struct settings s;
    struct err e;
    char *config = write_file("c.conf", "# mine\nlisten = 127.0.0.1:1\nkeep=\"90d\"\nno-bodies = yes\n\n log = /c/log\n");
    setenv("SPANTOP_CONFIG", config, 1);
    assert_int_equal(load(&s, NULL, &e), 0);
    assert_string_equal(s.listen, "127.0.0.1:1");
    assert_int_equal(s.keep_days, 90);
    assert_false(s.keep_bodies);
    settings_done(&s);
    setenv("SPANTOP_LISTEN", "127.0.0.1:2", 1);
    setenv("SPANTOP_NO_BODIES", "0", 1);
    setenv("SPANTOP_LOG", "/e/log", 1);
    assert_int_equal(load(&s, NULL, &e), 0);
    assert_string_equal(s.listen, "127.0.0.1:2");
    assert_true(s.keep_bodies);
    assert_false(s.listen_is_given);
    settings_done(&s);
    assert_int_equal(load(&s, WORDS("--listen", "127.0.0.1:3", "--no-bodies"), &e), 0);
    assert_string_equal(s.listen, "127.0.0.1:3");
    assert_string_equal(s.log_path, "/e/log");
    assert_true(s.listen_is_given);
    assert_false(s.keep_bodies);
    settings_done(&s);
    free(config);
}

static void test_respan_base_url_names_the_upstream(void **state)
{
    (void)state;
    struct settings s;
    struct err e;
    setenv("RESPAN_BASE_URL", "https://endpoint.respan.ai/api", 1);
    assert_int_equal(load(&s, NULL, &e), 0);
    assert_string_equal(s.upstream, "https://endpoint.respan.ai/api/anthropic/");
    assert_null(s.api_base);
    settings_done(&s);
    setenv("RESPAN_BASE_URL", "https://endpoint.respan.ai/api/", 1);
    assert_int_equal(load(&s, NULL, &e), 0);
    assert_string_equal(s.upstream, "https://endpoint.respan.ai/api/anthropic/");
    settings_done(&s);
    /* An upstream of another shape has no API base but this one. */
    assert_int_equal(load(&s, WORDS("--upstream", "http://127.0.0.1:9/x"), &e), 0);
    assert_string_equal(s.upstream, "http://127.0.0.1:9/x");
    assert_string_equal(s.api_base, "https://endpoint.respan.ai/api");
    settings_done(&s);
}

static void test_paths_become_absolute(void **state)
{
    (void)state;
    struct settings s;
    struct err e;
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(load(&s, WORDS("--log", "a/b.db"), &e), 0);
    char *want = xasprintf("%s/a/b.db", here);
    assert_string_equal(s.log_path, want);
    free(want);
    settings_done(&s);
    unsetenv("HOME"); /* then the default is relative */
    assert_int_equal(load(&s, NULL, &e), 0);
    assert_int_equal(s.log_path[0], '/');
    settings_done(&s);
}

static void expect_error(char **words, const char *says)
{
    struct settings s;
    struct err e;
    assert_int_equal(load(&s, words, &e), -1);
    if (!strstr(e.text, says))
        fail_msg("expected \"%s\" in \"%s\"", says, e.text);
    settings_done(&s);
}

static void test_errors_name_who_says_it(void **state)
{
    (void)state;
    expect_error(WORDS("--listen", "4777"), "--listen");
    expect_error(WORDS("--upstream", "api.respan.ai"), "--upstream");
    expect_error(WORDS("--upstream", "https://a/b?c"), "--upstream");
    expect_error(WORDS("--config", "/nowhere/x.conf"), "/nowhere/x.conf");
    setenv("SPANTOP_KEEP", "soon", 1);
    expect_error(NULL, "SPANTOP_KEEP");
    unsetenv("SPANTOP_KEEP");
    char *config = write_file("spantop/spantop.conf", "listen = 127.0.0.1:1\nlisten 5\n"); /* the default file */
    expect_error(NULL, "spantop.conf:2");
    free(config);
    config = write_file("spantop/spantop.conf", "help = yes\n");
    expect_error(NULL, "no setting \"help\"");
    free(config);
    config = write_file("spantop/spantop.conf", "\nmax-log-bytes = huge\n");
    expect_error(NULL, "spantop.conf:2: max-log-bytes");
    free(config);
}

static void test_key_comes_from_the_environment_then_the_file(void **state)
{
    (void)state;
    struct settings s;
    struct err e;
    char *key, *path = write_file("key", "  file-key \n");
    assert_int_equal(load(&s, WORDS("--key-file", path), &e), 0);
    assert_int_equal(settings_key(&s, &key, &e), 0);
    assert_string_equal(key, "file-key");
    key_free(key);
    setenv("RESPAN_API_KEY", "env-key", 1);
    assert_int_equal(settings_key(&s, &key, &e), 0);
    assert_string_equal(key, "env-key");
    key_free(key);
    settings_done(&s);
    free(path);
    unsetenv("RESPAN_API_KEY");
    assert_int_equal(load(&s, NULL, &e), 0);
    assert_int_equal(settings_key(&s, &key, &e), 0);
    assert_null(key);
    settings_done(&s);
}

static void test_bad_keys_are_refused_without_being_told(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "two words", "secret\nsecret", "s\x01secret", "sch\xc3\xb6n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct settings s;
        struct err e;
        char *key, *path = write_file("key", texts[i]);
        assert_int_equal(load(&s, WORDS("--key-file", path), &e), 0);
        assert_int_equal(settings_key(&s, &key, &e), -1);
        assert_null(key);
        assert_non_null(strstr(e.text, path));
        assert_null(strstr(e.text, "secret"));
        settings_done(&s);
        free(path);
    }
}

#define SET(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SET(test_defaults),
        SET(test_option_beats_environment_beats_config),
        SET(test_respan_base_url_names_the_upstream),
        SET(test_paths_become_absolute),
        SET(test_errors_name_who_says_it),
        SET(test_key_comes_from_the_environment_then_the_file),
        SET(test_bad_keys_are_refused_without_being_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
