/* The body store: every body comes back byte for byte, and a conversation costs
 * little more than what is new in it. */
#include "tests/unit/tmpdir.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/bodies.h"
#include "log/body_list.h"
#include "log/sql.h"

static char path[128];
static struct db *db;
static struct bodies *bodies;
static int64_t next_call;

static void open_store(void)
{
    struct err e = {""};
    db = db_open(path, DB_CREATE, &e);
    bodies = db ? bodies_open(db_sqlite(db), &e) : NULL;
    if (!bodies)
        fail_msg("%s", e.text);
}

static void close_store(void)
{
    bodies_free(bodies);
    db_close(db);
}

static int set_up(void **state)
{
    (void)state;
    tmpdir_make(path, sizeof path, "log.db");
    next_call = 1;
    open_store();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close_store();
    return tmpdir_remove(state);
}

static int64_t seed = 7;
static size_t below(size_t n)
{
    seed = (int64_t)((uint64_t)seed * 6364136223846793005u + 1442695040888963407u);
    return (size_t)((uint64_t)seed >> 33) % n;
}

static void save(int64_t id, const struct buf *request, const struct buf *answer)
{
    struct err e;
    sqlite3_stmt *st =
        sql_prepare(db_sqlite(db),
                    "INSERT INTO call(id, state, started_at, request_body, response_body) VALUES(?,'done',1,?,?)", &e);
    assert_non_null(st);
    sqlite3_bind_int64(st, 1, id);
    sql_bind_blob(st, 2, request ? buf_bytes(request) : (struct bytes){NULL, 0});
    sql_bind_blob(st, 3, answer ? buf_bytes(answer) : (struct bytes){NULL, 0});
    assert_int_equal(sql_done(st, &e), 0);
    sqlite3_finalize(st);
}

/* Store a body as the request of a call of its own. */
static int64_t put(const char *conversation, const void *data, size_t len)
{
    struct buf list;
    struct body_origin from = {conversation, next_call};
    int64_t repeat_of;
    struct blob *body = blob_copy(data, len);
    buf_init(&list);
    if (bodies_put_request(bodies, &from, body, &list, &repeat_of) != 0)
        fail_msg("a body of %zu bytes was not taken", len);
    blob_unref(body);
    save(next_call, &list, NULL);
    buf_done(&list);
    return next_call++;
}

static void begin(void)
{
    struct err e;
    assert_int_equal(sql_run(db_sqlite(db), "BEGIN IMMEDIATE", &e), 0);
}

static void commit(void)
{
    struct err e = {""};
    int64_t stored;
    if (bodies_write(bodies, &stored, &e) != 0 || sql_run(db_sqlite(db), "COMMIT", &e) != 0)
        fail_msg("%s", e.text);
    bodies_written(bodies);
}

static void check(int64_t id, const void *want, size_t len)
{
    struct err e = {""};
    struct buf got;
    buf_init(&got);
    if (bodies_read(db, id, BODY_REQUEST, &got, &e) != 0)
        fail_msg("%s", e.text);
    if (got.len != len || memcmp(got.data, want, len) != 0)
        fail_msg("call %" PRId64 ": %zu bytes went in, %zu others came back:\n%.*s\n%.*s", id, len, got.len,
                 (int)(len < 300 ? len : 300), (const char *)want, (int)(got.len < 300 ? got.len : 300), got.data);
    buf_done(&got);
}

static void round_trip(const void *data, size_t len)
{
    begin();
    int64_t id = put("c", data, len);
    commit();
    check(id, data, len);
}

static void test_odd_bodies_come_back(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "",
        "no json at all",
        "{\"messages\":[1,2,],\"tools\":[3]}",
        "{\"messages\":[1,2],\"messages\":[1,2]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":"
        "\"ephemeral\"}}]}],\"system\":[{\"cache_control\":{\"type\":\"ephemeral\"}},{\"a\":1,\"cache_control\":{\"x\":"
        "[1]},\"b\":{\"c\":1,\"cache_control\":{}}}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"x",
        "{ \"messages\" : [ 1 , 2 ]\r\n, \"n\": 1e400, \"big\": 9223372036854775807, \"u\": \"\\ud800\" }",
        "\xff\xfe{\"messages\":[1]}",
        "[]",
        "{}",
        "{\"messages\":[]}",
        "{\"a\":[0]}",
    };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        round_trip(odd[i], strlen(odd[i]));
    static const char nul[] = "{\"messages\":[\"a\0b\",\0],\"x\":[\"\0\"]}";
    round_trip(nul, sizeof nul - 1);
}

