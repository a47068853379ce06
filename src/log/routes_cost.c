/* What a switch really cost: the calls that took a route, found by its number in
 * their route_note ("#3 session → claude-sonnet-5; #4 every call → …"). */
#include "log/routes.h"
#include "log/routes_row.h"
#include "log/sql.h"

/* The newest so many calls are looked at, so that the question stays quick on a log
 * of millions; a switch that old has long paid or not. */
#define LOOKED_AT "100000"

/* The first call of each conversation is the one that wrote its context anew. */
static const char SQL_COST[] =
    "WITH taken AS (SELECT c.* FROM (SELECT id, session_id, agent_id, purpose, cost_microusd, tokens_cache_write_5m,"
    "  tokens_cache_write_1h, route_note FROM call WHERE finished_at >= ?2 AND state != 'open'"
    "  ORDER BY id DESC LIMIT " LOOKED_AT ") c"
    " WHERE instr('; ' || c.route_note, '; #' || ?1 || ' ') > 0),"
    " first AS (SELECT min(id) AS id FROM taken WHERE purpose IN ('main', 'subagent')"
    "  GROUP BY session_id, agent_id)"
    " SELECT count(*), sum(cost_microusd), count(*) - count(cost_microusd),"
    "  (SELECT count(*) FROM first),"
    "  (SELECT sum(cost_microusd) FROM taken WHERE id IN (SELECT id FROM first)),"
    "  (SELECT sum(coalesce(tokens_cache_write_5m, 0) + coalesce(tokens_cache_write_1h, 0))"
    "   FROM taken WHERE id IN (SELECT id FROM first)) FROM taken";

int routes_cost(struct db *db, const struct route *r, struct route_cost *cost, struct err *e)
{
    sqlite3 *sq = db_sqlite(db);
    sqlite3_stmt *st = sql_prepare(sq, SQL_COST, e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, r->id);
    sqlite3_bind_int64(st, 2, r->created_at);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *cost = (struct route_cost){
            .calls = sqlite3_column_int64(st, 0),
            .cost_microusd = sqlite3_column_int64(st, 1),
            .unpriced_calls = sqlite3_column_int64(st, 2),
            .first_calls = sqlite3_column_int64(st, 3),
            .first_microusd = sqlite3_column_int64(st, 4),
            .first_written = sqlite3_column_int64(st, 5),
        };
    else
        routes_fail(sq, "read what the route cost", e);
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 0 : -1;
}
