/* What systems do each in their own way, or not at all; everything else in the tree
 * is POSIX.1-2008 and what all of Linux, the BSDs and macOS have.
 *
 * Each function uses what the build found here (base/have.h, made by
 * tests/tools/have) and otherwise does the same with what every system has;
 * `make HAVE=none` builds the latter alone.
 *
 * Errors as in POSIX: -1 and errno, unless it says otherwise. */
#ifndef SPANTOP_BASE_SYS_H
#define SPANTOP_BASE_SYS_H

#include <pthread.h>
#include <regex.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

/* --- Descriptors: none of these outlives an exec ---------------------------------- */

NODISCARD int sys_pipe(int fds[2]);
/* A stream socket; is_waiting false: O_NONBLOCK. */
NODISCARD int sys_socket(int family, bool is_waiting);
NODISCARD int sys_accept(int listen_fd);
/* As send(), without SIGPIPE where a flag can say so (main() ignores it anyway). */
ssize_t sys_send(int fd, const void *data, size_t len, int flags);
/* What to ask poll() for to be told of a peer's end: POLLRDHUP, or else POLLIN, which
 * bytes bring about as well, and behind unread ones the end is not seen. */
short sys_poll_gone(void);
/* As mkstemp(). */
NODISCARD int sys_temp_file(char *name);
/* Close all from first on.  Safe between fork and exec. */
void sys_close_from(int first);
/* The same for what posix_spawn() starts; an error's number or 0. */
int sys_spawn_close_from(posix_spawn_file_actions_t *files, int first);
/* Room for this many bytes, really laid aside on the disk; an error's number or 0. */
int sys_lay_aside(int fd, int64_t bytes);

/* --- Memory and secrets ------------------------------------------------------------ */

/* Zeroes that no compiler leaves out. */
void sys_wipe(void *secret, size_t len);
NODISCARD int sys_random(void *out, size_t len);
/* Keep large freed blocks for the next call instead of giving them back to the
 * kernel: faulting them in again costs 25-45 us at 88 KB, more than logging does. */
void sys_keep_memory(void);

/* --- Waiting ------------------------------------------------------------------------ */

void sys_cond_init(pthread_cond_t *c);
/* Until signalled or clock_mono_us() is until_us; may return early, as any such wait. */
void sys_cond_wait_until(pthread_cond_t *c, pthread_mutex_t *m, int64_t until_us);

/* --- Text ----------------------------------------------------------------------------- */

/* regexec() in text[at->rm_so, at->rm_eo), which need not end in a NUL; at gets the match,
 * in offsets of text.  Behind text's beginning say REG_NOTBOL: not all find out by themselves. */
int sys_regexec(const regex_t *pattern, const char *text, regmatch_t *at, int flags);

/* --- Where things are ----------------------------------------------------------------- */

/* The running program's file, so that it can be executed again; caller frees.  argv0:
 * as main() got it. */
char *sys_own_program(const char *argv0);
/* The first program of this name on the PATH, as a shell finds it; NULL: none.  Caller frees. */
char *sys_find_program(const char *name);
/* "NFS" and so on when path lies on another machine; NULL: it does not, or nobody can tell. */
const char *sys_remote_filesystem(const char *path);

#endif
