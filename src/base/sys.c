#include "base/sys.h"

#include "base/have.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#if HAVE_GETRANDOM
#include <sys/random.h>
#endif
#if HAVE_MALLOPT
#include <malloc.h>
#endif
#if HAVE_STATFS_TYPE
#include <sys/vfs.h>
#endif

#include "base/clock.h"
#include "base/mem.h"

/* --- Descriptors ------------------------------------------------------------------- */

#if !HAVE_PIPE2 || !HAVE_SOCK_CLOEXEC || !HAVE_MKOSTEMP
/* Between the call before and this one another thread may fork; who execs with
 * descriptors of ours closes them there (sys_close_from). */
static int keep_to_us(int fd, bool is_waiting)
{
    if (fd < 0)
        return -1;
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (!is_waiting)
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}
#endif

int sys_pipe(int fds[2])
{
#if HAVE_PIPE2
    return pipe2(fds, O_CLOEXEC);
#else
    if (pipe(fds) != 0)
        return -1;
    keep_to_us(fds[0], true);
    keep_to_us(fds[1], true);
    return 0;
#endif
}

int sys_socket(int family, bool is_waiting)
{
#if HAVE_SOCK_CLOEXEC
    return socket(family, SOCK_STREAM | SOCK_CLOEXEC | (is_waiting ? 0 : SOCK_NONBLOCK), 0);
#else
    return keep_to_us(socket(family, SOCK_STREAM, 0), is_waiting);
#endif
}

int sys_accept(int listen_fd)
{
#if HAVE_SOCK_CLOEXEC
    return accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
#else
    /* Some systems hand O_NONBLOCK on from the listening socket. */
    int fd = keep_to_us(accept(listen_fd, NULL, NULL), true);
    if (fd >= 0)
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    return fd;
#endif
}

ssize_t sys_send(int fd, const void *data, size_t len, int flags)
{
#if HAVE_MSG_NOSIGNAL
    flags |= MSG_NOSIGNAL;
#endif
    return send(fd, data, len, flags);
}

short sys_poll_gone(void)
{
#if HAVE_POLLRDHUP
    return POLLRDHUP;
#else
    return POLLIN;
#endif
}

int sys_temp_file(char *name)
{
#if HAVE_MKOSTEMP
    return mkostemp(name, O_CLOEXEC);
#else
    return keep_to_us(mkstemp(name), true);
#endif
}

#if !HAVE_CLOSE_RANGE || !HAVE_SPAWN_CLOSEFROM
static int descriptors_end(void)
{
    struct rlimit lim;
    if (getrlimit(RLIMIT_NOFILE, &lim) != 0 || lim.rlim_cur > 65536)
        return 65536;
    return (int)lim.rlim_cur;
}
#endif

void sys_close_from(int first)
{
#if HAVE_CLOSE_RANGE
    close_range((unsigned)first, ~0U, 0);
#else
    for (int fd = first, end = descriptors_end(); fd < end; fd++)
        close(fd);
#endif
}

int sys_spawn_close_from(posix_spawn_file_actions_t *files, int first)
{
#if HAVE_SPAWN_CLOSEFROM
    return posix_spawn_file_actions_addclosefrom_np(files, first);
#else
    (void)files; /* asking it to close one that is not open would be an error */
    for (int fd = first, end = descriptors_end(); fd < end; fd++)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return 0;
#endif
}

int sys_lay_aside(int fd, int64_t bytes)
{
#if HAVE_POSIX_FALLOCATE
    return posix_fallocate(fd, 0, (off_t)bytes);
#else
    static const char zeroes[1 << 16];
    while (bytes > 0) {
        size_t part = bytes < (int64_t)sizeof zeroes ? (size_t)bytes : sizeof zeroes;
        ssize_t n = write(fd, zeroes, part);
        if (n < 0 && errno != EINTR)
            return errno;
        bytes -= n > 0 ? n : 0;
    }
    return 0;
#endif
}

/* --- Memory and secrets ------------------------------------------------------------ */

void sys_wipe(void *secret, size_t len)
{
#if HAVE_EXPLICIT_BZERO
    explicit_bzero(secret, len);
#else
    volatile char *p = secret;
    while (len-- > 0)
        *p++ = 0;
#endif
}

