/* Cache breaks: what a body looks like to the cache, and the reason for each kind. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "log/breaks.h"
#include "log/breaks_recall.h"
#include "log/breaks_why.h"
#include "log/cut.h"

#define CONTROL ",\"cache_control\":{\"type\":\"ephemeral\"}"
#define HOUR    ",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}"

/* ---- Bodies ------------------------------------------------------------------ */

/* What a body is made of: parts between '|', a '*' at the end marks a breakpoint ('h'
 * for an hour).  Messages are user and assistant in turn; blocks of one by '+'. */
struct shape {
    const char *tools, *system, *messages, *more;
};

static void put_block(struct buf *out, const char *text, size_t len, bool is_tool)
{
    char last = len ? text[len - 1] : '\0';
    size_t n = last == '*' || last == 'h' ? len - 1 : len;
    buf_printf(out, is_tool ? "{\"name\":\"%.*s\",\"description\":\"%.*s\"" : "{\"type\":\"text\",\"text\":\"%.*s\"",
               is_tool ? (int)strcspn(text, "=*|") : (int)n, text, (int)n, text);
    buf_printf(out, "%s}", last == '*' ? CONTROL : last == 'h' ? HOUR : "");
}

/* Blocks of list up to the end of the string or `end`, parted by `by`. */
static void put_blocks(struct buf *out, const char *list, char by, char end, bool is_tool)
{
    const char ends[] = {by, end, '\0'};
    for (bool is_first = true; *list && *list != end; is_first = false) {
        size_t len = strcspn(list, ends);
        if (!is_first)
            buf_putc(out, ',');
        put_block(out, list, len, is_tool);
        list += len + (list[len] == by);
    }
}

static char *make(const struct shape *s)
{
    struct buf out;
    const char *m = s->messages;
    buf_init(&out);
    buf_puts(&out, "{\"model\":\"m\",\"messages\":[");
    for (int i = 0; *m; i++) {
        buf_printf(&out, "%s{\"role\":\"%s\",\"content\":[", i ? "," : "", i % 2 ? "assistant" : "user");
        put_blocks(&out, m, '+', '|', false);
        buf_puts(&out, "]}");
        m += strcspn(m, "|");
        m += *m == '|';
    }
    buf_puts(&out, "],\"system\":[");
    put_blocks(&out, s->system, '|', '\0', false);
    buf_puts(&out, "],\"tools\":[");
    put_blocks(&out, s->tools, '|', '\0', true);
    buf_printf(&out, "]%s}", s->more ? s->more : "");
    return buf_take(&out, NULL);
}

static struct image *image_from(const char *body)
{
    struct image *im = image_of(bytes_of(body));
    if (!im)
        fail_msg("no image of %s", body);
    return im;
}

static void assert_alike(const struct image *a, const struct image *b, const char *what)
{
    if (image_count(a) != image_count(b) || break_common(a, b) != image_count(a))
        fail_msg("%s: %zu of %zu and %zu blocks alike", what, break_common(a, b), image_count(a), image_count(b));
    for (size_t i = 0; i < image_count(a); i++) {
        assert_int_equal(image_mark_at(a, i), image_mark_at(b, i));
        assert_int_equal(image_at(a, i)->element, image_at(b, i)->element);
        assert_int_equal(image_at(a, i)->role, image_at(b, i)->role);
        assert_int_equal(image_at(a, i)->bytes, image_at(b, i)->bytes);
    }
    assert_int_equal(a->names_len, b->names_len);
    assert_memory_equal(a->names, b->names, a->names_len);
    assert_true(a->params == b->params && a->message_count == b->message_count);
}

/* ---- Images ------------------------------------------------------------------- */

