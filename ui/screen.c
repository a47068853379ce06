/* Colours are chosen to read on a dark and on a light background alike: with
 * 256 colours tones of middle brightness (4:1 or more against black and white),
 * with 8 or 16 only those of the terminal's own that read on both (cyan and
 * yellow vanish on white, blue on black); the default background is kept.
 *
 * ncurses compares cells itself and sends the least; here only rows that
 * changed are handed to it, so that an idle screen costs nothing. */
#include "ui/screen.h"

#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/mem.h"
#include "ui/keys.h"

struct screen {
    bool color;
    struct canvas shown;
    bool waits_for_width; /* asked, not answered yet */
    attr_t attrs[INK_COUNT_];
};

static const struct {
    short fg256, bg256, fg16, bg16;
    attr_t attr;       /* with colours */
    attr_t attr_plain; /* without */
} inks[INK_COUNT_] = {
    [INK_PLAIN] = {-1, -1, -1, -1, A_NORMAL, A_NORMAL},
    [INK_DIM] = {244, -1, -1, -1, A_NORMAL, A_NORMAL},
    [INK_ACCENT] = {32, -1, -1, -1, A_NORMAL, A_NORMAL},
    [INK_GOOD] = {35, -1, COLOR_GREEN, -1, A_NORMAL, A_NORMAL},
    [INK_WARN] = {172, -1, -1, -1, A_NORMAL, A_NORMAL},
    [INK_BAD] = {167, -1, COLOR_RED, -1, A_NORMAL, A_BOLD},
    [INK_SWITCHED] = {134, -1, COLOR_MAGENTA, -1, A_NORMAL, A_NORMAL},
    [INK_SELECTED] = {231, 25, COLOR_WHITE, COLOR_BLUE, A_BOLD, A_REVERSE},
    [INK_ALERT] = {231, 124, COLOR_WHITE, COLOR_RED, A_BOLD, A_REVERSE | A_BOLD},
    [INK_LABEL] = {16, 214, COLOR_BLACK, COLOR_YELLOW, A_BOLD, A_REVERSE | A_BOLD},
};

static void make_inks(struct screen *s)
{
    for (int i = 0; i < INK_COUNT_; i++) {
        if (!s->color) {
            s->attrs[i] = inks[i].attr_plain;
            continue;
        }
        bool rich = COLORS >= 256;
        short fg = rich ? inks[i].fg256 : inks[i].fg16, bg = rich ? inks[i].bg256 : inks[i].bg16;
        s->attrs[i] = inks[i].attr;
        if (fg < 0 && bg < 0)
            s->attrs[i] |= i == INK_DIM ? A_DIM : 0;
        else if (init_pair((short)(i + 1), fg, bg) == OK)
            s->attrs[i] |= COLOR_PAIR(i + 1);
    }
}

static void write_all(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDOUT_FILENO, bytes, len);
        if (n < 0 && errno != EINTR)
            return;
        bytes += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
}

/* Whether a block is one or two columns wide is the terminal's own setting
 * (xterm -cjk_width, iTerm2, and others), which no terminfo tells.  So draw one in
 * the corner and ask where the cursor went.  The two possible answers are
 * declared as keys: nothing waits for them, and one that comes late over a slow
 * line does no harm.  (CSI 1;2R is also Shift-F3, which means nothing here.) */
#define KEY_SIGN_IS_NARROW (KEY_MAX + 1)
#define KEY_SIGN_IS_WIDE   (KEY_MAX + 2)

static void ask_sign_width(struct screen *s)
{
    static const char question[] = "\033[1;1H\xe2\x96\x88\033[6n\033[1;1H\033[K";
    if (define_key("\033[1;2R", KEY_SIGN_IS_NARROW) != OK || define_key("\033[1;3R", KEY_SIGN_IS_WIDE) != OK)
        return;
    refresh(); /* the alternate screen first */
    write_all(question, sizeof(question) - 1);
    s->waits_for_width = true;
    clear();
}

/* curses ignores SIGTSTP while it sends a screen, so that a Ctrl-Z pressed in that
 * moment would be lost: it is to come as a key. */
static void take_suspend_as_key(void)
{
    struct termios modes;
    if (tcgetattr(STDIN_FILENO, &modes) != 0)
        return;
    modes.c_cc[VSUSP] = _POSIX_VDISABLE;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &modes) == 0)
        def_prog_mode();
}

struct screen *screen_open(bool color, bool ask_width, struct err *e)
{
    struct screen *s = NULL;
    set_escdelay(25); /* ms: a lone Esc must not feel slow, and keys over ssh stay whole */
    if (!newterm(NULL, stdout, stdin)) {
        err_set(e, "The terminal type '%s' is not known here; set TERM to one that is (xterm-256color).",
                getenv("TERM") ? getenv("TERM") : "");
        return NULL;
    }
    s = xcalloc(1, sizeof(*s));
    cbreak();
    noecho();
    nonl();
    intrflush(stdscr, FALSE);
    take_suspend_as_key();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    curs_set(0);
    s->color = color && has_colors();
    if (s->color) {
        start_color();
        use_default_colors();
    }
    make_inks(s);
    if (ask_width)
        ask_sign_width(s);
    return s;
}

#define ANSWER_WAIT_MS 200

