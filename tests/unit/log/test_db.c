/* Opening the log: what is made, and every refusal in its own words. */
#include "tests/unit/tmpdir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "log/db.h"
#include "log/sql.h"

static char path[128];

static int make_dir(void **state)
{
    (void)state;
    tmpdir_make(path, sizeof path, "made/log.db");
    return 0;
}

static struct db *create(void)
{
    struct err e = {""};
    struct db *db = db_open(path, DB_CREATE, &e);
    if (!db)
        fail_msg("%s", e.text);
    return db;
}

static void check_refused(enum db_mode mode, const char *why)
{
    struct err e = {""};
    struct db *db = db_open(path, mode, &e);
    if (db)
        fail_msg("opened, though: %s", why);
    if (!strstr(e.text, why) || !strstr(e.text, "log"))
        fail_msg("expected \"%s\" in: %s", why, e.text);
}

static void write_raw(const char *bytes, size_t len)
{
    struct err e = {""};
    char *folder = file_dir_of(path);
    assert_int_equal(file_make_dir(folder, &e), 0);
    free(folder);
    assert_int_equal(file_write(path, bytes, len, 0600, &e), 0);
}

static mode_t mode_of(const char *name)
{
    struct stat st;
    if (stat(name, &st) != 0)
        fail_msg("%s is not there", name);
    return st.st_mode & 0777;
}

static void test_a_new_log_is_private(void **state)
{
    (void)state;
    mode_t old = umask(0);
    struct db *db = create();
    umask(old);
    char name[160];
    snprintf(name, sizeof name, "%s/made", tmpdir);
    assert_int_equal(mode_of(name), 0700);
    assert_int_equal(mode_of(path), 0600);
    snprintf(name, sizeof name, "%s-wal", path);
    assert_int_equal(mode_of(name), 0600);
    snprintf(name, sizeof name, "%s-shm", path);
    assert_int_equal(mode_of(name), 0600);
    db_close(db);
}

static void test_a_log_that_others_can_read_is_closed_to_them(void **state)
{
    (void)state;
    db_close(create());
    chmod(path, 0644);
    db_close(create());
    assert_int_equal(mode_of(path), 0600);
}

static void test_a_missing_log_is_refused(void **state)
{
    (void)state;
    check_refused(DB_READ, "there is no log at");
    check_refused(DB_WRITE, "there is no log at");
    assert_int_equal(access(path, F_OK), -1); /* and none is made */
}

static void test_a_file_that_is_no_log_is_refused_and_unchanged(void **state)
{
    (void)state;
    char text[4096];
    memset(text, 'x', sizeof text);
    write_raw(text, sizeof text);
    check_refused(DB_CREATE, "is no spantop log");
    check_refused(DB_WRITE, "is no spantop log");
    check_refused(DB_READ, "is no spantop log");
    struct buf now;
    struct err e;
    buf_init(&now);
    assert_int_equal(file_read(path, 10000, &now, &e), 0);
    assert_int_equal(now.len, sizeof text);
    assert_memory_equal(now.data, text, sizeof text);
    buf_done(&now);
}

