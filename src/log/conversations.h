/* The newest bodies of running conversations, to compare the next one with.
 *
 * A session's main agent, its title calls and side calls share a name, so up to
 * CONVERSATION_RECORDS bodies are kept for each.
 * Bound: CONVERSATIONS_MAX records and CONVERSATIONS_BYTES of bodies; the one not
 * used for longest goes.  Thread: the journal's. */
#ifndef SPANTOP_LOG_CONVERSATIONS_H
#define SPANTOP_LOG_CONVERSATIONS_H

#include <stddef.h>
#include <stdint.h>

#include "anthropic/request.h"
#include "base/blob.h"
#include "log/breaks_image.h"
#include "log/cut.h"

#define CONVERSATIONS_MAX    ((size_t)1024)
#define CONVERSATIONS_BYTES  ((size_t)64 << 20)
#define CONVERSATION_RECORDS 4

/* Bytes taken out of an element when it was stored (see canon.h). */
struct cut_note {
    size_t element;
    struct span at; /* in the element */
    int64_t place;  /* as in body_list.h */
};

/* A body with all that is known about how it is stored. */
struct record {
    uint64_t name; /* 0: free */
    uint64_t used;
    struct blob *body;
    struct cut cut;
    int64_t *pieces; /* one an element */
    size_t piece_cap;
    struct cut_note *notes; /* by element, rising */
    size_t note_count;
    size_t note_cap;
    struct image *image; /* for finding cache breaks; NULL: none could be made */
    struct request_facts facts; /* see body_facts.h */
    uint64_t facts_of;          /* whom they were read for; 0: there are none */
    int64_t skeleton;
    int64_t epoch; /* all its pieces were wanted in this one at the latest */
    int64_t call_id;
};
void record_init(struct record *r);
void record_done(struct record *r);

struct conversations;
struct conversations *conversations_new(void);
void conversations_free(struct conversations *c);

uint64_t conversation_name(const char *text); /* never 0 */
/* The record of that name that agrees longest with the body; NULL when there is none. */
struct record *conversations_find(struct conversations *c, uint64_t name, struct bytes body, size_t *prefix);
/* Keep r (empty after) instead of old, or (old NULL) beside the others of its name.
 * Returns where it is kept until the next call; NULL: it is too large to be. */
struct record *conversations_keep(struct conversations *c, struct record *old, struct record *r);
void conversations_forget_before(struct conversations *c, int64_t epoch);

#endif