static void test_what_does_not_reach_the_cache_is_not_seen(void **state)
{
    (void)state;
    static const char plain[] =
        "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"content\":\"y\"}]}],"
        "\"system\":[{\"type\":\"text\",\"text\":\"s\"}]}";
    static const char *const alike[] = {
        /* another model, a string for its one block, markers in front, behind and alone, white space around */
        "{\"model\":\"b\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"content\":\"y\"}]}],\"system\":\"s\",\"stream\":"
        "true,\"max_tokens\":5}",
        "{\"system\":[ {\"type\":\"text\",\"text\":\"s\"" CONTROL "} ],\"messages\":[{\"content\":"
        "[{\"cache_control\":{\"type\":\"ephemeral\"},\"type\":\"text\",\"text\":\"x\"}],\"role\":\"user\"},"
        "{\"role\":\"user\",\"content\":[ {\"type\":\"tool_result\", \"cache_control\" : "
        "{\"ttl\":\"1h\"},\"content\":\"y\"}]}]}",
    };
    struct image *a = image_from(plain);
    for (size_t i = 0; i < sizeof alike / sizeof *alike; i++) {
        struct image *b = image_from(alike[i]);
        if (break_common(a, b) != 3 || image_count(b) != 3)
            fail_msg("%s: %zu blocks alike", alike[i], break_common(a, b));
        image_unref(b);
    }
    image_unref(a);
}

static void test_a_marker_in_a_text_is_text(void **state)
{
    (void)state;
    struct image *a = image_from(
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"\\\"cache_control\\\":{}\"}]}]}");
    struct image *b =
        image_from("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"\"}]}]}");
    assert_int_equal(break_common(a, b), 0);
    assert_int_equal(image_last_mark(a), -1);
    image_unref(a);
    image_unref(b);
}

static void test_the_order_is_that_of_the_cache(void **state)
{
    (void)state;
    char *body = make(&(struct shape){"Bash=1|Read=2", "s|t*", "a+b|c|dh", NULL});
    struct image *im = image_from(body);
    assert_int_equal(image_count(im), 8);
    assert_int_equal(image_part_of(im, 1), IMAGE_TOOLS);
    assert_int_equal(image_part_of(im, 2), IMAGE_SYSTEM);
    assert_int_equal(image_part_of(im, 4), IMAGE_MESSAGES);
    assert_int_equal(image_at(im, 5)->element, 0);
    assert_int_equal(image_at(im, 6)->role, ROLE_ASSISTANT);
    assert_int_equal(image_mark_at(im, 3), IMAGE_MARK_5M);
    assert_int_equal(image_mark_at(im, 7), IMAGE_MARK_1H);
    assert_int_equal(image_last_mark(im), 7);
    assert_string_equal(image_tool_name(im, 1), "Read");
    assert_string_equal(image_tool_name(im, 2), "");
    image_unref(im);
    free(body);
}

static void test_a_mark_of_the_whole_request_stands_at_its_end(void **state)
{
    (void)state;
    struct image *im = image_from("{\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"},\"messages\":[{\"role\":"
                                  "\"user\",\"content\":\"a\"}]}");
    assert_int_equal(image_mark_at(im, 0), IMAGE_MARK_1H);
    image_unref(im);
}

static void test_bodies_that_cannot_be_seen_through_have_no_image(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "null",
        "[1]",
        "{\"messages\":[1,]}",
        "{\"messages\":[1}",
        "{\"messages\":[{\"role\":\"user\",\"content\":[}]}]}",
        "{\"a\":1",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        if (image_of(bytes_of(bodies[i])))
            fail_msg("an image of %s", bodies[i]);
    struct buf many;
    buf_init(&many);
    buf_puts(&many, "{\"messages\":[{\"role\":\"user\",\"content\":[0");
    for (size_t i = 0; i < IMAGE_PRINTS_MAX; i++)
        buf_puts(&many, ",0");
    buf_puts(&many, "]}]}");
    assert_null(image_of(buf_bytes(&many)));
    buf_done(&many);
}

/* A conversation whose bodies grow and change: the image made with the help of
 * the one before is the image made alone. */
