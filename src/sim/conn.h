/* One accepted connection: buffered reading, writing, and waiting that ends when
 * the peer leaves or the simulator stops.
 *
 * Thread: the connection's own.  sim_stop() makes stop_fd readable, which ends
 * every wait here, also that for a peer who does not read. */
#ifndef SPANTOP_SIM_CONN_H
#define SPANTOP_SIM_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

struct conn {
    int fd;
    int stop_fd; /* readable once the simulator stops */
    uint64_t number;
    struct buf in; /* read and not yet used */
};

/* Wait until something is there to read: 1, or 0 when the peer closed, the simulator
 * stops, or timeout_ms (-1: never) passed. */
int conn_await_input(struct conn *c, int timeout_ms);
/* Read what is there into c->in, waiting for the first byte.  1, or 0 at the end. */
int conn_fill(struct conn *c);
/* Look at what would be read without reading it; the bytes seen so far. */
size_t conn_peek(struct conn *c, char *out, size_t max);
/* 0, or -1 when the peer is gone. */
NODISCARD int conn_write(struct conn *c, const void *data, size_t len);
/* Sleep ms (negative: for ever).  0, or -1 at once when the peer leaves or the simulator stops. */
NODISCARD int conn_sleep(struct conn *c, int64_t ms);
/* Close so that the peer sees a reset. */
void conn_reset(struct conn *c);
void conn_close(struct conn *c);

#endif
