/* The first half of a plan: what becomes of the call's thinking, effort, … */
#ifndef SPANTOP_RESPAN_COMPAT_DECIDE_H
#define SPANTOP_RESPAN_COMPAT_DECIDE_H

#include "respan/compat.h"

enum compat_action { COMPAT_KEEP, COMPAT_REPLACE, COMPAT_REMOVE };

/* Replacements are JSON values. */
struct compat_decision {
    enum compat_action thinking;
    char *thinking_text; /* owned */
    bool thinking_goes;  /* it was on and will be off */
    enum compat_action effort;
    const char *effort_text; /* static */
    bool drop_format;
    enum compat_action max_tokens;
    char *max_tokens_text; /* owned */
};

/* Only the end of the conversation counts: a user message, its assistant turn
 * and the few system messages that may stand between and behind. */
#define COMPAT_TAIL_MAX 8

/* The top-level members and the last messages, found in one walk: a walk over 1 MB takes 120 us. */
#define COMPAT_MEMBERS_MAX 64 /* the API knows about 25 */

struct compat_body {
    const char *s;
    struct {
        struct span key;
        struct span value;
    } members[COMPAT_MEMBERS_MAX];
    struct span tail[COMPAT_TAIL_MAX]; /* the last messages, as a ring */
    size_t message_count;
    size_t count;
};

/* Notes changes and betas in c; the splices are left to the caller. */
void compat_decide(struct compat *c, struct compat_decision *d, const struct compat_body *b, const struct model *from,
                   const struct model *to);
void compat_decision_done(struct compat_decision *d);

/* Takes the sentence. */
void compat_add_change(struct compat *c, char *sentence);

#endif
