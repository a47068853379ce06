/* Cutting bodies: always lossless, and the same whether fresh or by comparing. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "log/body_list.h"
#include "log/canon.h"
#include "log/cut.h"

static struct bytes text(const char *s)
{
    return bytes_of(s);
}

/* "[a|b][c]": the elements of each array. */
static void describe(struct bytes body, const struct cut *c, struct buf *out)
{
    for (size_t i = 0; i < c->array_count; i++) {
        const struct cut_array *a = &c->arrays[i];
        buf_putc(out, '[');
        for (size_t n = a->first; n < a->first + a->count; n++) {
            if (n > a->first)
                buf_putc(out, '|');
            buf_put(out, body.data + c->elements[n].off, c->elements[n].end - c->elements[n].off);
        }
        buf_putc(out, ']');
    }
}

static void check_fresh(const char *body, const char *want)
{
    struct cut c;
    struct buf got;
    buf_init(&got);
    cut_init(&c);
    cut_fresh(text(body), &c);
    describe(text(body), &c, &got);
    if (strcmp(got.data, want) != 0)
        fail_msg("%s: expected %s, got %s", body, want, got.data);
    buf_done(&got);
    cut_done(&c);
}

static void test_top_arrays_are_cut_at_their_commas(void **state)
{
    (void)state;
    static const struct {
        const char *body, *want;
    } table[] = {
        {"{\"a\":[1,2],\"b\":3,\"c\":[{\"x\":[4,5]},\"s,]\"]}", "[1|2][{\"x\":[4,5]}|\"s,]\"]"},
        {" { \"a\" : [ 1 , 2 ] } ", "[ 1 | 2 ]"},
        {"{\"a\":[],\"b\":[ ],\"c\":[1]}", "[1]"},
        {"{\"a\":[[1,2],[3]]}", "[[1,2]|[3]]"},
        {"{\"a\":[1,],\"b\":[2]}", ""},      /* an empty element behind the comma: left whole */
        {"{\"a\":[1],\"b\":[2,,3]}", "[1]"}, /* what was understood before stays cut */
        {"{\"a\":[1],\"b\":[2", "[1]"},      /* truncated */
        {"{\"a\":[1],\"b\":[2,\"x", "[1]"},  /* … inside a string */
        {"{\"a\":[1", ""},
        {"{\"a\":[1]", "[1]"},
        {"{\"a\":[1]]", "[1]"},
        {"{\"a\":[1]}{\"b\":[2]}", "[1]"},
        {"{\"a\":[1],\"a\":[2]}", "[1][2]"}, /* duplicate keys */
        {"[1,2]", ""},                       /* the top is no object */
        {"{\"a\":{\"b\":[1,2]}}", ""},       /* only top arrays */
        {"{,\"a\":[1]}", ""},
        {"", ""},
        {"no json", ""},
        {"{", ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        check_fresh(table[i].body, table[i].want);
}

static void test_a_hostile_body_is_bounded(void **state)
{
    (void)state;
    struct buf body;
    struct cut c;
    buf_init(&body);
    cut_init(&c);
    buf_puts(&body, "{\"a\":[1],\"b\":[0");
    for (int i = 0; i < 5000; i++)
        buf_puts(&body, ",1");
    buf_puts(&body, "]}");
    cut_fresh(buf_bytes(&body), &c);
    assert_int_equal(c.element_count, 1); /* the array above the bound stays whole */
    buf_reset(&body);
    buf_putc(&body, '{');
    for (int i = 0; i < 100; i++)
        buf_printf(&body, "%s\"k\":[1]", i ? "," : "");
    buf_putc(&body, '}');
    cut_fresh(buf_bytes(&body), &c);
    assert_int_equal(c.array_count, BODY_ARRAYS_MAX);
    cut_done(&c);
    buf_done(&body);
}

/* ---- Comparing ------------------------------------------------------------------- */

static void check_same_cut(struct bytes body, const struct cut *a, const struct cut *b)
{
    struct buf x;
    struct buf y;
    buf_init(&x);
    buf_init(&y);
    describe(body, a, &x);
    describe(body, b, &y);
    bool same = a->array_count == b->array_count && a->element_count == b->element_count && x.len == y.len &&
                memcmp(x.data, y.data, x.len) == 0;
    for (size_t i = 0; same && i < a->array_count; i++)
        same = a->arrays[i].open == b->arrays[i].open && a->arrays[i].close == b->arrays[i].close;
    if (!same)
        fail_msg("%.*s: fresh %s, by comparing %s", (int)body.len, body.data, x.data, y.data);
    buf_done(&x);
    buf_done(&y);
}

static size_t check_again(struct bytes old, struct bytes body)
{
    struct cut was;
    struct cut fresh;
    struct cut again;
    size_t kept = 0;
    cut_init(&was);
    cut_init(&fresh);
    cut_init(&again);
    cut_fresh(old, &was);
    cut_fresh(body, &fresh);
    cut_again(body, old, &was, cut_common_prefix(body, old), &again);
    check_same_cut(body, &fresh, &again);
    for (size_t i = 0; i < again.element_count; i++) {
        const struct cut_element *el = &again.elements[i];
        if (el->same == CUT_NEW)
            continue;
        const struct cut_element *from = &was.elements[el->same];
        assert_int_equal(el->end - el->off, from->end - from->off);
        assert_memory_equal(body.data + el->off, old.data + from->off, el->end - el->off);
        kept++;
    }
    cut_done(&was);
    cut_done(&fresh);
    cut_done(&again);
    return kept;
}

static void test_comparing_takes_over_what_is_alike(void **state)
{
    (void)state;
    static const struct {
        const char *old, *body;
        size_t kept;
    } table[] = {
        {"{\"m\":[1,2],\"s\":[3],\"t\":[4]}", "{\"m\":[1,2],\"s\":[3],\"t\":[4]}", 4},
        {"{\"m\":[1,2],\"s\":[3],\"t\":[4]}", "{\"m\":[1,2,9],\"s\":[3],\"t\":[4]}", 3}, /* 2 ended in ] before */
        {"{\"m\":[1,2],\"s\":[3],\"t\":[4]}", "{\"m\":[1,7],\"s\":[3],\"t\":[4]}", 3},
        {"{\"m\":[1,2],\"s\":[3],\"t\":[4]}", "{\"m\":[12],\"s\":[3],\"t\":[4]}", 2}, /* 1 went on */
        {"{\"m\":[1,2],\"s\":[3],\"t\":[4]}", "{\"m\":[1,],\"s\":[3],\"t\":[4]}", 0},
        {"{\"m\":[1,],\"s\":[3]}", "{\"m\":[1,2],\"s\":[3]}", 0},
        {"{\"m\":[],\"s\":[3]}", "{\"m\":[1],\"s\":[3]}", 0},
        {"{\"m\":[1],\"s\":[3]}", "{\"m\":[],\"s\":[3]}", 0},
        {"{\"x\":1,\"m\":[1],\"s\":[3]}", "{\"x\":2,\"m\":[1],\"s\":[3]}", 1},
        {"{\"m\":[1,2", "{\"m\":[1,2]}", 0},
        {"{\"m\":[1,2]}", "{\"m\":[1,2", 0},
        {"", "{\"m\":[1,2]}", 0},
        {"{\"m\":[1,2]}", "", 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t kept = check_again(text(table[i].old), text(table[i].body));
        if (kept < table[i].kept)
            fail_msg("%s after %s: only %zu elements taken over", table[i].body, table[i].old, kept);
    }
}

static uint64_t seed = 42;
static size_t below(size_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(seed >> 33) % n;
}

/* Something like a body: mostly JSON, now and then broken. */
static void write_random(struct buf *out, int depth)
{
    static const char *const atoms[] = {"1",   "\"a,]\"", "\"\\\"\"", "true",    "{\"k\":[1,2]}",
                                        " 7 ", "[]",      "{}",       "\"\\\\\""};
    buf_putc(out, '{');
    for (size_t i = 0, n = below(4); i <= n; i++) {
        buf_printf(out, "%s\"k%zu\":", i ? "," : "", below(3));
        if (below(3) == 0 || depth > 1) {
            buf_puts(out, atoms[below(9)]);
            continue;
        }
        buf_putc(out, '[');
        for (size_t k = 0, m = below(6); k < m; k++)
            buf_printf(out, "%s%s", k ? "," : "", atoms[below(9)]);
        buf_putc(out, ']');
    }
    buf_putc(out, '}');
}

static void mutate(struct buf *b)
{
    static const char bytes[] = "[]{},:\"\\ 1\0";
    size_t at = b->len ? below(b->len) : 0;
    switch (below(4)) {
    case 0:
        if (b->len)
            b->data[at] = bytes[below(sizeof bytes)];
        break;
    case 1:
        b->len = at;
        break;
    case 2: /* a piece once more */
        if (b->len) {
            char copy[64];
            size_t n = below(b->len - at) % sizeof copy;
            memcpy(copy, b->data + at, n);
            buf_put(b, copy, n);
        }
        break;
    default: { /* something put in */
        struct buf tail;
        buf_init(&tail);
        buf_put(&tail, b->data + at, b->len - at);
        b->len = at;
        buf_putc(b, bytes[below(sizeof bytes)]);
        buf_put(b, tail.data, tail.len);
        buf_done(&tail);
    }
    }
}

static void test_comparing_equals_cutting_fresh_on_mutated_bodies(void **state)
{
    (void)state;
    struct buf old;
    struct buf body;
    buf_init(&old);
    buf_init(&body);
    for (int i = 0; i < 20000; i++) {
        buf_reset(&old);
        buf_reset(&body);
        write_random(&old, 0);
        buf_put(&body, old.data, old.len);
        for (size_t n = below(3) + 1; n > 0; n--)
            mutate(&body);
        check_again(buf_bytes(&old), buf_bytes(&body));
        check_again(buf_bytes(&body), buf_bytes(&old));
    }
    buf_done(&old);
    buf_done(&body);
}

/* ---- The canonical form ------------------------------------------------------------- */

static void check_canon(const char *element, const char *want)
{
    struct canon c;
    struct buf got;
    buf_init(&got);
    canon_find(text(element), &c);
    assert_int_equal(canon_write(text(element), &c, &got), 0);
    if (strcmp(got.data, want) != 0)
        fail_msg("%s: expected %s, got %s", element, want, got.data);
    buf_done(&got);
}

#define MARK ",\"cache_control\":{\"type\":\"ephemeral\"}"

static void test_a_message_is_stored_alike_with_and_without_its_marker(void **state)
{
    (void)state;
    const char *plain = "{\"role\":\"user\",\"content\":\"a \\\"b\\\" c\"}";
    check_canon(plain, plain);
    check_canon("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a \\\"b\\\" c\"}]}", plain);
    check_canon("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a \\\"b\\\" c\"" MARK "}]}", plain);
    check_canon("{\"role\":\"user\",\"content\":[{\"tool_use_id\":\"t\",\"type\":\"tool_result\",\"content\":\"x\"" MARK
                "}]}",
                "{\"role\":\"user\",\"content\":[{\"tool_use_id\":\"t\",\"type\":\"tool_result\",\"content\":\"x\"}]}");
    check_canon("{\"type\":\"text\",\"text\":\"x\"" MARK "}", "{\"type\":\"text\",\"text\":\"x\"}");
    check_canon("{\"type\":\"text\",\"text\":\"x\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}",
                "{\"type\":\"text\",\"text\":\"x\"}");
    /* two blocks: the array stays */
    const char *two =
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}";
    check_canon(two, two);
    check_canon("{\"x\":1,\"cache_control\":{", "{\"x\":1,\"cache_control\":{"); /* broken: untouched */
    check_canon("", "");
}

/* ---- The list ------------------------------------------------------------------------ */

static void test_a_list_reads_back(void **state)
{
    (void)state;
    int64_t ids[] = {7, 8, 9, 3, 4, 100000000, 100000001, 100000001};
    struct body_insert inserts[] = {
        {0, 26, {MARK, sizeof MARK - 1}},
        {0, -2, {"something else", 14}},
        {5, -1, {"}]", 2}},
    };
    struct body_list l = {.len = 123456,
                          .skeleton = 99,
                          .array_count = 2,
                          .arrays = {{10, 5}, {12, 3}},
                          .elements = ids,
                          .element_count = 8,
                          .inserts = inserts,
                          .insert_count = 3};
    struct body_list back;
    struct buf out;
    buf_init(&out);
    assert_int_equal(body_list_encode(&l, &out), 0);
    assert_int_equal(body_list_len(buf_bytes(&out)), 123456);
    assert_int_equal(body_list_decode(buf_bytes(&out), &back), 0);
    assert_int_equal(back.len, l.len);
    assert_int_equal(back.skeleton, 99);
    assert_int_equal(back.arrays[1].at, 12);
    assert_int_equal(back.arrays[1].count, 3);
    assert_memory_equal(back.elements, ids, sizeof ids);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(back.inserts[i].element, inserts[i].element);
        assert_int_equal(back.inserts[i].place, inserts[i].place);
        assert_true(bytes_eq(back.inserts[i].text, inserts[i].text));
    }
    body_list_done(&back);
    /* Whatever the bytes, reading ends well or says damaged. */
    for (int i = 0; i < 20000; i++) {
        struct buf bad;
        buf_init(&bad);
        buf_put(&bad, out.data, out.len);
        for (size_t n = below(3) + 1; n > 0; n--)
            bad.data[below(bad.len)] = (char)below(256);
        bad.len = below(4) ? bad.len : below(bad.len);
        if (body_list_decode(buf_bytes(&bad), &back) == 0)
            body_list_done(&back);
        buf_done(&bad);
    }
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_top_arrays_are_cut_at_their_commas),
        cmocka_unit_test(test_a_hostile_body_is_bounded),
        cmocka_unit_test(test_comparing_takes_over_what_is_alike),
        cmocka_unit_test(test_comparing_equals_cutting_fresh_on_mutated_bodies),
        cmocka_unit_test(test_a_message_is_stored_alike_with_and_without_its_marker),
        cmocka_unit_test(test_a_list_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
