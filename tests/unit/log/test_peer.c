/* One gateway a log; its lock file, its health page, the local token. */
#include "tests/unit/tmpdir.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/peer.h"

static char log_path[96];

static int make_dir(void **state)
{
    (void)state;
    tmpdir_make(log_path, sizeof log_path, "log.db");
    return 0;
}

static struct peer_lock *take(void)
{
    struct err e = {""};
    struct peer_lock *lock = peer_lock_take(log_path, &e);
    if (!lock)
        fail_msg("%s", e.text);
    return lock;
}

static const struct peer ME = {.address = "127.0.0.1:4777", .pid = 4242, .token = "abc\"def", .upstream = "https://x/é/",
                               .version = "0.1.0", .started_at = 1700000000123};

/* ---- the lock ---- */

static void test_no_lock_file_means_no_gateway(void **state)
{
    (void)state;
    struct err e = {""};
    struct peer p;
    assert_int_equal(peer_find(log_path, &p, &e), 1);
    snprintf(log_path, sizeof log_path, "%s/absent/log.db", tmpdir);
    assert_int_equal(peer_find(log_path, &p, &e), 1);
}

static void test_an_announced_gateway_is_found(void **state)
{
    (void)state;
    struct err e = {""};
    struct peer p;
    struct peer_lock *lock = take();
    assert_int_equal(peer_lock_announce(lock, &ME, &e), 0);
    assert_int_equal(peer_find(log_path, &p, &e), 0);
    assert_string_equal(p.address, ME.address);
    assert_string_equal(p.token, ME.token);
    assert_string_equal(p.upstream, ME.upstream);
    assert_string_equal(p.version, ME.version);
    assert_int_equal(p.pid, ME.pid);
    assert_int_equal(p.started_at, ME.started_at);
    peer_lock_free(lock);
    assert_int_equal(peer_find(log_path, &p, &e), 1);
}

static void test_a_second_gateway_is_refused_by_name(void **state)
{
    (void)state;
    struct err e = {""};
    struct peer_lock *lock = take();
    assert_int_equal(peer_lock_announce(lock, &ME, &e), 0);
    assert_null(peer_lock_take(log_path, &e));
    if (!strstr(e.text, "127.0.0.1:4777") || !strstr(e.text, "4242") || !strstr(e.text, "spantop stop"))
        fail_msg("does not name the holder: %s", e.text);
    peer_lock_free(lock);
    peer_lock_free(take());
}

static void test_a_dead_gateways_words_are_not_believed(void **state)
{
    (void)state;
    struct err e = {""};
    struct peer p;
    pid_t child = fork();
    if (child == 0) {
        struct peer_lock *lock = peer_lock_take(log_path, NULL);
        _exit(lock && peer_lock_announce(lock, &ME, NULL) == 0 ? 0 : 1); /* dies without tidying */
    }
    int status = -1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(peer_find(log_path, &p, &e), 1);
    /* The next one holds the lock, but has said nothing yet. */
    struct peer_lock *lock = take();
    char file[128];
    struct stat st;
    snprintf(file, sizeof file, "%s.gateway", log_path);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    peer_lock_free(lock);
}

static void *announce_later(void *lock)
{
    poll(NULL, 0, 50);
    return (void *)(intptr_t)peer_lock_announce(lock, &ME, NULL);
}

static void test_finding_waits_for_a_gateway_that_is_starting(void **state)
{
    (void)state;
    struct err e = {""};
    struct peer p;
    pthread_t thread;
    void *rc = NULL;
    struct peer_lock *lock = take();
    assert_int_equal(pthread_create(&thread, NULL, announce_later, lock), 0);
    int found = peer_find(log_path, &p, &e);
    pthread_join(thread, &rc);
    assert_null(rc);
    if (found != 0)
        fail_msg("status %d: %s", found, e.text);
    assert_string_equal(p.address, ME.address);
    peer_lock_free(lock);
}

static void test_a_removed_lock_file_does_not_make_two_gateways_of_one_name(void **state)
{
    (void)state;
    struct err e = {""};
    struct peer p;
    char file[128];
    snprintf(file, sizeof file, "%s.gateway", log_path);
    struct peer_lock *first = take();
    assert_int_equal(unlink(file), 0);
    struct peer_lock *second = take(); /* the name is free: nothing can be known of the first */
    assert_int_equal(peer_lock_announce(second, &ME, &e), 0);
    assert_int_equal(peer_find(log_path, &p, &e), 0);
    peer_lock_free(first);
    assert_int_equal(peer_find(log_path, &p, &e), 0);
    peer_lock_free(second);
}

