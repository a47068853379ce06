/* Who holds a TCP port, in words. */
#ifndef SPANTOP_CLI_PORT_OWNER_H
#define SPANTOP_CLI_PORT_OWNER_H

#include "base/attr.h"
#include "base/err.h"

/* Can address ("127.0.0.1:4777", "[::1]:4777") be listened on?  -1 says who holds
 * it, as far as this user may know. */
NODISCARD int port_check_free(const char *address, struct err *e);

#endif