static void test_taken_over_is_the_same_as_read(void **state)
{
    (void)state;
    static const struct shape turns[] = {
        {"Bash=1|Read=2", "s|t*", "a+b*", ",\"metadata\":[1,2]"},
        {"Bash=1|Read=2", "s|t*", "a+b|c|d*", ",\"metadata\":[1,2]"},
        {"Bash=1|Read=2", "s|t*", "a+b|c|d|e|f+g*", ",\"metadata\":[1,3]"},
        {"Bash=1|Read=2|mcp=3", "s|t*", "a+b|c|d|e|f+g|h*", NULL},
        {"Read=2|mcp=3", "S|t*", "a+b|c|D|e|f+g|h|i*", NULL},
        {"Read=2|mcp=3", "S", "summary*", NULL},
        {"Read=2", "", "summary|x|yh", ",\"thinking\":{}"},
    };
    char *before = NULL;
    struct cut old_cut = {0};
    struct image *old = NULL;
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        char *body = make(&turns[i]);
        struct cut cut;
        cut_init(&cut);
        if (old)
            cut_again(bytes_of(body), bytes_of(before), &old_cut, cut_common_prefix(bytes_of(body), bytes_of(before)),
                      &cut);
        else
            cut_fresh(bytes_of(body), &cut);
        struct image *now = image_new(bytes_of(body), &cut, old);
        struct image *alone = image_from(body);
        assert_non_null(now);
        assert_alike(alone, now, body);
        image_unref(alone);
        image_unref(old);
        if (before)
            cut_done(&old_cut);
        free(before);
        before = body;
        old_cut = cut;
        old = now;
    }
    cut_done(&old_cut);
    image_unref(old);
    free(before);
}

/* ---- Reasons ------------------------------------------------------------------ */

#define MINUTE ((int64_t)60000)

/* A call at `at` minutes that took `seconds`, read and wrote so much. */
static struct break_call call_of(int64_t id, const struct shape *s, int64_t at, int64_t read, int64_t write)
{
    char *body = make(s);
    struct break_call c = {.id = id, .image = image_from(body), .model_sent = xstrdup("m"), .started_at = at * MINUTE};
    c.finished_at = c.started_at + 5000;
    c.used_from = c.started_at;
    c.used_to = c.finished_at;
    usage_init(&c.usage);
    c.usage.in = 10;
    c.usage.cache_read = read;
    c.usage.cache_write_5m = write;
    free(body);
    return c;
}

static void check(const struct break_call *before, size_t count, const struct break_call *now, const char *want)
{
    const struct break_call *list[8];
    struct break_reason r;
    for (size_t i = 0; i < count; i++)
        list[i] = &before[i];
    bool found = break_find(list, count, now, &r);
    if (found != (want != NULL) || (want && strcmp(r.text, want) != 0))
        fail_msg("expected %s, got %s", want ? want : "no reason", found ? r.text : "none");
}

static const struct shape usual = {"Bash=1|Read=2", "s*|t*", "a+b|c|d*", NULL};

/* The call before has 50,000 tokens in the cache; now reads 10,000 and writes 41,000. */
static void check_shape(const struct shape *before, const struct shape *now, const char *want)
{
    struct break_call a = call_of(1, before, 0, 40000, 10000);
    struct break_call b = call_of(2, now, 1, 10000, 41000);
    check(&a, 1, &b, want);
    break_call_done(&a);
    break_call_done(&b);
}

