"""spantop report: the page has the figures, stands for itself, and shows its charts in a real browser."""
import os
import re
import xml.etree.ElementTree as tree

import pytest
from browser import browse


def fill(gateway):
    for number, model in enumerate(["claude-opus-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-4-5-20251001"]):
        body = {"model": model, "max_tokens": 99, "messages": [{"role": "user", "content": "[[sim words 40]]" + "x" * 4000 * number}]}
        assert gateway.messages(body, [("X-Claude-Code-Session-Id", "s1")]).status == 200
    gateway.log.wait_calls(4)
    gateway.log.execute("UPDATE session SET title = ? WHERE session_id = 's1'", "<script>alert(1)</script> & \"so\"")


def page_of(stage, gateway):
    path = stage.folder / "spent.html"
    done = stage.run("report", "--html", path, "--log", gateway.log.path)
    assert done.returncode == 0 and "written" in done.stdout, done
    assert os.stat(path).st_mode & 0o777 == 0o600
    return path


def test_page_stands_for_itself_and_has_the_figures(stage, gateway):
    fill(gateway)
    text = page_of(stage, gateway).read_text()
    assert "<script" not in text and "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;so&quot;" in text
    assert not re.search(r"(src|href|url)\s*[=(]|https?:", text), "something is fetched"
    charts = [tree.fromstring(chart) for chart in re.findall(r"<svg.*?</svg>", text, re.S)]
    assert len(charts) == 3
    for chart in charts:
        bars = chart.findall("rect")
        assert {bar.findtext("title").split()[0] for bar in bars} == {"claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-4-5-20251001"}
        # They stand on each other, and the highest reaches near the top.
        edges = sorted((float(bar.get("y")), float(bar.get("height"))) for bar in bars)
        for (y, height), (below, _) in zip(edges, edges[1:]):
            assert y + height == pytest.approx(below, abs=0.02)
        assert sum(edges[-1]) == pytest.approx(230, abs=0.02) and 10 <= edges[0][0] <= 180
    assert re.search(r"<th>claude-opus-5-5</th><td title=\"2\">2</td>", text)


def test_page_without_calls_is_a_page(stage, gateway):
    text = page_of(stage, gateway).read_text()
    assert len(re.findall(r"<svg", text)) == 3 and "nan" not in text and text.endswith("</html>\n")


def test_wrong_words_are_told(stage, gateway):
    assert stage.run("report", "--log", gateway.log.path).returncode == 2
    done = stage.run("report", "--html", "/nowhere/at/all.html", "--log", gateway.log.path)
    assert done.returncode == 1 and "cannot write /nowhere/at/all.html" in done.stderr


@pytest.mark.limit(120)
def test_page_shows_its_charts_in_a_browser(stage, gateway):
    fill(gateway)
    page, picture = page_of(stage, gateway), stage.folder / "spent.png"
    done = browse(stage, "--window-size=1000,1400", f"--screenshot={picture}", f"file://{page}")
    assert picture.exists(), done
    # A page that shows nothing is a picture of one colour, which packs into next to nothing.
    assert picture.stat().st_size > 20_000, done
