/* What Respan's API answers: rows, pages of rows, lists of models.  Strings end, figures
 * are known or -1, and what is refused is refused with a sentence. */
#include <string.h>

#include "respan/catalog_source.h"
#include "respan/loglist.h"
#include "respan/logrow.h"

#include "tests/fuzz/fuzz.h"

static void check_row(void *arg, const struct logrow *row)
{
    ++*(size_t *)arg;
    MUST(memchr(row->unique_id, 0, sizeof row->unique_id) && memchr(row->model, 0, sizeof row->model));
    MUST(memchr(row->provider, 0, sizeof row->provider) && memchr(row->error_message, 0, sizeof row->error_message));
    MUST(memchr(row->timestamp, 0, sizeof row->timestamp));
    MUST(row->cost_microusd >= -1 && row->tokens_prompt >= -1 && row->tokens_completion >= -1);
    MUST(row->cache_hit >= -1 && row->cache_hit <= 1);
}

static void check_models(const char *json, size_t size)
{
    static const char *const sources[] = {"file", "public", "respan"};
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        struct catalog *c = calloc(1, sizeof *c);
        struct err e = {""};
        MUST(c != NULL);
        MUST(catalog_read(c, json, size, sources[i], &e) == 0 || (e.text[0] && c->count == 0));
        for (size_t m = 0; m < c->count; m++)
            MUST(catalog_at(c, m) != NULL);
        catalog_free(c);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct logrow row;
    struct err e = {""};
    bool has_more;
    size_t rows = 0;
    char *json = malloc(size ? size : 1);
    MUST(json != NULL);
    memcpy(json, data, size);
    if (loglist_row(json, size, &row, &e) == 0)
        check_row(&rows, &row);
    else
        MUST(e.text[0]);
    e.text[0] = '\0';
    if (loglist_page(json, size, check_row, &rows, &has_more, &e) != 0)
        MUST(e.text[0]);
    if (logrow_parse(json, size, &row, &e) == 0)
        check_row(&rows, &row);
    check_models(json, size);
    free(json);
    return 0;
}
