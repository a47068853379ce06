/* Facts that go from turn to turn say the same as those read from the whole body. */
#include "tests/unit/tmpdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/bodies.h"
#include "log/sql.h"

static struct db *db;
static struct bodies *bodies;

static int set_up(void **state)
{
    (void)state;
    struct err e = {""};
    char path[128];
    tmpdir_make(path, sizeof path, "log.db");
    db = db_open(path, DB_CREATE, &e);
    bodies = db ? bodies_open(db_sqlite(db), &e) : NULL;
    if (!bodies)
        fail_msg("%s", e.text);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bodies_free(bodies);
    db_close(db);
    return tmpdir_remove(state);
}

#define MARK      ",\"cache_control\":{\"type\":\"ephemeral\"}"
#define FIRST     "{\"role\":\"user\",\"content\":\"CWD: /first\\n\"}"
#define ASKED     "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"go on\"}]}"
#define MARKED    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"go on\"" MARK "}]}"
#define ANSWERED  "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"done\"}]}"
#define REMINDER  "{\"role\":\"system\",\"content\":\"a reminder\"}"
#define SYSTEM(s) ",\"system\":[{\"type\":\"text\",\"text\":\"" s "\"" MARK "}]"
#define TOOLS     ",\"tools\":[{\"name\":\"a\"},{\"name\":\"b\"}]"
#define END       ",\"max_tokens\":32000,\"stream\":true}"
#define BODY(m, rest) "{\"model\":\"claude-opus-5-5\",\"messages\":[" m "]" rest END

/* One session: some continue the last one, some only look like it. */
static const char *const turns[] = {
    BODY(FIRST, SYSTEM("one") TOOLS),
    BODY(FIRST "," ANSWERED "," MARKED, SYSTEM("one") TOOLS),
    BODY(FIRST "," ANSWERED "," ASKED "," ANSWERED "," MARKED, SYSTEM("one") TOOLS),
    BODY(FIRST "," ANSWERED "," ASKED "," ANSWERED "," MARKED, SYSTEM("one") TOOLS),
    BODY(FIRST "," ANSWERED "," ASKED "," ANSWERED "," ASKED, SYSTEM("one") TOOLS), /* a fork */
    BODY(FIRST "," ANSWERED "," MARKED ", " REMINDER, SYSTEM("one") TOOLS),
    BODY(FIRST "," ANSWERED "," MARKED "," REMINDER "," REMINDER, SYSTEM("one") TOOLS),
    BODY(FIRST "," ANSWERED "," MARKED, SYSTEM("CWD: /second\\n") TOOLS),
    BODY("{\"role\":\"user\",\"content\":\"CWD: /third\\n\"}," MARKED, SYSTEM("two") TOOLS),
    BODY("{\"role\":\"user\",\"content\":\"CWD: /fourth\\n\"}," MARKED, SYSTEM("two") TOOLS),
    BODY(FIRST "," ANSWERED "," MARKED, SYSTEM("one")), /* no tools */
    BODY(FIRST "," ANSWERED "," MARKED, SYSTEM("one") ",\"tools\":[{\"name\":\"a\"}]"),
    BODY(FIRST "," ANSWERED "," MARKED, SYSTEM("one") TOOLS ",\"tool_choice\":{}"),
    BODY(FIRST "," ANSWERED "," MARKED, SYSTEM("one") TOOLS ",\"messages\":[" ASKED "]"),
    BODY(FIRST "," ANSWERED "," MARKED, SYSTEM("one") TOOLS ",\"messages\":[" ASKED "," MARKED "]"),
    BODY(FIRST, TOOLS),
    BODY(FIRST "," ASKED, TOOLS),
    "{\"model\":\"claude-opus-5-5\",\"messages\":[" FIRST "," ASKED,
    "{\"model\":\"claude-opus-5-5\",\"messages\":[" FIRST "," ASKED "," MARKED,
};
#define TURNS (sizeof turns / sizeof *turns)

static const struct facts_asker askers[] = {
    {"/v1/messages?beta=true", NULL, "s"},
    {"/v1/messages?beta=true", "agent", "s"},
    {"/v1/messages/count_tokens", NULL, "s"},
};

static void put(const char *text, const struct facts_asker *asker)
{
    struct request_facts got;
    struct request_facts want;
    struct buf list;
    int64_t repeat_of;
    struct body_origin from = {"one conversation", 1};
    struct blob *body = blob_copy(text, strlen(text));
    buf_init(&list);
    assert_int_equal(bodies_put_request(bodies, &from, body, &list, &repeat_of), 0);
    bodies_read_facts(bodies, asker, body, &got);
    request_read_facts(asker->target, asker->agent_id, asker->session_id, text, strlen(text), &want);
    if (got.purpose != want.purpose || got.message_count != want.message_count || got.tool_count != want.tool_count ||
        got.is_json != want.is_json || got.is_stream != want.is_stream || got.max_tokens != want.max_tokens ||
        got.has_tool_choice != want.has_tool_choice || strcmp(got.model, want.model) != 0 ||
        strcmp(got.session_id, want.session_id) != 0 || strcmp(got.work_dir, want.work_dir) != 0)
        fail_msg("told of %s\n%s with %zu messages in \"%s\", read whole it is %s with %zu in \"%s\"", text,
                 purpose_name(got.purpose), got.message_count, got.work_dir, purpose_name(want.purpose),
                 want.message_count, want.work_dir);
    buf_done(&list);
    blob_unref(body);
}

static void test_each_turn_after_each_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < TURNS; i++)
        for (size_t j = 0; j < TURNS; j++)
            for (size_t k = 0; k < sizeof askers / sizeof *askers; k++) {
                put(turns[i], &askers[0]);
                put(turns[j], &askers[k]);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_turn_after_each_other, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
