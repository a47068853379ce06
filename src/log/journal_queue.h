/* What the proxy thread hands to the journal thread: calls, progress and the
 * supply of ids.
 *
 * One mutex, held for list operations only and never around the disk, so the
 * proxy thread does not wait.  Bytes count until they are committed
 * (queue_release), not until they are taken: what waits for a full disk is
 * bounded, too.
 *
 * While calls come, the journal looks every QUEUE_REST_US and nobody signals it;
 * only when it found nothing does it sleep until it is signalled.
 *
 * When the bound is reached, bodies go first: a call is then queued without
 * them.  Rows have QUEUE_ROWS_BYTES of their own beyond it; when these are used
 * up, calls that begin are dropped whole.  The end of a call whose begin was taken
 * always gets in: such calls are in flight, so there are few. */
#ifndef SPANTOP_LOG_JOURNAL_QUEUE_H
#define SPANTOP_LOG_JOURNAL_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "log/call.h"
#include "log/journal.h"

#define QUEUE_ROWS_BYTES  ((size_t)16 << 20) /* about 10,000 rows: minutes of a full disk */
/* Ids reserved at once, and how many must be left: on a disk that stands still they
 * must not run out before the room for rows does.  kill -9 costs the unused ones. */
#define QUEUE_IDS         ((int64_t)16384)
#define QUEUE_IDS_LEAST   (QUEUE_IDS / 4 * 3)
#define QUEUE_PROGRESS_US ((int64_t)200000)  /* five times a second */

/* A signal for every message costs both threads more than the message itself (six
 * futex calls a request, and the journal takes the proxy's core in mid-call); a body
 * of 1 MB left for longer has gone cold in the processor's caches. */
#define QUEUE_REST_US     ((int64_t)2000)

enum queue_op_kind { QUEUE_BEGIN, QUEUE_END, QUEUE_AMEND, QUEUE_REFUSE, QUEUE_COUNT_ROUTE, QUEUE_END_ROUTES, QUEUE_LIVE };
struct queue_op {
    struct queue_op *next;
    enum queue_op_kind kind;
    struct call call; /* amend: its id alone; refuse: the route's id and a note; count: its id */
    struct amend amend;
    struct blob *body; /* begin: the request; end: the answer */
    struct blob *sent;
    bool is_body_dropped; /* there was one, but no room */
    size_t bytes;         /* to be released */
};

struct queue_progress {
    int64_t id;
    int64_t tokens_out;
    bool is_estimate;
    int64_t bytes_out;
};

struct queue;

struct queue *queue_new(size_t max_bytes);
void queue_free(struct queue *q);

/* --- Proxy thread --- */
int64_t queue_next_id(struct queue *q);
void queue_put_begin(struct queue *q, struct call *c, struct blob *body, struct blob *sent);
void queue_put_end(struct queue *q, struct call *c, struct blob *answer, struct blob *sent);
/* Let go when the rows' room is used up: the call keeps the catalog's cost. */
void queue_put_amend(struct queue *q, int64_t id, struct amend *a);
/* What calls do to routes: QUEUE_REFUSE (note says why), QUEUE_COUNT_ROUTE, QUEUE_END_ROUTES (no id). */
void queue_put_route(struct queue *q, enum queue_op_kind kind, int64_t route_id, const char *note);
/* Calls that somebody looks at. */
#define QUEUE_WATCHED_MAX 8
bool queue_is_watched(struct queue *q, int64_t id);
/* Part of a running call's answer; takes data (a reference). */
void queue_put_live(struct queue *q, int64_t id, int64_t from_byte, struct blob *data);
void queue_put_progress(struct queue *q, const struct queue_progress *p);
void queue_stop(struct queue *q);
void queue_stats(struct queue *q, struct journal_stats *s);

/* --- Journal thread --- */
/* Wait until there is something to do, or deadline_us (monotonic; 0: none).
 * Gives all ops in order, and progress when it is due (array of *count, caller
 * frees).  take_ops false leaves the ops where they are. */
struct queue_take {
    struct queue_op *ops;
    struct queue_progress *progress;
    size_t progress_count;
    bool wants_ids;
    bool is_stopping;
};
void queue_wait(struct queue *q, int64_t deadline_us, bool take_ops, struct queue_take *t);
void queue_op_free(struct queue_op *op);
void queue_set_watched(struct queue *q, const int64_t *ids, size_t count);
void queue_release(struct queue *q, size_t bytes, int64_t calls_written);
/* Ids below limit are ours. */
void queue_set_ids(struct queue *q, int64_t next, int64_t limit);
int64_t queue_unused_ids(struct queue *q); /* the first not handed out */
void queue_set_error(struct queue *q, const char *text);
void queue_set_notice(struct queue *q, const char *text);
void queue_count_log(struct queue *q); /* another one was begun */
int64_t queue_logs(const struct queue *q);
void queue_count_dropped(struct queue *q, int64_t rows, int64_t bodies);

#endif