static void test_a_body_of_20_mb_comes_back(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b);
    buf_puts(&b, "{\"messages\":[");
    for (int i = 0; i < 40; i++) {
        buf_printf(&b, "%s{\"role\":\"user\",\"content\":\"", i ? "," : "");
        for (int k = 0; k < 50000; k++)
            buf_printf(&b, "word%zu ", below(1000));
        buf_puts(&b, "\"}");
    }
    buf_puts(&b, "]}");
    assert_true(b.len > (size_t)14 << 20);
    while (b.len < (size_t)20 << 20)
        buf_putc(&b, ' ');
    round_trip(b.data, b.len);
    round_trip(b.data, b.len - 1);
    buf_done(&b);
}

static void write_body(struct buf *b, size_t turns)
{
    static const char *const forms[] = {
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"t%zu\",\"cache_control\":{\"type\":"
        "\"ephemeral\"}}]}",
        "{\"role\":\"user\",\"content\":\"t%zu\"}",
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"%zu\",\"input\":{\"a\":[1,2]}}]}",
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"%zu\",\"cache_control\":{\"type\":"
        "\"ephemeral\",\"ttl\":\"1h\"}}]}",
    };
    buf_puts(b, "{\"model\":\"m\",\"messages\":[");
    for (size_t i = 0; i < turns; i++) {
        buf_puts(b, i ? "," : "");
        _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"")
            buf_printf(b, forms[below(4)], below(5));
        _Pragma("GCC diagnostic pop")
    }
    buf_puts(b, "],\"system\":[{\"type\":\"text\",\"text\":\"s\",\"cache_control\":{\"type\":\"ephemeral\"}}],"
                "\"tools\":[{\"name\":\"a\"},{\"name\":\"b\"}],\"stream\":true}");
}

static void mutate(struct buf *b)
{
    static const char bytes[] = "[]{},:\"\\ 1\0";
    size_t at = below(b->len);
    size_t n = below(b->len - at) % 200;
    switch (below(4)) {
    case 0:
        b->data[at] = bytes[below(sizeof bytes)];
        break;
    case 1:
        b->len = at + 1;
        break;
    case 2: /* a stretch taken out */
        memmove(b->data + at, b->data + at + n, b->len - at - n);
        b->len -= n;
        break;
    default: { /* a stretch once more */
        char copy[200];
        memcpy(copy, b->data + at, n);
        buf_put(b, copy, n);
    }
    }
    if (b->len == 0)
        buf_putc(b, '{');
}

/* Thousands of bodies, each a little different from the one before, in one
 * conversation: what is compared, taken over and looked up must never mix them up. */
static void test_mutated_bodies_come_back(void **state)
{
    (void)state;
    enum { ROUNDS = 60, BATCH = 100 };
    struct buf all[BATCH];
    int64_t ids[BATCH];
    struct buf b;
    buf_init(&b);
    for (int round = 0; round < ROUNDS; round++) {
        begin();
        for (int i = 0; i < BATCH; i++) {
            if (b.len == 0 || below(4) == 0) {
                buf_reset(&b);
                write_body(&b, below(8));
            }
            for (size_t n = below(3); n > 0; n--)
                mutate(&b);
            buf_init(&all[i]);
            buf_put(&all[i], b.data, b.len);
            ids[i] = put(below(2) ? "c" : "d", b.data, b.len);
        }
        commit();
        for (int i = 0; i < BATCH; i++) {
            check(ids[i], all[i].data, all[i].len);
            buf_done(&all[i]);
        }
        if (round % 20 == 19) { /* a restart in between */
            close_store();
            open_store();
        }
    }
    buf_done(&b);
}

static void test_a_failed_commit_loses_nothing(void **state)
{
    (void)state;
    const char *body = "{\"messages\":[\"one\",\"two\"]}";
    struct err e;
    int64_t stored;
    struct buf list;
    struct blob *blob = blob_copy(body, strlen(body));
    struct body_origin from = {"c", 1};
    int64_t repeat_of;
    buf_init(&list);
    assert_int_equal(bodies_put_request(bodies, &from, blob, &list, &repeat_of), 0);
    begin();
    assert_int_equal(bodies_write(bodies, &stored, &e), 0);
    assert_int_equal(sql_run(db_sqlite(db), "ROLLBACK", &e), 0);
    begin();
    save(1, &list, NULL);
    commit();
    check(1, body, strlen(body));
    next_call = 2;
    round_trip(body, strlen(body));
    buf_done(&list);
    blob_unref(blob);
}

