#include "log/tool_joins.h"

#include <stdlib.h>
#include <string.h>

#include "anthropic/field.h"
#include "base/mem.h"
#include "log/reader.h"
#include "log/sql.h"

#define NEAR_MAX 6   /* a retry or two may stand between */
#define FAR_MAX  500 /* a long session's worth of answers */

void tool_joins_done(struct tool_joins *j)
{
    free(j->list);
    *j = (struct tool_joins){NULL, 0};
}

const struct tool_join *tool_joins_find(const struct tool_joins *j, const char *id)
{
    for (size_t i = 0; i < j->count; i++)
        if (strcmp(j->list[i].id, id) == 0)
            return &j->list[i];
    return NULL;
}

static void add_join(struct tool_joins *j, const char *id, const char *name)
{
    struct tool_join fresh = {.gap_ms = -1};
    field_copy(fresh.id, sizeof fresh.id, id, strlen(id));
    field_copy(fresh.name, sizeof fresh.name, name, strlen(name));
    if ((j->count & (j->count - 1)) == 0) /* doubling at powers of two: no room to keep */
        j->list = xrealloc(j->list, (j->count ? j->count * 2 : 1) * sizeof *j->list);
    j->list[j->count++] = fresh;
}

static bool is_all_found(const struct tool_joins *j)
{
    for (size_t i = 0; i < j->count; i++)
        if (j->list[i].call_id == 0)
            return false;
    return true;
}

/* ---- Neighbours of the same agent --------------------------------------------------- */

struct neighbour {
    int64_t id, started_at, finished_at; /* finished_at 0 unknown */
};

/* Among the session's next (or last) rows: one of ten thousand calls of other agents
 * must not be read whole. */
#define SQL_NEIGHBOUR(than, order, body)                                                                               \
    "SELECT id, started_at, ifnull(finished_at, 0) FROM call WHERE id IN"                                              \
    " (SELECT id FROM call WHERE session_id = ?2 AND id " than " ?1 ORDER BY id " order " LIMIT 2000)"                 \
    " AND agent_id IS ?3 AND purpose IS ?4 AND " body " IS NOT NULL ORDER BY id " order " LIMIT 1"

/* 1: there is none. */
static int find_neighbour(struct db *db, const struct call *c, int64_t from, bool is_later, struct neighbour *n, struct err *e)
{
    if (!c->session_id)
        return 1;
    sqlite3_stmt *st = sql_prepare(db_sqlite(db),
                                   is_later ? SQL_NEIGHBOUR(">", "ASC", "request_body") : SQL_NEIGHBOUR("<", "DESC", "response_body"), e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, from);
    sql_bind_text(st, 2, c->session_id);
    sql_bind_text(st, 3, c->agent_id);
    sql_bind_text(st, 4, c->has_purpose ? purpose_name(c->purpose) : NULL);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *n = (struct neighbour){sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1), sqlite3_column_int64(st, 2)};
    else if (rc != SQLITE_DONE)
        err_set(e, "the log cannot be read: %s", sqlite3_errmsg(db_sqlite(db)));
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

static int64_t gap(int64_t end, int64_t start)
{
    return end > 0 && start >= end ? start - end : -1;
}

/* ---- Results in a later request -------------------------------------------------------- */

bool tool_result_id(const char *body, const struct content_node *n, char id[TOOL_ID_MAX])
{
    return n->depth == 2 && strncmp(n->label, "tool_result", 11) == 0 &&
           field_from_member(id, TOOL_ID_MAX, body, n->at, "tool_use_id");
}

static void take_result(struct tool_joins *j, const char *body, const struct content_node *n, const struct neighbour *at, int64_t end)
{
    char id[TOOL_ID_MAX];
    struct span v;
    if (!tool_result_id(body, n, id))
        return;
    for (size_t i = 0; i < j->count; i++) {
        struct tool_join *join = &j->list[i];
        if (join->call_id != 0 || strcmp(join->id, id) != 0)
            continue;
        join->call_id = at->id;
        join->gap_ms = gap(end, at->started_at);
        join->bytes = n->at.len;
        join->is_error = field_member(body, n->at, "is_error", &v) && field_begins(body, v, 't');
    }
}

static bool is_any_in(const struct tool_joins *j, const struct buf *body)
{
    for (size_t i = 0; i < j->count; i++)
        if (memmem(body->data, body->len, j->list[i].id, strlen(j->list[i].id)))
            return true;
    return false;
}

