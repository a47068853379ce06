/* Error bodies: writing our own in Anthropic's shape, reading everybody's.
 * Shapes read: Anthropic {"type":"error","error":{…}}, Respan {"detail"},
 * {"error":"…"}, {"error":{…}}, {"message"}, {"errors":{…}}, and plain text. */
#ifndef SPANTOP_ANTHROPIC_ERROR_H
#define SPANTOP_ANTHROPIC_ERROR_H

#include <stddef.h>

#include "base/buf.h"

/* {"type":"error","error":{"type":T,"message":M},"request_id":R} */
void error_body_write(struct buf *out, const char *type, const char *message, const char *request_id);
/* Fill type and message ("" when the body does not say). */
void error_body_read(const char *body, size_t len, char *type, size_t type_size, char *message, size_t message_size);

#endif