static void test_another_program_s_database_is_refused(void **state)
{
    (void)state;
    sqlite3 *sq = NULL;
    write_raw("", 0);
    assert_int_equal(sqlite3_open(path, &sq), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sq, "CREATE TABLE t(a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(sq);
    check_refused(DB_CREATE, "is a database, but no spantop log");
}

static void test_an_empty_file_waits_for_the_gateway(void **state)
{
    (void)state;
    write_raw("", 0);
    check_refused(DB_READ, "still empty");
    db_close(create());
    struct err e = {""};
    struct db *db = db_open(path, DB_READ, &e);
    assert_non_null(db);
    db_close(db);
}

static void test_a_newer_log_is_refused(void **state)
{
    (void)state;
    struct db *db = create();
    assert_int_equal(sql_run(db_sqlite(db), "PRAGMA user_version = 999", NULL), 0);
    db_close(db);
    check_refused(DB_CREATE, "of a newer spantop (log version 999");
    check_refused(DB_READ, "of a newer spantop");
}

static void test_a_damaged_log_is_refused(void **state)
{
    (void)state;
    db_close(create());
    assert_int_equal(truncate(path, 8192), 0);
    check_refused(DB_READ, "is damaged");
    check_refused(DB_CREATE, "is damaged");
    db_close(NULL);
}

static void test_a_log_of_garbage_pages_is_refused(void **state)
{
    (void)state;
    db_close(create());
    struct err e = {""};
    struct buf all;
    buf_init(&all);
    assert_int_equal(file_read(path, 1 << 24, &all, &e), 0);
    memset(all.data + 100, 0xa5, all.len - 100); /* the header alone is right */
    write_raw(all.data, all.len);
    buf_done(&all);
    check_refused(DB_READ, "is damaged");
    check_refused(DB_CREATE, "is damaged");
}

static void test_a_folder_that_others_can_write_is_refused(void **state)
{
    (void)state;
    chmod(tmpdir, 0777);
    snprintf(path, sizeof path, "%s/log.db", tmpdir);
    check_refused(DB_CREATE, "others can write to the log's folder");
    assert_int_equal(access(path, F_OK), -1);
}

static void test_a_folder_is_no_log(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s", tmpdir);
    check_refused(DB_READ, "is no plain file");
}

static void test_settings_are_kept_and_removed(void **state)
{
    (void)state;
    struct err e = {""};
    struct db *db = create();
    assert_null(db_setting(db, "k"));
    assert_int_equal(db_set_setting(db, "k", "one", &e), 0);
    assert_int_equal(db_set_setting(db, "k", "two", &e), 0);
    char *value = db_setting(db, "k");
    assert_string_equal(value, "two");
    free(value);
    assert_int_equal(db_set_setting(db, "k", NULL, &e), 0);
    assert_null(db_setting(db, "k"));
    db_close(db);
}

static void test_changes_of_others_are_seen_once(void **state)
{
    (void)state;
    struct err e = {""};
    struct db *db = create();
    struct db *other = db_open(path, DB_WRITE, &e);
    assert_non_null(other);
    assert_true(db_changed(db)); /* first look */
    assert_false(db_changed(db));
    assert_int_equal(db_set_setting(other, "k", "v", &e), 0);
    assert_true(db_changed(db));
    assert_false(db_changed(db));
    db_close(other);
    db_close(db);
}

static void test_a_replaced_log_is_noticed(void **state)
{
    (void)state;
    struct db *db = create();
    assert_false(db_is_replaced(db));
    char moved[160];
    snprintf(moved, sizeof moved, "%s.old", path);
    assert_int_equal(rename(path, moved), 0);
    assert_true(db_is_replaced(db));
    write_raw("", 0);
    assert_true(db_is_replaced(db));
    db_close(db);
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, tmpdir_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_a_new_log_is_private),
        WITH_DIR(test_a_log_that_others_can_read_is_closed_to_them),
        WITH_DIR(test_a_missing_log_is_refused),
        WITH_DIR(test_a_file_that_is_no_log_is_refused_and_unchanged),
        WITH_DIR(test_another_program_s_database_is_refused),
        WITH_DIR(test_an_empty_file_waits_for_the_gateway),
        WITH_DIR(test_a_newer_log_is_refused),
        WITH_DIR(test_a_damaged_log_is_refused),
        WITH_DIR(test_a_log_of_garbage_pages_is_refused),
        WITH_DIR(test_a_folder_that_others_can_write_is_refused),
        WITH_DIR(test_a_folder_is_no_log),
        WITH_DIR(test_settings_are_kept_and_removed),
        WITH_DIR(test_changes_of_others_are_seen_once),
        WITH_DIR(test_a_replaced_log_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
