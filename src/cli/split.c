#include "cli/split.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/sys.h"
#include "cli/output.h"
#include "cli/tool.h"

/* From so many columns on the dashboard stands beside the command, else below it:
 * both want 80, and the line between them one. */
#define BESIDE_COLUMNS 161
#define CLOSE_LIMIT_US 3000000

int split_check(struct err *e)
{
    const char *tmux = getenv("TMUX"), *pane = getenv("TMUX_PANE");
    if (tmux && *tmux && pane && *pane)
        return 0;
    return err_set(e, "run --split opens the dashboard in a pane of tmux, and this terminal is not in tmux; "
                      "start tmux first, or leave --split out and run spantop in another terminal");
}

/* What tmux printed: "%7 12345". */
static int read_pane(const struct buf *out, struct split *s)
{
    long pid;
    if (sscanf(out->data, "%31s %ld", s->pane, &pid) == 2 && s->pane[0] == '%' && pid > 0) {
        s->pid = (pid_t)pid;
        return 0;
    }
    s->pane[0] = '\0';
    return -1;
}

/* tmux gives a new pane its own environment, not ours: what matters is said by options.
 * The folder is that of who asks; named by -c, what its name has in #(…) would be run. */
int split_open(struct cli *c, struct split *s, struct err *e)
{
    char *program = sys_own_program(c->program);
    const char *config = args_get(&c->args, "config");
    struct buf out;
    const char *argv[32] = {"tmux", "split-window", out_columns() >= BESIDE_COLUMNS ? "-h" : "-v", "-d", "-t", getenv("TMUX_PANE"),
                            "-P", "-F", "#{pane_id} #{pane_pid}", program, "--log", c->settings.log_path};
    size_t n = 12;
    if (c->settings.listen_is_given) {
        argv[n++] = "--listen";
        argv[n++] = c->settings.listen;
    }
    if (config) {
        argv[n++] = "--config";
        argv[n++] = c->settings.config_path;
    }
    buf_init(&out);
    buf_puts(&out, "");
    int status = tool_run(argv, &out);
    int r = status == 0 && out.len > 0 ? read_pane(&out, s) : -1;
    if (r != 0 && status == 127)
        err_set(e, "run --split needs tmux, which is not on the PATH; leave --split out and run spantop in another terminal");
    else if (r != 0)
        err_set(e, "tmux opens no pane for the dashboard (%.*s); make the window larger, or leave --split out",
                (int)strcspn(out.len ? out.data : "", "\n"), out.len ? out.data : "");
    buf_done(&out);
    free(program);
    return r;
}

void split_close(struct split *s)
{
    const char *argv[] = {"tmux", "kill-pane", "-t", s->pane, NULL};
    if (!s->pane[0] || tool_run(argv, NULL) != 0)
        return;
    int64_t end_us = clock_mono_us() + CLOSE_LIMIT_US;
    while ((kill(s->pid, 0) == 0 || errno == EPERM) && clock_mono_us() < end_us)
        poll(NULL, 0, 10);
    s->pane[0] = '\0';
}
