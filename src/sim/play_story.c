#include "sim/play_story.h"

#include <string.h>

#include "base/json.h"

#define SEARCH "rg -n " /* how a search command begins */
#define COUNT(array) ((unsigned)(sizeof(array) / sizeof((array)[0])))

static const struct story stories[] = {
    {"api-refactor", "claude-opus-5-5", "claude-sonnet-5-5", "/home/ana/shop-api", "npm test -- --run", "order",
     {"Split the order router into one file per resource, keep the public paths as they are",
      "Now move the validation out of the handlers, the schemas are in src/schemas", "Why do two handlers open their own transaction?",
      "Let one middleware own the transaction and roll it back on any error", "Run the tests and fix what broke",
      "Add tests for the rollback, also when the client goes away", "Update the OpenAPI file to match", "Write the pull request description", NULL},
     {"src/routes/orders.ts", "src/routes/customers.ts", "src/schemas/order.ts", "src/db/transaction.ts", "src/middleware/errors.ts",
      "test/orders.test.ts", "openapi.yaml", NULL}},
    {"docs-site", "claude-sonnet-5", "claude-haiku-5-5", "/home/ana/docs", "make linkcheck", "page",
     {"The search on the docs site finds nothing for words with umlauts, have a look", "Good. Rebuild the index in CI instead of by hand",
      "The sidebar forgets which section was open, please fix", "Check all links, there were some dead ones to the old changelog",
      "Make the code samples copyable with one click", "Translate the quick start to German, keep the code as it is", NULL},
     {"site/search/index.js", "site/theme/sidebar.js", "content/quickstart.md", "content/changelog.md", ".github/workflows/site.yml",
      "site/search/fold.test.js", NULL}},
    {"flaky-tests", "claude-haiku-5-5", "claude-haiku-5-5", "/home/ana/worker", "go test ./... -race -count=5", "job",
     {"TestDrain fails about one time in twenty on CI, find out why", "Show me where the second goroutine reads it",
      "Use a channel for the shutdown instead of the sleep", "Run it two hundred times under the race detector",
      "Are there other tests with the same pattern?", "Fix those as well and write down the rule in CONTRIBUTING", NULL},
     {"worker/drain.go", "worker/drain_test.go", "worker/queue.go", "internal/clock/clock.go", "CONTRIBUTING.md", NULL}},
    {"billing-import", "claude-opus-5", "claude-sonnet-5", "/home/ana/billing", "pytest -q", "invoice",
     {"Import last month's invoices from the CSV export, amounts are in cents", "Some rows have a comma as decimal mark, handle that",
      "Make the import idempotent, it may run twice", "How long does it take for a million rows?", "Batch the inserts and measure again",
      "Log what was skipped and why, in one line each", NULL},
     {"billing/importer.py", "billing/models.py", "billing/money.py", "tests/test_importer.py", "docs/import.md", NULL}},
    {"mobile-login", "claude-sonnet-5-5", "claude-haiku-5-5", "/home/ana/app", "./gradlew test", "login",
     {"After the update people are logged out when the token is refreshed, please find the cause", "Can two refreshes run at the same time?",
      "Serialise them, and retry the call that failed once", "Add a test with a slow server", "What do we tell support to say?", NULL},
     {"app/src/auth/TokenStore.kt", "app/src/auth/Refresher.kt", "app/src/net/Client.kt", "app/test/RefresherTest.kt", NULL}},
};

static const char *const thoughts[] = {
    "The user wants a small change, so I should find out first who else calls this.",
    "Two places look alike; the difference is that one of them returns early.",
    "If the transaction is opened here, an error in the handler leaves it open — that would explain the timeouts.",
    "Let me look at the tests before I touch anything, they tell what is promised.",
    "The names in the schema and in the handler differ by one letter, which is easy to miss.",
    "I could rewrite it, but the smaller diff is easier to review, so I keep the shape.",
    "The failing case needs both: a slow answer and a second call in the meantime.",
    "I should run the whole suite, not just this file.",
    "There is a helper for exactly this in the neighbouring folder.",
    "The order of the two writes matters: first the row, then the event.",
};

static const char *const remarks[] = {
    "I'll look at the current code first.", "Let me check who calls it.", "Now the change itself.", "Running the tests.",
    "One more place to look at:", "That explains it.", "", "", "",
};

static const char *const code[] = {
    "export async function load%s(id: string, db: Pool): Promise<%s | null> {", "  const row = await db.one(sql`select * from %s where id = ${id}`);",
    "  if (!row) return null;", "  return { ...row, updatedAt: new Date(row.updated_at) };", "}", "",
    "// Kept apart from %s so that a retry does not write twice.", "const pending = new Map<string, Promise<void>>();",
    "  for (const %s of await queue.take(50)) {", "    await handle(%s, { signal });", "  }", "  metrics.count('%s.done');",
    "  throw new HttpError(409, `%s is being changed by somebody else`);", "  const { limit = 20, after } = parse(request.query);",
    "  return reply.code(201).send({ id, location: `/v1/%ss/${id}` });", "  expect(await store.get(%s.id)).toEqual(expected);",
};

size_t story_count(void) { return COUNT(stories); }
const struct story *story_at(size_t i) { return &stories[i % COUNT(stories)]; }

const char *story_file(const struct story *s, struct rng *rng)
{
    unsigned n = 0;

    while (n < STORY_FILES_MAX && s->files[n])
        n++;
    return s->files[rng_below(rng, n)];
}

