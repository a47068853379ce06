/* A list of HTTP headers: order, case and duplicates as received.
 *
 * Memory: owns its text; names and values are lent until the list changes, each
 *         followed by a NUL (and none inside: guard.c refuses such requests).
 * Bound:  HEADERS_TEXT_MAX bytes and HEADERS_MAX entries; beyond, adding fails. */
#ifndef SPANTOP_GATEWAY_HEADERS_H
#define SPANTOP_GATEWAY_HEADERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

#define HEADERS_MAX      1024
#define HEADERS_TEXT_MAX ((size_t)512 << 10) /* an upstream's; a client's end at 64 KiB */

struct header {
    struct span name; /* into text */
    struct span value;
};

struct headers {
    struct buf text;
    struct header *items;
    size_t count;
    size_t cap;
};

void headers_init(struct headers *h);
void headers_done(struct headers *h);
void headers_reset(struct headers *h); /* empty; keeps its memory */

int headers_add(struct headers *h, const char *name, size_t name_len, const char *value, size_t value_len);
/* The same for C strings. */
int headers_put(struct headers *h, const char *name, const char *value);
/* One header of this name with this value: the first keeps its place, others go,
 * and if there is none it is added at the end. */
int headers_replace(struct headers *h, const char *name, const char *value);
/* Take out every header of this name. */
void headers_remove(struct headers *h, const char *name);

static inline const char *headers_name(const struct headers *h, size_t i) { return h->text.data + h->items[i].name.off; }
static inline const char *headers_value(const struct headers *h, size_t i) { return h->text.data + h->items[i].value.off; }
#define HEADERS_NONE ((size_t)-1)
/* Index of the first header of this name at or after from, or HEADERS_NONE. */
size_t headers_find(const struct headers *h, const char *name, size_t from);
/* The first value of this name, or NULL. */
const char *headers_get(const struct headers *h, const char *name);
size_t headers_count(const struct headers *h, const char *name);

/* Does a comma list (all headers of this name) hold this token? */
bool headers_has_token(const struct headers *h, const char *name, const char *token);
/* Is header i for this connection only: the fixed ones, and those that Connection names? */
bool headers_is_hop(const struct headers *h, size_t i);
/* Append a copy of all end-to-end headers of from. */
int headers_copy_end_to_end(struct headers *to, const struct headers *from);

/* For the log: a JSON array of [name, value].  Values of headers that are not
 * known to be harmless are masked, so no key of any name gets through. */
char *headers_to_json(const struct headers *h); /* caller frees */

#endif
