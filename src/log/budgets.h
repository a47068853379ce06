/* Budgets: how much may be spent, and what happens at the limit.  A row in
 * `budgets` holds from the very next call; dashboard, command line and SQL are equals.
 *
 * There is one row for each scope and level: call, session (its whole life), day and
 * month (local calendar) count micro-dollars, rate counts calls begun in a minute.
 * A warn is only shown; a block is answered by the gateway before the call goes up.
 * A lifted budget blocks nothing until lifted_until.
 *
 * What is spent is the sums of the log (calls without a known price count nothing)
 * and, in the gateway, what has not arrived there yet. */
#ifndef SPANTOP_LOG_BUDGETS_H
#define SPANTOP_LOG_BUDGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "log/db.h"

enum budget_scope { BUDGET_CALL, BUDGET_SESSION, BUDGET_DAY, BUDGET_MONTH, BUDGET_RATE };
enum budget_level { BUDGET_WARN, BUDGET_BLOCK };
#define BUDGETS_MAX 10 /* scopes times levels */

/* How long `b` in the dashboard and `budget lift` let go. */
#define BUDGET_LIFT_MS INT64_C(3600000)

struct budget {
    int64_t id;
    enum budget_scope scope;
    enum budget_level level;
    int64_t limit;        /* micro-dollars; BUDGET_RATE: calls a minute */
    int64_t lifted_until; /* Unix ms; 0: not lifted */
};

/* Enabled rows alone, by scope and level. */
struct budget_set {
    struct budget budgets[BUDGETS_MAX];
    size_t count;
    int64_t version; /* budgets_version the set was read at */
};

const char *budget_scope_name(enum budget_scope s); /* the word in `budgets.scope` */
const char *budget_level_name(enum budget_level l);
bool budget_scope_parse(const char *name, enum budget_scope *s);
bool budget_is_lifted(const struct budget *b, int64_t now_ms);
bool budget_set_has(const struct budget_set *s, enum budget_scope scope);
/* A limit or what is used of it: "$20.00", "$0.0312"; BUDGET_RATE: "30 calls". */
void budget_amount(struct buf *out, enum budget_scope scope, int64_t amount);

/* --- Reading and editing (dashboard, command line) --- */
NODISCARD int budgets_load(struct db *db, struct budget_set *s, struct err *e);
/* Make or replace the row of this scope and level. */
NODISCARD int budgets_put(struct db *db, enum budget_scope scope, enum budget_level level, int64_t limit, struct err *e);
/* level: bit 1 << BUDGET_WARN, 1 << BUDGET_BLOCK.  1: there was none. */
NODISCARD int budgets_remove(struct db *db, enum budget_scope scope, unsigned levels, struct err *e);
/* Lift every block, or (scope not NULL) that scope's, until then; a time that is
 * past ends the lift.  *count (may be NULL): how many there are; 0 is no error. */
NODISCARD int budgets_lift(struct db *db, const enum budget_scope *scope, int64_t until_ms, int *count, struct err *e);

enum budget_mood { BUDGET_FINE, BUDGET_WARNS, BUDGET_BLOCKS, BUDGET_LIFTED };
struct budget_state {
    struct budget budget;
    int64_t used;     /* call: the dearest that ended in 24 h; session: the dearest of those active in 24 h */
    enum budget_mood mood; /* what used makes of it; a call alone never blocks afterwards */
    char *who;        /* session: its title, else its id; NULL for the others */
};
struct budget_page {
    struct budget_state states[BUDGETS_MAX];
    size_t count;
};
/* Every enabled budget with what the log says is used. */
NODISCARD int budgets_status(struct db *db, int64_t now_ms, struct budget_page *p, struct err *e);
void budget_page_done(struct budget_page *p);
/* The most pressing state as one line ("day budget $18.20 of $20.00 used", "day
 * budget of $20.00 reached, calls are blocked"); false: nothing presses. */
bool budget_page_line(const struct budget_page *p, struct buf *out);

/* --- Watching (gateway's proxy thread): never waits for a lock, never fails a call --- */
struct budget_watch;
struct budget_watch *budget_watch_open(const char *log_path, struct err *e);
void budget_watch_close(struct budget_watch *w);
/* Another log is at the path, and fresh was opened on it (by whatever thread): its budgets hold, and
 * what it knows to be spent counts.  fresh is left with the old log, to be closed. */
void budget_watch_swap(struct budget_watch *w, struct budget_watch *fresh);
/* The budgets in force now; on any error those in hand, and *problem says why ("" when
 * all is well).  Lent until the next poll.  log_changes: what route_watch_changes() says
 * right now; nothing is read while it stays the same. */
const struct budget_set *budget_watch_poll(struct budget_watch *w, int64_t log_changes, struct err *problem);

struct budget_spent {
    int64_t session; /* micro-dollars; 0 without a session */
    int64_t day;
    int64_t month;
};
/* What ended until now has cost: the sums of the log and what budget_watch_ended()
 * told of and is not in them yet. */
void budget_watch_spent(struct budget_watch *w, const char *session_id, int64_t now_ms, struct budget_spent *s);
/* A call has ended here; the journal will bring it into the log's sums. */
void budget_watch_ended(struct budget_watch *w, int64_t call_id, const char *session_id, int64_t started_ms, int64_t cost_microusd);

#endif
