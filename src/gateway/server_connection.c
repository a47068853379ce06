/* Connections: who connects, and that a peer has gone.
 *
 * - While nothing is to be sent a connection is suspended, and then microhttpd
 *   does not look at its socket.  So each connection has our own watch for the
 *   peer's going (edge-triggered, set once for the life of the connection).
 *   A half-close counts as going, as in nginx: a client that will not read an
 *   answer looks the same.
 * - microhttpd (0.9.75) takes a read that did not fill its buffer for the last one
 *   and waits for the next edge.  When the end came together with those bytes there
 *   is none, and the connection would stay for ever.  So a peer that is gone in the
 *   middle of its request is hung up by us, once microhttpd has had its turn. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/diag.h"
#include "base/mem.h"
#include "gateway/server_parts.h"

/* --- A peer that has gone ------------------------------------------------------ */

static void on_peer_gone(void *arg, unsigned events)
{
    struct connection *conn = arg;
    (void)events;
    conn->is_gone = true;
    if (conn->current && conn->current->is_requested)
        client_left(conn->current);
    else
        loop_defer(conn->server->loop, &conn->hang_up);
}

/* The peer left in the middle of a request (see microhttpd's edges above). */
static void hang_up_now(void *arg)
{
    struct connection *conn = arg;
    if (!conn->current || !conn->current->is_requested)
        (void)shutdown(conn->watch.fd, SHUT_RDWR);
}

/* --- Connections ----------------------------------------------------------------- */

static void note_local_address(struct connection *conn, int fd)
{
    struct sockaddr_storage at = {0};
    socklen_t len = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return;
    if (at.ss_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)&at)->sin_addr, conn->local_address, sizeof conn->local_address);
    else if (at.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&at)->sin6_addr, conn->local_address, sizeof conn->local_address);
}

/* Who connects from the very address that was reached is on this machine. */
static bool is_same_machine(int fd)
{
    struct sockaddr_storage here = {0}, there = {0};
    socklen_t here_len = sizeof here, there_len = sizeof there;
    if (getsockname(fd, (struct sockaddr *)&here, &here_len) != 0 ||
        getpeername(fd, (struct sockaddr *)&there, &there_len) != 0 || here.ss_family != there.ss_family)
        return false;
    if (here.ss_family == AF_INET)
        return ((struct sockaddr_in *)&here)->sin_addr.s_addr == ((struct sockaddr_in *)&there)->sin_addr.s_addr;
    return here.ss_family == AF_INET6 && IN6_ARE_ADDR_EQUAL(&((struct sockaddr_in6 *)&here)->sin6_addr,
                                                            &((struct sockaddr_in6 *)&there)->sin6_addr);
}

void server_on_connection(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code)
{
    struct server *s = cls;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        struct connection *conn = *context;
        if (conn) {
            loop_undefer(s->loop, &conn->hang_up);
            loop_unwatch(s->loop, &conn->watch);
            s->connections--;
        }
        /* After a limit was met microhttpd listens again only in its next turn. */
        s->must_run = true;
        free(conn);
        *context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct connection *conn = xcalloc(1, sizeof *conn);
    struct err e;
    int one = 1;
    *conn = (struct connection){.server = s, .watch = {.fn = on_peer_gone, .arg = conn},
                               .hang_up = {.fn = hang_up_now, .arg = conn}};
    (void)setsockopt(info->connect_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (loop_watch(s->loop, &conn->watch, info->connect_fd, LOOP_GONE, &e) != 0)
        diag_line("%s: this client's leaving will be noticed late", e.text);
    if (s->is_any_address)
        note_local_address(conn, info->connect_fd);
    s->accepted++;
    conn->is_surplus = ++s->connections > s->connections_max;
    conn->is_from_here = !s->is_open || is_same_machine(info->connect_fd);
    *context = conn;
}

struct connection *server_connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

bool client_is_surplus(const struct client *c)
{
    return c->connection && c->connection->is_surplus;
}
