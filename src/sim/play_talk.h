/* One conversation as the real client sends it: the body's keys in its order, the
 * three cache_control marks where it puts them, and the newest message's mark
 * gone one turn later (a single text block then becomes a plain string). */
#ifndef SPANTOP_SIM_PLAY_TALK_H
#define SPANTOP_SIM_PLAY_TALK_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "sim/rng.h"

struct talk {
    const char *model;   /* lent */
    const char *cwd;     /* lent */
    const char *session; /* lent */
    bool is_agent;
    struct buf older;    /* messages but the newest, as JSON, joined by commas */
    cJSON *newest;       /* the newest message, without a mark; NULL: none */
    char *aside;         /* system message behind the newest one, as text; NULL: none */
    char *system;        /* JSON */
    char *tools;         /* JSON */
    char *user_id;       /* JSON string of metadata.user_id */
};

/* salt: differs per session in the attribution line. */
void talk_init(struct talk *t, const char *model, const char *cwd, const char *session, bool is_agent, uint64_t salt);
void talk_done(struct talk *t);
/* A user's words; the first message of a conversation carries the client's notes, too. */
void talk_say(struct talk *t, const char *words);
/* An answer's content, or tool results: taken over. */
void talk_add(struct talk *t, const char *role, cJSON *content);
/* What the conversation's next call sends. */
void talk_body(const struct talk *t, bool stream, struct buf *out);
/* A fork: the same, and these words behind it, without a mark of their own. */
void talk_fork_body(const struct talk *t, const char *words, struct buf *out);
/* The small call that names a session. */
void talk_title_body(const struct talk *t, const char *words, struct buf *out);
/* After /compact: everything becomes this summary. */
void talk_compact(struct talk *t, const char *summary);
size_t talk_size(const struct talk *t); /* bytes of all messages */

#endif
