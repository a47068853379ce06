/* fork is safe here although threads may run (the demo's simulator): between
 * fork and exec the child makes only async-signal-safe calls, and everything it
 * needs was laid out before. */
#include "cli/start.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sys.h"
#include "gateway/api.h"

#define READY_FD        3
#define PARENT_FD       4
#define READY_LIMIT_MS  600000 /* a log of an older spantop takes a minute for a million calls; a death is noticed at once */
#define READY_SOON_MS   3000   /* who waits longer is told */
#define HEALTH_LIMIT_MS 2000
#define DRAIN_LIMIT_MS  40000 /* the gateway itself gives calls in flight 30 s */
#define ROUTES_LIMIT_MS 1000
#define STEP_MS         10
#define DIAG_FILE_MAX   ((off_t)1 << 20) /* diagnostics of the last runs; older ones go */
#define ARGS_MAX        96 /* all options, and 16 patterns */

extern char **environ;

/* --- The child ------------------------------------------------------------- */

struct launch {
    char *file;           /* what to exec */
    char *argv[ARGS_MAX]; /* owned from index 1 on */
    size_t argc;
    char **env; /* the list is owned, its strings are not */
    char *diag_path;
    int diag_fd;
    int null_fd;
    int ready[2];
    int parent[2]; /* a pipe whose other end closes with us; -1: the gateway stays */
};

static void add_arg(struct launch *l, const char *name, const char *value)
{
    if (!value || l->argc + 2 >= ARGS_MAX)
        return;
    l->argv[l->argc++] = xasprintf("--%s", name);
    l->argv[l->argc++] = xstrdup(value);
}

static void add_number(struct launch *l, const char *name, int64_t n, const char *unit)
{
    char text[40];
    if (n <= 0)
        return;
    snprintf(text, sizeof text, "%lld%s", (long long)n, unit);
    add_arg(l, name, text);
}

static void lay_out_args(struct launch *l, const struct start_options *o)
{
    const struct settings *s = o->settings;
    char fd[12];
    snprintf(fd, sizeof fd, "%d", READY_FD);
    l->argv[l->argc++] = xstrdup("spantop");
    l->argv[l->argc++] = xstrdup("serve");
    add_arg(l, "listen", s->listen);
    add_arg(l, "upstream", o->demo_upstream ? o->demo_upstream : s->upstream);
    add_arg(l, "log", s->log_path);
    add_arg(l, "ready-fd", fd);
    if (o->demo_upstream) {
        add_arg(l, "config", "/dev/null");
        l->argv[l->argc++] = xstrdup("--no-model-list"); /* the simulated one's is not the user's */
        snprintf(fd, sizeof fd, "%d", PARENT_FD);
        add_arg(l, "parent-fd", fd); /* nobody wants a demo's gateway that was left behind */
        add_arg(l, "alarms", "cache_break=0.008"); /* its sessions are small */
        return;
    }
    add_arg(l, "key-file", s->key_file);
    add_arg(l, "ca-file", s->ca_file);
    add_arg(l, "config", s->config_path);
    add_number(l, "max-log-bytes", s->max_log_bytes, "");
    add_number(l, "max-body-bytes", s->body_max_bytes, "");
    add_number(l, "max-held-bytes", s->held_max_bytes, "");
    add_number(l, "max-queue-bytes", s->queue_max_bytes, "");
    add_number(l, "keep", s->keep_days, "d");
    add_number(l, "idle-timeout", s->upstream_idle_ms, "ms");
    add_number(l, "connect-timeout", s->connect_timeout_ms, "ms");
    /* Those of the environment and the config file it reads itself: ps need not show them. */
    for (size_t i = 0; s->redact_is_given && s->redact[i]; i++)
        add_arg(l, "redact", s->redact[i]);
    if (s->alarms_are_given) {
        char limits[ALARM_LIMITS_TEXT_MAX];
        alarm_limits_text(&s->alarms, limits);
        add_arg(l, "alarms", limits);
    }
    if (s->on_alarm_is_given)
        add_arg(l, "on-alarm", s->on_alarm);
    add_number(l, "pin-failures", s->pin_failures, "");
    add_number(l, "pin-rest", s->pin_rest_ms, "ms");
    add_number(l, "pin-long-wait", s->pin_long_wait_ms, "ms");
    if (!s->fetch_models)
        l->argv[l->argc++] = xstrdup("--no-model-list");
    if (!s->keep_bodies)
        l->argv[l->argc++] = xstrdup("--no-bodies");
    if (!s->index_texts)
        l->argv[l->argc++] = xstrdup("--no-search");
}

