/* Everything comes from the tables that also parse and print help, and from the
 * catalog and the log, so that completion cannot fall behind them.  It must be
 * quick and silent: whatever fails gives no candidates. */
#include "cli/candidates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli/command.h"
#include "log/presets.h"
#include "log/reader.h"
#include "log/routes.h"

#define RECENT 30 /* sessions, calls: what a person might mean */

/* The unfinished line, taken apart. */
struct line {
    const char *partial;
    const struct command *command;  /* NULL: none yet */
    const struct option_spec *open; /* the option whose value is being typed, or NULL */
    const char *log;                /* --log, or NULL */
    const char *first;              /* the command's first own word, or NULL */
    size_t own_words;               /* of the command, before the partial one */
    bool asks_help;                 /* spantop help … */
};

static void offer(const struct line *l, const char *word)
{
    struct buf clean;
    if (!word || strncmp(word, l->partial, strlen(l->partial)) != 0)
        return;
    /* What has to be cleaned could not be typed anyway. */
    buf_init(&clean);
    text_clean(&clean, word, strlen(word), false, false);
    if (strcmp(clean.data, word) == 0)
        printf("%s\n", word);
    buf_done(&clean);
}

static void offer_list(const struct line *l, const char *const *list)
{
    for (; list && *list; list++)
        offer(l, *list);
}

/* --- From the catalog and the log ---------------------------------------------- */

static void offer_models(const struct line *l)
{
    struct catalog *c = cli_catalog();
    for (size_t i = 0; i < catalog_count(c); i++)
        offer(l, catalog_at(c, i)->name);
    catalog_free(c);
}

static void offer_providers(const struct line *l)
{
    struct catalog *c = cli_catalog();
    offer_list(l, catalog_providers(c));
    catalog_free(c);
}

static struct db *open_log(const struct line *l)
{
    struct err ignored;
    struct args none = {.tables = {common_options, NULL}};
    struct arg log = {option_find(common_options, "log", 3), l->log};
    struct settings s;
    struct db *db = NULL;
    if (l->log) {
        none.options = &log;
        none.option_count = 1;
    }
    if (settings_load(&s, &none, &ignored) == 0)
        db = db_open(s.log_path, DB_READ, &ignored);
    settings_done(&s);
    return db;
}

static void offer_sessions(const struct line *l, struct db *db)
{
    struct err ignored;
    struct session_page page;
    if (reader_sessions(db, 0, RECENT, &page, &ignored) != 0)
        return;
    for (size_t i = 0; i < page.count; i++) {
        offer(l, page.sessions[i].session_id);
        offer(l, page.sessions[i].title);
    }
    session_page_done(&page);
}

static void offer_calls(const struct line *l, struct db *db)
{
    struct err ignored;
    struct call_page page;
    struct call_query newest = {.sort = SORT_ID, .descending = true, .limit = RECENT};
    if (reader_calls(db, &newest, &page, &ignored) != 0)
        return;
    for (size_t i = 0; i < page.count; i++) {
        char id[24];
        snprintf(id, sizeof id, "%lld", (long long)page.calls[i].id);
        offer(l, id);
    }
    call_page_done(&page);
}

static void offer_routes(const struct line *l, struct db *db)
{
    struct err ignored;
    struct route_set set;
    if (routes_load(db, &set, &ignored) != 0)
        return;
    for (size_t i = 0; i < set.count; i++) {
        char id[24];
        snprintf(id, sizeof id, "%lld", (long long)set.routes[i].id);
        offer(l, id);
    }
    route_set_done(&set);
}

static void offer_presets(const struct line *l, struct db *db)
{
    struct err ignored;
    struct preset_list list;
    if (presets_load(db, &list, &ignored) != 0)
        return;
    for (size_t i = 0; i < list.count; i++)
        offer(l, list.items[i].name);
    presets_done(&list);
}

static void offer_from_log(const struct line *l, void (*what)(const struct line *, struct db *))
{
    struct db *db = open_log(l);
    if (db)
        what(l, db);
    db_close(db);
}

/* --- Where we are in the line ----------------------------------------------------- */

static const struct option_spec *find_option(const struct command *c, const char *name)
{
    const struct option_spec *o = option_find(common_options, name, strlen(name));
    if (!o && c)
        o = option_find(c->options, name, strlen(name));
    /* Before the command's name any command's option may stand. */
    for (size_t i = 0; !o && !c && commands[i]; i++)
        o = option_find(commands[i]->options, name, strlen(name));
    return o;
}

