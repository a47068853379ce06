/* Kept-alive connections: which one a request may go out on, and how often.
 *
 * NO RESENDING.  When a kept-alive connection dies before the first byte of an
 * answer, libcurl sends the whole request again by itself (Curl_retry_request,
 * up to 5 times), although the upstream may have acted on the first copy and
 * billed it.  No option turns that off, but each time a request is about to go
 * out libcurl calls CURLOPT_PREREQFUNCTION: the second such call for one transfer
 * is a resend, and it is let through only if not one byte of the first was
 * accepted by the kernel (CURLINFO_REQUEST_SIZE still 0, as when the send itself
 * failed).  Otherwise the transfer ends as cut, and the client, who knows what it
 * asked for, decides.  To make that rare, idle connections are not used beyond
 * KEEP_IDLE_S, and libcurl looks whether the peer has closed before using one; one
 * that holds bytes of nobody is left for a fresh one (is_spoilt). */
#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "gateway/upstream_parts.h"

/* Bytes sent and not acknowledged for this long: the way is gone (a laptop slept,
 * a network changed), though nobody closed the connection. */
#define UNACKED_MS 30000
/* The kernel doubles it.  Left to itself it grows to megabytes, and pausing would
 * not slow the upstream; streams of text need far less. */
#define RECEIVE_BUFFER (128 << 10)

int upstream_on_new_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    struct upstream *u = arg;
    (void)purpose;
    int receive_buffer = RECEIVE_BUFFER;
    u->opened[u->opened_count++ % OPENED_SOCKETS] = (struct opened){fd, 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
#ifdef TCP_USER_TIMEOUT
    unsigned unacked_ms = UNACKED_MS;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked_ms, sizeof unacked_ms);
#endif
    return CURL_SOCKOPT_OK;
}

#define SLEPT_LEAST_US ((int64_t)2000000) /* the two clocks are not read at once */

/* In KEEP_IDLE_S libcurl finds the old ones to be too old by itself. */
bool upstream_must_connect_anew(struct upstream *u)
{
    int64_t slept_us = clock_slept_us();
    if (slept_us - u->slept_us > SLEPT_LEAST_US)
        u->fresh_until_us = loop_now_us(u->loop) + (KEEP_IDLE_S + 1) * 1000000;
    u->slept_us = slept_us;
    return loop_now_us(u->loop) < u->fresh_until_us;
}

static int local_port(curl_socket_t fd)
{
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        return -1;
    if (a.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&a)->sin_port);
    return a.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&a)->sin6_port) : -1;
}

/* Every one whose port is not known yet is asked once; the right one is asked each
 * time, since its number may stand for another socket by now. */
static curl_socket_t find_opened(struct upstream *u, int port)
{
    for (size_t i = 0; i < OPENED_SOCKETS && u->opened[i].fd > 0; i++) {
        struct opened *o = &u->opened[i];
        if (o->port != 0 && o->port != port)
            continue;
        o->port = local_port(o->fd);
        if (o->port == port)
            return o->fd;
    }
    return CURL_SOCKET_BAD;
}

/* A kept connection on which something waits that nobody asked for (bytes behind
 * the last answer's length) would be taken for the next answer.  libcurl 7.88 sees
 * only whether the peer closed it (delete this when every supported one sees more).
 * Which connection a transfer got is known by its local port alone:
 * CURLINFO_ACTIVESOCKET tells nothing before the transfer's end. */
static bool is_spoilt(const struct transfer *t, int port)
{
    long made = 0;
    char byte;
    if (curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &made) != CURLE_OK || made > 0)
        return false;
    curl_socket_t fd = find_opened(t->upstream, port);
    return fd != CURL_SOCKET_BAD && recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

int upstream_on_about_to_send(void *arg, char *to, char *from, int to_port, int from_port)
{
    struct transfer *t = arg;
    long sent = 0;
    (void)to;
    (void)from;
    (void)to_port;
    curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &sent);
    t->is_spoilt = t->tries == 0 && is_spoilt(t, from_port);
    if (t->is_spoilt)
        return CURL_PREREQFUNC_ABORT;
    t->tries++;
    return t->tries > 1 && sent > 0 ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}
