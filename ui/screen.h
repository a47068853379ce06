/* The terminal: the only part of the dashboard that knows curses.
 * Thread: one; one screen a process. */
#ifndef SPANTOP_UI_SCREEN_H
#define SPANTOP_UI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "ui/canvas.h"

struct screen;

/* ask_width: find out whether ambiguous signs are two columns wide here; the
 * answer comes as a key, KEY_CODE_SIGNS_ARE_WIDE, or not at all. */
struct screen *screen_open(bool color, bool ask_width, struct err *e);
/* Gives the terminal back as it was. */
void screen_close(struct screen *s);
/* The shell's terminal again, for as long as the program is stopped; and back. */
void screen_suspend(struct screen *s);
void screen_resume(struct screen *s);
void screen_size(int *rows, int *cols);
/* Send what differs from what is shown; all_anew: everything. */
void screen_show(struct screen *s, const struct canvas *c, bool all_anew);
/* The next key that waits, or KEY_CODE_NONE.  Never blocks. */
int screen_key(struct screen *s);
/* Wait for a key or until timeout_ms; -1 when the terminal is gone. */
int screen_wait(struct screen *s, int timeout_ms);
void screen_bell(struct screen *s);
/* Put text on the terminal's clipboard (OSC 52). */
void screen_copy(struct screen *s, const char *text);

#endif
