/* Preloaded into a program under test: its clocks jump when the test says so.
 * $CLOCK_SHIM names a file of two int64, in microseconds: how far the wall clock is
 * off, and how long the machine has slept (CLOCK_BOOTTIME goes on then, the
 * monotonic clock stands still). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const int64_t *offsets;

__attribute__((constructor)) static void attach(void)
{
    const char *path = getenv("CLOCK_SHIM");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = fd >= 0 ? mmap(NULL, 2 * sizeof *offsets, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (map != MAP_FAILED)
        offsets = map;
    if (fd >= 0)
        close(fd);
}

static void add(struct timespec *t, int64_t us)
{
    int64_t ns = t->tv_nsec + us % 1000000 * 1000;
    t->tv_sec += us / 1000000 + (ns >= 1000000000) - (ns < 0);
    t->tv_nsec = ns < 0 ? ns + 1000000000 : ns % 1000000000;
}

int clock_gettime(clockid_t which, struct timespec *t)
{
    int rc = (int)syscall(SYS_clock_gettime, which, t);
    if (rc == 0 && offsets && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
        add(t, offsets[0]);
    if (rc == 0 && offsets && which == CLOCK_BOOTTIME)
        add(t, offsets[1]);
    return rc;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec t;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &t);
    *tv = (struct timeval){t.tv_sec, t.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *at)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (at)
        *at = t.tv_sec;
    return t.tv_sec;
}
