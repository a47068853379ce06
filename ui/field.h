/* A line of text being edited: the cursor stands before the byte `at`, always
 * at the start of a character.  Pure; keys are those of ui/keys.h. */
#ifndef SPANTOP_UI_FIELD_H
#define SPANTOP_UI_FIELD_H

#include <stdbool.h>
#include <stddef.h>

#include "ui/canvas.h"

#define FIELD_MAX 256

struct field {
    char text[FIELD_MAX];
    size_t len;
    size_t at;
};

void field_set(struct field *f, const char *text); /* cursor at the end */
/* Was the key one of editing?  *changed tells whether the text is another now. */
bool field_key(struct field *f, int key, bool *changed);
/* Put text in the place of the bytes from … to, the cursor behind it; false: no room. */
bool field_replace(struct field *f, size_t from, size_t to, const char *text);
/* Draws the text with a cursor, scrolled so that the cursor is seen. */
void field_draw(struct canvas *c, int row, int col, int width, const struct field *f);

#endif
