/* The loop's backend on systems without epoll: poll(2), and nothing but POSIX.
 *
 * - Systems bound the list that poll() takes by the number of descriptors, so each
 *   descriptor stands in it once, however many watch it.
 * - A peer's going must be found out: an end makes a socket readable, as bytes do,
 *   and a look without taking tells which.  Bytes are for another watch to read;
 *   until somebody has, an end behind them cannot be seen and is not asked for, or
 *   poll() would return at once for ever.  A reset is always told. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "gateway/loop_backend.h"

enum going {
    GOING_ASKED,  /* readable may mean gone */
    GOING_BEHIND, /* bytes lie before it */
    GOING_TOLD,   /* nothing more to ask for */
};

struct slot {
    struct watch *first; /* list by next, of one descriptor; one of them asks for LOOP_GONE alone */
    enum going going;
};

struct backend {
    struct pollfd *fds;
    struct slot *slots; /* beside fds */
    size_t count, cap;
    size_t *place; /* by descriptor: where in fds, plus 1 */
    size_t place_count;
    size_t next; /* where the next look begins, so that nobody starves */
};

struct backend *backend_new(struct err *e)
{
    (void)e;
    return xcalloc(1, sizeof(struct backend));
}

void backend_free(struct backend *b)
{
    if (!b)
        return;
    free(b->fds);
    free(b->slots);
    free(b->place);
    free(b);
}

/* --- What is asked for -------------------------------------------------------------- */

static bool is_for_going(const struct watch *w)
{
    return w->events == LOOP_GONE;
}

static void ask(struct backend *b, size_t i)
{
    const struct slot *s = &b->slots[i];
    short events = 0;
    bool is_asked = false;
    for (const struct watch *w = s->first; w; w = w->next) {
        bool is_open = !is_for_going(w) || s->going != GOING_TOLD;
        is_asked = is_asked || is_open;
        if ((w->events & LOOP_READ) || (is_for_going(w) && s->going == GOING_ASKED))
            events |= POLLIN;
        if (w->events & LOOP_WRITE)
            events |= POLLOUT;
    }
    b->fds[i].events = events;
    /* poll() reports a reset even to who asks for nothing; a negative one it leaves out. */
    b->fds[i].fd = is_asked ? s->first->fd : -1;
}

static size_t find(const struct backend *b, int fd)
{
    return (size_t)fd < b->place_count ? b->place[fd] : 0;
}

static void set_place(struct backend *b, int fd, size_t place)
{
    size_t i = (size_t)fd;
    if (i >= b->place_count) {
        size_t count = i < 64 ? 64 : 2 * i;
        b->place = xrealloc(b->place, count * sizeof *b->place);
        memset(b->place + b->place_count, 0, (count - b->place_count) * sizeof *b->place);
        b->place_count = count;
    }
    b->place[i] = place;
}

static size_t add_slot(struct backend *b, int fd)
{
    if (b->count == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 64;
        b->fds = xrealloc(b->fds, b->cap * sizeof *b->fds);
        b->slots = xrealloc(b->slots, b->cap * sizeof *b->slots);
    }
    b->slots[b->count] = (struct slot){0};
    b->fds[b->count] = (struct pollfd){.fd = fd};
    set_place(b, fd, ++b->count);
    return b->count;
}

int backend_change(struct backend *b, struct watch *w, unsigned before, struct err *e)
{
    size_t place = find(b, w->fd);
    (void)e;
    if (!place)
        place = add_slot(b, w->fd);
    struct slot *s = &b->slots[place - 1];
    if (!before) {
        w->next = s->first;
        s->first = w;
    }
    if (is_for_going(w))
        s->going = GOING_ASKED;
    ask(b, place - 1);
    return 0;
}

static void drop_slot(struct backend *b, size_t i, int fd)
{
    size_t last = --b->count;
    set_place(b, fd, 0);
    if (i == last)
        return;
    b->fds[i] = b->fds[last];
    b->slots[i] = b->slots[last];
    set_place(b, b->slots[i].first->fd, i + 1);
}

void backend_remove(struct backend *b, struct watch *w)
{
    size_t place = find(b, w->fd);
    if (!place)
        return;
    struct watch **at = &b->slots[place - 1].first;
    while (*at && *at != w)
        at = &(*at)->next;
    if (*at)
        *at = w->next;
    w->next = NULL;
    if (b->slots[place - 1].first)
        ask(b, place - 1);
    else
        drop_slot(b, place - 1, w->fd);
}

/* --- What came ---------------------------------------------------------------------------- */

static enum going look_at(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0)
        return GOING_BEHIND;
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? GOING_ASKED : GOING_TOLD;
}

/* Bytes that lay before a possible end: has whoever reads them done so?  While
 * reading is asked for anyway the next answer tells. */
static void look_behind(struct backend *b)
{
    for (size_t i = 0; i < b->count; i++) {
        if (b->slots[i].going != GOING_BEHIND || (b->fds[i].events & POLLIN) || look_at(b->fds[i].fd) == GOING_BEHIND)
            continue;
        b->slots[i].going = GOING_ASKED;
        ask(b, i);
    }
}

/* Whether who asked for the peer's going is to be told now. */
static bool has_gone(struct backend *b, size_t i)
{
    struct slot *s = &b->slots[i];
    short came = b->fds[i].revents;
    bool was_behind = s->going == GOING_BEHIND;
    if (s->going == GOING_TOLD)
        return false;
    if (came & (POLLHUP | POLLERR))
        s->going = GOING_TOLD;
    else if (!(came & POLLIN))
        s->going = GOING_ASKED;
    else if (!was_behind)
        s->going = look_at(b->fds[i].fd);
    ask(b, i);
    return s->going == GOING_TOLD;
}

static unsigned from_poll(const struct watch *w, short came)
{
    unsigned events = 0;
    if (came & POLLIN)
        events |= LOOP_READ;
    if (came & POLLOUT)
        events |= LOOP_WRITE;
    if (came & (POLLHUP | POLLERR))
        return events | LOOP_GONE;
    return events & w->events;
}

static size_t tell(struct backend *b, size_t i, struct loop_event *out, size_t max)
{
    size_t n = 0;
    short came = b->fds[i].revents;
    /* Closed behind our back: its watch will be cleared or set again. */
    if (came & POLLNVAL) {
        b->fds[i].fd = -1;
        return 0;
    }
    for (struct watch *w = b->slots[i].first; w && n < max; w = w->next) {
        unsigned events = is_for_going(w) ? (has_gone(b, i) ? LOOP_GONE : 0) : from_poll(w, came);
        if (events)
            out[n++] = (struct loop_event){w, events};
    }
    return n;
}

int backend_wait(struct backend *b, int wait_ms, struct loop_event *out, size_t max, struct err *e)
{
    size_t found = 0, looked = 0;
    look_behind(b);
    int ready = poll(b->fds, (nfds_t)b->count, wait_ms);
    if (ready < 0)
        return errno == EINTR ? 0 : err_set(e, "waiting for sockets failed: %s", strerror(errno));
    for (; looked < b->count && ready > 0 && found < max; looked++) {
        size_t i = (b->next + looked) % b->count;
        if (!b->fds[i].revents)
            continue;
        ready--;
        found += tell(b, i, out + found, max - found);
    }
    b->next += looked;
    return (int)found;
}
