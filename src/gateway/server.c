/* microhttpd on our loop: it runs in a turn when one of its sockets is
 * ready, a connection was resumed, or its own timeout asks. */
#include "gateway/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/mem.h"
#include "gateway/listen.h"
#include "gateway/server_parts.h"
#include "gateway/target.h"

/* Room for 64 KiB of headers and an answer's beside microhttpd's own use of the
 * pool; a head that is far larger gets its 431 from microhttpd.  Not more: it is
 * cleared for every request, and stays in memory with every connection. */
#define POOL_BYTES ((size_t)96 << 10)
/* This part of the connections is there only to say 503 on. */
#define SURPLUS_PART 8
#define RUNS_IN_TURN 4

/* What newer ones must be told so that they do as 0.9.75: a folded header line is not
 * joined without a trace (they refuse it by themselves), and %00 in a target passes. */
static const struct MHD_OptionItem newer_options[] = {
#if MHD_VERSION >= 0x00097701
    {MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1, NULL},
#endif
#if MHD_VERSION >= 0x01000201
    {MHD_OPTION_ALLOW_BIN_ZERO_IN_URI_PATH, 1, NULL},
#endif
    {MHD_OPTION_END, 0, NULL},
};

/* --- The daemon ------------------------------------------------------------------------------ */

static int64_t wait_us(void *arg)
{
    struct server *s = arg;
    MHD_UNSIGNED_LONG_LONG ms;
    if (s->must_run)
        return 0;
    if (MHD_get_timeout(s->daemon, &ms) != MHD_YES)
        return INT64_MAX; /* no timeout, not zero */
    if (ms == 0)
        s->must_run = true;
    return (int64_t)ms * 1000;
}

/* It takes one piece of each upload a run; asking the kernel for other work between
 * all of them costs more than they do. */
static void run(void *arg)
{
    struct server *s = arg;
    for (int i = 0; s->must_run && i < RUNS_IN_TURN; i++) {
        s->must_run = false;
        server_wait_run(s);
        (void)wait_us(s);
    }
    server_wait_update(s);
}

void server_on_ready(void *arg, unsigned events)
{
    struct server *s = arg;
    (void)events;
    s->must_run = true;
}

static void on_log(void *cls, const char *fmt, va_list args) PRINTF_LIKE(2, 0);
static void on_log(void *cls, const char *fmt, va_list args)
{
    char line[256];
    (void)cls;
    vsnprintf(line, sizeof line, fmt, args);
    line[strcspn(line, "\r\n")] = '\0';
    diag_line("http: %s", line);
}

struct server *server_new(struct loop *l, const struct server_options *o, int fd, struct err *e)
{
    struct server *s = xcalloc(1, sizeof *s);
    s->loop = l;
    s->events = o->events;
    s->body_max_bytes = o->body_max_bytes;
    s->held_max_bytes = o->held_max_bytes;
    s->is_any_address = strcmp(o->host, "0.0.0.0") == 0 || strcmp(o->host, "::") == 0;
    s->is_open = !host_is_loopback(o->host);
    s->listen_fd = fd;
    s->connections_limit = listen_connection_limit(server_wait_descriptors_max());
    s->connections_max = s->connections_limit - s->connections_limit / SURPLUS_PART;
    s->daemon = MHD_start_daemon(server_wait_flags() | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
                                 NULL, NULL, server_on_access, NULL,
                                 MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
                                 MHD_OPTION_LISTEN_SOCKET, fd,
                                 MHD_OPTION_CONNECTION_LIMIT, s->connections_limit,
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_BYTES,
                                 MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
                                 MHD_OPTION_URI_LOG_CALLBACK, server_on_target, s,
                                 MHD_OPTION_NOTIFY_CONNECTION, server_on_connection, s,
                                 MHD_OPTION_NOTIFY_COMPLETED, server_on_completed, s,
                                 MHD_OPTION_ARRAY, newer_options,
                                 MHD_OPTION_END);
    if (!s->daemon) {
        err_set(e, "cannot start the HTTP server: %s", strerror(errno));
        close(fd);
        goto fail;
    }
    if (server_wait_begin(s, e) != 0)
        goto fail;
    loop_set_hook(l, &(struct loop_hook){.wait_us = wait_us, .run = run, .arg = s});
    s->must_run = true;
    return s;
fail:
    server_free(s);
    return NULL;
}

/* A suspended connection makes MHD_stop_daemon() abort the process, so all are
 * woken first; their readers then end with an error. */
void server_abort_all(struct server *s)
{
    for (struct client *c = s->first; c; c = c->next) {
        c->is_broken = true;
        client_resume(c);
    }
    for (int turn = 0; turn < 8 && s->first; turn++)
        server_wait_run(s);
}

void server_free(struct server *s)
{
    if (!s)
        return;
    if (s->daemon) {
        server_abort_all(s);
        loop_set_hook(s->loop, NULL);
        server_wait_end(s);
        MHD_stop_daemon(s->daemon);
    }
    free(s);
}