static bool demo_drops(const char *variable)
{
    static const char *const names[] = {"SPANTOP_", "RESPAN_", "ANTHROPIC_"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return strncmp(variable, "SPANTOP_CLOCK=", 14) != 0;
    }
    return false;
}

static void lay_out_environment(struct launch *l, bool is_demo)
{
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    static char demo_key[] = "RESPAN_API_KEY=demo-key"; /* the simulated Respan takes any */
    l->env = xcalloc(count + 2, sizeof *l->env);
    if (is_demo)
        l->env[kept++] = demo_key;
    for (size_t i = 0; i < count; i++) {
        if (!is_demo || !demo_drops(environ[i]))
            l->env[kept++] = environ[i];
    }
}

static int open_diag(struct launch *l, const char *log_path, struct err *e)
{
    char *dir = file_dir_of(log_path);
    int r = file_make_dir(dir, e);
    free(dir);
    if (r != 0)
        return -1;
    l->diag_path = xasprintf("%s.diag", log_path);
    l->diag_fd = open(l->diag_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (l->diag_fd < 0)
        return err_set(e, "cannot write the gateway's diagnostics to %s: %s", l->diag_path, strerror(errno));
    struct stat st;
    if (fstat(l->diag_fd, &st) == 0 && st.st_size > DIAG_FILE_MAX && ftruncate(l->diag_fd, 0) != 0)
        return err_set(e, "cannot empty %s: %s", l->diag_path, strerror(errno));
    return 0;
}

static int lay_out(struct launch *l, const struct start_options *o, struct err *e)
{
    *l = (struct launch){.diag_fd = -1, .null_fd = -1, .ready = {-1, -1}, .parent = {-1, -1}};
    if (open_diag(l, o->settings->log_path, e) != 0)
        return -1;
    l->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (l->null_fd < 0 || sys_pipe(l->ready) != 0 || (o->demo_upstream && sys_pipe(l->parent) != 0))
        return err_set(e, "cannot start the gateway: %s", strerror(errno));
    l->file = sys_own_program(o->program);
    lay_out_args(l, o);
    lay_out_environment(l, o->demo_upstream != NULL);
    return 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void clear_launch(struct launch *l)
{
    close_fd(&l->diag_fd);
    close_fd(&l->null_fd);
    close_fd(&l->ready[0]);
    close_fd(&l->ready[1]);
    close_fd(&l->parent[0]); /* parent[1] closes with this process, and with nothing else */
    for (size_t i = 0; i < l->argc; i++)
        free(l->argv[i]);
    free(l->env);
    free(l->file);
    free(l->diag_path);
}

/* In the child; does not return. */
static void become_gateway(const struct launch *l)
{
    setsid();
    sigset_t none;
    sigemptyset(&none);
    for (int s = 1; s < 32; s++)
        signal(s, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* The ready pipe first moves out of the way of 0 to 3. */
    int ready = fcntl(l->ready[1], F_DUPFD, 16), null = fcntl(l->null_fd, F_DUPFD, 16),
        diag = fcntl(l->diag_fd, F_DUPFD, 16);
    int alive = l->parent[0] < 0 ? null : fcntl(l->parent[0], F_DUPFD, 16);
    if (dup2(null, 0) < 0 || dup2(diag, 1) < 0 || dup2(diag, 2) < 0 || dup2(ready, READY_FD) < 0 ||
        dup2(alive, PARENT_FD) < 0 || chdir("/") != 0)
        _exit(1);
    sys_close_from(PARENT_FD + 1);
    execve(l->file, l->argv, l->env);
    _exit(1);
}

/* --- What it says ------------------------------------------------------------ */

/* One line from fd before the limit: its length, 0 when it ended without, -1 too late. */
static int read_line(int fd, char *line, size_t size, int limit_ms)
{
    int64_t end_us = clock_mono_us() + (int64_t)limit_ms * 1000;
    size_t len = 0;
    for (;;) {
        int64_t left_ms = (end_us - clock_mono_us()) / 1000;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (left_ms < 0 || (poll(&p, 1, (int)left_ms) == 0))
            return -1;
        ssize_t n = read(fd, line + len, size - 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n > 0)
            len += (size_t)n;
        line[len] = '\0';
        char *newline = strchr(line, '\n');
        if (newline)
            *newline = '\0';
        if (newline || n <= 0 || len + 1 == size)
            return (int)strlen(line);
    }
}

static void tell_who_waits(const struct launch *l)
{
    struct pollfd p = {.fd = l->ready[0], .events = POLLIN};
    if (poll(&p, 1, READY_SOON_MS) == 0)
        fprintf(stderr, "spantop: the gateway is still getting its log ready; %s tells more\n", l->diag_path);
}

static int await_ready(struct launch *l, pid_t pid, struct err *e)
{
    char line[ERR_TEXT_MAX + 16];
    close_fd(&l->ready[1]);
    tell_who_waits(l);
    int len = read_line(l->ready[0], line, sizeof line, READY_LIMIT_MS);
    if (len > 0 && strncmp(line, "ok ", 3) == 0)
        return 0;
    if (len < 0)
        kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    if (len < 0)
        return err_set(e, "the gateway did not come up within %d s; see %s", READY_LIMIT_MS / 1000, l->diag_path);
    if (strncmp(line, "error ", 6) == 0)
        return err_set(e, "%s", line + 6);
    return err_set(e, "the gateway ended before it listened; see %s", l->diag_path);
}

static int launch_gateway(const struct start_options *o, pid_t *pid, struct err *e)
{
    struct launch l;
    int r = -1;
    if (lay_out(&l, o, e) != 0)
        goto out;
    fflush(NULL); /* or the child's copy would be written twice */
    *pid = fork();
    if (*pid == 0)
        become_gateway(&l);
    if (*pid < 0) {
        err_set(e, "cannot start the gateway: %s", strerror(errno));
        goto out;
    }
    r = await_ready(&l, *pid, e);
out:
    clear_launch(&l);
    return r;
}

/* --- Attaching ---------------------------------------------------------------- */

static void sleep_ms(int ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

int gateway_verify(const struct peer *p, struct peer_health *h, struct err *e)
{
    if (peer_ask_health(p->address, HEALTH_LIMIT_MS, h, e) != 0)
        return err_prefix(e, "the gateway of this log (pid %lld) does not answer", (long long)p->pid);
    if (strcmp(h->instance, p->token) != 0)
        return err_set(e, "what answers at %s is not this log's gateway (pid %lld); look at who listens there",
                       p->address, (long long)p->pid);
    return 0;
}

/* The gateway announces its upstream with exactly one slash at the end. */
static bool is_same_url(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);
    while (a_len > 0 && a[a_len - 1] == '/')
        a_len--;
    while (b_len > 0 && b[b_len - 1] == '/')
        b_len--;
    return a_len == b_len && strncasecmp(a, b, a_len) == 0;
}

/* 0 attached, 1 none runs, -1. */
static int attach(const struct start_options *o, struct started *s, struct err *e)
{
    const struct settings *settings = o->settings;
    struct peer_health h;
    int r = peer_find(settings->log_path, &s->peer, e);
    if (r != 0)
        return r;
    if (gateway_verify(&s->peer, &h, e) != 0)
        return -1;
    bool any_port = strcmp(strrchr(settings->listen, ':'), ":0") == 0;
    if (settings->listen_is_given && !any_port && strcmp(settings->listen, s->peer.address) != 0)
        return err_set(
            e, "the gateway of %s already listens on %s, not on %s; spantop stop ends it, or leave --listen out",
            settings->log_path, s->peer.address, settings->listen);
    if (settings->upstream_is_given && !is_same_url(settings->upstream, s->peer.upstream))
        return err_set(e, "the running gateway goes to %s, not to %s; spantop stop ends it, or leave --upstream out",
                       s->peer.upstream, settings->upstream);
    s->is_ours = false;
    return 0;
}

/* Each command that uses the gateway holds a shared lock on a file beside the log,
 * so that who started it does not end it under the others. */
static int mark_use(const char *log_path)
{
    char *path = xasprintf("%s.users", log_path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    free(path);
    if (fd >= 0)
        flock(fd, LOCK_SH);
    return fd;
}

bool gateway_is_shared(const struct started *s)
{
    if (s->use_fd < 0 || flock(s->use_fd, LOCK_EX | LOCK_NB) == 0)
        return false;
    return errno == EWOULDBLOCK;
}

static int find_or_launch(const struct start_options *o, struct started *s, struct err *e)
{
    struct err other;
    int r = attach(o, s, e);
    if (r <= 0)
        return r;
    r = launch_gateway(o, &s->pid, e);
    /* Two that start at the same moment: the second uses the first one's. */
    if (r != 0 && attach(o, s, &other) == 0)
        return 0;
    if (r != 0)
        return -1;
    s->is_ours = true;
    if (peer_find(o->settings->log_path, &s->peer, e) != 0)
        return err_set(e, "the gateway ended right after it started; see %s.diag", o->settings->log_path);
    return 0;
}

int gateway_start(const struct start_options *o, struct started *s, struct err *e)
{
    /* Marked first: who leaves just now must see that somebody comes. */
    if (s->use_fd <= 0) {
        char *dir = file_dir_of(o->settings->log_path);
        int r = file_make_dir(dir, e);
        free(dir);
        if (r != 0)
            return -1;
        s->use_fd = mark_use(o->settings->log_path);
    }
    s->is_ours = false;
    s->pid = -1;
    return find_or_launch(o, s, e);
}

/* --- Ending -------------------------------------------------------------------- */

static bool still_holds(const char *log_path, const struct peer *p)
{
    struct peer now;
    struct err ignored;
    int r = peer_find(log_path, &now, &ignored);
    return r == 0 && strcmp(now.token, p->token) == 0;
}

int gateway_stop(const char *log_path, const struct peer *p, bool now, void (*progress)(int64_t in_flight),
                 struct err *e)
{
    struct peer_health h;
    if (gateway_verify(p, &h, e) != 0)
        return -1;
    if (kill((pid_t)p->pid, now ? SIGINT : SIGTERM) != 0)
        return err_set(e, "cannot end the gateway (pid %lld): %s", (long long)p->pid, strerror(errno));
    if (!now && h.in_flight > 0 && progress)
        progress(h.in_flight);
    int64_t end_us = clock_mono_us() + DRAIN_LIMIT_MS * 1000LL;
    while (still_holds(log_path, p)) {
        if (clock_mono_us() > end_us)
            return err_set(e, "the gateway (pid %lld) has not ended after %d s; spantop stop --now ends it at once",
                           (long long)p->pid, DRAIN_LIMIT_MS / 1000);
        sleep_ms(STEP_MS);
    }
    waitpid((pid_t)p->pid, NULL, WNOHANG); /* ours, perhaps; else ECHILD */
    return 0;
}

/* --- Switches -------------------------------------------------------------------- */

int gateway_await_routes(const char *log_path, int64_t version, struct err *e)
{
    struct peer p;
    struct peer_health h = {.routes_version = -1};
    int64_t end_us = clock_mono_us() + ROUTES_LIMIT_MS * 1000;
    int r = peer_find(log_path, &p, e);
    if (r != 0)
        return r;
    for (;;) {
        int left_ms = (int)((end_us - clock_mono_us()) / 1000);
        if (left_ms <= 0)
            break;
        if (peer_ask_health(p.address, left_ms, &h, e) != 0)
            return err_prefix(e, "written to the log, but the gateway does not answer");
        if (strcmp(h.instance, p.token) == 0 && h.routes_version >= version)
            return 0;
        sleep_ms(STEP_MS);
    }
    return err_set(
        e,
        "written to %s, but the gateway at %s did not take it within a second (it knows version %lld, the log "
        "has %lld); see spantop status",
        log_path, p.address, (long long)h.routes_version, (long long)version);
}

/* --- Where calls go ------------------------------------------------------------------ */

char *gateway_upstream(const struct settings *s)
{
    struct peer p;
    struct err ignored;
    bool runs = !s->upstream_is_given && peer_find(s->log_path, &p, &ignored) == 0;
    return xstrdup(runs ? p.upstream : s->upstream);
}

char *gateway_api_base(const struct settings *s)
{
    char *upstream = gateway_upstream(s);
    char *base = api_base_of(upstream);
    free(upstream);
    return base ? base : xstrdup(s->api_base);
}
