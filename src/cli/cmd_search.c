/* spantop search: texts of requests and answers, newest first.
 *
 * Page by page, so that the first hits are seen at once and no read of the log is
 * open while a terminal or pipe takes its time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/scope.h"
#include "cli/values.h"
#include "log/reader.h"
#include "log/search.h"

#define TERMINAL_DEFAULT 50 /* as in calls */
#define SESSION_COLUMNS  16
#define WHERE_COLUMNS    22
#define BEFORE_COLUMNS   24 /* of the excerpt in front of what was found, where there is little room */
#define ROOM_MIN         40

static const struct option_spec options[] = {
    {"json", NULL, "a JSON array: call_id, session_id, where, excerpt …", NULL, NULL, NULL},
    {"last", "N", "the newest N only (all; on a terminal 50)", NULL, NULL, NULL},
    {"session", "ID", "in one session's calls: id, its beginning, or title", NULL, NULL, NULL},
    {"where", "FILTER", "in matching calls only: 'model:opus since:1d'", NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};

struct finding {
    struct db *db;
    struct search_ask ask;
    int64_t wanted;
    int64_t found;
    bool is_json;
    bool has_color;
};

/* ---- Lines --------------------------------------------------------------------------- */

static void print_cell(const char *s, int columns)
{
    struct buf clean;
    buf_init(&clean);
    text_clean(&clean, s ? s : "", s ? strlen(s) : 0, false, false);
    size_t len = text_fit(clean.data, clean.len, columns);
    printf("%.*s%*s  ", (int)len, clean.data, columns - text_width(clean.data, len), "");
    buf_done(&clean);
}

/* Where the excerpt begins so that what was found is seen on a narrow terminal. */
static size_t excerpt_start(const struct search_hit *h, int columns)
{
    size_t from = 0;
    if (columns == 0 || text_width(h->excerpt, h->mark.off + h->mark.len) < columns - 8)
        return 0;
    while (from < h->mark.off && text_width(h->excerpt + from, h->mark.off - from) > BEFORE_COLUMNS)
        from += text_utf8_len(h->excerpt + from, h->mark.off - from);
    return from;
}

static void print_excerpt(const struct finding *f, const struct search_hit *h, int columns)
{
    size_t from = excerpt_start(h, columns);
    const char *text = h->excerpt + from;
    size_t before = h->mark.off - from;
    size_t len = columns ? text_fit(text, strlen(text), columns) : strlen(text);
    size_t end = before + h->mark.len < len ? before + h->mark.len : len;
    if (!f->has_color || before >= len) {
        printf("%.*s\n", (int)len, text);
        return;
    }
    printf("%.*s\033[1;33m%.*s\033[0m%.*s\n", (int)before, text, (int)(end - before), text + before, (int)(len - end), text + end);
}

static void print_line(const struct finding *f, const struct search_hit *h, const struct call *c)
{
    char at[OUT_TIME_MAX];
    char id[24];
    int columns = out_columns();
    int taken = 6 + 2 + 19 + 2 + SESSION_COLUMNS + 2 + WHERE_COLUMNS + 2;
    int room = columns - taken < ROOM_MIN ? ROOM_MIN : columns - taken;
    out_time(at, c->started_at, true);
    snprintf(id, sizeof id, "%6lld", (long long)c->id);
    printf("%s  %s  ", id, at);
    print_cell(c->session_title ? c->session_title : c->session_id, SESSION_COLUMNS);
    print_cell(h->where, WHERE_COLUMNS);
    print_excerpt(f, h, columns ? room : 0);
}

static void print_json(const struct finding *f, const struct search_hit *h, const struct call *c)
{
    cJSON *j = cJSON_CreateObject();
    char *found = strndup(h->excerpt + h->mark.off, h->mark.len);
    json_add_count(j, "call_id", c->id);
    json_add_count(j, "started_at", c->started_at);
    json_add_text(j, "session_id", c->session_id);
    json_add_text(j, "session_title", c->session_title);
    json_add_text(j, "where", h->where);
    json_add_text(j, "found", found);
    json_add_text(j, "excerpt", h->excerpt);
    char *text = cJSON_PrintUnformatted(j);
    if (text)
        printf("%s%s", f->found ? ",\n" : "", text);
    free(text);
    free(found);
    cJSON_Delete(j);
}

static int print_hit(struct finding *f, const struct search_hit *h, struct err *e)
{
    struct call c;
    int rc = reader_call(f->db, h->call_id, &c, e);
    if (rc == 0) {
        if (f->is_json)
            print_json(f, h, &c);
        else
            print_line(f, h, &c);
        f->found++;
    }
    call_done(&c);
    return rc < 0 ? -1 : 0; /* 1: retention was faster */
}

/* ---- Pages --------------------------------------------------------------------------- */

static int print_pages(struct finding *f, int64_t *unindexed, struct err *e)
{
    struct search_cursor at = {0};
    struct search_hits page = {.has_more = true};
    int rc = 0;
    while (page.has_more && f->found < f->wanted && rc == 0 && !out_is_broken()) {
        rc = search_page(f->db, &f->ask, &at, &page, e);
        for (size_t i = 0; i < page.count && f->found < f->wanted && rc == 0; i++)
            rc = print_hit(f, &page.hits[i], e);
        *unindexed = page.unindexed;
        bool has_more = page.has_more;
        search_hits_done(&page);
        page.has_more = has_more;
        fflush(stdout);
    }
    return rc;
}

static int find(struct finding *f, struct err *e)
{
    int64_t unindexed = 0;
    if (f->is_json)
        putchar('[');
    int rc = print_pages(f, &unindexed, e);
    if (f->is_json)
        puts("]");
    if (rc == 0 && f->found == 0 && !f->is_json)
        cli_say("nothing was found");
    if (rc == 0)
        cli_tell_unsearched(unindexed);
    return rc;
}

/* ---- The command --------------------------------------------------------------------- */

static char *join_words(const struct args *a)
{
    struct buf out;
    buf_init(&out);
    for (size_t i = 0; i < a->word_count; i++)
        buf_printf(&out, "%s%s", i ? " " : "", a->words[i]);
    return buf_take(&out, NULL);
}

static int search_in(struct cli *c, struct finding *f, struct err *e)
{
    const char *session = args_get(&c->args, "session");
    char *session_id = NULL;
    f->db = db_open(c->settings.log_path, DB_READ, e);
    int rc = f->db ? 0 : -1;
    if (rc == 0 && session)
        rc = session_resolve(f->db, session, &session_id, e);
    f->ask.session_id = session_id;
    if (rc == 0)
        rc = find(f, e);
    db_close(f->db);
    free(session_id);
    return rc == 0 ? CLI_DONE : CLI_FAILED;
}

static int search(struct cli *c, struct err *e)
{
    struct finding f = {.wanted = out_is_terminal() ? TERMINAL_DEFAULT : INT64_MAX,
                        .is_json = args_has(&c->args, "json"),
                        .has_color = out_is_terminal() && c->settings.color};
    const char *last = args_get(&c->args, "last");
    if (last && value_int("--last", last, 1, INT64_MAX, &f.wanted, e) != 0)
        return CLI_USAGE;
    struct filter *filter = filter_parse(args_get(&c->args, "where"), e);
    char *words = join_words(&c->args);
    f.ask.filter = filter;
    f.ask.query = filter ? search_query_parse(words, e) : NULL;
    int status = f.ask.query ? search_in(c, &f, e) : CLI_USAGE;
    search_query_free(f.ask.query);
    filter_free(filter);
    free(words);
    return status;
}

const struct command command_search = {
    .name = "search",
    .summary = "texts of requests and answers, newest first",
    .synopsis = "[--json] [--last N] [--session ID] [--where FILTER] TEXT…",
    .text = "All words must stand in one text: a message, a tool, a system block, an answer.\n"
            "'\"a phrase\"' word by word, begin* a word's beginning, -- -without leaves out.\n"
            "A text is found once, in the call that brought it first.",
    .example = "spantop search connection refused\nspantop search --where 'model:opus since:1d' '\"exit code 1\" -grep'",
    .options = options,
    .min_words = 1,
    .max_words = 1000,
    .run = search,
};
