"""The dashboard while the real Claude Code comes for the first time, with its key and with a token in its way."""
import pytest
from spantop import KEY, LIMIT_S, PROGRAM

pytestmark = pytest.mark.limit(100)


@pytest.fixture
def dashboard(stage, gateway):
    screen = stage.screen([PROGRAM, "--log", gateway.log.path, "--listen", gateway.address, "--upstream", gateway.upstream],
                          columns=120, rows=36, env={"LC_ALL": "C.UTF-8"})
    screen.wait_text("Waiting for the first call")
    return screen


def test_it_works(dashboard, claude):
    assert claude.run("[[sim text first light]]")["result"] == "first light"
    dashboard.wait_text(r"✓ It works: the first call came through", LIMIT_S)
    dashboard.wait_text(r"(?m)^ +\d\d:\d\d:\d\d .* main .* 200 ", LIMIT_S)
    assert "ANTHROPIC_AUTH_TOKEN" not in dashboard.text()


def test_a_token_in_the_way_of_the_key(dashboard, claude):
    claude.env["ANTHROPIC_AUTH_TOKEN"] = "token-of-another-gateway"
    assert claude.env["ANTHROPIC_API_KEY"] == KEY
    claude.run("[[sim text with a token]]")
    dashboard.wait_text(r"▲ Unset ANTHROPIC_AUTH_TOKEN: claude sends it as a bearer token beside its key", LIMIT_S)
    del claude.env["ANTHROPIC_API_KEY"]
    claude.run("[[sim text with a token alone]]")
    dashboard.wait_text(r"claude sends it as a bearer token instead of its key", LIMIT_S)
    claude.env.update(ANTHROPIC_AUTH_TOKEN="", ANTHROPIC_API_KEY=KEY)
    claude.run("[[sim text with the key]]")
    dashboard.wait_no_text("ANTHROPIC_AUTH_TOKEN", LIMIT_S)