#if HAVE_GETRANDOM
int sys_random(void *out, size_t len)
{
    char *p = out;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}
#else
int sys_random(void *out, size_t len)
{
    char *p = out;
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    while (len > 0) {
        ssize_t n = read(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        p += n;
        len -= (size_t)n;
    }
    close(fd);
    return len == 0 ? 0 : -1;
}
#endif

void sys_keep_memory(void)
{
#if HAVE_MALLOPT
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

/* --- Waiting ------------------------------------------------------------------------ */

void sys_cond_init(pthread_cond_t *c)
{
#if HAVE_CONDATTR_SETCLOCK
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(c, &attr);
    pthread_condattr_destroy(&attr);
#else
    pthread_cond_init(c, NULL);
#endif
}

void sys_cond_wait_until(pthread_cond_t *c, pthread_mutex_t *m, int64_t until_us)
{
#if !HAVE_CONDATTR_SETCLOCK
    /* By the clock that people set: in steps, so that setting it delays nothing by more. */
    struct timespec now;
    int64_t left_us = until_us - clock_mono_us();
    clock_gettime(CLOCK_REALTIME, &now);
    until_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 + (left_us < 1000000 ? left_us : 1000000);
#endif
    struct timespec ts = {(time_t)(until_us / 1000000), (long)(until_us % 1000000) * 1000};
    pthread_cond_timedwait(c, m, &ts);
}

/* --- Text ----------------------------------------------------------------------------- */

#if HAVE_REG_STARTEND
int sys_regexec(const regex_t *pattern, const char *text, regmatch_t *at, int flags)
{
    return regexec(pattern, text, 1, at, flags | REG_STARTEND);
}
#else
int sys_regexec(const regex_t *pattern, const char *text, regmatch_t *at, int flags)
{
    regoff_t from = at->rm_so;
    size_t len = (size_t)(at->rm_eo - from);
    char *copy = xmalloc(len + 1);
    for (size_t i = 0; i < len; i++) /* a NUL would end the search */
        copy[i] = text[from + (regoff_t)i] ? text[from + (regoff_t)i] : '\1';
    copy[len] = '\0';
    int r = regexec(pattern, copy, 1, at, flags);
    free(copy);
    at->rm_so += from;
    at->rm_eo += from;
    return r;
}
#endif

/* --- Where things are ----------------------------------------------------------------- */

char *sys_find_program(const char *name)
{
    const char *at = getenv("PATH");
    for (; at && *at; at += strspn(at, ":")) {
        size_t len = strcspn(at, ":");
        char *file = xasprintf("%.*s/%s", (int)len, at, name);
        if (access(file, X_OK) == 0)
            return file;
        free(file);
        at += len;
    }
    return NULL;
}

static char *program_named(const char *argv0)
{
    char whole[PATH_MAX];
    char *file = strchr(argv0, '/') ? xstrdup(argv0) : sys_find_program(argv0);
    /* Whole, since the gateway leaves the folder it was started in. */
    bool is_there = file && realpath(file, whole);
    free(file);
    return xstrdup(is_there ? whole : argv0);
}

char *sys_own_program(const char *argv0)
{
#if HAVE_PROC_SELF_EXE
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n > 0) { /* none in a chroot without /proc */
        path[n] = '\0';
        /* The file may have been replaced by a rebuild: then the running one. */
        return xstrdup(access(path, X_OK) == 0 ? path : "/proc/self/exe");
    }
#endif
    return program_named(argv0);
}

const char *sys_remote_filesystem(const char *path)
{
#if HAVE_STATFS_TYPE
    static const struct {
        unsigned long magic;
        const char *name;
    } remote[] = {
        {0x6969, "NFS"},     {0x517B, "SMB"},       {0xFF534D42, "CIFS"},      {0xFE534D42, "SMB"},   {0x65735546, "FUSE"},
        {0x01021997, "9p"},  {0x5346414F, "AFS"},   {0x00C36400, "Ceph"},      {0x786F4256, "VirtualBox"},
    };
    struct statfs fs;
    for (size_t i = 0; statfs(path, &fs) == 0 && i < sizeof remote / sizeof *remote; i++)
        if ((unsigned long)fs.f_type == remote[i].magic)
            return remote[i].name;
#else
    (void)path;
#endif
    return NULL;
}