const char *story_pick_tool(struct rng *rng)
{
    static const char *const often[] = {"Read", "Read", "Read", "Bash", "Bash", "Bash", "Edit", "Edit", "TaskUpdate"};
    return often[rng_below(rng, COUNT(often))];
}

static void put_with_word(struct buf *out, const char *line, const char *word)
{
    const char *slot;

    while ((slot = strstr(line, "%s"))) {
        buf_put(out, line, (size_t)(slot - line));
        buf_puts(out, word);
        line = slot + 2;
    }
    buf_puts(out, line);
}

static void put_code(const struct story *s, struct rng *rng, struct buf *out, int lines, bool numbered)
{
    for (int i = 1; i <= lines; i++) {
        if (numbered)
            buf_printf(out, "%6d\t", i);
        put_with_word(out, code[rng_below(rng, COUNT(code))], s->word);
        buf_putc(out, '\n');
    }
}

static void put_member(struct buf *out, const char *key, const char *text, size_t len)
{
    buf_printf(out, "%s\"%s\":", out->data[out->len - 1] == '{' ? "" : ",", key);
    json_quote(out, text, len);
}

static void put_path(const struct story *s, struct rng *rng, struct buf *out, const char *key)
{
    struct buf path;

    buf_init(&path);
    buf_printf(&path, "%s/%s", s->cwd, story_file(s, rng));
    put_member(out, key, path.data, path.len);
    buf_done(&path);
}

static void put_code_member(const struct story *s, struct rng *rng, struct buf *out, const char *key, int lines)
{
    struct buf text;

    buf_init(&text);
    put_code(s, rng, &text, lines, false);
    put_member(out, key, text.data, text.len);
    buf_done(&text);
}

/* A search or a test run; its result is told apart by the command. */
static void put_command(const struct story *s, struct rng *rng, struct buf *out)
{
    struct buf command;

    buf_init(&command);
    if (rng_below(rng, 2) == 0)
        buf_puts(&command, s->test_command);
    else
        buf_printf(&command, SEARCH "'%s' %s", s->word, s->cwd);
    put_member(out, "command", command.data, command.len);
    buf_done(&command);
}

void story_tool_input(const struct story *s, const char *tool, struct rng *rng, struct buf *out)
{
    buf_putc(out, '{');
    if (strcmp(tool, "Read") == 0) {
        put_path(s, rng, out, "file_path");
    } else if (strcmp(tool, "Edit") == 0) {
        put_path(s, rng, out, "file_path");
        put_code_member(s, rng, out, "old_string", 2 + (int)rng_below(rng, 12));
        put_code_member(s, rng, out, "new_string", 5 + (int)rng_below(rng, 24));
    } else if (strcmp(tool, "Bash") == 0) {
        put_command(s, rng, out);
    } else {
        buf_printf(out, "\"id\":\"%u\",\"status\":\"completed\"", 1 + rng_below(rng, 5));
    }
    buf_putc(out, '}');
}

static void put_grep(const struct story *s, struct rng *rng, struct buf *out)
{
    for (unsigned i = 0, n = 4 + rng_below(rng, 30); i < n; i++) {
        buf_printf(out, "%s:%u:", story_file(s, rng), 1 + rng_below(rng, 400));
        put_with_word(out, code[rng_below(rng, COUNT(code))], s->word);
        buf_putc(out, '\n');
    }
}

static void put_test_run(const struct story *s, struct rng *rng, struct buf *out)
{
    unsigned failed = rng_below(rng, 3) == 0 ? 1 + rng_below(rng, 2) : 0;

    for (unsigned i = 0; i < 12; i++)
        buf_printf(out, " ✓ %s handles case %u (%u ms)\n", s->word, i + 1, 1 + rng_below(rng, 90));
    for (unsigned i = 0; i < failed; i++)
        buf_printf(out, " ✗ %s keeps its order after a retry\n   expected 3, received 2\n", s->word);
    buf_printf(out, "\n%u passed, %u failed\n", 12 + rng_below(rng, 60), failed);
}

void story_tool_result(const struct story *s, const char *tool, const char *command, struct rng *rng, struct buf *out)
{
    if (strcmp(tool, "Read") == 0) {
        put_code(s, rng, out, 80 + (int)rng_below(rng, 340), true);
    } else if (strcmp(tool, "Edit") == 0) {
        buf_puts(out, "The file has been updated. Here's the result of running `cat -n` on a snippet of the edited file:\n");
        put_code(s, rng, out, 8, true);
    } else if (strncmp(command, SEARCH, strlen(SEARCH)) == 0) {
        put_grep(s, rng, out);
    } else if (strcmp(tool, "Bash") == 0) {
        put_test_run(s, rng, out);
    } else {
        buf_puts(out, "Updated task");
    }
}

void story_thought(const struct story *s, struct rng *rng, struct buf *out)
{
    unsigned n = 2 + rng_below(rng, 6);
    unsigned at = rng_below(rng, COUNT(thoughts));

    for (unsigned i = 0; i < n; i++)
        buf_printf(out, "%s%s", i ? " " : "", thoughts[(at + i) % COUNT(thoughts)]);
    buf_printf(out, " So: %s first.", story_file(s, rng));
}

void story_remark(struct rng *rng, struct buf *out) { buf_puts(out, remarks[rng_below(rng, COUNT(remarks))]); }
