/* What the files server*.c share: how a connection and a client look inside, and
 * the calls from one file to another.  Nobody else includes it.
 *
 *   server.c             the daemon on the loop, and its life
 *   server_epoll.c       how its sockets are waited for, or
 *   server_poll.c        the same without epoll; the build chooses (LOOP=)
 *   server_connection.c  connections: who connects, and that a peer has gone
 *   server_request.c     a request, from its target to its end
 *   server_answer.c      an answer, and the waiting for its bytes
 *
 * Thread: proxy thread. */
#ifndef SPANTOP_GATEWAY_SERVER_PARTS_H
#define SPANTOP_GATEWAY_SERVER_PARTS_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bufq.h"
#include "gateway/server.h"

struct connection {
    struct server *server;
    struct watch watch;
    struct task hang_up;
    struct client *current;
    bool is_gone;
    bool is_surplus;
    bool is_from_here;
    char local_address[INET6_ADDRSTRLEN]; /* only when listening on every address */
};

struct client {
    struct server *server;
    struct client *prev, *next;
    struct connection *connection;
    struct MHD_Connection *mhd;
    void *owner;
    char *target;
    struct headers headers;
    struct blob *body;
    int64_t body_bytes;
    struct bufq out;
    int64_t delivered;
    unsigned refs;
    bool has_head;
    bool is_http10;
    bool ignores_body;
    bool abandons_body;
    enum client_body fate;
    size_t held_bytes; /* of the server's */
    bool is_requested;  /* on_request was called */
    bool is_answered;   /* a response is queued */
    bool is_suspended;
    bool is_ended;
    bool is_good;
    bool is_broken;     /* nothing more can be sent */
    bool is_gone;
};

struct server {
    struct loop *loop;
    struct MHD_Daemon *daemon;
    struct server_wait *wait;
    int listen_fd;
    struct server_events events;
    size_t body_max_bytes;
    size_t held_max_bytes;
    size_t held_bytes; /* by requests that are gathering or not yet answered */
    bool is_any_address;
    bool is_open; /* to other machines */
    bool must_run;
    uint64_t accepted; /* connections ever */
    unsigned connections;
    unsigned connections_max;   /* above it: 503 */
    unsigned connections_limit; /* above it: not accepted */
    struct client *first; /* all clients alive */
};

/* server.c */
/* A watch on a socket of microhttpd's; arg is the server. */
void server_on_ready(void *arg, unsigned events);

/* server_epoll.c or server_poll.c */
/* What MHD_start_daemon() is told. */
unsigned server_wait_flags(void);
/* Every descriptor of the process must be below it. */
unsigned server_wait_descriptors_max(void);
NODISCARD int server_wait_begin(struct server *s, struct err *e);
/* Fine when it never began. */
void server_wait_end(struct server *s);
/* Let microhttpd do what its sockets and resumed connections ask for, without waiting. */
void server_wait_run(struct server *s);
/* After running: watch what it wants watched now. */
void server_wait_update(struct server *s);

/* server_connection.c */
/* microhttpd's NOTIFY_CONNECTION; cls is the server. */
void server_on_connection(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code);
/* NULL: it is not known any more. */
struct connection *server_connection_of(struct MHD_Connection *mhd);

/* server_request.c */
/* microhttpd's URI_LOG_CALLBACK, access handler and NOTIFY_COMPLETED; cls is the server. */
void *server_on_target(void *cls, const char *target, struct MHD_Connection *mhd);
enum MHD_Result server_on_access(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                 const char *version, const char *data, size_t *data_len, void **context);
void server_on_completed(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode code);
void client_unref(struct client *c);
/* Its peer has gone: tell the owner and let microhttpd end it. */
void client_left(struct client *c);

/* server_answer.c */
/* microhttpd leaves the connection alone from suspend to resume.  Resuming one that
 * runs changes nothing. */
void client_suspend(struct client *c);
void client_resume(struct client *c);

#endif
