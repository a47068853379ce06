/* A call as a line of shell that sends it again, to the last byte of its body.
 *
 * For sh, bash, dash and zsh.  The key stands in it as $RESPAN_API_KEY.  Headers are
 * those that went upstream; what the log masked is left out.  A text body is quoted as it is, any other
 * one stands as base64 behind it: so the line holds nothing that a terminal or a
 * shell could take for something else.
 * Thread: the db's, for call_curl(); the other is pure. */
#ifndef SPANTOP_LOG_CALL_CURL_H
#define SPANTOP_LOG_CALL_CURL_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "log/call.h"
#include "log/db.h"

/* upstream: the base that the path is put behind.  left_out gets the names of headers
 * whose values the log does not have, separated by ", ". */
void curl_line(const struct call *c, const char *upstream, struct bytes body, struct buf *out, struct buf *left_out);
/* The same with the body as it went upstream.  -1: there is none; e says why. */
NODISCARD int call_curl(struct db *db, const struct call *c, const char *upstream, struct buf *out, struct buf *left_out,
                        struct err *e);

#endif
