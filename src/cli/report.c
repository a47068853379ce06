#include "cli/report.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"

static struct check *put(struct report *r, const char *id, enum check_state state, const char *fix, const char *fmt,
                         va_list args) PRINTF_LIKE(5, 0);
static struct check *put(struct report *r, const char *id, enum check_state state, const char *fix, const char *fmt,
                         va_list args)
{
    struct buf message;
    buf_init(&message);
    buf_vprintf(&message, fmt, args);
    r->checks = xrealloc(r->checks, (r->count + 1) * sizeof *r->checks);
    struct check *c = &r->checks[r->count++];
    *c = (struct check){.id = id, .state = state, .message = buf_take(&message, NULL), .fix = xstrdup(fix)};
    return c;
}

void report_ok(struct report *r, const char *id, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    put(r, id, CHECK_OK, NULL, fmt, args);
    va_end(args);
}

struct check *report_add(struct report *r, const char *id, enum check_state state, const char *fix, const char *fmt,
                         ...)
{
    va_list args;
    va_start(args, fmt);
    struct check *c = put(r, id, state, fix, fmt, args);
    va_end(args);
    return c;
}

bool report_has_failed(const struct report *r)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->checks[i].state == CHECK_FAIL)
            return true;
    }
    return false;
}

void report_done(struct report *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->checks[i].message);
        free(r->checks[i].fix);
    }
    free(r->checks);
    *r = (struct report){0};
}

const char *check_state_name(enum check_state s)
{
    return s == CHECK_OK ? "ok" : s == CHECK_WARN ? "warn" : "fail";
}
