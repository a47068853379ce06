#include "log/search_schema.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "log/search_words.h"
#include "log/sql.h"

static const char *const tables[] = {
    "CREATE TABLE search_gen(id INTEGER PRIMARY KEY, first_call INTEGER NOT NULL, is_going INTEGER NOT NULL DEFAULT 0)",
    ("CREATE TABLE search_piece(gen INTEGER NOT NULL, piece_id INTEGER NOT NULL, call_id INTEGER NOT NULL, "
     "PRIMARY KEY(gen, piece_id)) WITHOUT ROWID"),
    "CREATE TABLE search_todo(call_id INTEGER PRIMARY KEY)",
    "INSERT INTO search_todo SELECT id FROM call WHERE state <> 'open'",
};

static int make(sqlite3 *sq, struct err *e)
{
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (sql_run(sq, tables[i], e) != 0)
            return -1;
    return 0;
}

int search_schema_complete(sqlite3 *sq, struct err *e)
{
    int64_t there = 0;
    if (sql_int64(sq, "SELECT count(*) FROM sqlite_schema WHERE name = 'search_todo'", &there, e) != 0)
        return -1;
    if (there)
        return 0;
    /* The caller may be in a transaction of its own. */
    if (sql_run(sq, "SAVEPOINT search", e) != 0)
        return -1;
    if (make(sq, e) == 0 && sql_run(sq, "RELEASE search", e) == 0)
        return 0;
    sql_try(sq, "ROLLBACK TO search");
    sql_try(sq, "RELEASE search");
    return -1;
}

int search_schema_add_gen(sqlite3 *sq, int64_t gen, int64_t first_call, struct err *e)
{
    char *sql = xasprintf("INSERT INTO search_gen(id, first_call) VALUES(%" PRId64 ", %" PRId64 ");"
                          "CREATE VIRTUAL TABLE search_text_%" PRId64 " USING fts5(text, content='', detail=none, columnsize=0,"
                          " tokenize='" SEARCH_TOKENIZER "')",
                          gen, first_call, gen);
    int rc = sql_run(sq, sql, e);
    free(sql);
    return rc;
}