static int look_for_results(struct db *db, const struct call *c, const struct neighbour *at, struct tool_joins *j, struct err *e)
{
    struct buf body;
    struct content_tree t;
    buf_init(&body);
    int rc = reader_body(db, at->id, BODY_REQUEST, &body, e);
    if (rc == 0 && is_any_in(j, &body)) {
        content_tree_from_request(body.data, body.len, &t);
        for (size_t i = 0; i < t.count; i++)
            take_result(j, body.data, &t.nodes[i], at, c->finished_at);
        content_tree_done(&t);
    }
    buf_done(&body);
    return rc < 0 ? -1 : 0;
}

int tool_joins_of_answer(struct db *db, const struct call *c, const struct content *answer, struct tool_joins *j, struct err *e)
{
    struct neighbour n = {.id = c->id};
    int rc = 0;
    *j = (struct tool_joins){NULL, 0};
    for (size_t i = 0; i < answer->count; i++)
        if (answer->parts[i].kind == CONTENT_TOOL_USE && answer->parts[i].id)
            add_join(j, answer->parts[i].id, answer->parts[i].name);
    for (int i = 0; rc == 0 && i < NEAR_MAX && !is_all_found(j); i++)
        if ((rc = find_neighbour(db, c, n.id, true, &n, e)) == 0)
            rc = look_for_results(db, c, &n, j, e);
    if (rc < 0)
        tool_joins_done(j);
    return rc < 0 ? -1 : 0;
}

/* ---- Calls in an earlier answer ---------------------------------------------------------- */

static void take_calls(struct tool_joins *j, const struct content *answer, const struct neighbour *at, int64_t start)
{
    for (size_t p = 0; p < answer->count; p++) {
        const struct content_part *part = &answer->parts[p];
        for (size_t i = 0; part->kind == CONTENT_TOOL_USE && part->id && i < j->count; i++) {
            struct tool_join *join = &j->list[i];
            if (join->call_id != 0 || strcmp(join->id, part->id) != 0)
                continue;
            join->call_id = at->id;
            join->gap_ms = gap(at->finished_at, start);
            field_copy(join->name, sizeof join->name, part->name, strlen(part->name));
        }
    }
}

static int look_for_calls(struct db *db, const struct call *c, const struct neighbour *at, struct tool_joins *j, struct err *e)
{
    struct buf raw, body;
    struct content answer;
    buf_init(&raw);
    buf_init(&body);
    int rc = reader_body(db, at->id, BODY_RESPONSE, &raw, e);
    if (rc == 0 && content_decode(NULL, raw.data, raw.len, &body) == 0 && is_any_in(j, &body)) {
        content_from_answer(body.data, body.len, &answer);
        take_calls(j, &answer, at, c->started_at);
        content_done(&answer);
    }
    buf_done(&raw);
    buf_done(&body);
    return rc < 0 ? -1 : 0;
}

static int look_back(struct db *db, const struct call *c, int most, struct tool_joins *j, struct err *e)
{
    struct neighbour n = {.id = c->id};
    int rc = 0;
    for (int i = 0; rc == 0 && i < most && !is_all_found(j); i++)
        if ((rc = find_neighbour(db, c, n.id, false, &n, e)) == 0)
            rc = look_for_calls(db, c, &n, j, e);
    return rc < 0 ? -1 : 0;
}

int tool_joins_of_request(struct db *db, const struct call *c, const char *body, const struct content_tree *t,
                          struct tool_joins *j, struct err *e)
{
    char id[TOOL_ID_MAX];
    size_t newest = 0;
    *j = (struct tool_joins){NULL, 0};
    for (size_t i = 0; i < t->count; i++)
        newest = t->nodes[i].depth == 1 ? i : newest;
    for (size_t i = newest; i < t->count; i++)
        if (tool_result_id(body, &t->nodes[i], id))
            add_join(j, id, "");
    int rc = look_back(db, c, NEAR_MAX, j, e);
    if (rc < 0)
        tool_joins_done(j);
    return rc;
}

int tool_call_find(struct db *db, const struct call *c, const char *id, struct tool_join *join, struct err *e)
{
    struct tool_joins one = {NULL, 0};
    add_join(&one, id, "");
    int rc = look_back(db, c, FAR_MAX, &one, e);
    *join = one.list[0];
    tool_joins_done(&one);
    return rc < 0 ? -1 : join->call_id == 0;
}
