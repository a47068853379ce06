/* Differences of two requests: the right elements, and in them the right lines. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/diff.h"
#include "log/diff_align.h"

/* ---- Aligning ---------------------------------------------------------------- */

/* "ABC" against "AC" is "A.C": the twin of each element, '.' for none. */
static void check_align(const char *a, const char *b, size_t want_pairs)
{
    uint64_t ka[64] = {0};
    uint64_t kb[64] = {0};
    size_t to_b[64];
    size_t pairs = 0;
    size_t last = 0;
    size_t na = strlen(a);
    size_t nb = strlen(b);
    for (size_t i = 0; i < na; i++)
        ka[i] = (uint64_t)a[i];
    for (size_t i = 0; i < nb; i++)
        kb[i] = (uint64_t)b[i];
    diff_align(ka, na, kb, nb, to_b);
    for (size_t i = 0; i < na; i++) {
        if (to_b[i] == DIFF_NONE)
            continue;
        if (to_b[i] >= nb || a[i] != b[to_b[i]] || (pairs > 0 && to_b[i] <= last))
            fail_msg("%s against %s: element %zu went to %zu", a, b, i, to_b[i]);
        last = to_b[i];
        pairs++;
    }
    if (pairs != want_pairs)
        fail_msg("%s against %s: %zu pairs, expected %zu", a, b, pairs, want_pairs);
}

static void test_lists_are_aligned_by_the_longest_common_run(void **state)
{
    (void)state;
    check_align("", "", 0);
    check_align("", "AB", 0);
    check_align("AB", "", 0);
    check_align("ABC", "ABC", 3);
    check_align("ABC", "AXC", 2);
    check_align("ABCABBA", "CBABAC", 4);
    check_align("ABCD", "BCDA", 3);
    check_align("AXBXC", "XX", 2);
    check_align("ABCDEFGH", "HGFEDCBA", 1);
}

/* Length of the longest common subsequence, the slow way. */
static size_t lcs(const char *a, const char *b)
{
    size_t row[64] = {0};
    for (; *a; a++) {
        size_t diagonal = 0;
        for (size_t j = 0; b[j]; j++) {
            size_t up = row[j + 1];
            row[j + 1] = *a == b[j] ? diagonal + 1 : row[j] > up ? row[j] : up;
            diagonal = up;
        }
    }
    return row[strlen(b)];
}

static void test_random_lists_are_aligned_as_the_slow_way_does(void **state)
{
    (void)state;
    unsigned seed = 7;
    for (int round = 0; round < 3000; round++) {
        char text[2][24];
        for (int t = 0; t < 2; t++) {
            seed = seed * 1103515245 + 12345;
            size_t len = (seed >> 16) % 20;
            for (size_t i = 0; i < len; i++) {
                seed = seed * 1103515245 + 12345;
                text[t][i] = (char)('A' + (seed >> 16) % 4);
            }
            text[t][len] = '\0';
        }
        check_align(text[0], text[1], lcs(text[0], text[1]));
    }
}

static void test_lists_beyond_the_bound_keep_their_ends(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    uint64_t *a = xcalloc(COUNT, sizeof *a);
    uint64_t *b = xcalloc(COUNT, sizeof *b);
    size_t *to_b = xcalloc(COUNT, sizeof *to_b);
    for (size_t i = 0; i < COUNT; i++) {
        a[i] = i;
        b[i] = i < 10 || i >= COUNT - 10 ? i : i + COUNT;
    }
    diff_align(a, COUNT, b, COUNT, to_b);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(to_b[i], i < 10 || i >= COUNT - 10 ? i : DIFF_NONE);
    free(a);
    free(b);
    free(to_b);
}

/* ---- Elements ---------------------------------------------------------------- */

/* "~tool Bash +tool New": what is not the same. */
static void check_elements(const char *before, const char *after, const char *want)
{
    static const char marks[] = {'=', '~', '+', '-', '>'};
    struct diff d;
    struct buf got;
    buf_init(&got);
    diff_requests(bytes_of(before), bytes_of(after), &d);
    for (size_t i = 0; i < d.count; i++)
        if (d.elements[i].change != DIFF_SAME)
            buf_printf(&got, "%s%c%s", got.len ? " " : "", marks[d.elements[i].change], d.elements[i].label);
    if (strcmp(got.data, want) != 0)
        fail_msg("%s\nagainst %s:\nexpected %s, got %s", before, after, want, got.data);
    buf_done(&got);
    diff_done(&d);
}

