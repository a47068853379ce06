/* posix_spawn, not fork: forking copies the page tables of a gateway that may hold a
 * gigabyte, and the proxy thread would stand still meanwhile. */
#include "log/alarm_hook.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/mem.h"
#include "base/sys.h"

#define LINE_MAX_BYTES 4000 /* below what a pipe takes without anybody reading */
#define ENV_MAX        64
#define OWN_VARIABLES  6

extern char **environ;

struct job {
    char *line;               /* JSON and a newline */
    char *own[OWN_VARIABLES]; /* NAME=value */
};

struct alarm_hook {
    char *command;
    int limit_ms;
    struct job waiting[HOOK_WAITING];
    size_t first, count;
    pid_t pid; /* of the one that runs; 0: none */
    int64_t started_us;
    bool is_failing; /* and that was said */
};

struct alarm_hook *alarm_hook_new(const char *command, int limit_ms)
{
    if (!command || !*command)
        return NULL;
    struct alarm_hook *h = xcalloc(1, sizeof *h);
    h->command = xstrdup(command);
    h->limit_ms = limit_ms;
    return h;
}

static void job_done(struct job *j)
{
    free(j->line);
    for (size_t i = 0; i < OWN_VARIABLES; i++)
        free(j->own[i]);
    *j = (struct job){0};
}

void alarm_hook_free(struct alarm_hook *h)
{
    if (!h)
        return;
    if (h->pid > 0)
        kill(-h->pid, SIGTERM);
    for (size_t i = 0; i < h->count; i++)
        job_done(&h->waiting[(h->first + i) % HOOK_WAITING]);
    free(h->command);
    free(h);
}

static void say_failed(struct alarm_hook *h, const char *why)
{
    if (!h->is_failing)
        diag_line("the command of --on-alarm %s; this is not said again until it works", why);
    h->is_failing = true;
}

/* ---- What it is told ----------------------------------------------------------------- */

static char *json_line(const struct alarm *a)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "id", (double)a->id);
    cJSON_AddNumberToObject(o, "at", (double)a->at);
    cJSON_AddStringToObject(o, "kind", alarm_kind_name(a->kind));
    cJSON_AddStringToObject(o, "text", a->text);
    cJSON_AddItemToObject(o, "session_id", a->session_id ? cJSON_CreateString(a->session_id) : cJSON_CreateNull());
    cJSON_AddItemToObject(o, "session_title",
                          a->session_title ? cJSON_CreateString(a->session_title) : cJSON_CreateNull());
    cJSON_AddNumberToObject(o, "call_id", (double)a->call_id);
    char *text = cJSON_PrintUnformatted(o);
    cJSON_Delete(o);
    char *line = text ? xasprintf("%s\n", text) : NULL;
    free(text);
    return line;
}

static void lay_out(struct job *j, const struct alarm *a)
{
    j->line = json_line(a);
    j->own[0] = xasprintf("SPANTOP_ALARM_KIND=%s", alarm_kind_name(a->kind));
    j->own[1] = xasprintf("SPANTOP_ALARM_TEXT=%s", a->text);
    j->own[2] = xasprintf("SPANTOP_ALARM_AT=%" PRId64, a->at);
    j->own[3] = xasprintf("SPANTOP_ALARM_CALL=%" PRId64, a->call_id);
    j->own[4] = xasprintf("SPANTOP_ALARM_SESSION=%s", a->session_id ? a->session_id : "");
    j->own[5] = xasprintf("SPANTOP_ALARM_TITLE=%s", a->session_title ? a->session_title : "");
}

