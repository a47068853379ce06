#include "cli/config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/options.h"

#define CONFIG_MAX ((size_t)1 << 20) /* a config file is a page, not a book */
#define FAULTS_MAX 100               /* more tell nothing new: it is another kind of file */

void config_done(struct config *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->entries[i].name);
        free(c->entries[i].value);
    }
    for (size_t i = 0; i < c->fault_count; i++)
        free(c->faults[i].text);
    free(c->entries);
    free(c->faults);
    free(c->path);
    *c = (struct config){0};
}

char *config_trim(char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    char *end = s + strlen(s);
    while (end > s && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return s;
}

static char *unquote(char *s)
{
    size_t len = strlen(s);
    if (len >= 2 && s[0] == '"' && s[len - 1] == '"') {
        s[len - 1] = '\0';
        return s + 1;
    }
    return s;
}

static void add_fault(struct config *c, unsigned line, const char *what)
{
    if (c->fault_count == FAULTS_MAX)
        return;
    c->faults = xrealloc(c->faults, (c->fault_count + 1) * sizeof *c->faults);
    c->faults[c->fault_count++] = (struct config_fault){line, xasprintf("%s:%u: %s", c->path, line, what)};
}

/* The setting that was probably meant, written key_file or SPANTOP_KEY_FILE, too; or NULL. */
static const char *nearest_setting(const char *name)
{
    char plain[64];
    size_t best = 3; /* two slips of the finger, not a guess */
    const char *near = NULL;
    if (strncmp(name, "SPANTOP_", 8) == 0)
        name += 8;
    snprintf(plain, sizeof plain, "%s", name + strspn(name, "-"));
    for (char *p = plain; *p; p++)
        *p = *p == '_' ? '-' : (char)tolower((unsigned char)*p);
    for (const struct option_spec *o = common_options; o->name; o++) {
        size_t distance = o->example ? words_distance(plain, o->name) : best;
        if (distance < best) {
            best = distance;
            near = o->name;
        }
    }
    return near;
}

/* Only what looks like a name is repeated: the line may be a pasted key. */
static void refuse_name(struct config *c, unsigned line, const char *name)
{
    struct err e;
    const char *near = nearest_setting(name);
    bool is_name =
        strlen(name) < 32 && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") == strlen(name);
    if (near)
        err_set(&e, "there is no setting \"%s\"; did you mean %s?", name, near);
    else if (is_name)
        err_set(&e, "there is no setting \"%s\"; spantop config example lists them", name);
    else
        err_set(&e, "there is no setting of that name; spantop config example lists them");
    add_fault(c, line, e.text);
}

static bool is_setting(const char *name)
{
    const struct option_spec *o = option_find(common_options, name, strlen(name));
    return o && o->example;
}

static void read_line(struct config *c, char *text, unsigned line)
{
    text = config_trim(text);
    if (*text == '\0' || *text == '#')
        return;
    char *equals = strchr(text, '=');
    if (!equals) {
        add_fault(c, line, "expected NAME = VALUE");
        return;
    }
    *equals = '\0';
    char *name = config_trim(text), *value = unquote(config_trim(equals + 1));
    if (!is_setting(name)) {
        refuse_name(c, line, name);
        return;
    }
    c->entries = xrealloc(c->entries, (c->count + 1) * sizeof *c->entries);
    c->entries[c->count++] = (struct config_entry){xstrdup(name), xstrdup(value), line};
}

int config_read(struct config *c, const char *path, struct err *e)
{
    struct buf text;
    *c = (struct config){.path = xstrdup(path)};
    buf_init(&text);
    int r = file_read(path, CONFIG_MAX, &text, e);
    if (r == 0 && strlen(text.data) != text.len)
        r = err_set(e, "%s holds a NUL byte; it is no text file", path);
    unsigned line = 0;
    char *rest = r == 0 && text.len ? text.data : NULL;
    while (rest)
        read_line(c, strsep(&rest, "\n"), ++line);
    buf_done(&text);
    return r;
}

int config_refuse(const struct config *c, struct err *e)
{
    if (c->fault_count == 0)
        return 0;
    return err_set(e, "%s%s", c->faults[0].text, c->fault_count > 1 ? " (spantop config check tells every fault)" : "");
}

const struct config_entry *config_find(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++) {
        if (strcmp(c->entries[i].name, name) == 0)
            return &c->entries[i];
    }
    return NULL;
}