/* Who leaves at once must not find the answer typed at the shell's prompt. */
static void await_width(struct screen *s)
{
    while (s->waits_for_width && screen_wait(s, ANSWER_WAIT_MS) == 0)
        if (screen_key(s) == KEY_CODE_NONE)
            break;
}

void screen_close(struct screen *s)
{
    if (!s)
        return;
    await_width(s);
    endwin();
    canvas_done(&s->shown);
    free(s);
}

void screen_suspend(struct screen *s)
{
    (void)s;
    endwin();
}

/* Who is stopped is not told that the window was resized, and the shell may have
 * changed the modes that it wants to have back. */
void screen_resume(struct screen *s)
{
    (void)s;
    struct winsize now;
    def_shell_mode();
    reset_prog_mode();
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) == 0 && now.ws_row > 0 && now.ws_col > 0 &&
        is_term_resized(now.ws_row, now.ws_col))
        resizeterm(now.ws_row, now.ws_col);
    refresh();
}

void screen_size(int *rows, int *cols)
{
    getmaxyx(stdscr, *rows, *cols);
}

/* ---- Out ----------------------------------------------------------------- */

static attr_t attr_of(const struct screen *s, unsigned style)
{
    unsigned ink = style & STYLE_INK;
    attr_t attr = s->attrs[ink < INK_COUNT_ ? ink : INK_PLAIN];
    attr |= style & STYLE_BOLD ? A_BOLD : 0;
    attr |= style & STYLE_UNDERLINE ? A_UNDERLINE : 0;
    return attr;
}

static void show_row(struct screen *s, const struct canvas *c, int row)
{
    char run[1024];
    for (int col = 0; col < c->cols;) {
        int from = col;
        size_t len = 0;
        unsigned style = canvas_at(c, row, col)->style;
        for (; col < c->cols && len + CELL_TEXT_MAX < sizeof(run); col++) {
            const struct cell *cell = canvas_at(c, row, col);
            if (cell->style != style && cell->width > 0)
                break;
            memcpy(run + len, cell->text, cell->len);
            len += cell->len;
        }
        attrset((int)attr_of(s, style));
        mvaddnstr(row, from, run, (int)len);
    }
}

void screen_show(struct screen *s, const struct canvas *c, bool all_anew)
{
    bool is_other = s->shown.rows != c->rows || s->shown.cols != c->cols;
    size_t row_bytes = (size_t)c->cols * sizeof(struct cell);
    bool any = false;
    if (is_other || all_anew) {
        canvas_done(&s->shown);
        canvas_init(&s->shown, c->rows, c->cols);
        clear();
    }
    for (int row = 0; row < c->rows; row++) {
        struct cell *old = canvas_at(&s->shown, row, 0);
        const struct cell *new = canvas_at(c, row, 0);
        if (!is_other && !all_anew && memcmp(old, new, row_bytes) == 0)
            continue;
        show_row(s, c, row);
        memcpy(old, new, row_bytes);
        any = true;
    }
    if (any)
        refresh();
}

void screen_bell(struct screen *s)
{
    (void)s;
    write_all("\a", 1);
}

void screen_copy(struct screen *s, const char *text)
{
    (void)s;
    char *code = encode_base64(text, strlen(text));
    char *all = xasprintf("\033]52;c;%s\a", code);
    write_all(all, strlen(all));
    free(all);
    free(code);
}

/* ---- In ------------------------------------------------------------------ */

static int special_key(wint_t key)
{
    switch (key) {
    case KEY_UP:
        return KEY_CODE_UP;
    case KEY_DOWN:
        return KEY_CODE_DOWN;
    case KEY_LEFT:
        return KEY_CODE_LEFT;
    case KEY_RIGHT:
        return KEY_CODE_RIGHT;
    case KEY_PPAGE:
        return KEY_CODE_PAGE_UP;
    case KEY_NPAGE:
        return KEY_CODE_PAGE_DOWN;
    case KEY_HOME:
        return KEY_CODE_HOME;
    case KEY_END:
        return KEY_CODE_END;
    case KEY_BACKSPACE:
        return KEY_CODE_BACKSPACE;
    case KEY_DC:
        return KEY_CODE_DELETE;
    case KEY_BTAB:
        return KEY_CODE_BACK_TAB;
    case KEY_ENTER:
        return KEY_CODE_ENTER;
    case KEY_RESIZE:
        return KEY_CODE_RESIZE;
    case KEY_SIGN_IS_WIDE:
        return KEY_CODE_SIGNS_ARE_WIDE;
    default:
        return KEY_CODE_NOTHING;
    }
}

int screen_key(struct screen *s)
{
    wint_t key = 0;
    int rc = get_wch(&key);
    if (rc == KEY_CODE_YES && (key == KEY_SIGN_IS_WIDE || key == KEY_SIGN_IS_NARROW))
        s->waits_for_width = false;
    if (rc == KEY_CODE_YES)
        return special_key(key);
    if (rc == ERR)
        return KEY_CODE_NONE;
    if (key == '\n' || key == '\r')
        return KEY_CODE_ENTER;
    if (key == 127 || key == 8)
        return KEY_CODE_BACKSPACE;
    return key > 0 ? (int)key : KEY_CODE_NOTHING;
}

int screen_wait(struct screen *s, int timeout_ms)
{
    (void)s;
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    int rc = poll(&in, 1, timeout_ms);
    if (rc > 0 && (in.revents & (POLLHUP | POLLERR | POLLNVAL)))
        return -1;
    return 0;
}