/* ---- the health page ---- */

struct server {
    int fd;
    char address[32];
    const char *answer; /* NULL: says nothing */
    size_t len;
    bool drips;         /* a byte each 20 ms */
    char request[512];
    pthread_t thread;
    int stop[2];
};

static bool stopped(struct server *s, int ms)
{
    struct pollfd p = {.fd = s->stop[0], .events = POLLIN};
    return poll(&p, 1, ms) != 0;
}

static void *serve(void *arg)
{
    struct server *s = arg;
    int fd = accept(s->fd, NULL, NULL);
    size_t got = 0;
    while (got < sizeof s->request - 1 && !strstr(s->request, "\r\n\r\n")) {
        ssize_t n = read(fd, s->request + got, sizeof s->request - 1 - got);
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    if (!s->answer)
        stopped(s, -1);
    size_t step = s->drips ? 1 : s->len;
    for (size_t at = 0; s->answer && at < s->len; at += step) {
        if (send(fd, s->answer + at, step, MSG_NOSIGNAL) < 0 || (s->drips && stopped(s, 20)))
            break;
    }
    close(fd);
    return NULL;
}

static void start(struct server *s, const char *answer, size_t len, bool drips)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    *s = (struct server){.answer = answer, .len = len, .drips = drips};
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(s->fd, 1), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &size), 0);
    snprintf(s->address, sizeof s->address, "127.0.0.1:%d", ntohs(a.sin_port));
    assert_int_equal(pipe(s->stop), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(struct server *s)
{
    assert_int_equal(write(s->stop[1], "x", 1), 1);
    pthread_join(s->thread, NULL);
    close(s->fd);
    close(s->stop[0]);
    close(s->stop[1]);
}

static const char PAGE[] =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    "{\"status\":\"ok\",\"version\":\"0.1.0\",\"started_at\":1700000000123,\"in_flight\":3,\"calls\":9007199254740991,"
    "\"dropped\":1,\"refused\":2,\"routes_version\":17,\"instance\":\"abcd\",\"problem\":\"the disk is full\"}";

static void test_the_health_page_is_read(void **state)
{
    (void)state;
    struct server s;
    struct peer_health h;
    struct err e = {""};
    start(&s, PAGE, sizeof PAGE - 1, false);
    int rc = peer_ask_health(s.address, 2000, &h, &e);
    stop(&s);
    if (rc != 0)
        fail_msg("%s", e.text);
    assert_string_equal(h.version, "0.1.0");
    assert_string_equal(h.instance, "abcd");
    assert_string_equal(h.problem, "the disk is full");
    assert_int_equal(h.started_at, 1700000000123);
    assert_int_equal(h.in_flight, 3);
    assert_int_equal(h.calls, 9007199254740991);
    assert_int_equal(h.dropped, 1);
    assert_int_equal(h.refused, 2);
    assert_int_equal(h.routes_version, 17);
    char host[64];
    snprintf(host, sizeof host, "\r\nHost: %s\r\n", s.address);
    assert_ptr_equal(strstr(s.request, "GET /spantop/health HTTP/1.0\r\n"), s.request);
    assert_non_null(strstr(s.request, host));
}

static void check_bad(const char *answer, size_t len, bool drips, const char *why)
{
    struct server s;
    struct peer_health h;
    struct err e = {""};
    start(&s, answer, len, drips);
    int64_t before = clock_mono_us();
    int rc = peer_ask_health(s.address, 200, &h, &e);
    int64_t took_ms = (clock_mono_us() - before) / 1000;
    stop(&s);
    if (rc != -1 || !strstr(e.text, why) || !strstr(e.text, s.address))
        fail_msg("status %d, expected \"%s\" in: %s", rc, why, e.text);
    if (took_ms > 1500)
        fail_msg("took %lld ms of 200", (long long)took_ms);
}

static void test_a_foreign_or_slow_answer_is_refused_in_time(void **state)
{
    (void)state;
    static char huge[200000];
    memset(huge, 'x', sizeof huge);
    static const char refused[] = "HTTP/1.1 503 No\r\n\r\n{\"status\":\"ok\",\"routes_version\":1}";
    static const char foreign[] = "HTTP/1.1 200 OK\r\n\r\n{\"hello\":1}";
    static const char garbage[] = "SSH-2.0-OpenSSH\r\n";
    check_bad(NULL, 0, false, "does not answer");
    check_bad(PAGE, sizeof PAGE - 1, true, "does not answer");
    check_bad(refused, sizeof refused - 1, false, "another program");
    check_bad(foreign, sizeof foreign - 1, false, "another program");
    check_bad(garbage, sizeof garbage - 1, false, "another program");
    check_bad("", 0, false, "another program");
    check_bad(huge, sizeof huge, false, "does not answer");
}

static void test_nobody_there_is_told(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "127.0.0.1", "localhost:1", "127.0.0.1:0", "127.0.0.1:70000", "[::1:5"};
    struct peer_health h;
    struct err e = {""};
    assert_int_equal(peer_ask_health("127.0.0.1:1", 500, &h, &e), -1);
    assert_non_null(strstr(e.text, "no gateway answers at 127.0.0.1:1: Connection refused"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(peer_ask_health(bad[i], 500, &h, &e), -1);
        if (!strstr(e.text, "address"))
            fail_msg("%s: %s", bad[i], e.text);
    }
}

/* ---- the local token ---- */

static void test_the_token_is_made_once_and_private(void **state)
{
    (void)state;
    struct err e = {""};
    char first[LOCAL_TOKEN_MAX], second[LOCAL_TOKEN_MAX], file[128];
    struct stat st;
    if (local_token_load(log_path, first, &e) != 0 || local_token_load(log_path, second, &e) != 0)
        fail_msg("%s", e.text);
    assert_string_equal(first, second);
    assert_int_equal(strlen(first), 8 + 64);
    assert_memory_equal(first, "spantop-", 8);
    snprintf(file, sizeof file, "%s/token", tmpdir);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(chmod(file, 0644), 0);
    assert_int_equal(local_token_load(log_path, second, &e), 0);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_a_spoilt_token_is_told(void **state)
{
    (void)state;
    struct err e = {""};
    char token[LOCAL_TOKEN_MAX], file[128];
    snprintf(file, sizeof file, "%s/token", tmpdir);
    FILE *f = fopen(file, "w");
    fputs("spantop-short\n", f);
    fclose(f);
    assert_int_equal(local_token_load(log_path, token, &e), -1);
    assert_non_null(strstr(e.text, "delete it"));
}

static void test_racing_processes_get_the_same_token(void **state)
{
    (void)state;
    enum { RACERS = 8, ROUNDS = 10 };
    for (int round = 0; round < ROUNDS; round++) {
        int go[2], out[2];
        char path[128], token[LOCAL_TOKEN_MAX], first[LOCAL_TOKEN_MAX] = "";
        snprintf(path, sizeof path, "%s/%d/log.db", tmpdir, round);
        assert_int_equal(pipe(go) | pipe(out), 0);
        for (int i = 0; i < RACERS; i++) {
            if (fork() != 0)
                continue;
            char byte;
            close(go[1]);
            if (read(go[0], &byte, 1) != 0) /* the end of the pipe is the start */
                _exit(2);
            memset(token, 0, sizeof token);
            _exit(local_token_load(path, token, NULL) == 0 && write(out[1], token, sizeof token) == sizeof token ? 0 : 1);
        }
        close(go[0]);
        close(go[1]);
        close(out[1]);
        int count = 0;
        for (; read(out[0], token, sizeof token) == sizeof token; count++) {
            if (count == 0)
                memcpy(first, token, sizeof token);
            assert_string_equal(token, first);
        }
        close(out[0]);
        for (int i = 0; i < RACERS; i++)
            wait(NULL);
        assert_int_equal(count, RACERS);
    }
    char command[128];
    snprintf(command, sizeof command, "test \"$(ls '%s'/0)\" = token", tmpdir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, tmpdir_remove)
    const struct CMUnitTest tests[] = {
        TEST(test_no_lock_file_means_no_gateway),
        TEST(test_an_announced_gateway_is_found),
        TEST(test_a_second_gateway_is_refused_by_name),
        TEST(test_a_dead_gateways_words_are_not_believed),
        TEST(test_finding_waits_for_a_gateway_that_is_starting),
        TEST(test_a_removed_lock_file_does_not_make_two_gateways_of_one_name),
        TEST(test_the_health_page_is_read),
        TEST(test_a_foreign_or_slow_answer_is_refused_in_time),
        TEST(test_nobody_there_is_told),
        TEST(test_the_token_is_made_once_and_private),
        TEST(test_a_spoilt_token_is_told),
        TEST(test_racing_processes_get_the_same_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