static void test_the_same_bytes_are_known_as_a_repeat(void **state)
{
    (void)state;
    const char *body = "{\"messages\":[\"one\"]}";
    struct buf list;
    int64_t repeat_of;
    struct blob *blob = blob_copy(body, strlen(body));
    buf_init(&list);
    assert_int_equal(bodies_put_request(bodies, &(struct body_origin){"c", 5}, blob, &list, &repeat_of), 0);
    assert_int_equal(repeat_of, 0);
    assert_int_equal(bodies_put_request(bodies, &(struct body_origin){"c", 6}, blob, &list, &repeat_of), 0);
    assert_int_equal(repeat_of, 5);
    assert_int_equal(bodies_put_request(bodies, &(struct body_origin){"other", 7}, blob, &list, &repeat_of), 0);
    assert_int_equal(repeat_of, 0);
    begin();
    commit();
    buf_done(&list);
    blob_unref(blob);
}

static int64_t ask(const char *sql)
{
    struct err e;
    int64_t n = 0;
    assert_int_equal(sql_int64(db_sqlite(db), sql, &n, &e), 0);
    return n;
}

/* ---- A conversation ------------------------------------------------------------------- */

static void put_prose(struct buf *b, size_t len)
{
    static const char *const words[] = {"the",  "function", "returns", "a",      "pointer", "to",   "buffer", "that",
                                        "must", "be",       "freed",   "by",     "caller",  "when", "error",  "in",
                                        "file", "src",      "main",    "struct", "const",   "int",  "static", "if"};
    size_t end = b->len + len;
    while (b->len < end)
        buf_printf(b, "%s%s%zu ", words[below(24)], words[below(24)], below(50));
}

/* One message as Claude Code keeps it in its history. */
static void put_message(struct buf *b, size_t turn, const char *text, bool is_last)
{
    static const char mark[] = ",\"cache_control\":{\"type\":\"ephemeral\"}";
    if (turn % 4 == 0 && is_last)
        buf_printf(b, "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"%s\"%s}]}", text, mark);
    else if (turn % 4 == 0)
        buf_printf(b, "{\"role\":\"user\",\"content\":\"%s\"}", text);
    else if (turn % 2 == 0)
        buf_printf(b,
                   "{\"role\":\"user\",\"content\":[{\"tool_use_id\":\"toolu_%zu\",\"type\":\"tool_result\","
                   "\"content\":\"%s\"%s}]}",
                   turn, text, is_last ? mark : "");
    else
        buf_printf(b,
                   "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"toolu_%zu\",\"name\":\"Bash\","
                   "\"input\":{\"command\":\"%s\"}}]}",
                   turn + 1, text);
}

static void write_turn(struct buf *b, char *const *texts, size_t count, const struct buf *tail)
{
    buf_puts(b, "{\"model\":\"claude-opus-5-5\",\"messages\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_putc(b, ',');
        put_message(b, i, texts[i], i == count - 1);
    }
    buf_put(b, tail->data, tail->len);
}

