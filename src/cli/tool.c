#include "cli/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"

static void become(const char *const argv[], const int ends[2])
{
    int null = open("/dev/null", O_RDWR);
    int out = ends[1] < 0 ? null : ends[1];
    if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(126);
    execvp(argv[0], (char *const *)argv);
    _exit(127);
}

/* To the end, so that it never waits for us; what is too much is thrown away. */
static void read_output(int fd, struct buf *out)
{
    char chunk[4096];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        if (out->len + (size_t)n <= TOOL_OUTPUT_MAX)
            buf_put(out, chunk, (size_t)n);
    }
}

/* The pipe ends with an exec: what the tool leaves running does not hold it open, and we
 * do not wait for that. */
int tool_run(const char *const argv[], struct buf *out)
{
    int ends[2] = {-1, -1};
    int status;
    if (out && sys_pipe(ends) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        become(argv, ends);
    if (out) {
        close(ends[1]);
        buf_reset(out);
        if (pid > 0)
            read_output(ends[0], out);
        close(ends[0]);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -1;
    }
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
