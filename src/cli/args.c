#include "cli/args.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define WORD_MAX 64 /* longer words are nobody's misspelling */

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

size_t words_distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    size_t a_len = strlen(a), b_len = strlen(b);
    if (a_len > WORD_MAX || b_len > WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_len; j++)
        last[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < now[j])
                now[j] = before[j - 2] + 1;
        }
        size_t *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[b_len];
}

const struct option_spec *option_find(const struct option_spec *table, const char *name, size_t len)
{
    for (; table && table->name; table++) {
        if (strlen(table->name) == len && memcmp(table->name, name, len) == 0)
            return table;
    }
    return NULL;
}

static const struct option_spec *find_in_two(const struct args *a, const char *name, size_t len)
{
    const struct option_spec *spec = option_find(a->tables[0], name, len);
    return spec ? spec : option_find(a->tables[1], name, len);
}

static const char *long_name_of(const char *arg)
{
    if (strcmp(arg, "-h") == 0)
        return "help";
    if (strcmp(arg, "-V") == 0)
        return "version";
    if (strcmp(arg, "-o") == 0)
        return "output";
    return strncmp(arg, "--", 2) == 0 && arg[2] ? arg + 2 : NULL;
}

int args_find_command(int argc, char **argv, const struct option_spec *const *tables)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0)
            return i + 1 < argc ? i + 1 : 0;
        const char *name = long_name_of(argv[i]);
        if (!name)
            return i;
        size_t len = strcspn(name, "=");
        for (size_t t = 0; tables[t] && name[len] != '='; t++) {
            const struct option_spec *spec = option_find(tables[t], name, len);
            if (!spec)
                continue;
            i += spec->value != NULL;
            break;
        }
    }
    return 0;
}

static int refuse_unknown(const struct args *a, const char *name, size_t len, struct err *e)
{
    char *word = xstrndup(name, len);
    const char *near = NULL;
    size_t best = 3; /* two slips of the finger, not a guess */
    for (size_t t = 0; t < 2; t++) {
        for (const struct option_spec *s = a->tables[t]; s && s->name; s++) {
            size_t distance = words_distance(word, s->name);
            if (distance < best) {
                best = distance;
                near = s->name;
            }
        }
    }
    if (near)
        err_set(e, "there is no option --%s; did you mean --%s?", word, near);
    else
        err_set(e, "there is no option --%s here", word);
    free(word);
    return -1;
}

static void add_option(struct args *a, const struct option_spec *spec, const char *value)
{
    a->options = xrealloc(a->options, (a->option_count + 1) * sizeof *a->options);
    a->options[a->option_count++] = (struct arg){spec, value};
}

/* One option at argv[*i]; moves *i over its value. */
static int take_option(struct args *a, int argc, char **argv, int command_at, int *i, const char *name, struct err *e)
{
    size_t len = strcspn(name, "=");
    const struct option_spec *spec = find_in_two(a, name, len);
    if (!spec)
        return refuse_unknown(a, name, len, e);
    if (!spec->value) {
        if (name[len] == '=')
            return err_set(e, "--%s takes no value", spec->name);
        add_option(a, spec, "");
        return 0;
    }
    if (name[len] == '=') {
        add_option(a, spec, name + len + 1);
        return 0;
    }
    if (*i + 1 >= argc || *i + 1 == command_at)
        return err_set(e, "--%s needs a value: --%s %s", spec->name, spec->name, spec->value);
    add_option(a, spec, argv[++*i]);
    return 0;
}

int args_parse(struct args *a, int argc, char **argv, int command_at, bool stops_at_word,
               const struct option_spec *common, const struct option_spec *own, struct err *e)
{
    *a = (struct args){.tables = {common, own}};
    a->words = xcalloc((size_t)argc + 1, sizeof *a->words);
    bool only_words = false;
    for (int i = 1; i < argc; i++) {
        if (i == command_at)
            continue;
        const char *name = only_words ? NULL : long_name_of(argv[i]);
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (name) {
            if (take_option(a, argc, argv, command_at, &i, name, e) != 0)
                return -1;
        } else if (!only_words && argv[i][0] == '-' && argv[i][1]) {
            return err_set(e, "there is no option %s; options are written out, as in --help", argv[i]);
        } else {
            a->words[a->word_count++] = argv[i];
            only_words = only_words || (stops_at_word && i > command_at);
        }
    }
    return 0;
}

void args_done(struct args *a)
{
    free(a->options);
    free(a->words);
    *a = (struct args){0};
}

const char *args_get(const struct args *a, const char *name)
{
    if (!find_in_two(a, name, strlen(name))) {
        fprintf(stderr, "spantop: no table has the option %s\n", name);
        abort(); /* a misspelt look-up in our own code would read as "not given" for ever */
    }
    for (size_t i = a->option_count; i-- > 0;) {
        if (strcmp(a->options[i].spec->name, name) == 0)
            return a->options[i].value;
    }
    return NULL;
}

bool args_has(const struct args *a, const char *name)
{
    return args_get(a, name) != NULL;
}