#define BODY(messages, system, tools)                                                                                  \
    "{\"model\":\"m\",\"messages\":[" messages "],\"system\":[" system "],\"tools\":[" tools "]}"
#define TEXT(words)      "{\"type\":\"text\",\"text\":\"" words "\"}"
#define MARKED(words)    "{\"type\":\"text\",\"text\":\"" words "\",\"cache_control\":{\"type\":\"ephemeral\"}}"
#define USER(block)      "{\"role\":\"user\",\"content\":[" block "]}"
#define PLAIN(words)     "{\"role\":\"user\",\"content\":\"" words "\"}"
#define BOT(words)       "{\"role\":\"assistant\",\"content\":[" TEXT(words) "]}"
#define TOOL(name, what) "{\"name\":\"" name "\",\"description\":\"" what "\"}"
#define TOOLS            TOOL("Bash", "runs") "," TOOL("Read", "reads") "," TOOL("Edit", "edits")

static void test_a_turn_adds_messages_and_changes_nothing(void **state)
{
    (void)state;
    check_elements(BODY(USER(MARKED("a")), TEXT("s"), TOOLS),
                   BODY(PLAIN("a") "," BOT("b") "," USER(MARKED("c")), TEXT("s"), TOOLS),
                   "+message[1] (assistant) +message[2] (user)");
}

