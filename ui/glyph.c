#include "ui/glyph.h"

static const struct glyphs unicode_set = {
    .dot = "●",
    .cross = "✖",
    .warn = "▲",
    .check = "✓",
    .arrow = "→",
    .pointer = "▸",
    .folded = "▸",
    .unfolded = "▾",
    .down = "▾",
    .up = "▴",
    .middle = "·",
    .ellipsis = "…",
    .dash = "–",
    .hline = "─",
    .vline = "│",
    .top_left = "╭",
    .top_right = "╮",
    .bottom_left = "╰",
    .bottom_right = "╯",
    .bar = {" ", "╸", "╸", "╸", "╸", "╸", "╸", "╸", "━"}, /* rows above each other stay apart */
    .bar_rest = "─",
    .spark = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
    .mark_on = "●",
    .mark_off = "○",
    .spin = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧"},
};

static const struct glyphs ascii_set = {
    .dot = "*",
    .cross = "x",
    .warn = "!",
    .check = "+",
    .arrow = ">",
    .pointer = ">",
    .folded = "+",
    .unfolded = "-",
    .down = "v",
    .up = "^",
    .middle = "-",
    .ellipsis = "~",
    .dash = "-",
    .hline = "-",
    .vline = "|",
    .top_left = "+",
    .top_right = "+",
    .bottom_left = "+",
    .bottom_right = "+",
    .bar = {" ", "#", "#", "#", "#", "#", "#", "#", "#"},
    .bar_rest = ".",
    .spark = {" ", ".", ".", ":", ":", "|", "|", "#", "#"},
    .mark_on = "*",
    .mark_off = "o",
    .spin = {"|", "/", "-", "\\", "|", "/", "-", "\\"},
};

static const struct glyphs *in_force = &unicode_set;
static bool keeps_wide;

void glyph_use_ascii(bool ascii)
{
    in_force = ascii ? &ascii_set : &unicode_set;
    keeps_wide = false;
}

void glyph_use_ascii_and_wide(void)
{
    in_force = &ascii_set;
    keeps_wide = true;
}

bool glyph_keeps_wide(void)
{
    return keeps_wide;
}

bool glyph_is_ascii(void)
{
    return in_force == &ascii_set;
}

const struct glyphs *glyphs(void)
{
    return in_force;
}

const char *glyph_spinner(int64_t now_ms)
{
    return in_force->spin[(now_ms / 125) % 8];
}
