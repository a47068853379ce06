#include "cli/reconcile_read.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "gateway/api.h"
#include "log/reader.h"
#include "respan/loglist.h"

#define PAGE_ROWS  1000 /* the most Respan gives */
#define PAGES_MAX  1000
#define ANSWER_MAX ((size_t)256 << 20) /* a page whose rows hold their prompts */

/* Newest first, until one is older than everything that counts. */
static int read_calls(struct db *db, struct reconcile *r, struct err *e)
{
    struct call_query q = {.sort = SORT_ID, .descending = true, .limit = READER_PAGE_MAX};
    bool has_more = true;
    while (has_more) {
        struct call_page page = {0};
        if (reader_calls(db, &q, &page, e) != 0)
            return -1;
        has_more = page.has_more && page.count > 0;
        for (size_t i = 0; i < page.count; i++) {
            const struct call *c = &page.calls[i];
            if (c->started_at >= r->since_ms - RECONCILE_MARGIN_MS)
                reconcile_add_call(r, c);
            else
                has_more = false;
            q.after_id = c->id;
        }
        call_page_done(&page);
    }
    reconcile_sort(r);
    return 0;
}

static void on_row(void *arg, const struct logrow *row)
{
    reconcile_add_row(arg, row);
}

static int check_status(int status, struct err *e)
{
    if (status == 200)
        return 0;
    if (status == 401 || status == 403)
        return err_set(e, "Respan does not open its log to this key (status %d); check RESPAN_API_KEY or --key-file", status);
    if (status == 429)
        return err_set(e, "Respan asks to be asked less often (status 429); try again in a minute");
    return err_set(e, "Respan's log answers with status %d; try again later", status);
}

static char *page_target(const struct reconcile *r, int page)
{
    char since[CLOCK_ISO_MAX], until[CLOCK_ISO_MAX];
    int64_t from_ms = r->since_ms > RECONCILE_MARGIN_MS ? r->since_ms - RECONCILE_MARGIN_MS : 0;
    clock_to_iso(since, from_ms);
    clock_to_iso(until, r->now_ms + RECONCILE_MARGIN_MS);
    return xasprintf("request-logs/list/?page=%d&page_size=%d&sort_by=-id&all_envs=true&fetch_filters=false&start_time=%s"
                     "&end_time=%s&include_fields=" LOGLIST_FIELDS,
                     page, PAGE_ROWS, since, until);
}

struct asking {
    struct api_client *client;
    const char *key;
    int limit_ms;
};

static int read_page(const struct asking *a, struct reconcile *r, int page, bool *has_more, struct err *e)
{
    static const char no_filter[] = "{\"filters\":{}}";
    struct blob *body = blob_copy(no_filter, sizeof no_filter - 1);
    char *target = page_target(r, page);
    struct buf answer;
    int status = 0;
    buf_init_max(&answer, ANSWER_MAX);
    int rc = api_client_ask(a->client, target, a->key, body, a->limit_ms, &status, &answer, e);
    if (rc == 0)
        rc = check_status(status, e);
    if (rc == 0)
        rc = loglist_page(answer.data, answer.len, on_row, r, has_more, e);
    buf_done(&answer);
    blob_unref(body);
    free(target);
    return rc;
}

static int read_rows(const struct asking *a, struct reconcile *r, struct err *e)
{
    bool has_more = true;
    for (int page = 1; has_more; page++) {
        if (page > PAGES_MAX)
            return err_set(e, "Respan's log has more than %d rows since then; choose a later --since", PAGES_MAX * PAGE_ROWS);
        if (read_page(a, r, page, &has_more, e) != 0)
            return -1;
    }
    return 0;
}

int reconcile_read(struct reconcile *r, const struct settings *s, const char *base, const char *key, int limit_ms,
                   struct err *e)
{
    struct asking a = {NULL, key, limit_ms};
    struct db *db = db_open(s->log_path, DB_READ, e);
    int rc = db ? read_calls(db, r, e) : -1;
    db_close(db);
    if (rc == 0)
        a.client = api_client_new(base, s->ca_file, e);
    if (rc == 0)
        rc = a.client ? read_rows(&a, r, e) : -1;
    if (rc == 0)
        reconcile_sum(r);
    api_client_free(a.client);
    return rc;
}
