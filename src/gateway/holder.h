/* Who holds a port?  For the sentence that a user reads when it is taken. */
#ifndef SPANTOP_GATEWAY_HOLDER_H
#define SPANTOP_GATEWAY_HOLDER_H

#include <stddef.h>

/* address as in peer.h, "127.0.0.1:4777".  Fills out with words such as "another spantop gateway" or
 * "nginx (pid 812)"; "another program" when it cannot be known. */
void holder_describe(const char *address, int port, char *out, size_t size);

#endif
