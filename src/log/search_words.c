/* The tokenizer of FTS5 itself, borrowed from a database in memory: whatever the
 * index takes for a word is one here. */
#include "log/search_words.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "base/mem.h"
#include "log/sql.h"

struct search_words {
    sqlite3 *sq;
    fts5_tokenizer api;
    Fts5Tokenizer *tokenizer;
};

static fts5_api *find_api(sqlite3 *sq)
{
    fts5_api *api = NULL;
    sqlite3_stmt *st = sql_prepare(sq, "SELECT fts5(?1)", NULL);
    if (!st)
        return NULL;
    sqlite3_bind_pointer(st, 1, (void *)&api, "fts5_api_ptr", NULL);
    sqlite3_step(st);
    sqlite3_finalize(st);
    return api;
}

struct search_words *search_words_open(struct err *e)
{
    struct search_words *w = xcalloc(1, sizeof *w);
    void *context = NULL;
    fts5_api *api = sqlite3_open(":memory:", &w->sq) == SQLITE_OK ? find_api(w->sq) : NULL;
    if (api && api->xFindTokenizer(api, SEARCH_TOKENIZER, &context, &w->api) == SQLITE_OK &&
        w->api.xCreate(context, NULL, 0, &w->tokenizer) == SQLITE_OK)
        return w;
    err_set(e, "the SQLite library of this system has no full-text search (FTS5)");
    search_words_close(w);
    return NULL;
}

void search_words_close(struct search_words *w)
{
    if (!w)
        return;
    if (w->tokenizer)
        w->api.xDelete(w->tokenizer);
    sqlite3_close(w->sq);
    free(w);
}

struct each {
    search_word_fn *fn;
    void *arg;
};

static int on_token(void *context, int flags, const char *word, int len, int start, int end)
{
    struct each *each = context;
    (void)flags;
    bool goes_on = each->fn(each->arg, (struct bytes){word, (size_t)len}, (struct span){(size_t)start, (size_t)(end - start)});
    return goes_on ? SQLITE_OK : SQLITE_DONE;
}

void search_words_each(struct search_words *w, struct bytes text, search_word_fn *fn, void *arg)
{
    struct each each = {fn, arg};
    if (text.len > 0 && text.len < INT_MAX)
        w->api.xTokenize(w->tokenizer, &each, FTS5_TOKENIZE_DOCUMENT, text.data, (int)text.len, on_token);
}
