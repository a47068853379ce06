#include "log/diff_align.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The middle of both lists, between their equal ends. */
struct middle {
    const uint64_t *a;
    const uint64_t *b;
    int32_t a_count;
    int32_t b_count;
};

/* Row d of the search holds, for each diagonal k = -d, -d+2 … d, how far in a
 * d edits come; the row begins at entry d*(d+1)/2 - … of one array. */
static size_t row_at(int32_t d)
{
    return (size_t)d * ((size_t)d + 1) / 2;
}

static int32_t entry(const int32_t *rows, int32_t d, int32_t k)
{
    return k < -d || k > d ? -1 : rows[row_at(d) + (size_t)((k + d) / 2)];
}

/* Where d edits on diagonal k begin, before equal elements are followed. */
static int32_t start_of(const int32_t *rows, int32_t d, int32_t k)
{
    if (d == 0)
        return 0;
    int32_t down = entry(rows, d - 1, k + 1);  /* b's element put in */
    int32_t right = entry(rows, d - 1, k - 1); /* a's taken out */
    if (k == -d || (k != d && right < down))
        return down;
    return right + 1;
}

static int32_t follow(const struct middle *m, int32_t x, int32_t k)
{
    while (x < m->a_count && x - k < m->b_count && m->a[x] == m->b[x - k])
        x++;
    return x;
}

/* The fewest edits, or -1 when there are too many; rows are filled. */
static int32_t search(const struct middle *m, int32_t *rows, int32_t most)
{
    for (int32_t d = 0; d <= most; d++) {
        for (int32_t k = -d; k <= d; k += 2) {
            int32_t x = start_of(rows, d, k);
            /* Outside of either list there is nothing more to find on this diagonal. */
            if (x <= m->a_count && x - k <= m->b_count && x - k >= 0)
                x = follow(m, x, k);
            rows[row_at(d) + (size_t)((k + d) / 2)] = x;
            if (x == m->a_count && x - k == m->b_count)
                return d;
        }
    }
    return -1;
}

static void walk_back(const struct middle *m, const int32_t *rows, int32_t d, size_t *to_b, size_t shift)
{
    int32_t k = m->a_count - m->b_count;
    int32_t x = m->a_count;
    for (; d >= 0; d--) {
        int32_t start = start_of(rows, d, k);
        while (x > start) {
            x--;
            to_b[x] = (size_t)(x - k) + shift;
        }
        if (d == 0)
            return;
        bool is_down = k == -d || (k != d && entry(rows, d - 1, k - 1) < entry(rows, d - 1, k + 1));
        k += is_down ? 1 : -1;
        x = entry(rows, d - 1, k);
    }
}

void diff_align(const uint64_t *a, size_t a_count, const uint64_t *b, size_t b_count, size_t *to_b)
{
    size_t head = 0;
    size_t tail = 0;
    while (head < a_count && head < b_count && a[head] == b[head]) {
        to_b[head] = head;
        head++;
    }
    while (tail < a_count - head && tail < b_count - head && a[a_count - 1 - tail] == b[b_count - 1 - tail]) {
        tail++;
        to_b[a_count - tail] = b_count - tail;
    }
    for (size_t i = head; i < a_count - tail; i++)
        to_b[i] = DIFF_NONE;
    size_t a_left = a_count - head - tail;
    size_t b_left = b_count - head - tail;
    if (a_left == 0 || b_left == 0 || a_left > INT32_MAX / 2 || b_left > INT32_MAX / 2)
        return;
    struct middle m = {a + head, b + head, (int32_t)a_left, (int32_t)b_left};
    int32_t most = a_left + b_left < DIFF_EDITS_MAX ? (int32_t)(a_left + b_left) : DIFF_EDITS_MAX;
    int32_t *rows = xcalloc(row_at(most + 1), sizeof *rows);
    int32_t edits = search(&m, rows, most);
    if (edits >= 0)
        walk_back(&m, rows, edits, to_b + head, head);
    free(rows);
}
