/* The journal as the gateway sees it: a queue in front, a writer on a thread behind. */
#include "log/journal.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/sys.h"
#include "log/journal_queue.h"
#include "log/journal_writer.h"

struct journal {
    struct journal_options options;
    struct queue *queue;
    struct writer *writer;
    pthread_t thread;
};

static void *run(void *arg)
{
    struct journal *j = arg;
    writer_run(j->writer);
    return NULL;
}

struct journal *journal_open(const struct journal_options *o, struct err *e)
{
    struct journal *j = xcalloc(1, sizeof *j);
    sigset_t all;
    sigset_t old;
    sys_keep_memory();
    /* Signals are the proxy thread's: every thread started below blocks them. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    j->queue = queue_new(o->queue_max_bytes ? o->queue_max_bytes : JOURNAL_QUEUE_MAX_DEFAULT);
    j->options = *o;
    j->writer = writer_open(&j->options, j->queue, e);
    int rc = j->writer ? pthread_create(&j->thread, NULL, run, j) : -1;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc == 0)
        return j;
    if (j->writer)
        err_set(e, "no thread can be started for the log");
    writer_free(j->writer);
    queue_free(j->queue);
    free(j);
    return NULL;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    queue_stop(j->queue);
    pthread_join(j->thread, NULL);
    writer_free(j->writer);
    queue_free(j->queue);
    free(j);
}

int64_t journal_next_id(struct journal *j)
{
    return queue_next_id(j->queue);
}

void journal_begin(struct journal *j, struct call *c, struct blob *body, struct blob *sent)
{
    queue_put_begin(j->queue, c, body, sent);
}

void journal_progress(struct journal *j, int64_t id, int64_t tokens_out, bool is_estimate, int64_t bytes_out)
{
    struct queue_progress p = {id, tokens_out, is_estimate, bytes_out};
    queue_put_progress(j->queue, &p);
}

bool journal_is_watched(struct journal *j, int64_t id)
{
    return queue_is_watched(j->queue, id);
}

void journal_live_body(struct journal *j, int64_t id, int64_t from_byte, struct blob *data)
{
    queue_put_live(j->queue, id, from_byte, data);
}

void journal_end(struct journal *j, struct call *c, struct blob *response, struct blob *sent)
{
    queue_put_end(j->queue, c, response, sent);
}

void journal_amend(struct journal *j, int64_t id, struct amend *a)
{
    queue_put_amend(j->queue, id, a);
}

void journal_refuse_route(struct journal *j, int64_t route_id, const char *note)
{
    queue_put_route(j->queue, QUEUE_REFUSE, route_id, note);
}

void journal_count_route(struct journal *j, int64_t route_id)
{
    queue_put_route(j->queue, QUEUE_COUNT_ROUTE, route_id, NULL);
}

void journal_end_routes(struct journal *j)
{
    queue_put_route(j->queue, QUEUE_END_ROUTES, 0, NULL);
}

void journal_stats(struct journal *j, struct journal_stats *s)
{
    queue_stats(j->queue, s);
}
