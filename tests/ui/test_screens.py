"""What the dashboard shows: whole screens as they were kept, and what must hold on any."""
import re
import unicodedata

import pytest
from conftest import CLOCK_MS, add_call, add_session, fill, fill_alarms

SIZES = [(120, 36), (80, 24), (60, 16), (40, 10)]
READY = r"live"


def width(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


@pytest.mark.parametrize("columns,rows", SIZES)
def test_live(open_dashboard, log, columns, rows):
    fill(log)
    open_dashboard(columns, rows).see_screen(f"live-{columns}x{rows}", READY)


def test_live_in_ascii(open_dashboard, log):
    fill(log)
    screen = open_dashboard(args=["--no-unicode"])
    screen.see_screen("live-ascii", READY)
    assert screen.text().isascii()


def test_a_locale_that_cannot_gets_ascii(open_dashboard, log):
    fill(log)
    screen = open_dashboard(env={"LC_ALL": "C"})
    screen.wait_text(READY)
    assert screen.text().isascii()


@pytest.mark.parametrize("name,keys,ready", [
    ("calls", ["2"], r"Spend\n\n Calls|spantop +Calls"), ("sessions", ["3"], r"CONTEXT"), ("cache", ["4"], r"Breaks"), ("spend", ["5"], r"tokens in    "),
    ("inspect", ["Up", "Up", "Up", "Enter"], r"Overview"), ("help", ["?"], r"Keys in Live"),
    ("picker", ["Up", "m"], r"Switch model"), ("sort", ["s"], r"Sort by"),
])
@pytest.mark.parametrize("columns,rows", [(120, 36), (80, 24)])
def test_other_screens(open_dashboard, log, name, keys, ready, columns, rows):
    fill(log)
    screen = open_dashboard(columns, rows)
    screen.wait_text(READY)
    screen.keys(*keys)
    screen.see_screen(f"{name}-{columns}x{rows}", ready)


@pytest.mark.parametrize("columns,rows", SIZES)
def test_the_newest_alarm_stands_above_every_view(open_dashboard, log, columns, rows):
    fill(log)
    fill_alarms(log)
    open_dashboard(columns, rows).see_screen(f"alarm-{columns}x{rows}", READY)


@pytest.mark.parametrize("columns,rows,args", [(120, 36, []), (80, 24, []), (60, 16, ["--no-unicode"])])
def test_the_list_of_alarms(open_dashboard, log, columns, rows, args):
    fill(log)
    fill_alarms(log)
    screen = open_dashboard(columns, rows, args)
    screen.wait_text(READY)
    screen.keys("A", "Down", "Down")
    screen.see_screen(f"alarms-{columns}x{rows}", r"WHAT(.*\n)+[>▸]")


@pytest.mark.parametrize("name,keys,ready", [
    ("timeline", ["3", "Down", "Enter"], r"GAP +TOOK"), ("route-form", ["r", "a"], r"New route"),
    ("completion", ["/", "m", "o", "d", "Tab", "Tab"], r"model_asked:"), ("copy", ["Up", "Up", "Up", "y"], r"c curl"),
])
@pytest.mark.parametrize("columns,rows", [(120, 36), (80, 24), (60, 16)])
def test_what_lies_above_a_view(open_dashboard, log, name, keys, ready, columns, rows):
    fill(log)
    screen = open_dashboard(columns, rows)
    screen.wait_text(READY)
    screen.keys(*keys)
    screen.see_screen(f"{name}-{columns}x{rows}", ready)


def test_an_empty_log_greets_with_what_to_type(open_dashboard):
    screen = open_dashboard()
    # A long path goes on in the next line, wherever that cuts it.
    screen.wait(lambda text: re.search(r'eval"\$\(\S*spantop\S*env\)"', re.sub(r"[\s│]", "", text)), 15, "the line to type")
    screen.wait_text(r"(?m)^\W*claude\W*$")
    screen.wait_text(r"spantop demo")


HOSTILE = ["\x1b[2J\x1b[1;1H\x1b[31mevil\x07", "\x9b31mC1 \x85 \x90q", "設計の見直しと日本語の長いタイトル", "🚀👨‍👩‍👧‍👦 family 👍🏽 🇩🇪", "مرحبا بالعالم \u202eabc\u2066",
           "e\u0301" * 20, "a\tb\r\nc", "\u200b\u200d\ufe0f\u2028x", "\U0001f3fb\ufeff", "W" * 300]


@pytest.mark.parametrize("columns,rows", [(120, 36), (80, 24), (60, 16)])
def test_hostile_text_neither_moves_nor_colours_anything(open_dashboard, log, columns, rows):
    for number, text in enumerate(HOSTILE, 1):
        add_session(log, f"h{number}", text, last_at=CLOCK_MS - number)
        add_call(log, number, session_id=f"h{number}", model_asked=text, model_sent=text, provider_served=text,
                 state="error", status=500, error_type=text, error_message=text, route_note=text, cache_break=text)
    screen = open_dashboard(columns, rows)
    screen.wait_text(r"✖ 500")
    for _ in range(len(HOSTILE)):
        screen.keys("Up")
    screen.wait_text(r"▸")
    lines = screen.lines()
    head = next(i for i, line in enumerate(lines) if "TIME" in line)
    cost = lines[head].index("COST") + 4
    calls = [line for line in lines[head + 1:] if "✖ 500" in line]
    assert len(calls) == len(HOSTILE), "\n".join(lines)
    for line in calls:
        assert width(line) == cost, f"the row is {width(line)} columns wide, not {cost}: {line!r}"
    assert lines[0].startswith(" spantop")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]", screen.text())


@pytest.mark.parametrize("args,env", [([], {"NO_COLOR": "1"}), (["--no-color"], {})])
def test_no_color(open_dashboard, log, args, env):
    fill(log)
    screen = open_dashboard(args=args, env=env)
    screen.wait_text(READY)
    screen.keys("Up")
    screen.wait_text(r"▸")
    colors = [code for codes in re.findall(r"\x1b\[([\d;]*)m", screen.styled()) for code in codes.split(";")
              if code and (30 <= int(code) <= 38 or 40 <= int(code) <= 48 or 90 <= int(code) <= 107)]
    assert not colors, f"coloured by {sorted(set(colors))}"
    assert "7" in {c for codes in re.findall(r"\x1b\[([\d;]*)m", screen.styled()) for c in codes.split(";")}, "the selected row must be seen"


def test_colors_leave_the_background_alone(open_dashboard, log):
    fill(log)
    screen = open_dashboard()
    screen.wait_text(READY)
    assert "\x1b[3" in screen.styled()
    assert not re.search(r"\x1b\[(\d+;)*(4[0-7]|48;[25];[\d;]*|10[0-7])m", screen.styled()), "nothing is selected, so nothing has a background"


def test_a_terminal_of_eight_colours(stage, gateway, log, open_dashboard):
    fill(log)
    screen = open_dashboard(env={"TERM": "xterm"})
    screen.see_screen("live-120x36", READY)


def test_every_size_on_the_way(open_dashboard, log):
    fill(log)
    screen = open_dashboard(120, 36)
    screen.wait_text(READY)
    for columns, rows in [(80, 24), (60, 16), (40, 10), (20, 3), (5, 2), (60, 16), (200, 50), (120, 36)]:
        screen.resize(columns, rows)
        if columns >= 60:
            screen.wait_text(r"(?m)^ spantop .*\n(.*\n)*.*Q leave")
        elif columns >= 20:
            screen.wait(lambda text: "spantop" not in text and "live" in text, 10, "one line")
    screen.see_screen("live-120x36", r"Providers")
