/* Reading the log: pages, sums, bodies.  Every function takes a page of bounded
 * size, resets its statement and returns copies, so that no read is held open
 * while a terminal or pipe is slow.
 *
 * Thread: the db's.  Memory: the caller frees what it gets with the named function. */
#ifndef SPANTOP_LOG_READER_H
#define SPANTOP_LOG_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "log/call.h"
#include "log/db.h"
#include "log/filter.h"
#include "respan/catalog.h"

#define READER_PAGE_MAX 200

struct call_page {
    struct call *calls;
    size_t count;
    bool has_more;
};
void call_page_done(struct call_page *p);

enum call_sort {
    SORT_ID, SORT_SESSION, SORT_PURPOSE, SORT_MODEL, SORT_PROVIDER, SORT_STATUS, SORT_IN, SORT_CACHE,
    SORT_OUT, SORT_TTFT, SORT_DURATION, SORT_RATE, SORT_COST,
    SORT_COUNT_
};

/* A look through the log that stops after a while and goes on later, so that nobody has
 * to wait for a filter that hardly any call matches.  Zero to begin with; after
 * reader_calls() is_open tells that not all was looked at: the page holds what is
 * known so far, and the same query with the same look goes on with it. */
struct call_look {
    bool is_open;
    int64_t us;               /* how long each time; set by the caller */
    int64_t low, high;        /* ids not yet looked at: above low, up to high */
    int64_t step;             /* so many of them at once, */
    int64_t least;            /* never fewer */
    int64_t ids[READER_PAGE_MAX + 1]; /* what was found, in order */
    size_t count;
    int64_t looked, all;      /* how far it is, in ids */
};

struct call_query {
    const struct filter *filter; /* NULL: all */
    const char *session_id;      /* NULL: any; exact */
    enum call_sort sort;
    bool descending;             /* order of the page */
    int64_t after_id;            /* 0: from the start; else the row behind this call in the order */
    bool errors_only;
    size_t limit;                /* at most READER_PAGE_MAX; 0: that */
    struct call_look *look;      /* NULL: look at all there is */
};
/* Equal values are ordered by id, in the same direction; calls whose value is
 * unknown come last in either.  A running call's output counts as unknown here.
 * On a million calls: 1 ms by id, session, purpose, model, provider and status,
 * 50 to 100 ms by a figure. */
NODISCARD int reader_calls(struct db *db, const struct call_query *q, struct call_page *page, struct err *e);
/* 1: no such call. */
NODISCARD int reader_call(struct db *db, int64_t id, struct call *c, struct err *e);
/* Calls still open, oldest first, with live progress. */
NODISCARD int reader_open_calls(struct db *db, struct call_page *page, struct err *e);
/* How many calls match (fast without a filter). */
NODISCARD int reader_count(struct db *db, const struct call_query *q, int64_t *n, struct err *e);
/* Count on for the time that q->look says, into *n (0 to begin with). */
NODISCARD int reader_count_on(struct db *db, const struct call_query *q, int64_t *n, struct err *e);

enum body_kind { BODY_REQUEST, BODY_SENT, BODY_RESPONSE };
/* The exact bytes into out.  1: none was kept (out empty; e says why). */
NODISCARD int reader_body(struct db *db, int64_t id, enum body_kind kind, struct buf *out, struct err *e);

/* Ask for the answer of a running call while it comes; holds for five seconds. */
NODISCARD int reader_watch(struct db *db, int64_t id, struct err *e);
/* What was written of it so far, into out (empty before): lags by half a second at
 * most while bytes come, and ends at 512 KB.  1: nothing yet. */
NODISCARD int reader_live_body(struct db *db, int64_t id, struct buf *out, struct err *e);

struct totals {
    int64_t calls;
    int64_t errors;
    int64_t retries;          /* calls beyond the first try of the same bytes */
    int64_t tokens_in, tokens_cache_read, tokens_cache_write_5m, tokens_cache_write_1h, tokens_out;
    int64_t cost_microusd;
    int64_t unpriced_calls;   /* calls with usage but no known cost: the sum leaves them out */
    int64_t cache_breaks;
    int64_t cache_break_microusd;
};
/* Sums over local calendar days from day to day inclusive (YYYYMMDD); from the day table. */
NODISCARD int reader_day_totals(struct db *db, int from_day, int to_day, struct totals *t, struct err *e);

