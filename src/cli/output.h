/* Writing to stdout, which may be a terminal, a file or a pipe.
 *
 * A terminal gets cleaned text cut to its width; a file or a pipe gets it whole.
 * A reader that left (EPIPE) is no failure: out_is_broken() tells long listings
 * to stop, out_finish() ends the program quietly with status 0. */
#ifndef SPANTOP_CLI_OUTPUT_H
#define SPANTOP_CLI_OUTPUT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

bool out_is_terminal(void);
/* Columns of the terminal; 0 when stdout is none. */
int out_columns(void);
int out_rows(void);
/* stdout takes no more; loops over pages end. */
bool out_is_broken(void);
/* Flush; the exit status, status unless stdout could not be written. */
int out_finish(int status);

/* s (any bytes, NULL prints nothing) as text for people: cleaned if stdout is a terminal. */
void out_text(const char *s, size_t len);

/* Prints j and a newline, frees j. */
void out_json(cJSON *j);
/* Members of an object; strings become valid UTF-8, NULL and negative are null. */
void json_add_text(cJSON *object, const char *name, const char *s);
void json_add_count(cJSON *object, const char *name, int64_t n);

/* A Unix ms as local time, "2026-11-22 14:02:31", or with day false the time alone;
 * "–" when unknown. */
#define OUT_TIME_MAX 32
void out_time(char text[OUT_TIME_MAX], int64_t wall_ms, bool day);
const char *out_dash(void); /* unknown */

#endif
