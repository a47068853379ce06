#include "cli/scope.h"

#include <stdlib.h>
#include <string.h>

#include "anthropic/request.h"
#include "base/buf.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/start.h"
#include "log/reader.h"

#define NAME_LONGEST 128 /* the longest model slugs have about 60 characters */

int session_resolve(struct db *db, const char *name, char **session_id, struct err *e)
{
    struct session s;
    if (!*name)
        return err_set(e, "--session needs a session's id or title");
    int r = reader_session(db, name, &s, e);
    if (r < 0)
        return -1;
    if (r > 0) {
        cli_say("no call of session %s is in the log yet", name);
        *session_id = xstrdup(name);
        return 0;
    }
    *session_id = xstrdup(s.session_id);
    session_done(&s);
    return 0;
}

int scope_check_purpose(const char *purpose, struct err *e)
{
    enum call_purpose p;
    if (strcmp(purpose, "side") != 0 && !purpose_parse(purpose, &p))
        return err_set(e, "--agent is main, subagent or side, not \"%s\"", purpose);
    return 0;
}

char *scope_words(const char *session_id, const char *purpose, const char *model_glob)
{
    struct buf b;
    buf_init(&b);
    if (session_id)
        buf_printf(&b, "session %s", session_id);
    if (purpose)
        buf_printf(&b, "%s%s calls", b.len ? ", " : "", purpose);
    if (model_glob)
        buf_printf(&b, "%sonly %s", b.len ? ", " : "", model_glob);
    if (b.len == 0)
        buf_puts(&b, "every session");
    return buf_take(&b, NULL);
}

int routes_tell_gateway(struct db *db, const char *log_path, struct err *e)
{
    int64_t version;
    if (routes_version(db, &version, e) != 0)
        return -1;
    int r = gateway_await_routes(log_path, version, e);
    if (r == 1)
        cli_say("no gateway runs for this log; it holds once one does");
    return r < 0 ? -1 : 0;
}

char *model_full_name(const char *name)
{
    struct catalog *catalog = cli_catalog();
    const char *full = name;
    const struct model *m = catalog_find(catalog, name);
    for (size_t i = 0; !m && i < catalog_count(catalog); i++) {
        const struct model *one = catalog_at(catalog, i);
        if (one->label && strcmp(one->label, name) == 0)
            m = one;
    }
    if (m && m->label && strcmp(m->label, name) == 0)
        full = m->name;
    if (!m)
        cli_say("%s is not in the catalog (spantop models): its cost will be unknown until Respan tells it", name);
    char *copy = xstrdup(full);
    catalog_free(catalog);
    return copy;
}

int name_check(const char *what, const char *name, struct err *e)
{
    size_t len = strlen(name);
    bool bad = len == 0 || len > NAME_LONGEST;
    for (const char *p = name; !bad && *p; p++)
        bad = (unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || *p == '"' || *p == '\\';
    if (bad)
        return err_set(e, "\"%s\" cannot be a %s: one word of visible ASCII, at most %d characters", name, what,
                       NAME_LONGEST);
    return 0;
}
