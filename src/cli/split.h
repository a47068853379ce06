/* A pane of tmux beside ours with the dashboard in it, for as long as a command runs. */
#ifndef SPANTOP_CLI_SPLIT_H
#define SPANTOP_CLI_SPLIT_H

#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "cli/command.h"

struct split {
    char pane[32]; /* tmux's name for it; "": none */
    pid_t pid;     /* of the dashboard */
};

/* Could one be opened?  -1: this terminal is not in tmux. */
NODISCARD int split_check(struct err *e);
/* Our pane keeps the keys.  The gateway must be running. */
NODISCARD int split_open(struct cli *c, struct split *s, struct err *e);
/* Returns once the dashboard has ended.  Fine when none was opened, or somebody
 * closed it before. */
void split_close(struct split *s);

#endif
