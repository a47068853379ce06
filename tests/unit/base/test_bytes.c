/* Buffers, queues, shared blobs, and their bounds. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/bufq.h"

static void test_buf_grows_and_stays_text(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b);
    assert_string_equal(b.data, "");
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buf_printf(&b, "%d,", i), 0);
    assert_int_equal(b.len, strlen(b.data));
    assert_int_equal(strncmp(b.data + b.len - 8, "998,999,", 8), 0);
    buf_drop_front(&b, b.len - 4);
    assert_string_equal(b.data, "999,");
    size_t len;
    char *taken = buf_take(&b, &len);
    assert_string_equal(taken, "999,");
    assert_int_equal(len, 4);
    assert_string_equal(b.data, "");
    free(taken);
    buf_done(&b);
}

static void test_buf_refuses_beyond_its_bound_unchanged(void **state)
{
    (void)state;
    struct buf b;
    buf_init_max(&b, 4);
    assert_int_equal(buf_puts(&b, "abc"), 0);
    assert_int_equal(buf_puts(&b, "de"), -1);
    assert_string_equal(b.data, "abc");
    assert_true(b.failed);
    assert_int_equal(buf_puts(&b, "d"), 0);
    buf_reset(&b);
    assert_false(b.failed);
    buf_done(&b);
}

static void test_bufq_keeps_order_and_bound(void **state)
{
    (void)state;
    struct bufq q;
    bufq_init(&q, 10000, 1000);
    unsigned char next_in = 0, next_out = 0;
    for (int round = 0; round < 2000; round++) {
        unsigned char chunk[37];
        for (size_t i = 0; i < sizeof chunk; i++)
            chunk[i] = (unsigned char)(next_in + i);
        if (bufq_put(&q, chunk, sizeof chunk) == 0)
            next_in = (unsigned char)(next_in + sizeof chunk);
        else
            assert_true(bufq_is_full(&q));
        struct bytes peek = bufq_peek(&q);
        size_t take = peek.len < 29 ? peek.len : 29;
        for (size_t i = 0; i < take; i++)
            assert_int_equal((unsigned char)peek.data[i], next_out++);
        bufq_drop(&q, take);
        assert_true(q.len < q.high + sizeof chunk);
    }
    bufq_done(&q);
}

static void test_blob_is_shared_and_bounded(void **state)
{
    (void)state;
    struct blob *b = blob_new(0);
    char big[5000];
    memset(big, 'x', sizeof big);
    assert_int_equal(blob_put(&b, big, sizeof big, 6000), 0);
    assert_int_equal(blob_put(&b, big, sizeof big, 6000), -1);
    assert_int_equal(b->len, 5000);
    struct blob *other = blob_ref(b);
    blob_unref(b);
    assert_int_equal(other->data[4999], 'x');
    blob_unref(other);
    blob_unref(NULL);
}

static void test_blob_classes_waste_at_most_a_quarter(void **state)
{
    (void)state;
    for (size_t want = 2000; want < 3000000; want = want * 9 / 8 + 1) {
        struct blob *b = blob_new(want);
        assert_true(b->cap >= want);
        assert_true(b->cap <= want + want / 4 + 1);
        blob_unref(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_grows_and_stays_text),
        cmocka_unit_test(test_buf_refuses_beyond_its_bound_unchanged),
        cmocka_unit_test(test_bufq_keeps_order_and_bound),
        cmocka_unit_test(test_blob_is_shared_and_bounded),
        cmocka_unit_test(test_blob_classes_waste_at_most_a_quarter),
    };
    return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