static void test_the_first_changed_element_is_the_reason(void **state)
{
    (void)state;
    static const struct {
        struct shape now;
        const char *want;
    } table[] = {
        {{"Bash=1|Read=2", "s*|t*", "a+b|c|d|e|f*", NULL}, "upstream: nothing differs"},
        {{"Bash=1|Read=3", "s*|t*", "a+b|c|d|e|f*", NULL}, "tool: Read"},
        {{"Bash=1|New=1|Read=2", "s*|t*", "a+b|c|d|e|f*", NULL}, "tool: New"},
        {{"Bash=1|Read=2|mcp__x=1", "s*|t*", "a+b|c|d|e|f*", NULL}, "tool: mcp__x"},
        {{"Read=2", "s*|t*", "a+b|c|d|e|f*", NULL}, "tool: Bash"},
        {{"Bash=1", "s*|t*", "a+b|c|d|e|f*", NULL}, "tool: Read"},
        {{"Read=2|Bash=1", "s*|t*", "a+b|c|d|e|f*", NULL}, "tool: Read"},
        {{"Bash=1|Read=2", "S*|t*", "a+b|c|d|e|f*", NULL}, "system: system[0]"},
        {{"Bash=1|Read=2", "s*|T*", "a+b|c|d|e|f*", NULL}, "system: system[1]"},
        {{"Bash=1|Read=2", "s*", "a+b|c|d|e|f*", NULL}, "system: system[1]"},
        {{"Bash=1|Read=2", "s*|t|u*", "a+b|c|d|e|f*", NULL}, "system: system[2]"},
        {{"Bash=1|Read=2", "s*|t*", "A+b|c|d|e|f*", NULL}, "message: message[0] (user)"},
        {{"Bash=1|Read=2", "s*|t*", "a+b|C|d|e|f*", NULL}, "message: message[1] (assistant)"},
        {{"Bash=1|Read=2", "s*|t*", "a+b|c|D|e|f*", NULL}, "message: message[2] (user)"},
        /* more blocks in the last message do not change what stood before */
        {{"Bash=1|Read=2", "s*|t*", "a+b|c|d+x|e|f*", NULL}, "upstream: nothing differs"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        check_shape(&usual, &table[i].now, table[i].want);
}

static void test_branches_and_strangers_have_no_reason(void **state)
{
    (void)state;
    check_shape(&usual, &(struct shape){"Bash=1|Read=2", "s*|t*", "a+b|c|other*", NULL}, NULL);
    check_shape(&usual, &(struct shape){"Bash=1|Read=2", "s*|t*", "a+b*", NULL}, NULL);
    check_shape(&usual, &(struct shape){"Grep=1", "x*", "y|z|q|r|s*", NULL}, NULL);
    check_shape(&(struct shape){"Bash=1", "s", "a", NULL}, &(struct shape){"Bash=1", "s", "a|b|c", NULL}, NULL);
}

static void test_a_compacted_conversation(void **state)
{
    (void)state;
    check_shape(&usual, &(struct shape){"Bash=1|Read=2", "S*|t*", "summary*", NULL}, "compacted: 3 → 1 messages");
    check_shape(&(struct shape){"Bash=1", "s*", "a*", NULL}, &(struct shape){"Bash=1", "s*", "b*", NULL}, NULL);
}

static void test_breakpoints_that_cannot_reach(void **state)
{
    (void)state;
    check_shape(&usual, &(struct shape){"Bash=1|Read=2", "s*|t*", "a+b|c|d|e|f", NULL},
                "breakpoint: system[1], was message[2] (user)");
    check_shape(&usual, &(struct shape){"Bash=1|Read=2", "s|t", "a+b|c|d|e|f", NULL},
                "breakpoint: none, was message[2] (user)");
    check_shape(
        &usual,
        &(struct shape){"Bash=1|Read=2", "s*|t*", "a+b|c|d+1+2+3+4+5+6+7+8+9+10+11+12+13+14+15+16+17+18|e*", NULL},
        "upstream: nothing differs");
    check_shape(
        &usual,
        &(struct shape){"Bash=1|Read=2", "s*|t*", "a+b|c|d+1+2+3+4+5+6+7+8+9+10+11+12+13+14+15+16+17+18+19|e*", NULL},
        "breakpoint: message[3] (assistant), 20 blocks behind message[2] (user)");
}

static void check_idle(const char *messages, int64_t minutes, const char *want)
{
    struct shape before = usual;
    struct shape now = usual;
    before.messages = messages;
    now.messages = "a+b|c|d|e|f*";
    struct break_call a = call_of(1, &before, 0, 40000, 10000);
    struct break_call b = call_of(2, &now, minutes, 10000, 41000);
    check(&a, 1, &b, want);
    break_call_done(&a);
    break_call_done(&b);
}

static void test_lifetimes_run_out(void **state)
{
    (void)state;
    check_idle("a+b|c|d*", 5, "upstream: nothing differs");
    check_idle("a+b|c|d*", 6, "expired: idle 5m55s, lifetime 5m");
    check_idle("a+b|c|dh", 59, "upstream: nothing differs");
    check_idle("a+b|c|dh", 61, "expired: idle 1h00m, lifetime 1h");
}

/* A long answer: the lifetime may run from its beginning. */
static void test_a_lifetime_that_ran_out_under_a_long_answer(void **state)
{
    (void)state;
    struct shape after = usual;
    after.messages = "a+b|c|d|e|f*";
    struct break_call a = call_of(1, &usual, 0, 40000, 10000);
    struct break_call b = call_of(2, &after, 7, 10000, 41000);
    a.finished_at = a.used_to = 6 * MINUTE + 59000;
    check(&a, 1, &b, "expired: idle 7m00s, lifetime 5m");
    break_call_done(&b);
    after.messages = "A+b|c|d|e|f*";
    b = call_of(2, &after, 7, 10000, 41000);
    check(&a, 1, &b, "message: message[0] (user)");
    break_call_done(&a);
    break_call_done(&b);
}

static void check_names(const char *const a[4], const char *const b[4], const char *want)
{
    struct break_call before = call_of(1, &usual, 0, 40000, 10000);
    struct break_call now =
        call_of(2, &(struct shape){"Bash=2|Read=2", "s*|t*", "a+b|c|d|e|f*", NULL}, 1, 10000, 41000);
    struct break_call *calls[] = {&before, &now};
    for (int i = 0; i < 2; i++) {
        const char *const *names = i ? b : a;
        xreplace(&calls[i]->model_sent, names[0]);
        xreplace(&calls[i]->model_served, names[1]);
        xreplace(&calls[i]->provider_pinned, names[2]);
        xreplace(&calls[i]->provider_served, names[3]);
    }
    check(&before, 1, &now, want);
    break_call_done(&before);
    break_call_done(&now);
}

/* Whatever else changed: nothing could have been read there. */
static void test_models_and_providers_come_first(void **state)
{
    (void)state;
    static const struct {
        const char *a[4], *b[4], *want;
    } table[] = {
        {{"m", NULL, NULL, NULL}, {"m", NULL, NULL, NULL}, "tool: Bash"},
        {{"m", NULL, NULL, NULL}, {"n", NULL, NULL, NULL}, "model: m → n"},
        {{"m", "m", NULL, NULL}, {"m", "n", NULL, NULL}, "model: m → n"},
        {{"m", "m", NULL, NULL}, {"m", NULL, NULL, NULL}, "tool: Bash"},
        {{"m", NULL, NULL, "x"}, {"m", NULL, NULL, "y"}, "provider: x → y"},
        {{"m", NULL, NULL, "x"}, {"m", NULL, NULL, NULL}, "tool: Bash"},
        {{"m", NULL, NULL, NULL}, {"m", NULL, "y", NULL}, "provider: any → y"},
        {{"m", NULL, NULL, "y"}, {"m", NULL, "y", NULL}, "tool: Bash"},
        {{"m", NULL, "x", NULL}, {"m", NULL, NULL, "x"}, "tool: Bash"},
        {{"m", NULL, "x", "x"}, {"m", NULL, "y", "x"}, "tool: Bash"},
        {{"m", NULL, NULL, "x"}, {"n", NULL, NULL, "y"}, "model: m → n"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        check_names(table[i].a, table[i].b, table[i].want);
}

/* Claude Code's own notion: below 95 % and at least 2,000 tokens fewer. */
static void test_small_losses_are_no_break(void **state)
{
    (void)state;
    static const struct {
        int64_t could, did;
        bool is_break;
    } table[] = {
        {50000, 50000, false}, {50000, 47500, false}, {50000, 47499, true}, {3000, 1001, false}, {3000, 1000, true},
        {50000, 60000, false}, {0, 0, false},         {1999, 0, false},     {2000, 0, true},     {50000, -1, false},
    };
    struct shape after = {"Bash=2|Read=2", "s*|t*", "a+b|c|d|e|f*", NULL};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct break_call a = call_of(1, &usual, 0, table[i].could, 0);
        struct break_call b = call_of(2, &after, 1, table[i].did, 41000);
        check(&a, 1, &b, table[i].is_break ? "tool: Bash" : NULL);
        break_call_done(&a);
        break_call_done(&b);
    }
}

static void test_what_is_not_proven_is_not_told(void **state)
{
    (void)state;
    check_shape(&usual,
                &(struct shape){"Bash=1|Read=2", "s*|t*", "a+b|c|d|e|f*", ",\"thinking\":{\"type\":\"disabled\"}"},
                NULL);
    struct shape after = usual;
    after.messages = "a+b|c|d|e|f*";
    struct break_call a = call_of(1, &usual, 0, 40000, 10000);
    struct break_call b = call_of(2, &after, 1, 10000, 41000);
    a.finished_at = b.started_at + 1; /* still running when it began */
    check(&a, 1, &b, NULL);
    check(NULL, 0, &b, NULL);
    break_call_done(&a);
    break_call_done(&b);
}

static void test_the_best_earlier_call_is_compared_with(void **state)
{
    (void)state;
    struct break_call before[] = {
        call_of(1, &usual, 0, 20000, 10000),
        /* a side branch whose prompt is marked: longer in common, but not gone on from */
        call_of(2, &(struct shape){"Bash=1|Read=2", "s*|t*", "a+b|c|d|e|side*", NULL}, 1, 30000, 20000),
    };
    struct break_call now = call_of(3, &(struct shape){"Bash=1|Read=2", "s*|t*", "a+b|c|d|e|f*", NULL}, 2, 30000, 5000);
    check(before, 2, &now, NULL);
    break_call_done(&now);
    now = call_of(3, &(struct shape){"Bash=1|Read=2", "s*|t*", "a+b|c|d|e|f*", NULL}, 2, 1000, 35000);
    check(before, 2, &now, "upstream: nothing differs");
    break_call_done(&now);
    break_call_done(&before[0]);
    break_call_done(&before[1]);
}

static void test_below_the_minimum(void **state)
{
    (void)state;
    static const struct {
        int64_t in;
        const char *want;
    } table[] = {{1500, NULL}, {2500, "minimum: about 2500 tokens up to message[2] (user)"}, {9000, NULL}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct break_call a = call_of(1, &usual, 0, 0, 0);
        struct break_call b = call_of(2, &usual, 1, 0, 0);
        b.usage.in = table[i].in;
        check(&a, 1, &b, table[i].want);
        break_call_done(&a);
        break_call_done(&b);
    }
}

/* ---- Calls as they come ---------------------------------------------------------- */

static void begin(struct breaks *b, int64_t id, const struct shape *s)
{
    char *body = make(s);
    struct image *im = image_from(body);
    breaks_begin(b, id, im);
    image_unref(im);
    free(body);
}

static struct call ended(int64_t id, const char *session, enum call_purpose purpose, int64_t minute, int64_t read,
                         int64_t write)
{
    struct call c;
    call_init(&c);
    c.id = id;
    c.session_id = xstrdup(session);
    c.model_sent = xstrdup("claude-opus-5-5");
    c.has_purpose = true;
    c.purpose = purpose;
    c.started_at = 1800000000000 + minute * MINUTE;
    c.finished_at = c.started_at + 1000;
    c.usage.in = 10;
    c.usage.cache_read = read;
    c.usage.cache_write_5m = write;
    return c;
}

static void end(struct breaks *b, struct call c, const char *want, int64_t cost)
{
    breaks_end(b, &c);
    if ((c.cache_break != NULL) != (want != NULL) || (want && strcmp(c.cache_break, want) != 0))
        fail_msg("call %lld: expected %s, got %s", (long long)c.id, want ? want : "none",
                 c.cache_break ? c.cache_break : "none");
    assert_int_equal(c.cache_break_microusd, cost);
    call_done(&c);
}

static const struct shape changed = {"Bash=9|Read=2", "s*|t*", "a+b|c|d|e|f*", NULL};
static const struct shape grown = {"Bash=1|Read=2", "s*|t*", "a+b|c|d|e|f*", NULL};

static void test_agents_are_kept_apart_and_priced(void **state)
{
    (void)state;
    struct err e = {""};
    struct catalog *catalog = catalog_load(NULL, NULL, &e);
    struct breaks *b = breaks_new(NULL, 1, catalog);
    begin(b, 1, &usual);
    end(b, ended(1, "s", PURPOSE_MAIN, 0, 0, 50000), NULL, CALL_UNKNOWN);
    begin(b, 2, &changed);
    end(b, ended(2, "other", PURPOSE_MAIN, 1, 0, 50000), NULL, CALL_UNKNOWN);
    begin(b, 3, &changed);
    struct call agent = ended(3, "s", PURPOSE_SUBAGENT, 1, 0, 50000);
    agent.agent_id = xstrdup("a");
    end(b, agent, NULL, CALL_UNKNOWN);
    begin(b, 4, &changed);
    end(b, ended(4, "s", PURPOSE_TITLE, 1, 0, 50000), NULL, CALL_UNKNOWN);
    begin(b, 5, &changed);
    /* 50,000 lost, 45,000 of them written again, at $5 instead of $0.40 */
    end(b, ended(5, "s", PURPOSE_MAIN, 1, 0, 45000), "tool: Bash", 207000);
    end(b, ended(6, "s", PURPOSE_MAIN, 2, 0, 45000), NULL, CALL_UNKNOWN); /* nothing is known of its body */
    breaks_free(b);
    catalog_free(catalog);
}

static void test_unknown_prices_give_no_cost(void **state)
{
    (void)state;
    struct err e = {""};
    struct catalog *catalog = catalog_load(NULL, NULL, &e);
    struct call c = ended(1, "s", PURPOSE_MAIN, 0, 0, 50000);
    c.usage.cache_write_1h = 1000;
    assert_int_equal(breaks_cost(catalog, &c, 2000), 7600 + 4600);
    assert_int_equal(breaks_cost(catalog, &c, 500), 3800);
    xreplace(&c.model_sent, "claude-of-tomorrow");
    assert_int_equal(breaks_cost(catalog, &c, 2000), -1);
    assert_int_equal(breaks_cost(NULL, &c, 2000), -1);
    call_done(&c);
    catalog_free(catalog);
}

/* One model, however a provider writes it. */
static void test_models_are_told_by_the_catalogs_name(void **state)
{
    (void)state;
    struct err e = {""};
    struct catalog *catalog = catalog_load(NULL, NULL, &e);
    struct breaks *b = breaks_new(NULL, 1, catalog);
    begin(b, 1, &usual);
    end(b, ended(1, "s", PURPOSE_MAIN, 0, 0, 50000), NULL, CALL_UNKNOWN);
    begin(b, 2, &changed);
    struct call now = ended(2, "s", PURPOSE_MAIN, 1, 0, 45000);
    xreplace(&now.model_sent, "vertex_ai/claude-opus-5-5");
    end(b, now, "tool: Bash", 207000);
    breaks_free(b);
    catalog_free(catalog);
}

/* A fork that reads a conversation's cache lets its lifetime begin anew. */
static void test_a_fork_keeps_the_cache_alive(void **state)
{
    (void)state;
    struct breaks *b = breaks_new(NULL, 1, NULL);
    begin(b, 1, &usual);
    end(b, ended(1, "s", PURPOSE_MAIN, 0, 0, 50000), NULL, CALL_UNKNOWN);
    begin(b, 2, &(struct shape){"Bash=1|Read=2", "s*|t*", "a+b|c|d*|e|side", NULL});
    end(b, ended(2, "s", PURPOSE_FORK, 4, 50000, 0), NULL, CALL_UNKNOWN);
    begin(b, 3, &grown);
    end(b, ended(3, "s", PURPOSE_MAIN, 8, 0, 51000), "upstream: nothing differs", CALL_UNKNOWN);
    breaks_free(b);
}

static void test_the_provider_told_later_is_the_reason(void **state)
{
    (void)state;
    struct breaks *b = breaks_new(NULL, 1, NULL);
    begin(b, 1, &usual);
    end(b, ended(1, "s", PURPOSE_MAIN, 0, 0, 50000), NULL, CALL_UNKNOWN);
    begin(b, 2, &grown);
    end(b, ended(2, "s", PURPOSE_MAIN, 1, 0, 51000), "upstream: nothing differs", CALL_UNKNOWN);
    assert_null(breaks_amend(b, 1, "anthropic"));
    char *reason = breaks_amend(b, 2, "bedrock");
    assert_string_equal(reason, "provider: anthropic → bedrock");
    free(reason);
    assert_null(breaks_amend(b, 2, "bedrock"));
    breaks_free(b);
}

/* More agents than there is room for: the one not used for longest is forgotten. */
static void test_agents_are_bounded(void **state)
{
    (void)state;
    struct breaks *b = breaks_new(NULL, 1, NULL);
    char name[32];
    for (int64_t i = 0; i <= BREAKS_AGENTS; i++) {
        snprintf(name, sizeof name, "s%lld", (long long)i);
        begin(b, 1 + i, &usual);
        end(b, ended(1 + i, name, PURPOSE_MAIN, 0, 0, 50000), NULL, CALL_UNKNOWN);
    }
    begin(b, 5000, &changed);
    end(b, ended(5000, "s0", PURPOSE_MAIN, 1, 0, 51000), NULL, CALL_UNKNOWN);
    begin(b, 5001, &changed);
    end(b, ended(5001, name, PURPOSE_MAIN, 1, 0, 51000), "tool: Bash", CALL_UNKNOWN);
    breaks_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_does_not_reach_the_cache_is_not_seen),
        cmocka_unit_test(test_a_marker_in_a_text_is_text),
        cmocka_unit_test(test_the_order_is_that_of_the_cache),
        cmocka_unit_test(test_a_mark_of_the_whole_request_stands_at_its_end),
        cmocka_unit_test(test_bodies_that_cannot_be_seen_through_have_no_image),
        cmocka_unit_test(test_taken_over_is_the_same_as_read),
        cmocka_unit_test(test_the_first_changed_element_is_the_reason),
        cmocka_unit_test(test_branches_and_strangers_have_no_reason),
        cmocka_unit_test(test_a_compacted_conversation),
        cmocka_unit_test(test_breakpoints_that_cannot_reach),
        cmocka_unit_test(test_lifetimes_run_out),
        cmocka_unit_test(test_a_lifetime_that_ran_out_under_a_long_answer),
        cmocka_unit_test(test_models_and_providers_come_first),
        cmocka_unit_test(test_small_losses_are_no_break),
        cmocka_unit_test(test_what_is_not_proven_is_not_told),
        cmocka_unit_test(test_the_best_earlier_call_is_compared_with),
        cmocka_unit_test(test_below_the_minimum),
        cmocka_unit_test(test_agents_are_kept_apart_and_priced),
        cmocka_unit_test(test_unknown_prices_give_no_cost),
        cmocka_unit_test(test_models_are_told_by_the_catalogs_name),
        cmocka_unit_test(test_a_fork_keeps_the_cache_alive),
        cmocka_unit_test(test_the_provider_told_later_is_the_reason),
        cmocka_unit_test(test_agents_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
