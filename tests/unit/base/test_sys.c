/* What systems do each in their own way: the same answers from what this one has and,
 * built with HAVE=none, from the fallbacks. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sys.h"

static const char *program;

static bool closes_on_exec(int fd)
{
    return fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

static bool waits(int fd)
{
    return !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static void test_descriptors_do_not_outlive_an_exec(void **state)
{
    int ends[2];
    char name[] = "/tmp/spantop-sys.XXXXXX";
    (void)state;
    assert_int_equal(sys_pipe(ends), 0);
    assert_true(closes_on_exec(ends[0]) && closes_on_exec(ends[1]));
    assert_true(waits(ends[0]) && waits(ends[1]));
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(read(ends[0], name + 20, 1), 1);
    strcpy(name, "/tmp/spantop-sys.XXXXXX");
    int fd = sys_temp_file(name);
    struct stat st;
    assert_true(fd >= 0 && closes_on_exec(fd));
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    close(fd);
    unlink(name);
    close(ends[0]);
    close(ends[1]);
}

static void test_sockets(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    (void)state;
    int listener = sys_socket(AF_INET, false), client = sys_socket(AF_INET, true);
    assert_true(listener >= 0 && closes_on_exec(listener) && !waits(listener));
    assert_true(client >= 0 && closes_on_exec(client) && waits(client));
    assert_int_equal(sys_accept(listener), -1); /* it does not listen yet */
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&at, sizeof at), 0);
    struct pollfd ready = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 10000), 1);
    int served = sys_accept(listener);
    assert_true(served >= 0 && closes_on_exec(served) && waits(served));
    assert_int_equal(sys_send(served, "abc", 3, 0), 3);
    char back[4] = "";
    assert_int_equal(read(client, back, 3), 3);
    assert_string_equal(back, "abc");
    close(client);
    close(served);
    close(listener);
}

