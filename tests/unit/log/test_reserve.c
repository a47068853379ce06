/* The reserve beside the log, as far as a disk with room shows it; what happens
 * on a full one is tested end to end (tests/e2e/test_faults_disk.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "log/reserve.h"

static char dir[64];
static char log_path[128];
static char path[160];

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/spantop-reserve-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(log_path, sizeof log_path, "%s/log.db", dir);
    snprintf(path, sizeof path, "%s-reserve", log_path);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static void test_room_is_laid_aside_and_really_taken(void **state)
{
    (void)state;
    struct stat st;
    struct reserve *r = reserve_open(log_path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(st.st_size >= 1 << 20);
    assert_true((int64_t)st.st_blocks * 512 >= (int64_t)st.st_size);
    assert_true(reserve_lets_write(r));
    reserve_free(r);
    assert_int_equal(access(path, F_OK), 0);
}

static void test_what_was_given_up_is_laid_again_once_there_is_room(void **state)
{
    (void)state;
    struct reserve *r = reserve_open(log_path);
    reserve_give_up(r);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_true(reserve_lets_write(r)); /* this disk has room */
    assert_int_equal(access(path, F_OK), 0);
    reserve_free(r);
}

static void test_a_reserve_that_was_taken_away_is_laid_again(void **state)
{
    (void)state;
    struct reserve *r = reserve_open(log_path);
    assert_int_equal(unlink(path), 0);
    reserve_look(r);
    assert_int_equal(access(path, F_OK), 0);
    assert_true(reserve_lets_write(r));
    reserve_free(r);
}

static void test_a_disk_with_room_keeps_its_reserve(void **state)
{
    (void)state;
    struct reserve *r = reserve_open(log_path);
    reserve_look(r);
    reserve_drop_if_full(log_path);
    assert_int_equal(access(path, F_OK), 0);
    reserve_free(r);
}

static void test_a_folder_that_is_not_there_hinders_nobody(void **state)
{
    (void)state;
    struct reserve *r = reserve_open("/tmp/spantop-reserve-nowhere/x/log.db");
    assert_true(reserve_lets_write(r));
    reserve_look(r);
    reserve_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_room_is_laid_aside_and_really_taken, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_what_was_given_up_is_laid_again_once_there_is_room, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_a_reserve_that_was_taken_away_is_laid_again, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_a_disk_with_room_keeps_its_reserve, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_a_folder_that_is_not_there_hinders_nobody, make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
