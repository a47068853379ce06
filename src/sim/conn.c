#include "sim/conn.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"

#define READ_SIZE 65536

/* Wait for events on the socket or the stop signal; the socket's events, 0 after
 * timeout_ms, -1 to stop. */
static int await(struct conn *c, short events, int timeout_ms)
{
    struct pollfd p[2] = {{.fd = c->fd, .events = events}, {.fd = c->stop_fd, .events = POLLIN}};
    int n;

    do
        n = poll(p, 2, timeout_ms);
    while (n < 0 && errno == EINTR);
    if (n < 0 || p[1].revents)
        return -1;
    return n == 0 ? 0 : p[0].revents;
}

int conn_await_input(struct conn *c, int timeout_ms)
{
    char byte;

    if (c->in.len > 0)
        return 1;
    if (c->fd < 0 || await(c, POLLIN, timeout_ms) <= 0)
        return 0;
    return recv(c->fd, &byte, 1, MSG_PEEK) > 0;
}

int conn_fill(struct conn *c)
{
    ssize_t n;

    if (c->fd < 0 || await(c, POLLIN, -1) <= 0 || buf_reserve(&c->in, READ_SIZE) < 0)
        return 0;
    do
        n = recv(c->fd, c->in.data + c->in.len, READ_SIZE, 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return 0;
    c->in.len += (size_t)n;
    c->in.data[c->in.len] = '\0';
    return 1;
}

size_t conn_peek(struct conn *c, char *out, size_t max)
{
    ssize_t n;

    if (c->in.len > 0) {
        size_t take = c->in.len < max ? c->in.len : max;
        memcpy(out, c->in.data, take);
        return take;
    }
    n = recv(c->fd, out, max, MSG_PEEK | MSG_DONTWAIT);
    return n > 0 ? (size_t)n : 0;
}

int conn_write(struct conn *c, const void *data, size_t len)
{
    const char *p = data;

    while (len > 0) {
        ssize_t n;
        if (c->fd < 0)
            return -1;
        /* Never blocking: a peer that does not read must not hold up sim_stop(). */
        n = sys_send(c->fd, p, len, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN && await(c, POLLOUT, -1) > 0)
            continue;
        if (n <= 0)
            return -1;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int conn_sleep(struct conn *c, int64_t ms)
{
    int64_t end_us = clock_mono_us() + ms * 1000;
    short gone = sys_poll_gone();
    char byte;

    for (;;) {
        int64_t left_us = end_us - clock_mono_us();
        int wait_ms = ms < 0 || left_us > 3600000000 ? -1 : (int)((left_us + 999) / 1000);
        int events;
        if (c->fd < 0)
            return -1;
        if (ms >= 0 && left_us <= 0)
            wait_ms = 0;
        events = await(c, gone, wait_ms);
        if (events == POLLIN && recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0) {
            gone = 0;
            continue;
        }
        if (events != 0)
            return -1;
        if (ms >= 0 && wait_ms >= 0)
            return 0;
    }
}

void conn_reset(struct conn *c)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    if (c->fd >= 0)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    conn_close(c);
}

void conn_close(struct conn *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}
