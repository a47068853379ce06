/* Changing a JSON file that belongs to somebody else: only the bytes that must
 * change do; order, spacing and everything unknown stay as they are. */
#ifndef SPANTOP_CLI_JSON_EDIT_H
#define SPANTOP_CLI_JSON_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

/* Is it one JSON object by the letter of RFC 8259?  -1 names the line and what is
 * wrong there (a comment, a trailing comma, …). */
NODISCARD int json_check_strict(const char *name, const char *s, size_t len, struct err *e);

/* All below take a document that json_check_strict() passed.  object names a member
 * of the top object that is an object itself, or is NULL for the top itself. */

/* Append the text of a string value to out; false when it is missing or no string. */
bool json_edit_get(const struct buf *doc, const char *object, const char *key, struct buf *out);
/* Is there such a member at all? */
bool json_edit_has(const struct buf *doc, const char *object, const char *key);
/* Set object.key to the string value, made where missing, laid out like its
 * neighbours.  -1: what should be an object is none. */
NODISCARD int json_edit_set(struct buf *doc, const char *object, const char *key, const char *value, struct err *e);
/* Take object.key out; the object too if that leaves it empty and drop_empty. */
void json_edit_remove(struct buf *doc, const char *object, const char *key, bool drop_empty);
/* Add a string to, or take it out of, the array object.key (made where missing). */
NODISCARD int json_edit_list_add(struct buf *doc, const char *object, const char *key, const char *item, struct err *e);
void json_edit_list_remove(struct buf *doc, const char *object, const char *key, const char *item);
bool json_edit_list_is_empty(const struct buf *doc, const char *object, const char *key);
bool json_edit_list_has(const struct buf *doc, const char *object, const char *key, const char *item);

#endif
