#include "gateway/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "gateway/loop_backend.h"

struct loop {
    struct backend *backend;
    struct timers timers;
    struct task tasks; /* head of a ring */
    struct loop_hook hook;
    struct watch wake_watch;
    int wake_pipe[2];
    void (*on_wake)(void *arg);
    void *on_wake_arg;
    struct loop_event batch[LOOP_BATCH_MAX];
    int batch_count;
    int64_t now_us;
    bool is_stopping;
};

/* --- Waking -------------------------------------------------------------- */

static int make_pipe(int fds[2], struct err *e)
{
    if (pipe(fds) != 0)
        return err_set(e, "cannot make a pipe: %s", strerror(errno));
    for (int i = 0; i < 2; i++) {
        (void)fcntl(fds[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(fds[i], F_SETFL, O_NONBLOCK);
    }
    return 0;
}

static void woken(void *arg, unsigned events)
{
    struct loop *l = arg;
    char drain[64];
    (void)events;
    while (read(l->wake_pipe[0], drain, sizeof drain) > 0)
        ;
    if (l->on_wake)
        l->on_wake(l->on_wake_arg);
}

void loop_wake(struct loop *l)
{
    int saved = errno;
    /* A full pipe already wakes. */
    ssize_t n = write(l->wake_pipe[1], "", 1);
    (void)n;
    errno = saved;
}

void loop_set_on_wake(struct loop *l, void (*fn)(void *arg), void *arg)
{
    l->on_wake = fn;
    l->on_wake_arg = arg;
}

/* --- Life ------------------------------------------------------------------ */

struct loop *loop_new(struct err *e)
{
    struct loop *l = xcalloc(1, sizeof *l);
    l->wake_pipe[0] = l->wake_pipe[1] = -1;
    l->tasks.prev = l->tasks.next = &l->tasks;
    l->now_us = clock_mono_us();
    timers_init(&l->timers);
    l->backend = backend_new(e);
    if (!l->backend || make_pipe(l->wake_pipe, e) != 0)
        goto fail;
    l->wake_watch = (struct watch){.fn = woken, .arg = l};
    if (loop_watch(l, &l->wake_watch, l->wake_pipe[0], LOOP_READ, e) != 0)
        goto fail;
    return l;
fail:
    loop_free(l);
    return NULL;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    for (int i = 0; i < 2; i++)
        if (l->wake_pipe[i] >= 0)
            close(l->wake_pipe[i]);
    timers_done(&l->timers);
    backend_free(l->backend);
    free(l);
}

/* --- Sockets ------------------------------------------------------------------ */

int loop_watch(struct loop *l, struct watch *w, int fd, unsigned events, struct err *e)
{
    if (w->events == events && w->fd == fd)
        return 0;
    if (w->events && w->fd != fd)
        loop_unwatch(l, w);
    unsigned before = w->events;
    w->fd = fd;
    w->events = events;
    if (backend_change(l->backend, w, before, e) == 0)
        return 0;
    w->events = before;
    return -1;
}

void loop_unwatch(struct loop *l, struct watch *w)
{
    if (!w->events)
        return;
    backend_remove(l->backend, w);
    w->events = 0;
    for (int i = 0; i < l->batch_count; i++)
        if (l->batch[i].watch == w)
            l->batch[i].watch = NULL;
}

/* --- Timers and deferred work ----------------------------------------------- */

void loop_timer_set(struct loop *l, struct timer *t, int64_t due_us)
{
    timers_set(&l->timers, t, due_us);
}

void loop_timer_clear(struct loop *l, struct timer *t)
{
    timers_clear(&l->timers, t);
}

void loop_defer(struct loop *l, struct task *t)
{
    if (t->next)
        return;
    t->prev = l->tasks.prev;
    t->next = &l->tasks;
    t->prev->next = t;
    l->tasks.prev = t;
}

void loop_undefer(struct loop *l, struct task *t)
{
    (void)l;
    if (!t->next)
        return;
    t->prev->next = t->next;
    t->next->prev = t->prev;
    t->prev = t->next = NULL;
}

static void run_deferred(struct loop *l)
{
    while (l->tasks.next != &l->tasks) {
        struct task *t = l->tasks.next;
        loop_undefer(l, t);
        t->fn(t->arg);
    }
}

void loop_set_hook(struct loop *l, const struct loop_hook *hook)
{
    l->hook = hook ? *hook : (struct loop_hook){0};
}

int64_t loop_now_us(const struct loop *l)
{
    return l->now_us;
}

/* --- Turning -------------------------------------------------------------------- */

static int64_t time_to_wait(struct loop *l, int64_t max_wait_us)
{
    int64_t wait_us = max_wait_us;
    int64_t next_us = timers_next_us(&l->timers);
    if (next_us != INT64_MAX) {
        int64_t until_us = next_us - clock_mono_us();
        wait_us = until_us < wait_us ? until_us : wait_us;
    }
    if (l->hook.wait_us) {
        int64_t hook_us = l->hook.wait_us(l->hook.arg);
        wait_us = hook_us < wait_us ? hook_us : wait_us;
    }
    return wait_us > 0 ? wait_us : 0;
}

static int to_ms(int64_t wait_us)
{
    if (wait_us >= (int64_t)INT32_MAX * 1000)
        return -1;
    return (int)((wait_us + 999) / 1000);
}

static void run_timers(struct loop *l)
{
    struct timer *t;
    while ((t = timers_pop(&l->timers, l->now_us)))
        t->fn(t->arg);
}

int loop_turn(struct loop *l, int64_t max_wait_us, struct err *e)
{
    int n = backend_wait(l->backend, to_ms(time_to_wait(l, max_wait_us)), l->batch, LOOP_BATCH_MAX, e);
    if (n < 0)
        return -1;
    l->now_us = clock_mono_us();
    l->batch_count = n;
    for (int i = 0; i < n; i++) {
        struct watch *w = l->batch[i].watch;
        if (w)
            w->fn(w->arg, l->batch[i].events);
    }
    l->batch_count = 0;
    run_timers(l);
    if (l->hook.run)
        l->hook.run(l->hook.arg);
    run_deferred(l);
    return 0;
}

int loop_run(struct loop *l, struct err *e)
{
    l->is_stopping = false;
    while (!l->is_stopping)
        if (loop_turn(l, INT64_MAX, e) != 0)
            return -1;
    return 0;
}

void loop_stop(struct loop *l)
{
    l->is_stopping = true;
}
