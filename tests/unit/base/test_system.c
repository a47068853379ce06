/* Errors, encodings, clocks and files. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

static void test_err_is_one_sentence_cut_at_a_character(void **state)
{
    (void)state;
    struct err e;
    char long_text[ERR_TEXT_MAX * 2];
    assert_int_equal(err_set(&e, "cannot open %s", "log.db"), -1);
    err_prefix(&e, "serve");
    assert_string_equal(e.text, "serve: cannot open log.db");
    memset(long_text, 'a', sizeof long_text);
    for (size_t i = ERR_TEXT_MAX - 8; i + 1 < sizeof long_text; i += 2)
        memcpy(long_text + i, "\xC3\xA4", 2);
    long_text[sizeof long_text - 1] = '\0';
    err_set(&e, "%s", long_text);
    assert_true(text_is_utf8(e.text, strlen(e.text)));
    assert_int_equal(err_set(NULL, "nobody listens"), -1);
}

static void test_base64_round_trip(void **state)
{
    (void)state;
    unsigned char data[64];
    for (size_t n = 0; n < sizeof data; n++) {
        random_bytes(data, n);
        char *text = encode_base64(data, n);
        size_t len = 99;
        char *back = decode_base64(text, strlen(text), &len);
        assert_non_null(back);
        assert_int_equal(len, n);
        assert_memory_equal(back, data, n);
        free(back);
        free(text);
    }
    size_t len;
    assert_null(decode_base64("a*b=", 4, &len));
    assert_null(decode_base64("abcde", 5, &len));
}

static void test_hex_and_secrets(void **state)
{
    (void)state;
    char hex[7];
    encode_hex("\x00\xab\xff", 3, hex);
    assert_string_equal(hex, "00abff");
    assert_true(secret_eq("abc", 3, "abc", 3));
    assert_false(secret_eq("abc", 3, "abd", 3));
    assert_false(secret_eq("abc", 3, "abcabc", 6));
    assert_false(secret_eq("abc", 3, "", 0));
    assert_true(secret_eq("", 0, "", 0));
}

static void test_days_are_local(void **state)
{
    (void)state;
    setenv("TZ", "America/New_York", 1);
    /* 2026-11-22 03:30 UTC is still the 21st there. */
    int64_t ms = 1795318200000;
    assert_int_equal(clock_day_number(ms), 20261121);
    assert_int_equal(clock_day_number(clock_day_start_ms(ms)), 20261121);
    assert_true(ms - clock_day_start_ms(ms) == (22 * 60 + 30) * 60000);
}

static void test_files_are_replaced_whole_and_private(void **state)
{
    (void)state;
    char dir[] = "/tmp/spantop-file-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char *sub = file_join(dir, "a/b");
    char *path = file_join(sub, "f");
    char *link = file_join(dir, "link");
    struct err e;
    struct buf got;
    struct stat st;
    buf_init(&got);
    assert_int_equal(file_make_dir(sub, &e), 0);
    assert_int_equal(file_write(path, "one", 3, 0600, &e), 0);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(file_write(link, "two", 3, 0600, &e), 0);
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(file_read(path, 100, &got, &e), 0);
    assert_string_equal(got.data, "two");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    buf_reset(&got);
    assert_int_equal(file_read(path, 2, &got, &e), -1);
    assert_non_null(strstr(e.text, path));
    unlink(link);
    unlink(path);
    rmdir(sub);
    char *a = file_dir_of(sub);
    rmdir(a);
    assert_int_equal(rmdir(dir), 0); /* no temporary file was left behind */
    free(a);
    free(link);
    free(path);
    free(sub);
    buf_done(&got);
}

static void test_iso_times_there_and_back(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } table[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-22T14:02:31Z", 1795356151000},
        {"2026-11-22 14:02:31", 1795356151000},
        {"2026-11-22T14:02:31.5Z", 1795356151500},
        {"2026-11-22T14:02:31.601353Z", 1795356151601},
        {"2026-11-22T15:32:31.25+01:30", 1795356151250},
        {"2026-11-22T09:02:31-05:00", 1795356151000},
        {"2026-11-22", -1},
        {"2026-11-22T14:02", -1},
        {"2026-11-22T14:02:31X", -1},
        {"2026-11-22T14:02:31+0100", -1},
        {"2026-11-22T14:02:31+01:00Z", -1},
        {"yesterday", -1},
        {"", -1},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (clock_from_iso(table[i].text) != table[i].ms)
            fail_msg("%s: expected %lld, got %lld", table[i].text, (long long)table[i].ms,
                     (long long)clock_from_iso(table[i].text));
    char text[CLOCK_ISO_MAX];
    clock_to_iso(text, 1795356151999);
    assert_string_equal(text, "2026-11-22T14:02:31Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err_is_one_sentence_cut_at_a_character),
        cmocka_unit_test(test_base64_round_trip),
        cmocka_unit_test(test_hex_and_secrets),
        cmocka_unit_test(test_days_are_local),
        cmocka_unit_test(test_iso_times_there_and_back),
        cmocka_unit_test(test_files_are_replaced_whole_and_private),
    };
    return cmocka_run_group_tests_name("system", tests, NULL, NULL);
}
