/* Sends one answer on a connection, at its pace, and breaks it as its fault says.
 *
 * Thread: the connection's own; takes no lock. */
#ifndef SPANTOP_SIM_REPLY_H
#define SPANTOP_SIM_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "sim/conn.h"
#include "sim/events.h"
#include "sim/fault.h"

enum reply_result {
    REPLY_DONE,   /* whole; the connection may go on if it still has its socket */
    REPLY_GONE,   /* the peer left (or the simulator stops) */
    REPLY_BROKEN, /* the fault ended it */
};

struct reply {
    /* set by the caller */
    struct conn *c;
    const struct fault *fault; /* or NULL */
    bool keep_alive;
    double speed;              /* 0: no waiting */
    int status;
    const char *content_type;
    struct buf headers;        /* further header lines, each with its CRLF */
    /* Called once, before the last byte of a whole answer is written, so that what
     * a client asks after that byte is answered by books that hold it.  Or NULL. */
    void (*on_end)(void *arg);
    void *on_end_arg;
    /* told afterwards, also when broken */
    int64_t bytes_sent;        /* everything written to the socket */
    int64_t events_sent;
    int64_t tokens_sent;       /* of output, in deltas */
    bool start_sent, end_sent; /* message_start, message_delta */
    int64_t first_byte_us, first_delta_us; /* monotonic; 0: never */
    /* its own */
    struct buf out;
    struct gzip *gzip;
    bool is_chunked, is_dripping, is_close_delimited;
};

void reply_init(struct reply *r, struct conn *c);
void reply_done(struct reply *r);

void reply_header(struct reply *r, const char *name, const char *value);
enum reply_result reply_plain(struct reply *r, const void *body, size_t len);
enum reply_result reply_stream(struct reply *r, const struct event_list *events);
/* Break a connection before anything was read or written on it. */
enum reply_result reply_break(struct conn *c, const struct fault *f);

#endif
