/* What an exchange leaves in the log: its row at the beginning, progress, its row
 * at the end.  Fills struct call; the journal reads the rest from the bodies. */
#ifndef SPANTOP_GATEWAY_RECORD_H
#define SPANTOP_GATEWAY_RECORD_H

#include "gateway/exchange.h"

/* An id and the times.  Before the first byte goes anywhere. */
void record_open(struct exchange *x);
/* The call began: request and sent body are shared with the journal. */
void record_begin(struct exchange *x);
/* The answer's head: ids, provider, headers. */
void record_head(struct exchange *x, const struct headers *h);
/* Bytes of the answer: tap, first content, kept copy, progress. */
void record_body(struct exchange *x, const void *data, size_t len);
/* Keep a copy of the answer only (one that was made here). */
void record_keep(struct exchange *x, const void *data, size_t len);
/* Drop that copy. */
void record_forget(struct exchange *x);
/* The call is over; x->end says why. */
void record_end(struct exchange *x);

#endif