static void test_elements_that_differ_are_named(void **state)
{
    (void)state;
    static const char before[] =
        BODY(USER(TEXT("a")) "," BOT("b") "," USER(MARKED("c")), TEXT("s") "," TEXT("t"), TOOLS);
    static const struct {
        const char *after, *want;
    } table[] = {
        {BODY(USER(TEXT("a")) "," BOT("b") "," USER(MARKED("c")), TEXT("s") "," TEXT("t"), TOOLS), ""},
        {BODY(USER(TEXT("A")) "," BOT("b") "," USER(MARKED("c")), TEXT("s") "," TEXT("t"), TOOLS),
         "~message[0] (user)"},
        {BODY(USER(TEXT("a")) "," BOT("b"), TEXT("s") "," TEXT("t"), TOOLS), "-message[2] (user)"},
        {BODY(USER(TEXT("a")) "," BOT("b") "," USER(MARKED("c")), TEXT("t"), TOOLS), "-system[0]"},
        {BODY(USER(TEXT("a")) "," BOT("b") "," USER(MARKED("c")), TEXT("s") "," TEXT("T"), TOOLS), "~system[1]"},
        {BODY(USER(TEXT("a")) "," BOT("b") "," USER(MARKED("c")), TEXT("s") "," TEXT("t"), TOOLS "," TOOL("mcp", "m")),
         "+tool mcp"},
        {BODY(USER(TEXT("a")) "," BOT("b") "," USER(MARKED("c")), TEXT("s") "," TEXT("t"),
              TOOL("Bash", "runs!") "," TOOL("Edit", "edits")),
         "~tool Bash -tool Read"},
        {BODY(USER(TEXT("a")) "," BOT("b") "," USER(MARKED("c")), TEXT("s") "," TEXT("t"),
              TOOL("Read", "reads") "," TOOL("Edit", "edits") "," TOOL("Bash", "runs")),
         ">tool Bash"},
        {"{\"model\":\"n\",\"messages\":[" USER(TEXT("a")) "," BOT("b") "," USER(MARKED("c")) "],\"system\":[" TEXT(
             "s") "," TEXT("t") "],\"tools\":[" TOOLS "],\"stream\":true}",
         "~model +stream"},
        {"no json", "~body"},
        {"{\"model\":\"m\"}", "-tool Bash -tool Read -tool Edit -system[0] -system[1] -message[0] (user) -message[1] "
                              "(assistant) -message[2] (user)"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        check_elements(before, table[i].after, table[i].want);
    check_elements("{}", "{}", "");
    check_elements("{\"model\":\"m\"}", "{\"model\":\"m\"}", "");
}

static void test_a_marker_that_moved_is_told_apart(void **state)
{
    (void)state;
    struct diff d;
    diff_requests(bytes_of(BODY(USER(MARKED("a")), TEXT("s"), TOOLS)),
                  bytes_of(BODY(USER(TEXT("a")), MARKED("s"), TOOLS)), &d);
    assert_int_equal(d.changes, 0);
    for (size_t i = 0; i < d.count; i++) {
        assert_int_equal(d.elements[i].had_mark, strcmp(d.elements[i].label, "message[0] (user)") == 0);
        assert_int_equal(d.elements[i].has_mark, strcmp(d.elements[i].label, "system[0]") == 0);
    }
    diff_done(&d);
}

static void test_names_from_outside_are_clean(void **state)
{
    (void)state;
    check_elements(BODY(USER(TEXT("a")), TEXT("s"), TOOLS),
                   BODY(USER(TEXT("a")), TEXT("s"), TOOLS "," TOOL("\\u001b[2J", "x")), "+tool \xef\xbf\xbd[2J");
}

/* ---- Lines ------------------------------------------------------------------- */

static void check_lines(const char *before, const char *after, const char *want)
{
    struct diff_lines l;
    struct buf got;
    struct diff_element el = {.before = {0, strlen(before)}, .after = {0, strlen(after)}};
    buf_init(&got);
    diff_element_lines(bytes_of(before), bytes_of(after), &el, &l);
    for (size_t i = 0; i < l.count; i++)
        buf_printf(&got, "%c%.*s\n", l.lines[i].mark, (int)l.lines[i].text.len, l.lines[i].text.data);
    if (strcmp(got.data, want) != 0)
        fail_msg("expected\n%s\ngot\n%s", want, got.data);
    buf_done(&got);
    diff_lines_done(&l);
}

static void test_lines_of_a_text_are_compared(void **state)
{
    (void)state;
    check_lines(TEXT("1\\n2\\n3\\n4\\n5\\n6\\n7\\n8\\n9"), TEXT("1\\n2\\n3\\n4\\nfive\\n6\\n7\\n8\\n9\\n10"),
                "@\n   2\n   3\n   4\n-  5\n+  five\n   6\n   7\n   8\n   9\n+  10\n");
    check_lines("", TEXT("new"), "+type: text\n+text: new\n");
    check_lines(TEXT("same"), TEXT("same"), "@\n");
}

static void test_a_plain_string_is_laid_out_as_its_block(void **state)
{
    (void)state;
    check_lines(USER(MARKED("a\\nb")), PLAIN("a\\nb"), "@\n");
    check_lines(USER(MARKED("a")), PLAIN("b"), " role: user\n content:\n   - type: text\n-    text: a\n+    text: b\n");
}

static void test_json_is_laid_out_by_members(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out);
    diff_layout(bytes_of("{\"a\":{\"b\":[1,{\"c\":\"x\\ny\"},[]],\"e\":{}},\"f\":null}"), &out);
    assert_string_equal(out.data, "a:\n  b:\n    - 1\n    - c:\n        x\n        y\n    - []\n  e: {}\nf: null\n");
    buf_reset(&out);
    diff_layout(bytes_of("not { json"), &out);
    assert_string_equal(out.data, "not { json");
    buf_done(&out);
}

static void test_deep_nesting_is_laid_out_within_bounds(void **state)
{
    (void)state;
    char deep[1001];
    memset(deep, '[', 500);
    memset(deep + 500, ']', 500);
    deep[1000] = '\0';
    struct buf out;
    buf_init(&out);
    diff_layout(bytes_of(deep), &out);
    assert_true(out.len > 0 && out.len < 100000);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_are_aligned_by_the_longest_common_run),
        cmocka_unit_test(test_random_lists_are_aligned_as_the_slow_way_does),
        cmocka_unit_test(test_lists_beyond_the_bound_keep_their_ends),
        cmocka_unit_test(test_a_turn_adds_messages_and_changes_nothing),
        cmocka_unit_test(test_elements_that_differ_are_named),
        cmocka_unit_test(test_a_marker_that_moved_is_told_apart),
        cmocka_unit_test(test_names_from_outside_are_clean),
        cmocka_unit_test(test_lines_of_a_text_are_compared),
        cmocka_unit_test(test_a_plain_string_is_laid_out_as_its_block),
        cmocka_unit_test(test_json_is_laid_out_by_members),
        cmocka_unit_test(test_deep_nesting_is_laid_out_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
