/* Why a call read less from the prompt cache than it could have.  Pure.
 *
 * A call is compared with the best earlier call of its agent: the one it has the
 * longest run of equal blocks with.  What that call left in the cache (read
 * and written) is what this one could have read; it is a break when less than
 * 95 % came and at least 2,000 tokens are missing: Claude Code's own notion.
 *
 * The reason is the first of these that holds, so that nothing is blamed that
 * could not have helped: another model or provider (nothing of the old cache
 * can be read there), a conversation that was compacted or cleared, a lifetime
 * that ran out before anything was asked, a changed element, a breakpoint that
 * cannot reach what was kept, a prompt below the minimum.  Nothing of all that, and the
 * rest of the request alike: the upstream lost it.  Where the evidence is not
 * complete there is no reason. */
#ifndef SPANTOP_LOG_BREAKS_WHY_H
#define SPANTOP_LOG_BREAKS_WHY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "anthropic/usage.h"
#include "log/breaks_image.h"

#define BREAK_TOKENS_MIN     2000
#define BREAK_PERCENT        95
#define BREAK_LOOK_BACK      20   /* blocks that the API looks at for each breakpoint, itself included */
#define BREAK_CACHE_TOKENS   4096 /* the largest minimum of any model: above it every prompt can be kept */
#define BREAK_TEXT_MAX       400
#define BREAK_LIFETIME_5M_MS ((int64_t)5 * 60 * 1000)
#define BREAK_LIFETIME_1H_MS ((int64_t)60 * 60 * 1000)

/* A call as far as its cache is concerned. */
struct break_call {
    int64_t id;
    struct image *image; /* of what went upstream */
    char *model_sent;    /* these four: NULL unknown */
    char *model_served;
    char *provider_pinned;
    char *provider_served;
    int64_t started_at;
    int64_t finished_at;
    int64_t used_from; /* the call that used its cache last: from … to */
    int64_t used_to;
    struct usage usage;
};
int64_t break_call_cached(const struct break_call *c); /* tokens it left in the cache */
/* Blocks that begin both alike. */
size_t break_common(const struct image *a, const struct image *b);
/* Are all blocks of before, up to its last breakpoint, the first ones of now? */
bool break_is_continued(const struct break_call *before, const struct break_call *now);
/* "anthropic → vertex_ai"; false when they are alike or not known. */
bool break_provider_change(const struct break_call *before, const struct break_call *now, char *out, size_t size);

struct break_reason {
    char text[BREAK_TEXT_MAX];       /* KIND: element */
    const struct break_call *before; /* the call it was compared with */
    int64_t tokens_lost;             /* could have been read, and were not */
    bool is_upstream;                /* nothing was found: who served it may still come to light */
};
/* before: calls that ended, in any order; those that were still running when now
 * began are passed over.  false: no break, or none that is proven. */
bool break_find(const struct break_call *const *before, size_t count, const struct break_call *now,
                struct break_reason *r);

#endif
