#include "anthropic/tool_names.h"

#include <stdlib.h>
#include <string.h>

#include "anthropic/field.h"
#include "base/mem.h"

static int compare(const void *a, const void *b)
{
    const struct tool_name *one = a, *other = b;
    int by_id = strcmp(one->id, other->id);
    return by_id ? by_id : (one->node > other->node) - (one->node < other->node);
}

void tool_names_read(const char *s, const struct content_tree *t, struct tool_names *names)
{
    size_t room = 0;

    *names = (struct tool_names){NULL, 0};
    for (size_t i = 0; i < t->count; i++) {
        struct tool_name n = {.node = i};
        const struct content_node *use = &t->nodes[i];
        if (strncmp(use->label, "tool_use", 8) != 0 || !field_from_member(n.id, sizeof n.id, s, use->at, "id") ||
            !field_from_member(n.name, sizeof n.name, s, use->at, "name"))
            continue;
        if (names->count == room) {
            room = room ? room * 2 : 64;
            names->all = xrealloc(names->all, room * sizeof *names->all);
        }
        names->all[names->count++] = n;
    }
    if (names->count > 1)
        qsort(names->all, names->count, sizeof *names->all, compare);
}

const char *tool_names_find(const struct tool_names *names, const char *id, size_t node)
{
    struct tool_name wanted = {.node = node};
    size_t from = 0, to = names->count;

    strncpy(wanted.id, id, sizeof wanted.id - 1);
    while (from < to) { /* the first that is not before it */
        size_t middle = from + (to - from) / 2;
        if (compare(&names->all[middle], &wanted) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from > 0 && strcmp(names->all[from - 1].id, wanted.id) == 0 ? names->all[from - 1].name : NULL;
}

void tool_names_done(struct tool_names *names)
{
    free(names->all);
    *names = (struct tool_names){NULL, 0};
}
