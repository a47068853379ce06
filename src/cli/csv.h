/* Cells of CSV as RFC 4180 has them, safe for spreadsheets.
 *
 * A spreadsheet takes a text that begins with = + - @, a tab or a line break for a
 * formula and runs it, quoted or not.  Such a text gets a ' in front, which
 * spreadsheets take for "this is text". */
#ifndef SPANTOP_CLI_CSV_H
#define SPANTOP_CLI_CSV_H

#include "base/buf.h"

/* NULL is an empty cell. */
void csv_put_cell(struct buf *out, const char *text);

#endif
