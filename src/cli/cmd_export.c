/* spantop export: calls in other people's formats, a session as a page. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/export.h"
#include "cli/output.h"
#include "cli/page.h"
#include "cli/scope.h"
#include "cli/start.h"
#include "cli/values.h"
#include "gateway/api.h"

#define REDACT_PATIENCE_US ((int64_t)60 * 1000000) /* nobody waits for us but the user */

static const struct option_spec options[] = {
    {"jsonl", NULL, "a line of JSON a call (default)"},
    {"csv", NULL, "the same columns for a spreadsheet"},
    {"har", NULL, "an HTTP Archive 1.2, with bodies"},
    {"otlp", NULL, "OpenTelemetry spans (gen_ai.*), OTLP's JSON in lines"},
    {"html", "FILE", "a session as one page to read and share, into FILE"},
    {"session", "ID", "one session's: id, its beginning, or title"},
    {"where", "FILTER", "only matching: 'model:opus status>=400'"},
    {"since", "TIME", "started since: 1h, 7d, today, all"},
    {"bodies", NULL, "with what was asked and answered"},
    {"to", "URL", "post the spans to a collector"},
    {"output", "FILE", "into this file, also -o FILE; --force overwrites one"},
    {"force", NULL, ""},
    {NULL, NULL, NULL},
};

static const struct export_format *const formats[] = {&export_jsonl, &export_csv, &export_har, &export_otlp};
#define FORMAT_COUNT (sizeof formats / sizeof *formats)

/* ---- What is asked for ------------------------------------------------------------------- */

/* A page tells one whole session. */
static int check_page(const struct args *a, struct err *e)
{
    static const char *const others[] = {"jsonl", "csv", "har", "otlp", "to", "where", "since", "no-bodies", "output"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (args_has(a, others[i]))
            return err_set(e, "--html or --%s, one at a time", others[i]);
    return args_has(a, "session") && a->word_count == 0 ? 0 : err_set(e, "--html tells one session; name it with --session");
}

/* *format NULL: a session's page. */
static int find_format(const struct args *a, const struct export_format **format, struct err *e)
{
    *format = NULL;
    if (args_has(a, "html"))
        return check_page(a, e);
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        if (!args_has(a, formats[i]->option))
            continue;
        if (*format)
            return err_set(e, "--%s or --%s, one at a time", (*format)->option, formats[i]->option);
        *format = formats[i];
    }
    if (!*format)
        *format = args_has(a, "to") ? &export_otlp : &export_jsonl;
    if (args_has(a, "to") && *format != &export_otlp)
        return err_set(e, "--to posts OpenTelemetry spans, so it goes with --otlp, not --%s", (*format)->option);
    if (args_has(a, "to") && args_has(a, "output"))
        return err_set(e, "either --to a collector or --output into a file");
    if (args_has(a, "bodies") && args_has(a, "no-bodies"))
        return err_set(e, "either --bodies or --no-bodies, not both");
    if (args_has(a, "bodies") && !(*format)->can_have_bodies)
        return err_set(e, "--%s has no room for bodies; --har and --jsonl --bodies have", (*format)->option);
    return 0;
}

static bool has_bodies(const struct args *a, const struct export_format *f)
{
    return !f || args_has(a, "bodies") || (f->has_bodies && !args_has(a, "no-bodies"));
}

/* --since is a word of the filter language more. */
static struct filter *find_filter(const struct args *a, struct err *e)
{
    const char *where = args_get(a, "where"), *since = args_get(a, "since");
    int64_t since_ms = 0;
    if (since && value_since(since, clock_wall_ms(), &since_ms, e) != 0)
        return NULL;
    char *text = since_ms ? xasprintf("started_at>=%lld %s", (long long)since_ms, where ? where : "") : xstrdup(where);
    struct filter *f = filter_parse(text, e);
    free(text);
    return f;
}

static int64_t *read_ids(const struct args *a, struct err *e)
{
    int64_t *ids = xcalloc(a->word_count + 1, sizeof *ids);
    for (size_t i = 0; i < a->word_count; i++) {
        if (value_int("a call's id", a->words[i], 1, INT64_MAX, &ids[i], e) == 0)
            continue;
        free(ids);
        return NULL;
    }
    return ids;
}

/* ---- Where it goes -------------------------------------------------------------------------- */

/* The file takes the place of stdout.  Nobody else's business what is in it. */
static int open_output(const char *path, bool overwrites, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (overwrites ? O_TRUNC : O_EXCL), 0600);
    if (fd < 0 && errno == EEXIST)
        return err_set(e, "%s is there already; name another file, or overwrite it with --force", path);
    if (fd < 0)
        return err_set(e, "cannot write %s: %s", path, strerror(errno));
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & 077)
        (void)fchmod(fd, 0600); /* it was another's text that others could read */
    fflush(stdout);
    int r = dup2(fd, STDOUT_FILENO);
    close(fd);
    return r < 0 ? err_set(e, "cannot write %s: %s", path, strerror(errno)) : 0;
}

/* Nothing more goes there, not what stdio still holds when a write failed. */
static void leave_output(void)
{
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        dup2(fd, STDOUT_FILENO);
        close(fd);
    }
    clearerr(stdout);
}

static int close_output(const char *path, bool is_new, int r, struct err *e)
{
    errno = 0;
    if (r == 0 && (fflush(stdout) != 0 || ferror(stdout))) {
        if (errno == 0 && write(STDOUT_FILENO, "\n", 1) >= 0)
            errno = EIO; /* stdio forgot why an earlier write failed, and this one did not */
        r = err_set(e, "cannot write %s: %s", path, strerror(errno));
    }
    leave_output();
    if (r != 0 && is_new)
        unlink(path); /* half an archive is none */
    return r;
}

