/* What doctor finds: a list of checks, each with its state and its way out. */
#ifndef SPANTOP_CLI_REPORT_H
#define SPANTOP_CLI_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

enum check_state { CHECK_OK, CHECK_WARN, CHECK_FAIL };

struct check {
    const char *id; /* stable, for scripts */
    enum check_state state;
    char *message;
    char *fix;                /* what to do, the exact command where there is one; NULL: nothing */
    const char *const *mend;  /* the words of the spantop command that --fix runs, or NULL */
};

struct report {
    struct check *checks;
    size_t count;
};

void report_done(struct report *r);
void report_ok(struct report *r, const char *id, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The returned check may get a `mend`; it is lent until the next one is added. */
struct check *report_add(struct report *r, const char *id, enum check_state state, const char *fix, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
bool report_has_failed(const struct report *r);
const char *check_state_name(enum check_state s);

#endif
