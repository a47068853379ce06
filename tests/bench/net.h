/* The few socket helpers that the bench's origin and load share. */
#ifndef SPANTOP_BENCH_NET_H
#define SPANTOP_BENCH_NET_H

#include <stddef.h>
#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC: the same clock in every process of a machine,
 * so an event can carry the time it was written. */
int64_t net_now_ns(void);
/* Listening socket on 127.0.0.1:port, non-blocking. Exits on failure. */
int net_listen(int port);
/* Connected, non-blocking, TCP_NODELAY. Exits on failure. */
int net_connect(int port);
void net_set_options(int fd);
void net_die(const char *what);

#endif
