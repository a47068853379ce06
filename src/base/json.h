/* Walking JSON in place: where values stand, without building anything.
 *
 * For bytes that must stay exactly as they are.  Strings are skipped by memchr.
 * Nothing here validates more than it needs to find the end of a value; what
 * needs a tree uses cJSON.  All offsets are into the given buffer. */
#ifndef SPANTOP_BASE_JSON_H
#define SPANTOP_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

#define JSON_NONE ((size_t)-1)
#define JSON_DEPTH_MAX 512 /* deeper than any client; bounds hostile nesting */

size_t json_skip_space(const char *s, size_t len, size_t at);
/* Offset just behind the value that starts at `at` (no space before it), or JSON_NONE. */
size_t json_skip_value(const char *s, size_t len, size_t at);
/* Offset just behind the string whose opening quote is at `at`, or JSON_NONE. */
size_t json_skip_string(const char *s, size_t len, size_t at);

/* Iterate the members of the object that starts at `at` ('{').  Duplicate keys
 * are seen each time.
 *   struct json_iter it = json_object(s, len, at);
 *   while (json_next(&it)) … it.key (raw text between the quotes), it.value …
 *   if (it.bad) … broken JSON … */
struct json_iter {
    const char *s;
    size_t len;
    size_t at;
    struct span key;   /* objects only: without quotes, escapes not resolved */
    struct span value;
    bool bad;
    bool is_object;
    bool started;
};
struct json_iter json_object(const char *s, size_t len, size_t at);
struct json_iter json_array(const char *s, size_t len, size_t at);
bool json_next(struct json_iter *it);
/* The two halves of json_next, for who walks into the value himself: the iterator
 * stands at it->at, where the value begins; json_take_value says where it ends
 * (JSON_NONE: it is broken). */
bool json_next_key(struct json_iter *it);
bool json_take_value(struct json_iter *it, size_t end);

/* Member `key` of the object that starts at `at`: the last one wins, as in
 * JavaScript.  false when absent or broken. */
bool json_member(const char *s, size_t len, size_t at, const char *key, struct span *value);
/* Follow a path of object keys separated by '/' from the object at `at`. */
bool json_path(const char *s, size_t len, size_t at, const char *path, struct span *value);

bool json_is_string(const char *s, struct span v);
/* The text of a string value (with its quotes), escapes resolved to UTF-8;
 * lone surrogates become U+FFFD.  Appends to out; -1 when v is no string. */
int json_text(const char *s, struct span v, struct buf *out);
/* An integer value; false for anything else (fractions, overflow, strings). */
bool json_int(const char *s, struct span v, int64_t *n);
bool json_number(const char *s, struct span v, double *n);

/* An object or array that is cut short, ended where it was cut: what is open is closed, a member
 * without a value is null, half an escape or number is left out.  Appends to out; what
 * is neither comes out as it stands. */
void json_complete(const char *s, size_t len, struct buf *out);

/* Append s as a JSON string with quotes; broken UTF-8 becomes U+FFFD. */
void json_quote(struct buf *out, const char *s, size_t len);

#endif