/* http://localhost:4318/v1/traces is asked as a base and what lies below it. */
static int open_collector(struct export *x, const struct settings *s, const char *url, char **base, struct err *e)
{
    const char *last = strrchr(url, '/');
    if (!last || last == url || last[-1] == '/')
        return err_set(e, "--to takes a collector's whole address, such as http://localhost:4318/v1/traces, not %s", url);
    *base = xstrndup(url, (size_t)(last - url));
    x->to_url = url;
    x->to_rest = last + 1;
    x->to = api_client_new(*base, s->ca_file, e);
    return x->to ? 0 : -1;
}

/* ---- The command -------------------------------------------------------------------------------- */

static int write_page(struct cli *c, struct export *x, struct err *e)
{
    const char *name = args_get(&c->args, "session");
    struct session s;
    int r = reader_session(x->db, name, &s, e);
    if (r > 0)
        return err_set(e, "there is no session %s in %s; spantop stats --by session lists them", name, c->settings.log_path);
    if (r < 0)
        return -1;
    r = page_write(x, &s, e);
    session_done(&s);
    return r;
}

static int write_calls(struct cli *c, struct export *x, const struct export_format *f, const struct filter *filter,
                       const int64_t *ids, struct err *e)
{
    const char *session = args_get(&c->args, "session");
    struct call_query q = {.filter = filter};
    char *session_id = NULL;
    if (c->args.word_count)
        return export_ids(x, f, ids, c->args.word_count, e);
    int r = session ? session_resolve(x->db, session, &session_id, e) : 0;
    q.session_id = session_id;
    if (r == 0)
        r = export_query(x, f, q, e);
    free(session_id);
    return r;
}

static void tell(const struct export *x, const char *path)
{
    if (x->unsearched)
        cli_say("%zu %s took too long to search for what --redact takes out, and stayed out", x->unsearched,
                x->unsearched == 1 ? "body" : "bodies");
    if (x->to)
        printf("%zu %s posted to %s\n", x->calls, x->calls == 1 ? "call" : "calls", x->to_url);
    else if (path)
        cli_say("%zu %s written to %s", x->calls, x->calls == 1 ? "call" : "calls", path);
}

static int write_out(struct cli *c, struct export *x, const struct export_format *f, const struct filter *filter,
                     const int64_t *ids, struct err *e)
{
    const char *path = args_get(&c->args, f ? "output" : "html"), *to = args_get(&c->args, "to");
    char *base = NULL;
    int r = to ? open_collector(x, &c->settings, to, &base, e) : 0;
    if (path && strcmp(path, "-") == 0)
        path = NULL;
    bool overwrites = args_has(&c->args, "force");
    if (r == 0 && path)
        r = open_output(path, overwrites, e);
    if (r == 0) {
        r = f ? write_calls(c, x, f, filter, ids, e) : write_page(c, x, e);
        if (path)
            r = close_output(path, !overwrites, r, e);
    }
    if (r == 0)
        tell(x, path);
    api_client_free(x->to);
    free(base);
    return r;
}

static int export_all(struct cli *c, const struct export_format *f, const struct filter *filter, const int64_t *ids,
                      struct err *e)
{
    const struct settings *s = &c->settings;
    struct export x = {.has_bodies = has_bodies(&c->args, f)};
    char *upstream = gateway_upstream(s);
    x.upstream = upstream;
    buf_init_max(&x.out, (size_t)1 << 30); /* a body of 64 MiB, each byte of it escaped */
    int r = 0;
    if (s->redact && s->redact[0] && !(x.redact = redact_new((const char *const *)s->redact, e)))
        r = -1;
    if (x.redact)
        redact_set_patience(x.redact, REDACT_PATIENCE_US);
    x.db = r == 0 ? db_open(s->log_path, DB_READ, e) : NULL;
    if (x.db)
        r = write_out(c, &x, f, filter, ids, e);
    int status = x.db && r == 0 ? CLI_DONE : CLI_FAILED;
    db_close(x.db);
    redact_free(x.redact);
    buf_done(&x.out);
    free(upstream);
    return status;
}

static int export_run(struct cli *c, struct err *e)
{
    const struct export_format *format;
    if (find_format(&c->args, &format, e) != 0)
        return CLI_USAGE;
    if (c->args.word_count && (args_has(&c->args, "session") || args_has(&c->args, "where") || args_has(&c->args, "since")))
        return cli_usage(e, "either calls by their id, or --session, --where and --since");
    struct filter *filter = find_filter(&c->args, e);
    int64_t *ids = filter ? read_ids(&c->args, e) : NULL;
    int status = ids ? export_all(c, format, filter, ids, e) : CLI_USAGE;
    free(ids);
    filter_free(filter);
    return status;
}

const struct command command_export = {
    .name = "export",
    .is_minor = true,
    .summary = "calls as JSON, CSV, HAR or OpenTelemetry; a session as a page",
    .synopsis = "[--jsonl|--csv|--har|--otlp] [ID…] [-o FILE] …\n"
                "--html FILE --session ID",
    .text = "Oldest first, to stdout. --redact PATTERN takes out what matches, as it does\n"
            "for the log; header values are masked in any case.",
    .example = "spantop export --html session.html --session api-refactor\n"
               "spantop export --otlp --since 1h --to http://localhost:4318/v1/traces",
    .options = options,
    .max_words = 1000,
    .words_are = WORDS_ARE_CALLS,
    .run = export_run,
};
