#include "cli/config_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/options.h"
#include "log/redact.h"

static void add(struct config_check *check, unsigned line, bool is_warning, char *text)
{
    check->findings = xrealloc(check->findings, (check->count + 1) * sizeof *check->findings);
    check->findings[check->count++] = (struct config_finding){line, is_warning, text};
    check->faults += !is_warning;
}

void config_check_done(struct config_check *check)
{
    for (size_t i = 0; i < check->count; i++)
        free(check->findings[i].text);
    free(check->findings);
    *check = (struct config_check){0};
}

/* Whoever may write the file may send the key elsewhere. */
static void check_file_mode(struct config_check *check, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return;
    if (st.st_uid != geteuid() && st.st_uid != 0)
        add(check, 0, true,
            xasprintf("%s: warning: it belongs to somebody else, who can send your key elsewhere", path));
    else if (st.st_mode & 022)
        add(check, 0, true,
            xasprintf("%s: warning: others can write to it and send your key elsewhere; chmod go-w it", path));
}

static void check_key_file(struct config_check *check, const struct config *c, const struct config_entry *entry,
                           const char *key_file)
{
    struct err e = {""};
    char *key = NULL;
    if (settings_read_key(key_file, &key, &e) != 0)
        add(check, entry->line, false, xasprintf("%s:%u: key-file: %s", c->path, entry->line, e.text));
    else if (settings_key_is_open(key_file))
        add(check, entry->line, true,
            xasprintf("%s:%u: warning: others on this machine can read the key; chmod 600 %s", c->path, entry->line,
                      key_file));
    key_free(key);
}

static void check_ca_file(struct config_check *check, const struct config *c, const struct config_entry *entry,
                          const char *ca_file)
{
    if (access(ca_file, R_OK) != 0)
        add(check, entry->line, false,
            xasprintf("%s:%u: ca-file: cannot open %s: %s", c->path, entry->line, ca_file, strerror(errno)));
}

static void check_pattern(struct config_check *check, const struct config *c, const struct config_entry *entry)
{
    struct err e = {""};
    const char *const patterns[] = {entry->value, NULL};
    struct redact *r = redact_new(patterns, &e);
    if (!r)
        add(check, entry->line, false, xasprintf("%s:%u: redact: %s", c->path, entry->line, e.text));
    redact_free(r);
}

static void check_repeated(struct config_check *check, const struct config *c, const struct config_entry *entry)
{
    const struct config_entry *first = config_find(c, entry->name);
    if (first != entry && strcmp(entry->name, "redact") != 0)
        add(check, entry->line, true,
            xasprintf("%s:%u: warning: %s stands in line %u already, which counts", c->path, entry->line, entry->name,
                      first->line));
}

/* Settings made of this one line: whatever refuses a value there refuses it here. */
static void check_entry(struct config_check *check, const struct config *c, struct config_entry *entry)
{
    const struct args none = {.tables = {common_options, NULL}};
    const struct sources one = {
        .args = &none, .config = {.path = c->path, .entries = entry, .count = 1}, .ignores_environment = true};
    struct settings s;
    struct err e = {""};
    if (settings_from(&s, &one, &e) != 0) {
        add(check, entry->line, false, xstrdup(e.text));
    } else {
        if (s.key_file)
            check_key_file(check, c, entry, s.key_file);
        if (s.ca_file)
            check_ca_file(check, c, entry, s.ca_file);
        if (s.redact)
            check_pattern(check, c, entry);
    }
    settings_done(&s);
    check_repeated(check, c, entry);
}

static int by_line(const void *a, const void *b)
{
    const struct config_finding *x = a, *y = b;
    return (x->line > y->line) - (x->line < y->line);
}

int config_check_file(struct config_check *check, const char *path, struct err *e)
{
    struct config c;
    *check = (struct config_check){0};
    int r = config_read(&c, path, e);
    if (r == 0) {
        check_file_mode(check, path);
        for (size_t i = 0; i < c.fault_count; i++)
            add(check, c.faults[i].line, false, xstrdup(c.faults[i].text));
        for (size_t i = 0; i < c.count; i++)
            check_entry(check, &c, &c.entries[i]);
        check->settings = c.count;
        if (check->count)
            qsort(check->findings, check->count, sizeof *check->findings, by_line);
    }
    config_done(&c);
    return r;
}
