/* Small steps on JSON in place: members and their texts.
 *
 * An object, a key or a value is a span of s, as the walker in base/json.h gives
 * them; one of length 0 is absent and has no members.
 *
 * Names, ids and messages are kept in arrays with a bound; what does not fit is
 * cut at a character, so a field is always NUL-terminated and never ends in
 * half a UTF-8 sequence.  A NUL in the text ends the field. */
#ifndef SPANTOP_ANTHROPIC_FIELD_H
#define SPANTOP_ANTHROPIC_FIELD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

/* Offset just behind a span. */
static inline size_t field_end(struct span v)
{
    return v.off + v.len;
}

static inline bool field_begins(const char *s, struct span v, char c)
{
    return v.len > 0 && s[v.off] == c;
}

/* Member `key` of the object; false when absent. */
bool field_member(const char *s, struct span object, const char *key, struct span *v);

/* Copy len bytes of text, as many whole characters as fit. */
void field_copy(char *field, size_t size, const char *text, size_t len);
/* The text of the JSON string v of s, escapes resolved.  false, and the field
 * is left alone, when v is no string. */
bool field_from_json(char *field, size_t size, const char *s, struct span v);
/* The same for member `key` of the object v of s. */
bool field_from_member(char *field, size_t size, const char *s, struct span v, const char *key);
/* Is the raw JSON key or the text of the string value exactly this word?
 * Escapes are resolved when there are any. */
bool field_key_is(const char *s, struct span key, const char *word);
bool field_value_is(const char *s, struct span v, const char *word);

#endif
