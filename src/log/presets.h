/* Presets: named sets of routes, used one at a time.
 *
 * Using one replaces the enabled routes by its own in one transaction; what was
 * enabled before the first stays in the table, disabled, and preset_off() brings
 * exactly that back.  Each step can also be taken back by routes_undo().  Routes
 * that a preset put there carry its name in `preset` and go with it.
 *
 * Routes that end at a time of their own are not saved: they would be over. */
#ifndef SPANTOP_LOG_PRESETS_H
#define SPANTOP_LOG_PRESETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/db.h"

#define PRESET_NAME_MAX 40

struct preset {
    char *name;
    int64_t routes; /* how many */
    int64_t saved_at;
    bool is_used;   /* now */
};
struct preset_list {
    struct preset *items; /* by name */
    size_t count;
};

NODISCARD int presets_load(struct db *db, struct preset_list *list, struct err *e);
void presets_done(struct preset_list *list);
/* Its name, or NULL; caller frees. */
char *preset_used(struct db *db);

/* The routes that hold now, under this name; replaces one that has it.  *count: how many (may be NULL). */
NODISCARD int preset_save(struct db *db, const char *name, int64_t *count, struct err *e);
NODISCARD int preset_use(struct db *db, const char *name, struct err *e);
/* 1: none is used. */
NODISCARD int preset_off(struct db *db, struct err *e);
/* The next by name; behind the last one none.  *now: what is used then (NULL: none); caller frees.
 * 1: there are no presets. */
NODISCARD int preset_cycle(struct db *db, char **now, struct err *e);
/* The routes stay if it is in use. */
NODISCARD int preset_delete(struct db *db, const char *name, struct err *e);

#endif
