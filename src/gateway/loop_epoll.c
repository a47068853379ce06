/* The loop's backend on Linux.  One watch a descriptor. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/mem.h"
#include "gateway/loop_backend.h"

struct backend {
    int fd;
};

struct backend *backend_new(struct err *e)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) {
        err_set(e, "cannot make an epoll descriptor: %s", strerror(errno));
        return NULL;
    }
    struct backend *b = xmalloc(sizeof *b);
    b->fd = fd;
    return b;
}

void backend_free(struct backend *b)
{
    if (!b)
        return;
    close(b->fd);
    free(b);
}

static uint32_t to_epoll(unsigned events)
{
    uint32_t mask = 0;
    if (events & LOOP_READ)
        mask |= EPOLLIN;
    if (events & LOOP_WRITE)
        mask |= EPOLLOUT;
    if (events & LOOP_GONE)
        mask |= EPOLLRDHUP;
    /* A departed peer stays departed: level-triggered it would be told for ever. */
    if (events == LOOP_GONE)
        mask |= EPOLLET;
    return mask;
}

static unsigned from_epoll(uint32_t mask)
{
    unsigned events = 0;
    if (mask & (EPOLLIN | EPOLLRDHUP))
        events |= LOOP_READ;
    if (mask & EPOLLOUT)
        events |= LOOP_WRITE;
    if (mask & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        events |= LOOP_GONE;
    return events;
}

int backend_change(struct backend *b, struct watch *w, unsigned before, struct err *e)
{
    struct epoll_event ev = {.events = to_epoll(w->events), .data.ptr = w};
    int op = before ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int fd = w->fd;
    if (epoll_ctl(b->fd, op, fd, &ev) == 0)
        return 0;
    /* curl may close a socket before it tells, and its number be in use again. */
    if (op == EPOLL_CTL_ADD && errno == EEXIST && epoll_ctl(b->fd, EPOLL_CTL_MOD, fd, &ev) == 0)
        return 0;
    if (op == EPOLL_CTL_MOD && errno == ENOENT && epoll_ctl(b->fd, EPOLL_CTL_ADD, fd, &ev) == 0)
        return 0;
    return err_set(e, "cannot watch descriptor %d: %s", fd, strerror(errno));
}

void backend_remove(struct backend *b, struct watch *w)
{
    (void)epoll_ctl(b->fd, EPOLL_CTL_DEL, w->fd, NULL);
}

int backend_wait(struct backend *b, int wait_ms, struct loop_event *out, size_t max, struct err *e)
{
    struct epoll_event events[LOOP_BATCH_MAX];
    int n = epoll_wait(b->fd, events, (int)(max < LOOP_BATCH_MAX ? max : LOOP_BATCH_MAX), wait_ms);
    if (n < 0)
        return errno == EINTR ? 0 : err_set(e, "waiting for sockets failed: %s", strerror(errno));
    for (int i = 0; i < n; i++)
        out[i] = (struct loop_event){events[i].data.ptr, from_epoll(events[i].events)};
    return n;
}
