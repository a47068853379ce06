/* What the files upstream*.c share: how a transfer and an upstream look inside,
 * and the calls from one file to another.  Nobody else includes it.
 *
 *   upstream.c           its life; libcurl's sockets and timer on the loop
 *   upstream_request.c   a request's options and lines, sent on
 *   upstream_transfer.c  the answer as it comes, and a transfer's end
 *   upstream_kept.c      kept connections: nothing is sent twice, nobody's bytes are read
 *
 * Thread: proxy thread. */
#ifndef SPANTOP_GATEWAY_UPSTREAM_PARTS_H
#define SPANTOP_GATEWAY_UPSTREAM_PARTS_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "gateway/reply_head.h"
#include "gateway/upstream.h"

/* Kept-alive connections at most: a burst of subagents, not more. */
#define KEEP_CONNECTIONS 64L
/* The newest sockets, twice as many as are kept. */
#define OPENED_SOCKETS ((size_t)2 * KEEP_CONNECTIONS)
/* Few send calls for a body; given back as soon as it is out. */
#define UPLOAD_BYTES 262144L

struct opened {
    curl_socket_t fd; /* 0: none */
    int port;         /* our end's when it was last asked; 0: not connected yet; -1: closed */
};

struct socket_watch {
    struct upstream *upstream;
    struct watch watch;
    curl_socket_t fd;
    struct socket_watch *next;
};

struct transfer {
    struct upstream *upstream;
    struct transfer *prev, *next;
    CURL *easy;
    struct transfer_events events;
    struct blob *body;
    struct buf lines;          /* header lines, each with a NUL */
    struct curl_slist *nodes;  /* into lines; curl only reads them */
    size_t node_cap;
    struct reply_head head;
    struct timer idle;
    struct task resume;
    struct task remove;
    int64_t idle_us;
    int64_t last_us;           /* when bytes last came */
    unsigned tries;
    bool is_paused;
    bool is_silent;
    bool is_cancelled;
    bool is_spoilt; /* the kept connection it got holds bytes of nobody */
    char error[CURL_ERROR_SIZE];
};

struct upstream {
    struct loop *loop;
    const struct upstream_base *base;
    CURLM *multi;
    CURLSH *share;
    struct timer timer;
    struct transfer *running; /* list */
    struct transfer *spare;   /* list by next */
    size_t spare_count;
    struct socket_watch *sockets;
    char *ca_file;
    int64_t idle_ms;
    int64_t connect_ms;
    int64_t slept_us;      /* clock_slept_us() when it was asked last */
    int64_t fresh_until_us; /* until then no kept connection is used */
    struct opened opened[OPENED_SOCKETS]; /* maybe closed since: only for upstream_kept.c */
    size_t opened_count;
};

/* Load balancers close idle connections after 60 s or more; one that is younger
 * is very likely still open. */
#define KEEP_IDLE_S 45L

/* upstream_kept.c */
/* Must the next request have a connection of its own?  The machine has slept: what was
 * kept from before is forgotten by the other side, or by something between. */
bool upstream_must_connect_anew(struct upstream *u);

/* upstream_transfer.c */
/* Act on what libcurl says is over; transfers may be dead afterwards. */
void upstream_read_messages(struct upstream *u);
/* Give the request's body back if all of it went out. */
void transfer_drop_sent_body(struct transfer *t);
/* Out of the multi handle and back among the spare ones. */
void transfer_retire(struct transfer *t);
void transfer_unlink(struct transfer *t);
void transfer_free(struct transfer *t);
/* libcurl's HEADERFUNCTION and WRITEFUNCTION; arg is the transfer. */
size_t transfer_on_header(char *line, size_t size, size_t count, void *arg);
size_t transfer_on_data(char *data, size_t size, size_t count, void *arg);
/* What a transfer's timer and tasks run. */
void transfer_on_idle(void *arg);
void transfer_resume_now(void *arg);
void transfer_retire_now(void *arg);

/* upstream_kept.c */
/* libcurl's SOCKOPTFUNCTION (arg: the upstream) and PREREQFUNCTION (arg: the transfer). */
int upstream_on_new_socket(void *arg, curl_socket_t fd, curlsocktype purpose);
int upstream_on_about_to_send(void *arg, char *to, char *from, int to_port, int from_port);

#endif