static bool is_passed_on(const char *variable)
{
    /* clang-format off */
    static const char *const names[] = {
        "PATH=", "HOME=", "USER=", "LOGNAME=", "SHELL=", "LANG=", "LC_", "TZ=", "TMPDIR=", "TERM=", "TMUX=", "XDG_",
        "DISPLAY=", "WAYLAND_DISPLAY=", "XAUTHORITY=", "DBUS_SESSION_BUS_ADDRESS=",
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static void lay_out_environment(struct job *j, char *env[ENV_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < OWN_VARIABLES; i++)
        env[count++] = j->own[i];
    for (size_t i = 0; environ[i] && count < ENV_MAX - 1; i++)
        if (is_passed_on(environ[i]))
            env[count++] = environ[i];
    env[count] = NULL;
}

/* ---- Running ------------------------------------------------------------------------- */

/* The journal's thread blocks all signals and the gateway ignores one: a command must not
 * inherit that.  A group of its own, so that what it started can be ended with it. */
static int set_up(posix_spawnattr_t *attr, posix_spawn_file_actions_t *files, int in)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int rc = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    rc = rc ? rc : posix_spawnattr_setsigmask(attr, &none);
    rc = rc ? rc : posix_spawnattr_setsigdefault(attr, &all);
    rc = rc ? rc : posix_spawnattr_setpgroup(attr, 0);
    rc = rc ? rc : posix_spawn_file_actions_adddup2(files, in, STDIN_FILENO);
    rc = rc ? rc : posix_spawn_file_actions_addopen(files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    rc = rc ? rc : posix_spawn_file_actions_addopen(files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    /* Our own files close by themselves, but libcurl's and libmicrohttpd's sockets need not. */
    return rc ? rc : sys_spawn_close_from(files, 3);
}

/* The error's number, or 0. */
static int spawn(struct alarm_hook *h, struct job *j, int in)
{
    char shell[] = "sh", flag[] = "-c";
    char *argv[] = {shell, flag, h->command, NULL}, *env[ENV_MAX];
    posix_spawnattr_t attr;
    posix_spawn_file_actions_t files;
    int rc = posix_spawnattr_init(&attr);
    if (rc != 0)
        return rc;
    rc = posix_spawn_file_actions_init(&files);
    if (rc == 0) {
        lay_out_environment(j, env);
        rc = set_up(&attr, &files, in);
        rc = rc ? rc : posix_spawn(&h->pid, "/bin/sh", &files, &attr, argv, env);
        posix_spawn_file_actions_destroy(&files);
    }
    posix_spawnattr_destroy(&attr);
    return rc;
}

static void run(struct alarm_hook *h, struct job *j)
{
    int ends[2];
    char why[120];
    size_t len = j->line ? strlen(j->line) : 0;
    int rc = sys_pipe(ends) == 0 ? 0 : errno;
    if (rc == 0) {
        rc = spawn(h, j, ends[0]);
        /* Nobody reads it: that is the command's right. */
        if (rc == 0 && len > 0 && len <= LINE_MAX_BYTES && write(ends[1], j->line, len) < 0 && errno != EPIPE)
            rc = errno;
        close(ends[0]);
        close(ends[1]);
    }
    h->started_us = clock_mono_us();
    if (rc == 0)
        return;
    snprintf(why, sizeof why, "cannot be run: %s", strerror(rc));
    say_failed(h, why);
}

/* What became of the one that ran. */
static void settle(struct alarm_hook *h, int status)
{
    char why[80];
    h->pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        h->is_failing = false;
        return;
    }
    if (WIFEXITED(status))
        snprintf(why, sizeof why, "ended with status %d", WEXITSTATUS(status));
    else
        snprintf(why, sizeof why, "was ended by signal %d", WTERMSIG(status));
    say_failed(h, why);
}

static void look_after(struct alarm_hook *h)
{
    int status = 0;
    pid_t ended = waitpid(h->pid, &status, WNOHANG);
    if (ended != 0) {
        settle(h, ended == h->pid ? status : 0); /* where children are reaped unasked nobody knows */
    } else if (clock_mono_us() - h->started_us > h->limit_ms * INT64_C(1000)) {
        char why[80];
        kill(-h->pid, SIGKILL);
        snprintf(why, sizeof why, "ran for longer than %d s and was ended", h->limit_ms / 1000);
        say_failed(h, why);
    }
}

void alarm_hook_step(struct alarm_hook *h)
{
    if (!h)
        return;
    if (h->pid > 0)
        look_after(h);
    if (h->pid > 0 || h->count == 0)
        return;
    struct job next = h->waiting[h->first];
    h->first = (h->first + 1) % HOOK_WAITING;
    h->count--;
    run(h, &next);
    job_done(&next);
}

void alarm_hook_give(struct alarm_hook *h, const struct alarm *a)
{
    if (!h)
        return;
    if (h->count == HOOK_WAITING) {
        say_failed(h, "is too slow for so many alarms: some were let go");
        return;
    }
    lay_out(&h->waiting[(h->first + h->count++) % HOOK_WAITING], a);
    alarm_hook_step(h);
}
