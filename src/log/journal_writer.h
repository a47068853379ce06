/* The journal thread's work: take calls from the queue, gather, commit.
 * Thread: writer_open and writer_free on the owner's, writer_run on the journal's. */
#ifndef SPANTOP_LOG_JOURNAL_WRITER_H
#define SPANTOP_LOG_JOURNAL_WRITER_H

#include "base/err.h"
#include "log/journal.h"
#include "log/journal_queue.h"

struct writer;
/* Opens the log, marks what a dead gateway left open, reserves ids. */
struct writer *writer_open(const struct journal_options *o, struct queue *q, struct err *e);
void writer_free(struct writer *w);
/* Until the queue is stopped and written. */
void writer_run(struct writer *w);

#endif
