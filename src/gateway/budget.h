/* The brake: may this call go up, for all the budgets (log/budgets.h) say?
 *
 * A call holds what its input will cost by estimate from the moment it is let through
 * until it ends; from the answer's first words on, what it has really cost so far.  So
 * neither one huge call nor many at once slip under a limit.  What ended counts by the
 * log's sums, or from memory until it is in them.
 *
 * Thread: proxy thread.  Nothing here waits or fails a call: what cannot be read is
 * taken as it was read last. */
#ifndef SPANTOP_GATEWAY_BUDGET_H
#define SPANTOP_GATEWAY_BUDGET_H

#include "base/buf.h"
#include "gateway/exchange.h"

struct gateway;
struct budgets;
/* NULL when the log has no budgets to read (told on the diagnostics): nothing is blocked. */
struct budgets *budgets_new(const char *log_path, const struct catalog *catalog);
void budgets_free(struct budgets *b);
/* Another log is at the path: watch it from now on; fresh has the old watch after. */
struct budget_watch;
void budgets_swap(struct budgets *b, struct budget_watch *fresh);

/* x is routed and about to go up.  True: it goes and holds its estimate.  False: a
 * budget blocks it; x->budget_refusal says which and how to lift it. */
bool budget_take(struct exchange *x);
/* x is over: what it cost is remembered until the log has it. */
void budget_release(struct exchange *x);

/* Members of the health page: ,"budgets_version":N,"warnings":["…"].  The routes have
 * just been polled. */
void budget_put_health(struct gateway *g, struct buf *out);

#endif
