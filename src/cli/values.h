/* Values as people write them on a command line or in a config file. */
#ifndef SPANTOP_CLI_VALUES_H
#define SPANTOP_CLI_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

/* Each names what (an option, a line) in its error sentence. */
NODISCARD int value_int(const char *what, const char *text, int64_t min, int64_t max, int64_t *n, struct err *e);
NODISCARD int value_real(const char *what, const char *text, double min, double max, double *n, struct err *e);
/* 1, true, yes, on / 0, false, no, off, "" */
NODISCARD int value_bool(const char *what, const char *text, bool *b, struct err *e);
/* 4096, 512K, 200M, 2G (powers of 1024; a B or iB behind is fine). */
NODISCARD int value_size(const char *what, const char *text, int64_t *bytes, struct err *e);
/* 300ms, 20s, 5m, 1h, 7d, 2w; a number alone counts in default_unit_ms. */
NODISCARD int value_duration(const char *what, const char *text, int64_t default_unit_ms, int64_t *ms, struct err *e);
/* ADDR:PORT or [ADDR]:PORT; the last colon parts them. */
NODISCARD int value_address(const char *what, const char *text, struct err *e);

/* --since: a duration back from now, "today" or "all"; gives Unix ms. */
NODISCARD int value_since(const char *text, int64_t now_ms, int64_t *since_ms, struct err *e);

/* A point in time to come: 18:00 (today's or tomorrow's, local), 2026-11-30,
 * "2026-11-30 18:00", or ISO 8601 with a zone; gives Unix ms. */
NODISCARD int value_until(const char *what, const char *text, int64_t now_ms, int64_t *until_ms, struct err *e);

/* s in single quotes, for a POSIX shell. */
void shell_quote(struct buf *out, const char *s);
/* s as one word of a POSIX shell, quoted only where it needs to be. */
void shell_word(struct buf *out, const char *s);

#endif