enum group_by { GROUP_MODEL, GROUP_PROVIDER, GROUP_SESSION, GROUP_DAY, GROUP_PURPOSE, GROUP_FOLDER /* the session's */ };
struct group_row {
    char *key;                /* NULL: unknown */
    char *label;              /* a session's title; else NULL */
    struct totals totals;
    int64_t ttft_ms_mean;     /* -1 unknown */
    int64_t cache_saved_microusd; /* only from reader_group_savings() */
};
struct group_page {
    struct group_row *rows;
    size_t count;
};
/* Ended calls that started at since_ms or later, grouped; most expensive (then most tokens) first,
 * at most 1,000 groups.  Whole days come from the day table and stay right when calls are pruned. */
NODISCARD int reader_groups(struct db *db, int64_t since_ms, enum group_by by, struct group_page *page, struct err *e);
/* The same of the calls that match a filter, most expensive first, from the calls themselves:
 * what was pruned is not in it.  No means of times, and no limit to the groups. */
struct group_sums {
    struct call_look look;    /* as that of session_matches */
    int64_t since_ms;         /* of the look; set when it begins */
    struct group_page page;
    struct totals totals;
};
NODISCARD int reader_group_sums_on(struct db *db, const struct filter *f, int64_t since_ms, enum group_by by,
                                   struct group_sums *g, struct err *e);
void group_sums_done(struct group_sums *g);
/* What the prompt cache has saved each group of that page: its input at full price less
 * what it cost (negative when more was written than read).  By the catalog's prices of
 * the days; models without a price count nothing. */
NODISCARD int reader_group_savings(struct db *db, int64_t since_ms, enum group_by by, const struct catalog *catalog,
                                   struct group_page *page, struct err *e);
void group_page_done(struct group_page *p);

struct bucket {
    int64_t tokens_in;        /* in + read + writes */
    int64_t tokens_out;
    int64_t cost_microusd;
};
/* Sums of calls that finished in [from_ms + i*width_ms, …), i < count.  From the minute table when
 * from_ms and width_ms are whole minutes: do that for spans beyond an hour. */
NODISCARD int reader_buckets(struct db *db, int64_t from_ms, int64_t width_ms, struct bucket *out, size_t count, struct err *e);

/* What broke the prompt cache, by reason (the KIND of cache_break), the most
 * expensive first, of calls that started at since_ms or later and before until_ms. */
#define BREAK_BUCKETS 24
struct break_sum {
    char *kind;
    int64_t breaks;
    int64_t cost_microusd;    /* as far as it is known */
    int64_t buckets[BREAK_BUCKETS]; /* the same cost over the time, in equal parts */
};
struct break_sums {
    struct break_sum *rows;
    size_t count;
};
NODISCARD int reader_breaks(struct db *db, int64_t since_ms, int64_t until_ms, struct break_sums *s, struct err *e);
/* Of those that match; f may be NULL. */
NODISCARD int reader_breaks_matching(struct db *db, const struct filter *f, int64_t since_ms, int64_t until_ms,
                                     struct break_sums *s, struct err *e);
void break_sums_done(struct break_sums *s);

/* What was spent over time, a bar an hour, day or week, by model: the most expensive
 * models apart, all others in one series without a name. */
enum spend_unit { SPEND_HOURS, SPEND_DAYS, SPEND_WEEKS };
#define SPEND_BARS_MAX   31
#define SPEND_SERIES_MAX 6
struct spend_chart {
    size_t bars;
    int64_t starts_ms[SPEND_BARS_MAX]; /* local hours, days; weeks of seven days up to today */
    struct spend_series {
        char *model;                   /* NULL: all others */
        int64_t cost_microusd[SPEND_BARS_MAX];
    } series[SPEND_SERIES_MAX];
    size_t series_count;
};
/* Hours: those of today.  Days: the last 30, weeks: the last 12, up to today. */
NODISCARD int reader_spend(struct db *db, enum spend_unit unit, int64_t now_ms, struct spend_chart *c, struct err *e);
void spend_chart_done(struct spend_chart *c);