/* In a child, since it closes what the others need. */
static void test_close_from(void **state)
{
    int status;
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        int kept = fcntl(1, F_DUPFD, 20), gone = fcntl(1, F_DUPFD, 40);
        sys_close_from(30);
        _exit(fcntl(kept, F_GETFD) >= 0 && fcntl(gone, F_GETFD) < 0 && errno == EBADF ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

extern char **environ;

static void test_spawn_closes_too(void **state)
{
    posix_spawn_file_actions_t files;
    char sh[] = "sh", flag[] = "-c", script[] = "exec 2>/dev/null; ! true <&9";
    char *argv[] = {sh, flag, script, NULL};
    int status, fd = fcntl(1, F_DUPFD, 9);
    pid_t pid;
    (void)state;
    assert_int_equal(fd, 9);
    posix_spawn_file_actions_init(&files);
    assert_int_equal(sys_spawn_close_from(&files, 3), 0);
    assert_int_equal(posix_spawn(&pid, "/bin/sh", &files, NULL, argv, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    posix_spawn_file_actions_destroy(&files);
    close(fd);
}

static void test_room_is_laid_aside(void **state)
{
    char name[] = "/tmp/spantop-sys.XXXXXX";
    struct stat st;
    (void)state;
    int fd = sys_temp_file(name);
    assert_int_equal(sys_lay_aside(fd, 200001), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 200001);
    assert_true((int64_t)st.st_blocks * 512 >= 200001);
    close(fd);
    unlink(name);
    fd = open("/dev/null", O_RDONLY);
    assert_int_not_equal(sys_lay_aside(fd, 1), 0);
    close(fd);
}

static void test_secrets(void **state)
{
    char a[64] = {0}, b[64] = {0}, zero[64] = {0};
    (void)state;
    assert_int_equal(sys_random(a, sizeof a), 0);
    assert_int_equal(sys_random(b, sizeof b), 0);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a, zero, sizeof a);
    sys_wipe(a, sizeof a);
    assert_memory_equal(a, zero, sizeof a);
}

struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool is_told;
};

static void *tell(void *arg)
{
    struct waiting *w = arg;
    pthread_mutex_lock(&w->lock);
    w->is_told = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void test_waiting(void **state)
{
    struct waiting w = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t thread;
    (void)state;
    sys_cond_init(&w.wake);
    pthread_mutex_lock(&w.lock);
    int64_t until_us = clock_mono_us() + 20000;
    while (clock_mono_us() < until_us) /* ends, by itself */
        sys_cond_wait_until(&w.wake, &w.lock, until_us);
    assert_int_equal(pthread_create(&thread, NULL, tell, &w), 0);
    int64_t late_us = clock_mono_us() + 600000000;
    while (!w.is_told)
        sys_cond_wait_until(&w.wake, &w.lock, late_us);
    assert_true(clock_mono_us() < late_us);
    pthread_mutex_unlock(&w.lock);
    pthread_join(thread, NULL);
    pthread_cond_destroy(&w.wake);
}

static void test_regexec_looks_in_a_part(void **state)
{
    static const char text[] = "ab1\0cd2ef3";
    regex_t digit, any;
    regmatch_t at = {.rm_so = 3, .rm_eo = 10};
    (void)state;
    assert_int_equal(regcomp(&digit, "[0-9]", REG_EXTENDED), 0);
    assert_int_equal(regcomp(&any, "^c", REG_EXTENDED), 0);
    assert_int_equal(sys_regexec(&digit, text, &at, 0), 0); /* behind a NUL */
    assert_int_equal(at.rm_so, 6);
    assert_int_equal(at.rm_eo, 7);
    at = (regmatch_t){.rm_so = 7, .rm_eo = 9};
    assert_int_equal(sys_regexec(&digit, text, &at, 0), REG_NOMATCH); /* the 3 stands behind the end */
    at = (regmatch_t){.rm_so = 4, .rm_eo = 10};
    assert_int_equal(sys_regexec(&any, text, &at, REG_NOTBOL), REG_NOMATCH);
    regfree(&digit);
    regfree(&any);
}

static void test_own_program(void **state)
{
    char whole[PATH_MAX];
    (void)state;
    assert_non_null(realpath(program, whole));
    char *found = sys_own_program(program);
    assert_string_equal(found, whole);
    free(found);
    char *name = strrchr(whole, '/') + 1, *path = strdup(getenv("PATH"));
    char *folders = xasprintf("/nowhere:%.*s:/usr/bin", (int)(name - whole - 1), whole);
    setenv("PATH", folders, 1); /* as the shell found it */
    found = sys_own_program(name);
    assert_string_equal(found, whole);
    setenv("PATH", path, 1);
    free(found);
    free(folders);
    free(path);
}

static void test_no_remote_filesystem(void **state)
{
    (void)state;
    assert_null(sys_remote_filesystem("/nowhere/at/all"));
    sys_keep_memory();
}

static void test_a_program_is_found_as_a_shell_does(void **state)
{
    (void)state;
    char folder[] = "/tmp/spantop-sys-XXXXXX";
    char *before = xstrdup(getenv("PATH"));
    assert_non_null(mkdtemp(folder));
    char *there = xasprintf("%s/spantop-a", folder), *path = xasprintf("/nonexistent::%s:/bin", folder);
    int fd = open(there, O_CREAT | O_WRONLY, 0700);
    assert_true(fd >= 0);
    close(fd);
    setenv("PATH", path, 1);
    char *found = sys_find_program("spantop-a");
    assert_string_equal(found, there);
    assert_null(sys_find_program("spantop-b"));
    unsetenv("PATH");
    assert_null(sys_find_program("spantop-a"));
    setenv("PATH", before, 1);
    unlink(there);
    rmdir(folder);
    free(found);
    free(path);
    free(there);
    free(before);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptors_do_not_outlive_an_exec),
        cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_close_from),
        cmocka_unit_test(test_spawn_closes_too),
        cmocka_unit_test(test_room_is_laid_aside),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_regexec_looks_in_a_part),
        cmocka_unit_test(test_own_program),
        cmocka_unit_test(test_a_program_is_found_as_a_shell_does),
        cmocka_unit_test(test_no_remote_filesystem),
    };
    (void)argc;
    program = argv[0];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