/* 200 turns growing to 1 MB take at most 1 % of what was sent: rows, lists and answers included. */
static void test_a_conversation_costs_what_is_new_in_it(void **state)
{
    (void)state;
    /* Tables that have nothing to do with bodies take a page each. */
    int64_t empty = ask("PRAGMA page_count") * ask("PRAGMA page_size");
    enum { TURNS = 200 };
    char *texts[2 * TURNS];
    struct buf tail;
    struct buf body;
    struct buf prose;
    int64_t raw = 0;
    buf_init(&tail);
    buf_init(&body);
    buf_init(&prose);
    for (size_t i = 0; i < 2 * TURNS; i++) {
        buf_reset(&prose);
        put_prose(&prose, i % 2 ? 300 : 4300);
        texts[i] = xstrdup(prose.data);
    }
    buf_puts(&tail, "],\"system\":[{\"type\":\"text\",\"text\":\"");
    put_prose(&tail, 20000);
    buf_puts(&tail, "\",\"cache_control\":{\"type\":\"ephemeral\"}}],\"tools\":[");
    for (int i = 0; i < 25; i++) {
        buf_printf(&tail, "%s{\"name\":\"tool%d\",\"description\":\"", i ? "," : "", i);
        put_prose(&tail, 2500);
        buf_puts(&tail, "\"}");
    }
    buf_puts(&tail, "],\"metadata\":{\"user_id\":\"u\"},\"max_tokens\":32000,\"stream\":true}");
    for (size_t turn = 0; turn < TURNS; turn++) {
        struct buf list;
        struct buf answer;
        buf_init(&answer);
        buf_init(&list);
        buf_reset(&body);
        write_turn(&body, texts, 2 * turn + 1, &tail);
        raw += (int64_t)body.len;
        begin();
        int64_t id = put("s", body.data, body.len);
        put_prose(&answer, 1500);
        assert_int_equal(bodies_put_answer(bodies, buf_bytes(&answer), &list), 0);
        save(id + 1000, NULL, &list);
        commit();
        if (turn % 50 == 49)
            check(id, body.data, body.len);
        buf_done(&answer);
        buf_done(&list);
    }
    assert_true(body.len > 900000);
    struct err e;
    assert_int_equal(sql_run(db_sqlite(db), "VACUUM", &e), 0);
    int64_t stored = ask("PRAGMA page_count") * ask("PRAGMA page_size") - empty;
    int64_t longest = ask("SELECT max(length(request_body)) FROM call");
    print_message("%" PRId64 " bytes sent, %" PRId64 " in the log (%.2f %%), longest list %" PRId64 " bytes\n", raw,
                  stored, 100.0 * (double)stored / (double)raw, longest);
    if (stored * 100 > raw)
        fail_msg("%" PRId64 " bytes sent, %" PRId64 " in the log: more than 1 %%", raw, stored);
    assert_true(longest < 2000);
    for (size_t i = 0; i < 2 * TURNS; i++)
        free(texts[i]);
    buf_done(&tail);
    buf_done(&body);
    buf_done(&prose);
}

/* ---- Damage ------------------------------------------------------------------------------ */

static void check_damaged(const char *sql)
{
    struct err e = {""};
    struct buf out;
    buf_init(&out);
    begin();
    assert_int_equal(sql_run(db_sqlite(db), sql, &e), 0);
    if (bodies_read(db, 1, BODY_REQUEST, &out, &e) != -1 || !strstr(e.text, "damaged"))
        fail_msg("%s: %s", sql, e.text);
    sql_try(db_sqlite(db), "ROLLBACK");
    buf_done(&out);
}

static void test_damage_is_told_and_harms_nobody(void **state)
{
    (void)state;
    round_trip("{\"messages\":[\"one\",\"two\"],\"x\":1}", 33);
    check_damaged("DELETE FROM piece WHERE id = 2");
    check_damaged("DELETE FROM blk");
    check_damaged("UPDATE piece SET off = 1000000 WHERE id = 1");
    check_damaged("UPDATE piece SET len = 1000000 WHERE id = 1");
    check_damaged("UPDATE piece SET len = -1");
    check_damaged("UPDATE piece SET off = -1");
    check_damaged("UPDATE blk SET len = 3");
    check_damaged("UPDATE blk SET data = x'00'");
    check_damaged("UPDATE call SET request_body = x'0102'");
    check_damaged("UPDATE call SET request_body = x''");
    struct err e = {""};
    struct buf out;
    buf_init(&out);
    sqlite3_stmt *st = sql_prepare(db_sqlite(db), "UPDATE call SET request_body = ?", &e);
    for (int i = 0; i < 3000; i++) { /* no list, however wrong, reads outside */
        char list[32];
        for (size_t k = 0; k < sizeof list; k++)
            list[k] = (char)(below(3) ? below(4) : below(256));
        list[0] = 1;
        list[1] = (char)below(60);
        sqlite3_bind_blob(st, 1, list, (int)(4 + below(28)), SQLITE_STATIC);
        assert_int_equal(sql_done(st, &e), 0);
        (void)!bodies_read(db, 1, BODY_REQUEST, &out, &e);
    }
    sqlite3_finalize(st);
    buf_done(&out);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_odd_bodies_come_back),
        WITH_STORE(test_a_body_of_20_mb_comes_back),
        WITH_STORE(test_mutated_bodies_come_back),
        WITH_STORE(test_a_failed_commit_loses_nothing),
        WITH_STORE(test_the_same_bytes_are_known_as_a_repeat),
        WITH_STORE(test_a_conversation_costs_what_is_new_in_it),
        WITH_STORE(test_damage_is_told_and_harms_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
