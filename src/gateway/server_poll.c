/* microhttpd without epoll: it tells the sockets it waits for as sets for select(),
 * and the loop watches the same ones by its own means.  Once one is ready, select()
 * without waiting finds out which for MHD_run_from_select().
 *
 * - The sets hold descriptors below FD_SETSIZE (1024) alone.  Whoever the process
 *   could not serve must still be told 503, so listen_connection_limit() keeps every
 *   descriptor of the process below it.
 * - The listening socket stays in the sets also when microhttpd is at its limit (it
 *   would accept and close), and when the system has no descriptor left, where being
 *   ready all the time it would keep the loop busy.  So it is left out at the limit,
 *   and rests for a moment when it was ready and nobody came of it. */
#include <microhttpd.h>
#include <stdlib.h>
#include <sys/select.h>

#include "base/diag.h"
#include "base/mem.h"
#include "gateway/server_parts.h"

#define REST_US 100000

struct server_wait {
    struct watch watches[FD_SETSIZE]; /* by descriptor */
    int count;                        /* none is watched from here on */
    struct timer rest;                /* of the listening socket */
};

struct sets {
    fd_set read, write, except;
    MHD_socket top;
};

unsigned server_wait_flags(void)
{
    return 0;
}

unsigned server_wait_descriptors_max(void)
{
    return FD_SETSIZE;
}

static bool is_listening(const struct server *s)
{
    return s->connections < s->connections_limit && !timer_is_set(&s->wait->rest);
}

static void get_sets(const struct server *s, struct sets *sets)
{
    FD_ZERO(&sets->read);
    FD_ZERO(&sets->write);
    FD_ZERO(&sets->except);
    sets->top = -1;
    if (MHD_get_fdset2(s->daemon, &sets->read, &sets->write, &sets->except, &sets->top, FD_SETSIZE) != MHD_YES)
        diag_line("the HTTP server has a socket that it cannot wait for; going on");
    if (!is_listening(s))
        FD_CLR(s->listen_fd, &sets->read);
}

void server_wait_run(struct server *s)
{
    struct sets sets;
    struct timeval now = {0, 0};
    uint64_t accepted = s->accepted;
    get_sets(s, &sets);
    if (select(sets.top + 1, &sets.read, &sets.write, &sets.except, &now) < 0) {
        FD_ZERO(&sets.read);
        FD_ZERO(&sets.write);
        FD_ZERO(&sets.except);
    }
    if (MHD_run_from_select(s->daemon, &sets.read, &sets.write, &sets.except) != MHD_YES)
        diag_line("the HTTP server reported an error; going on");
    if (FD_ISSET(s->listen_fd, &sets.read) && s->accepted == accepted)
        loop_timer_set(s->loop, &s->wait->rest, loop_now_us(s->loop) + REST_US);
}

static void watch(struct server *s, struct watch *w, int fd, unsigned events)
{
    struct err e;
    if (!events)
        loop_unwatch(s->loop, w);
    else if (loop_watch(s->loop, w, fd, events, &e) != 0)
        diag_line("a client's socket: %s", e.text);
}

void server_wait_update(struct server *s)
{
    struct server_wait *wait = s->wait;
    struct sets sets;
    get_sets(s, &sets);
    int count = sets.top + 1;
    for (int fd = 0; fd < count || fd < wait->count; fd++) {
        unsigned read = FD_ISSET(fd, &sets.read) ? LOOP_READ : 0;
        watch(s, &wait->watches[fd], fd, read | (FD_ISSET(fd, &sets.write) ? LOOP_WRITE : 0));
    }
    wait->count = count;
}

static void on_rested(void *arg)
{
    server_wait_update(arg);
}

int server_wait_begin(struct server *s, struct err *e)
{
    struct server_wait *wait = s->wait = xcalloc(1, sizeof *wait);
    (void)e;
    for (int fd = 0; fd < FD_SETSIZE; fd++)
        wait->watches[fd] = (struct watch){.fn = server_on_ready, .arg = s};
    wait->rest = (struct timer){.fn = on_rested, .arg = s};
    server_wait_update(s);
    return 0;
}

void server_wait_end(struct server *s)
{
    struct server_wait *wait = s->wait;
    if (!wait)
        return;
    for (int fd = 0; fd < wait->count; fd++)
        loop_unwatch(s->loop, &wait->watches[fd]);
    loop_timer_clear(s->loop, &wait->rest);
    free(wait);
    s->wait = NULL;
}