struct session {
    char *session_id;
    char *title;
    int64_t first_at, last_at;
    struct totals totals;
    int64_t context_tokens;   /* of the newest main call; -1 unknown */
    int64_t context_limit;    /* of that call's model; -1 unknown */
    char *model;              /* of the newest main call */
    char *provider;
    int64_t running;          /* calls open now */
};
struct session_page {
    struct session *sessions;
    size_t count;
};
/* Newest activity first; before_ms 0 or the last row's last_at for the next page. */
NODISCARD int reader_sessions(struct db *db, int64_t before_ms, size_t limit, struct session_page *page, struct err *e);
/* 1: no such session.  A prefix of the id or the exact title is accepted when it is the only one. */
NODISCARD int reader_session(struct db *db, const char *id_or_title, struct session *s, struct err *e);
void session_page_done(struct session_page *p);
void session_done(struct session *s);

/* The sessions that have calls which match a filter, and how many of them each. */
struct session_match {
    char *session_id;
    int64_t calls;
};
struct session_matches {
    struct call_look look;       /* look.us is set by the caller */
    struct session_match *rows;  /* by session_id */
    size_t count;
    int64_t calls;               /* of all sessions */
};
/* Look for them for the time that look.us says; while look.is_open after it, the rows are what
 * is known so far and the next call goes on.  Closed, it begins anew. */
NODISCARD int reader_matches_on(struct db *db, const struct filter *f, struct session_matches *m, struct err *e);
void session_matches_done(struct session_matches *m);
/* As reader_sessions(), of these alone. */
NODISCARD int reader_sessions_matching(struct db *db, const struct session_matches *m, int64_t before_ms, size_t limit,
                                       struct session_page *page, struct err *e);

struct agent_row {
    char *agent_id;           /* NULL: the session's own agent */
    char *parent_agent_id;    /* NULL: that one started it, or nobody knows */
    char *type;               /* of the tool call that started it; NULL: not seen */
    char *description;
    char *tool_use_id;
    int64_t parent_call_id;   /* the call whose answer holds it; -1 unknown */
    int64_t first_call_id;    /* of its own */
    int64_t first_at, last_at;
    int64_t running;
    struct totals totals;     /* of its calls that ended and are still in the log */
};
struct agent_page {
    struct agent_row *rows;
    size_t count;
};
/* Who made the session's calls: the session's own agent and its subagents, in the order of
 * their first calls, at most 1,000. */
NODISCARD int reader_agents(struct db *db, const char *session_id, struct agent_page *page, struct err *e);
void agent_page_done(struct agent_page *p);
/* Who started one subagent, and as what (its sums stay empty).  1: nobody knows.
 * agent_row_done() in the end. */
NODISCARD int reader_launch(struct db *db, const char *session_id, const char *agent_id, struct agent_row *a, struct err *e);
void agent_row_done(struct agent_row *a);

struct credits {
    int64_t left_microusd;    /* what Respan said last */
    int64_t at;               /* when that was, Unix ms */
    int64_t per_hour_microusd; /* spent at the pace of the last hour; 0: nothing was */
    int64_t lasts_ms;         /* at that pace; -1: nothing to tell */
};
/* The organisation's credits.  1: nobody has told them yet. */
NODISCARD int reader_credits(struct db *db, int64_t now_ms, struct credits *c, struct err *e);

/* Did the newest call since then come with a bearer token, where a key is expected?
 * Claude Code sends one when ANTHROPIC_AUTH_TOKEN is set.  Refused: with 401 or 403. */
enum bearer { BEARER_NONE, BEARER_BESIDE_KEY, BEARER_ALONE, BEARER_REFUSED };
NODISCARD int reader_bearer(struct db *db, int64_t since_ms, enum bearer *bearer, struct err *e);

struct log_size {
    int64_t file_bytes;       /* database and write-ahead log */
    int64_t raw_body_bytes;   /* what the kept bodies are, unpacked */
    int64_t stored_body_bytes;
    int64_t calls;
};
NODISCARD int reader_size(struct db *db, struct log_size *s, struct err *e);

#endif
