#include "log/body_pieces.h"

#include <stdlib.h>

#include "base/mem.h"
#include "log/body_list.h"
#include "log/piece_set.h"
#include "log/sql.h"

void piece_ids_done(struct piece_ids *p)
{
    free(p->ids);
    *p = (struct piece_ids){0};
}

sqlite3_stmt *body_pieces_prepare(sqlite3 *sq, struct err *e)
{
    return sql_prepare(sq, "SELECT request_body, sent_body, response_body FROM call WHERE id = ?", e);
}

static void add(struct piece_ids *p, const int64_t *ids, size_t count)
{
    if (p->count + count > p->cap) {
        p->cap = (p->count + count) * 2;
        p->ids = xrealloc(p->ids, p->cap * sizeof *p->ids);
    }
    for (size_t i = 0; i < count; i++)
        p->ids[p->count++] = ids[i];
}

static void add_list(struct piece_ids *p, struct bytes encoded)
{
    struct body_list list;
    if (encoded.len > 0 && body_list_decode(encoded, &list) == 0) {
        add(p, &list.skeleton, 1);
        add(p, list.elements, list.element_count);
    }
    if (encoded.len > 0)
        body_list_done(&list);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void sort(struct piece_ids *p)
{
    size_t kept = 0;
    if (p->count > 1)
        qsort(p->ids, p->count, sizeof *p->ids, compare);
    for (size_t i = 0; i < p->count; i++)
        if (p->ids[i] > 0 && p->ids[i] < PIECE_SET_MAX && (kept == 0 || p->ids[kept - 1] != p->ids[i]))
            p->ids[kept++] = p->ids[i];
    p->count = kept;
}

int body_pieces_read(sqlite3_stmt *st, int64_t call_id, struct piece_ids *p, struct err *e)
{
    p->count = 0;
    sqlite3_bind_int64(st, 1, call_id);
    int rc = sqlite3_step(st);
    for (int i = 0; i < 3 && rc == SQLITE_ROW; i++)
        add_list(p, (struct bytes){sqlite3_column_blob(st, i), (size_t)sqlite3_column_bytes(st, i)});
    sqlite3_reset(st);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return err_set(e, "%s", sqlite3_errmsg(sqlite3_db_handle(st)));
    sort(p);
    return 0;
}
