#include "cli/screen.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"
#include "cli/output.h"
#include "ui/dashboard.h"

/* Where it was: that is where clients look for it. */
static int restart(void *arg, struct err *e)
{
    struct screen *s = arg;
    struct settings where = *s->start.settings;
    struct start_options again = s->start;
    bool was_ours = s->gateway.is_ours;
    where.listen = s->address;
    again.settings = &where;
    if (was_ours && s->gateway.pid > 0)
        waitpid(s->gateway.pid, NULL, WNOHANG);
    if (gateway_start(&again, &s->gateway, e) == 0)
        return 0;
    s->gateway.is_ours = was_ours;
    s->gateway.pid = -1;
    return -1;
}

static void become_demo(const char *file, const struct settings *settings)
{
    static const int numbers[] = {SIGINT, SIGTSTP, SIGTERM, SIGHUP};
    char *argv[8] = {"spantop", "demo"};
    size_t count = 2;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        signal(numbers[i], SIG_DFL);
    if (!settings->color)
        argv[count++] = "--no-color";
    if (!settings->unicode)
        argv[count++] = "--no-unicode";
    if (settings->config_path) {
        argv[count++] = "--config";
        argv[count++] = settings->config_path;
    }
    execv(file, argv);
    _exit(1);
}

/* A signal that wants us to end ends it.  curses' handler for another size would do so
 * as well: that one waits until we have the terminal again. */
static pid_t await_demo(pid_t pid, int *status)
{
    sigset_t size, before;
    pid_t ended;
    sigemptyset(&size);
    sigaddset(&size, SIGWINCH);
    sigprocmask(SIG_BLOCK, &size, &before);
    while ((ended = waitpid(pid, status, 0)) < 0 && errno == EINTR)
        kill(pid, SIGTERM);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return ended;
}

/* A process of its own, on our terminal: log, port and simulated Respan are its own,
 * and when it ends nothing of it is left. */
static int play_demo(void *arg, struct err *e)
{
    struct screen *s = arg;
    char *file = sys_own_program(s->start.program);
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become_demo(file, s->start.settings);
    free(file);
    if (pid < 0)
        return err_set(e, "The demo cannot be started: %s.", strerror(errno));
    if (await_demo(pid, &status) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return err_set(e, "The demo could not be played; type spantop demo in a terminal to see why.");
}

int screen_run(struct screen *s, const struct catalog *catalog, const struct screen_lines *lines, bool is_demo, struct err *e)
{
    const struct settings *settings = s->start.settings;
    snprintf(s->address, sizeof s->address, "%s", s->gateway.peer.address);
    struct dashboard_options o = {
        .log_path = settings->log_path,
        .upstream = s->gateway.peer.upstream,
        .listen = s->address,
        .catalog = catalog,
        .is_demo = is_demo,
        .color = settings->color,
        .unicode = settings->unicode,
        .bell = settings->bell,
        .setup_lines = lines->setup,
        .key_lines = lines->key,
        .play_demo = is_demo ? NULL : play_demo,
        .restart_gateway = restart,
        .arg = s,
    };
    if (out_is_terminal() && isatty(STDIN_FILENO))
        return dashboard_run(&o, e);
    return dashboard_plain(&o, e);
}
