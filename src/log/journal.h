/* The journal: the only writer of calls into the log, on a thread of its own.
 *
 * The proxy thread gives it calls and bodies through a queue bounded in bytes
 * and never waits: when the queue is full, bodies are dropped first, then rows,
 * each counted.  The journal gathers in memory and then runs one short
 * BEGIN IMMEDIATE … COMMIT (first of 200 calls or 100 ms).
 *
 * Thread: journal_open/close on the owner's thread; everything else from one
 * proxy thread.  Nothing here blocks but open and close. */
#ifndef SPANTOP_LOG_JOURNAL_H
#define SPANTOP_LOG_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "log/alarm.h"
#include "log/amend.h"
#include "log/call.h"
#include "respan/catalog.h"

#define JOURNAL_QUEUE_MAX_DEFAULT ((size_t)128 << 20)

/* All pointers are borrowed for the journal's life. */
struct journal_options {
    const char *path;
    size_t queue_max_bytes;          /* 0: default */
    bool keep_bodies;
    bool no_search;                  /* texts of bodies are not put into the search index */
    const char *const *redact;       /* patterns, NULL-terminated (see redact.h); NULL: none */
    int64_t max_log_bytes;           /* 0: no bound */
    int keep_days;                   /* 0: for ever */
    const struct catalog *catalog;   /* may be NULL */
    struct alarm_limits alarms;      /* all 0: none is raised */
    const char *on_alarm;            /* run for each (alarm_hook.h); NULL: nothing */
    /* Another log is at the path, the logs-th: other connections must be opened anew.  On the journal's
     * thread, at once and then every second while it returns 1 (not done yet) or -1 (e says why, and
     * that is the journal's problem to tell).  NULL: nobody wants to know. */
    int (*on_other_log)(void *arg, int64_t logs, struct err *e);
    void *on_other_log_arg;
};

struct journal;

/* Creates or migrates the log (mode 0600 in a 0700 folder), marks calls that a
 * dead gateway left open as lost, starts the thread.  A log that is deleted, emptied
 * or moved away meanwhile is begun anew at its path; one that another was put in
 * the place of is written on if it is a log. */
struct journal *journal_open(const struct journal_options *o, struct err *e);
/* Writes what is queued, then ends.  Frees j. */
void journal_close(struct journal *j);

/* The next call id: rises, never handed out twice, not even after kill -9.
 * 0: the disk stands still and all reserved ids are used; such a call is
 * carried without a row and counted as dropped. */
int64_t journal_next_id(struct journal *j);

/* A call began.  Takes the contents of *c (c is empty after).  body is the
 * request as the client sent it, sent what goes upstream or NULL when alike;
 * both are referenced, not copied.  What the struct leaves unknown (model,
 * purpose, session, work dir) the journal reads from the body. */
void journal_begin(struct journal *j, struct call *c, struct blob *body, struct blob *sent);
/* How far a running call is; at most 5 a second and call reach the disk. */
void journal_progress(struct journal *j, int64_t id, int64_t tokens_out, bool is_estimate, int64_t bytes_out);
/* Does somebody look at the answer of this call while it comes? */
bool journal_is_watched(struct journal *j, int64_t id);
/* What came of it behind from_byte.  Takes data (a reference); let go when the queue is half full. */
void journal_live_body(struct journal *j, int64_t id, int64_t from_byte, struct blob *data);
/* A call ended.  Takes the contents of *c: its known fields replace what begin
 * said, unknown ones keep it.  response is the body as received, framing removed, or
 * NULL.  sent replaces begin's when the sent body changed (a resend), else NULL. */
void journal_end(struct journal *j, struct call *c, struct blob *response, struct blob *sent);

/* Respan's own row of a call that has ended was found.  Takes the contents of *a.
 * The call's row and all sums change in one commit; which of the two, call or
 * amendment, is committed first does not matter. */
void journal_amend(struct journal *j, int64_t id, struct amend *a);

/* The upstream refused a call for what this route made of it: the route is
 * disabled, with note in words. */
void journal_refuse_route(struct journal *j, int64_t route_id, const char *note);
/* A call used up one of this route's; after the last the route is disabled. */
void journal_count_route(struct journal *j, int64_t route_id);
/* The time of some route is over: disable all such. */
void journal_end_routes(struct journal *j);

struct journal_stats {
    int64_t dropped_rows;
    int64_t dropped_bodies;
    int64_t queue_bytes;
    int64_t written_calls;
    char error[ERR_TEXT_MAX]; /* why it cannot write now; "" when it can */
    char notice[ERR_TEXT_MAX]; /* to be known: another log was begun (when, why, what is lost), or it is on a network; "" */
    int64_t logs;             /* how often another log was begun */
};
void journal_stats(struct journal *j, struct journal_stats *s);

#endif
