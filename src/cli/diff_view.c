/*   = 5 tools, 3 system blocks, 2 of 4 messages, 6 parameters
 *   ~ tool Bash
 *       description: Runs a command.
 *     -   Quotes matter.
 *   + message[2] (assistant), 1.2 KB
 *     + role: assistant */
#include "cli/diff_view.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/output.h"
#include "log/diff.h"

#define LINE_MAX_BYTES ((size_t)2000) /* a picture is one line of a megabyte */

static void print_line(const struct diff_line *line)
{
    char cut[48] = "";
    struct buf clean;
    size_t len = line->text.len;
    if (line->mark == '@') {
        puts("    ...");
        return;
    }
    if (len > LINE_MAX_BYTES) {
        len = LINE_MAX_BYTES;
        while (len > 0 && ((unsigned char)line->text.data[len] & 0xc0) == 0x80)
            len--;
        snprintf(cut, sizeof cut, " ... (%zu bytes)", line->text.len);
    }
    buf_init(&clean);
    text_clean(&clean, line->text.data, len, false, false);
    printf("  %c %s%s\n", line->mark, clean.data, cut);
    buf_done(&clean);
}

static void print_lines(struct bytes before, struct bytes after, const struct diff_element *el)
{
    struct diff_lines l;
    diff_element_lines(before, after, el, &l);
    for (size_t i = 0; i < l.count && !out_is_broken(); i++)
        print_line(&l.lines[i]);
    diff_lines_done(&l);
}

static void print_element(struct bytes before, struct bytes after, const struct diff_element *el)
{
    static const char marks[] = {[DIFF_CHANGED] = '~', [DIFF_ADDED] = '+', [DIFF_REMOVED] = '-', [DIFF_MOVED] = '>'};
    char size[TEXT_SHORT_MAX];
    bool is_gone = el->change == DIFF_REMOVED;
    text_bytes(size, (int64_t)(is_gone ? el->before.len : el->after.len));
    printf("%c %s, %s%s\n", marks[el->change], el->label, size, el->change == DIFF_MOVED ? ", at another place" : "");
    if (el->change != DIFF_REMOVED)
        print_lines(before, after, el);
}

static void print_same(const struct diff *d)
{
    static const char *const names[DIFF_PARTS] = {"parameters", "tools", "system blocks", "messages"};
    static const enum diff_part order[] = {DIFF_TOOLS, DIFF_SYSTEM, DIFF_MESSAGES, DIFF_PARAMS};
    const char *before = "= ";
    for (size_t n = 0; n < sizeof order / sizeof *order; n++) {
        size_t all = 0;
        size_t same = 0;
        for (size_t i = 0; i < d->count; i++) {
            all += d->elements[i].part == order[n] && d->elements[i].change != DIFF_REMOVED;
            same += d->elements[i].part == order[n] && d->elements[i].change == DIFF_SAME;
        }
        if (all == 0)
            continue;
        fputs(before, stdout);
        if (same < all)
            printf("%zu of ", same);
        printf("%zu %s", all, names[order[n]]);
        before = ", ";
    }
    putchar('\n');
}

static void print_marks(const struct diff *d)
{
    bool is_first = true;
    for (size_t i = 0; i < d->count; i++) {
        const struct diff_element *el = &d->elements[i];
        if (el->had_mark == el->has_mark)
            continue;
        printf("%s%s %s", is_first ? "breakpoints: " : ", ", el->has_mark ? "now at" : "no longer at", el->label);
        is_first = false;
    }
    if (!is_first)
        putchar('\n');
}

void diff_view_print(struct bytes before, struct bytes after)
{
    struct diff d;
    diff_requests(before, after, &d);
    print_same(&d);
    print_marks(&d);
    for (size_t i = 0; i < d.count && !out_is_broken(); i++)
        if (d.elements[i].change != DIFF_SAME)
            print_element(before, after, &d.elements[i]);
    diff_done(&d);
}

void diff_view_print_texts(struct bytes before, struct bytes after)
{
    struct diff_element whole = {.change = DIFF_CHANGED, .before = {0, before.len}, .after = {0, after.len}};
    print_lines(before, after, &whole);
}
