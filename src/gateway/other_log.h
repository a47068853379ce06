/* Another log lies at the log's path (journal.h): routes and budgets are opened anew.
 *
 * Opening waits for locks and the disk, and closing the last descriptor of a deleted
 * log of 10 GB for the disk, too, so the journal's thread does both.  The proxy thread
 * only swaps what it has for what lies ready, when it next looks at the routes. */
#ifndef SPANTOP_GATEWAY_OTHER_LOG_H
#define SPANTOP_GATEWAY_OTHER_LOG_H

#include <stdint.h>

#include "gateway/budget.h"
#include "log/peer.h"
#include "log/routes.h"

struct other_log;
/* log_path is borrowed. */
struct other_log *other_log_new(const char *log_path);
/* After the journal was closed. */
void other_log_free(struct other_log *o);

/* --- Proxy thread --- */
/* The gateway has announced itself as p; from now on it does so anew for another log.  l is
 * borrowed, p copied. */
void other_log_announced(struct other_log *o, struct peer_lock *l, const struct peer *p);
/* Take what lies ready; never waits.  budgets may be NULL. */
void other_log_take(struct other_log *o, struct route_watch *routes, struct budgets *budgets);

/* --- Journal's thread: journal_options.on_other_log --- */
int other_log_step(void *o, int64_t logs, struct err *e);

#endif
