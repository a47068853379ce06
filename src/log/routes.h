/* Routes: what is switched, for whom.  A row in `routes` holds from the very
 * next call; dashboard, command line and SQL are equals.
 *
 * Each setting is decided alone: for set_model, set_provider and each key of
 * params_json the most specific enabled route that has it wins (session,
 * purpose, model glob, none), then the highest id.  With several scopes the
 * first that differs decides: session and purpose beats session alone, which
 * beats purpose and glob.
 *
 * What the word in `purpose` covers:
 *   main          main calls, and the forks of the main agent (/compact, /btw,
 *                 suggestions): they go on from its prompt cache
 *   subagent      subagents' calls, and their forks
 *   fork          forks alone, whoever's
 *   title, count_tokens, other   just those
 *   side          every side call: title, count_tokens, side and other
 * Any other word covers nothing.  A call whose purpose is not known is covered
 * only by routes without a purpose.
 *
 * A route may hold for a time only: for max_calls calls, or until_at.  One that is
 * over is as good as disabled; the journal disables it, too. */
#ifndef SPANTOP_LOG_ROUTES_H
#define SPANTOP_LOG_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "anthropic/request.h"
#include "base/err.h"
#include "log/db.h"

struct route {
    int64_t id;
    bool enabled;
    char *session_id;   /* scope: NULL means any */
    char *model_glob;
    char *purpose;      /* a purpose of `calls`, or "side" for every side call */
    char *set_model;    /* settings: NULL means not set here */
    char *set_provider;
    char *params_json;
    char *note;
    int64_t created_at;
    int64_t max_calls;   /* holds for so many calls; 0: any number */
    int64_t calls_taken; /* of them */
    int64_t until_at;    /* Unix ms it ends at; 0: never */
    int64_t recounts;    /* rises when calls_taken is set back */
    char *preset;        /* the preset that put it here, or NULL */
};

struct route_set {
    struct route *routes;
    size_t count;
    int64_t version;    /* routes_version the set was read at */
    struct route_index *index; /* digest for route_choose, made by routes_load; NULL is slower, not wrong */
};

void route_done(struct route *r);
/* Its calls are used up or its time has passed.  now_ms 0: only the calls are looked at. */
bool route_is_over(const struct route *r, int64_t now_ms);
/* Enabled and not over: does it hold at that time? */
bool route_is_on(const struct route *r, int64_t now_ms);
void route_set_done(struct route_set *s);

/* --- Choosing (pure) --- */
struct route_subject {
    const char *session_id; /* NULL unknown */
    const char *agent_id;   /* the agent header; NULL: the main agent.  Tells only whose a fork is */
    const char *model;      /* as asked; NULL unknown */
    bool has_purpose;
    enum call_purpose purpose;
    int64_t now_ms;         /* 0: no route's time is over */
};
#define ROUTE_LIMITED_MAX 8 /* routes with a number of calls that one call can use up at once */
struct route_choice {
    const struct route *model;    /* the route whose set_model holds, or NULL */
    const struct route *provider;
    const struct route *params;   /* the most specific one that gave a parameter, or NULL */
    char *params_json;            /* merged object or NULL; owned */
    char *note;                   /* which routes and why, or NULL; owned.
                                   * "#3 session → claude-sonnet-5; #4 every call → provider vertex_ai" */
    int64_t limited[ROUTE_LIMITED_MAX]; /* ids of those above and of other givers of parameters that count calls */
    size_t limited_count;
};
/* The routes in c are lent by s. */
void route_choose(const struct route_set *s, const struct route_subject *who, struct route_choice *c);
void route_choice_done(struct route_choice *c);
/* Must the body be read to choose (a purpose or model scope, or a set_model)? */
bool route_set_needs_body(const struct route_set *s);
/* When the next enabled route's time is over; INT64_MAX: none has one. */
int64_t route_set_ends_at(const struct route_set *s);
/* Is this one of the words above? */
bool route_purpose_is_known(const char *word);
/* "session api-refactor", "main", "*haiku*", joined by "+"; "every call" without a scope. */
struct buf;
void route_scope_text(struct buf *out, const struct route *r);

/* --- Watching (gateway's proxy thread): never blocks, never fails a call --- */
struct route_watch;
struct route_watch *route_watch_open(const char *log_path, struct err *e);
void route_watch_close(struct route_watch *w);
/* Another log is at the path: its routes hold, but when nobody has ever made one
 * in it, those that held before go on until somebody does.  fresh was opened on it
 * (by whatever thread) and is left with the old log, to be closed. */
void route_watch_swap(struct route_watch *w, struct route_watch *fresh);
/* The routes in force now; on any error those in hand, and *problem (may be
 * NULL) says why ("" when all is well).  Lent until the next poll. */
const struct route_set *route_watch_poll(struct route_watch *w, struct err *problem);
/* Rises whenever a poll saw that anything in the log changed: who wants to know that of
 * the same log right after need not ask SQLite again (2.5 us). */
int64_t route_watch_changes(const struct route_watch *w);
/* Those in hand, without looking. */
const struct route_set *route_watch_peek(const struct route_watch *w);
/* A call used up one of this route's: it counts here at once, whenever the log
 * learns of it. */
void route_watch_count(struct route_watch *w, int64_t id);

/* --- Reading and editing (dashboard, command line) --- */
NODISCARD int routes_load(struct db *db, struct route_set *s, struct err *e);
NODISCARD int routes_add(struct db *db, const struct route *r, int64_t *id, struct err *e);
/* calls_taken 0 counts the calls anew; any other number leaves the count as it is. */
NODISCARD int routes_update(struct db *db, const struct route *r, struct err *e);
/* Enabling one whose calls are used up counts them anew; one whose time is over is refused. */
NODISCARD int routes_enable(struct db *db, int64_t id, bool enabled, struct err *e);
/* Make it the newest, so that it wins among equals; *new_id is its number from then on. */
NODISCARD int routes_raise(struct db *db, int64_t id, int64_t *new_id, struct err *e);
NODISCARD int routes_delete(struct db *db, int64_t id, struct err *e);

/* A switch: replace (or with value NULL remove) every enabled setting of
 * exactly that scope.  Each switch can be taken back once by routes_undo. */
enum route_setting { ROUTE_MODEL, ROUTE_PROVIDER };
struct route_scope {
    const char *session_id;
    const char *purpose;
    const char *model_glob;
};
NODISCARD int routes_switch(struct db *db, enum route_setting what, const struct route_scope *scope, const char *value, struct err *e);
/* The same for a time only. */
struct route_limits {
    int64_t max_calls; /* 0: any number */
    int64_t until_at;  /* 0: no end */
};
NODISCARD int routes_switch_limited(struct db *db, enum route_setting what, const struct route_scope *scope, const char *value,
                                    const struct route_limits *limits, struct err *e);
/* Take back the newest switch not yet taken back; *what tells it in words
 * ("model claude-sonnet-5 for every session"). 1: nothing to undo. */
NODISCARD int routes_undo(struct db *db, char *what, size_t size, struct err *e);
/* What the calls that took a route have cost since it was made. */
struct route_cost {
    int64_t calls;
    int64_t cost_microusd;  /* without those of unknown price */
    int64_t unpriced_calls;
    int64_t first_calls;    /* the first of each conversation: it found no cache */
    int64_t first_microusd; /* what these cost */
    int64_t first_written;  /* tokens they wrote into the cache */
};
NODISCARD int routes_cost(struct db *db, const struct route *r, struct route_cost *cost, struct err *e);
NODISCARD int routes_version(struct db *db, int64_t *version, struct err *e);

#endif
