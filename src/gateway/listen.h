/* The listening socket: its address as text, and how many clients there may be. */
#ifndef SPANTOP_GATEWAY_LISTEN_H
#define SPANTOP_GATEWAY_LISTEN_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"

/* "127.0.0.1:4777", "[::1]:4777", "localhost:0" into host (no brackets) and port. */
NODISCARD int listen_parse(const char *listen, char *host, size_t host_size, int *port, struct err *e);

/* A listening socket on this numeric host (or localhost) and port (0: any); address gets
 * what was bound.  -1: e says why, and errno is EADDRINUSE when another holds it. */
NODISCARD int listen_bind(const char *host, int port, char address[64], struct err *e);

/* Clients at once that the limit of open files allows; raises the soft limit to the
 * hard one, or sets it to descriptors_max if that is less. */
unsigned listen_connection_limit(unsigned descriptors_max);

#endif
