/* Where things stand in a Messages request body, and what kind of call it is.
 *
 * Pure functions over bytes that nobody changes.  A body that is no JSON simply
 * has nothing in it.  Source of the rules: what Claude Code sends (see
 * docs/wire.md). */
#ifndef SPANTOP_ANTHROPIC_REQUEST_H
#define SPANTOP_ANTHROPIC_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define REQUEST_SPLICES_MAX 64

/* Every top-level `model` value (quotes included), in order; returns how many,
 * at most max.  A body with more `model` keys than that is not touched. */
size_t request_find_models(const char *body, size_t len, struct span *spans, size_t max);

/* Replace spans (rising, not overlapping) by texts; all other bytes stay.
 * out gets the new body. */
struct splice {
    struct span at;
    struct bytes with;
};
NODISCARD int request_splice(const char *body, size_t len, const struct splice *splices, size_t count, struct buf *out);

enum call_purpose {
    PURPOSE_MAIN,
    PURPOSE_SUBAGENT,
    PURPOSE_FORK,
    PURPOSE_TITLE,
    PURPOSE_COUNT_TOKENS,
    PURPOSE_SIDE,
    PURPOSE_OTHER,
};
const char *purpose_name(enum call_purpose p);                 /* the word in `calls.purpose` */
bool purpose_parse(const char *name, enum call_purpose *p);

/* What the body (and the few headers that matter) say about the call. */
struct request_facts {
    char model[128];         /* "" unknown */
    bool is_stream;
    bool is_json;            /* the top is a JSON object read to its end */
    enum call_purpose purpose;
    char session_id[64];     /* header X-Claude-Code-Session-Id, else metadata.user_id's session_id */
    char work_dir[512];      /* Claude Code's working directory, "" unknown */
    int64_t max_tokens;      /* -1 unknown */
    size_t tool_count;
    size_t message_count;
    bool has_tool_choice;
    bool is_told_by_mark;    /* whether it is a fork hangs on the last message's cache_control */
};
/* target is the path with query; agent_id and session_id are header values or NULL. */
void request_read_facts(const char *target, const char *agent_id, const char *session_id,
                        const char *body, size_t len, struct request_facts *f);
/* f was read from a body that differs from this one only behind its first message:
 * make it this one's without reading the rest.  last is this body's last message
 * that is no system message; len 0: it has none. */
void request_renew_facts(struct request_facts *f, const char *agent_id, const char *body, size_t message_count,
                         struct span last);
bool request_is_system_message(const char *body, struct span message);

/* Claude Code's title for the session, from a title call's answer text
 * (`{"title":"…"}`); false if there is none. */
bool request_title_from_answer(const char *answer_text, size_t len, char *title, size_t size);

#endif
