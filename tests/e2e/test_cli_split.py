"""spantop run --split: the dashboard in a pane of a real tmux, beside the command."""
import json

import spantop
from screen import Screen
from spantop import wait_for

ROOM_S = 30


class Split(Screen):
    """The first pane runs the command; tmux's own variables reach it, unlike Screen's others."""

    def __init__(self, stage, sim, *script, folder=".", **size):
        self.stage, self.log = stage, stage.folder / "log.db"
        words = [f"{name}={value}" for name, value in stage.environment({"TERM": None, "RESPAN_API_KEY": "k" * 20}).items()]
        super().__init__(stage.folder / "tmux", ["sh", "-c", 'TMUX=$PWD/$TMUX; cd "$0"; exec "$@"', folder, "env", *words, spantop.PROGRAM, "--log", self.log, "--listen", "127.0.0.1:0",
                                                 "--upstream", sim.base_url, "run", "--split", "sh", "-c", *script], **size)

    def panes(self):
        return self._tmux("list-panes", "-F", "#{pane_id} #{pane_left} #{pane_top} #{pane_active}").splitlines()

    def dashboard(self):
        return self._tmux("capture-pane", "-p", "-t", ":.1", check=False)


def test_split_opens_the_dashboard_and_closes_it_with_the_command(stage, sim):
    tmux = stage.add(Split(stage, sim, 'trap "echo caught" INT; echo ready; while [ -z "$line" ]; do read line; done; echo "got $line"; exit 7',
                           columns=200, rows=40))
    tmux.wait_text("ready", ROOM_S)
    wait_for(lambda: "Waiting for the first call" in tmux.dashboard(), ROOM_S, tmux.dashboard)
    first, second = (pane.split() for pane in tmux.panes())
    assert first[3] == "1" and second[1] != "0" and second[2] == "0", "the command keeps the keys, the dashboard stands beside it"
    tmux.keys("C-c")  # to the command alone
    tmux.wait_text("caught", ROOM_S)
    assert len(tmux.panes()) == 2
    tmux.type("hello\n")
    wait_for(tmux.is_dead, ROOM_S, tmux.text)
    assert tmux.exit_status() == 7 and "got hello" in tmux.text() and "no call came through" in tmux.text()
    assert len(tmux.panes()) == 1
    assert json.loads(stage.run("--log", tmux.log, "status", "--json").stdout)["running"] is False, "its gateway still runs"


def test_split_below_where_the_terminal_is_narrow_and_after_q(stage, sim):
    tmux = stage.add(Split(stage, sim, "echo ready; read line; exit 3", columns=90, rows=50))
    tmux.wait_text("ready", ROOM_S)
    wait_for(lambda: "Waiting for the first call" in tmux.dashboard(), ROOM_S, tmux.dashboard)
    assert tmux.panes()[1].split()[1] == "0", "there is no room beside it"
    tmux._tmux("kill-pane", "-t", ":.1")  # somebody has seen enough
    tmux.type("\n")
    wait_for(tmux.is_dead, ROOM_S, tmux.text)
    assert tmux.exit_status() == 3


def test_split_takes_the_folder_s_name_for_a_name(stage, sim):
    """tmux runs what stands in #(…) of the folder that a pane is to begin in."""
    folder = stage.folder / "#(touch ran)#{pane_id}"
    folder.mkdir()
    tmux = stage.add(Split(stage, sim, "echo ready; read line", folder=folder, columns=200, rows=40))
    tmux.wait_text("ready", ROOM_S)
    wait_for(lambda: "Waiting for the first call" in tmux.dashboard(), ROOM_S, tmux.dashboard)
    assert tmux._tmux("display-message", "-p", "-t", ":.1", "#{pane_current_path}").strip() == str(folder)
    assert not list(stage.folder.rglob("ran"))
    tmux.type("\n")
    wait_for(tmux.is_dead, ROOM_S, tmux.text)


def test_split_without_room_runs_nothing(stage, sim):
    tmux = stage.add(Split(stage, sim, "echo it ran", columns=100, rows=2))
    wait_for(tmux.is_dead, ROOM_S, tmux.text)
    assert tmux.exit_status() == 1 and "it ran" not in tmux.all_text()
    assert "tmux opens no pane" in tmux.all_text().replace("\n", " ") and "leave --split out" in tmux.all_text().replace("\n", "")
    assert json.loads(stage.run("--log", tmux.log, "status", "--json").stdout)["running"] is False


def test_split_outside_tmux_says_so_in_one_sentence(stage, sim):
    log = stage.folder / "log.db"
    done = stage.run("--log", log, "--upstream", sim.base_url, "run", "--split", "true", env={"RESPAN_API_KEY": "k" * 20})
    assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1
    assert "not in tmux" in done.stderr and "another terminal" in done.stderr
    assert not log.exists()
