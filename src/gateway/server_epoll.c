/* microhttpd in external-epoll mode: its epoll descriptor is watched by the loop. */
#include <limits.h>
#include <microhttpd.h>
#include <stdlib.h>

#include "base/diag.h"
#include "base/mem.h"
#include "gateway/server_parts.h"

struct server_wait {
    struct watch watch;
};

unsigned server_wait_flags(void)
{
    return MHD_USE_EPOLL;
}

unsigned server_wait_descriptors_max(void)
{
    return UINT_MAX;
}

int server_wait_begin(struct server *s, struct err *e)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info)
        return err_set(e, "libmicrohttpd was built without epoll; build spantop with LOOP=poll");
    s->wait = xcalloc(1, sizeof *s->wait);
    s->wait->watch = (struct watch){.fn = server_on_ready, .arg = s};
    return loop_watch(s->loop, &s->wait->watch, info->epoll_fd, LOOP_READ, e);
}

void server_wait_end(struct server *s)
{
    if (s->wait)
        loop_unwatch(s->loop, &s->wait->watch);
    free(s->wait);
    s->wait = NULL;
}

void server_wait_run(struct server *s)
{
    if (MHD_run(s->daemon) != MHD_YES)
        diag_line("the HTTP server reported an error; going on");
}

void server_wait_update(struct server *s)
{
    (void)s; /* its epoll descriptor knows */
}