static void read_line(struct line *l, char *const *words, size_t count)
{
    *l = (struct line){.partial = words[count - 1]};
    for (size_t i = 0; i + 1 < count; i++) {
        const char *word = words[i];
        if (l->open) {
            if (strcmp(l->open->name, "log") == 0)
                l->log = word;
            l->open = NULL;
        } else if (strncmp(word, "--", 2) == 0) {
            const struct option_spec *o = find_option(l->command, word + 2);
            l->open = o && o->value ? o : NULL;
        } else if (!l->command) {
            l->asks_help = strcmp(word, "help") == 0;
            l->command = command_find(word);
            if (!l->command)
                l->command = &command_dashboard; /* nobody's line: no words fit */
        } else {
            l->first = l->own_words++ ? l->first : word;
        }
    }
}

/* --- What fits ------------------------------------------------------------------------ */

static void offer_options(const struct line *l)
{
    const struct option_spec *tables[] = {l->command ? l->command->options : NULL, common_options};
    for (size_t t = 0; t < 2; t++) {
        for (const struct option_spec *o = tables[t]; o && o->name; o++) {
            char name[64];
            snprintf(name, sizeof name, "--%s", o->name);
            if (o->help)
                offer(l, name);
        }
    }
}

static void offer_value(const struct line *l)
{
    static const char *const shells[] = {"bash", "zsh", "fish", "powershell", NULL};
    static const char *const groups[] = {"model", "provider", "session", "day", "purpose", "folder", NULL};
    static const char *const agents[] = {"main", "subagent", "side", NULL};
    static const char *const times[] = {"1h", "1d", "7d", "today", "all", NULL};
    static const char *const caches[] = {"off", "on", "5m", "1h", NULL};
    static const struct {
        const char *option;
        const char *const *list;
    } lists[] = {{"shell", shells}, {"by", groups}, {"agent", agents}, {"since", times}, {"cache", caches}};
    const char *name = l->open->name;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (strcmp(name, lists[i].option) == 0)
            offer_list(l, lists[i].list);
    }
    if (strcmp(name, "session") == 0)
        offer_from_log(l, offer_sessions);
    else if (strcmp(name, "model") == 0 || strcmp(name, "fallback") == 0 || strcmp(name, "for") == 0)
        offer_models(l);
    else if (strcmp(name, "provider") == 0)
        offer_providers(l);
}

static void offer_commands(const struct line *l)
{
    for (size_t i = 0; commands[i]; i++)
        offer(l, commands[i]->name);
    offer(l, "help");
}

static void offer_known(const struct line *l)
{
    switch (l->command->words_are) {
    case WORDS_ARE_CALLS:
        offer_from_log(l, offer_calls);
        break;
    case WORDS_ARE_MODELS:
        offer_models(l);
        break;
    case WORDS_ARE_PROVIDERS:
        offer_providers(l);
        break;
    case WORDS_ARE_FREE:
        break;
    }
}

static void offer_topics(const struct line *l)
{
    static const char *const pages[] = {"options", "gateway", NULL};
    for (size_t i = 0; commands[i]; i++)
        offer(l, commands[i]->name);
    offer_list(l, pages);
}

static void offer_words(const struct line *l)
{
    static const char *const budgets[] = {"call", "session", "day", "month", "rate", NULL};
    const char *name = l->command->name;
    if (strcmp(name, "route") == 0 && l->own_words >= 1 && strcmp(l->first, "add") != 0)
        offer_from_log(l, offer_routes);
    if (strcmp(name, "preset") == 0 && l->own_words == 1)
        offer_from_log(l, offer_presets);
    if (strcmp(name, "budget") == 0 && l->own_words == 1)
        offer_list(l, budgets);
    if (l->own_words == 0)
        offer_list(l, l->command->words);
    if (l->own_words < l->command->max_words)
        offer_known(l);
}

void candidates_print(char *const *words, size_t count)
{
    struct line l;
    if (count == 0)
        return;
    read_line(&l, words, count);
    if (l.command && l.command->stops_at_word && l.own_words > 0)
        return; /* the rest of the line is somebody else's */
    if (l.open)
        offer_value(&l);
    else if (l.partial[0] == '-')
        offer_options(&l);
    else if (l.asks_help && l.own_words == 0)
        offer_topics(&l);
    else if (l.command)
        offer_words(&l);
    else
        offer_commands(&l);
}
