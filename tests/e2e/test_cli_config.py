"""The config file from outside: what holds and why, every fault, and an example that is good as it stands."""
import json
import re

import pytest
from spantop import KEY


@pytest.fixture
def config(stage):
    """config(text): the default file, as a path."""
    path = stage.home / ".config/spantop/spantop.conf"
    path.parent.mkdir(parents=True)

    def write(text):
        path.write_text(text)
        return path
    return write


def shown(stage, *args, env=None):
    done = stage.run("config", "show", "--json", *args, env={"SPANTOP_NO_MODEL_LIST": None, **(env or {})})
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def by_name(told):
    return {s["name"]: (s["value"], s["source"], s["where"]) for s in told["settings"]}


def test_each_setting_tells_where_it_comes_from(stage, config):
    path = config("listen = 127.0.0.1:1\nkeep = 90d\nno-bodies = on\n")
    told = shown(stage, "--listen", "127.0.0.1:3", env={"SPANTOP_KEEP": "30d", "NO_COLOR": "1",
                                                        "RESPAN_BASE_URL": "https://endpoint.example/api"})
    settings = by_name(told)
    assert told["file"] == str(path) and told["key_from"] is None
    assert settings["listen"] == ("127.0.0.1:3", "option", "--listen")
    assert settings["keep"] == ("30d", "environment", "SPANTOP_KEEP")
    assert settings["no-bodies"] == ("yes", "file", f"{path}:3")
    assert settings["max-body-bytes"] == ("64M", "default", "default")
    assert settings["no-color"] == ("yes", "environment", "NO_COLOR")
    assert settings["upstream"] == ("https://endpoint.example/api/anthropic/", "environment", "RESPAN_BASE_URL")
    assert settings["log"] == (str(stage.home / ".local/share/spantop/log.db"), "default", "default")


def test_neither_key_nor_pattern_is_shown(stage, config):
    key_file = stage.folder / "key"
    key_file.write_text("file-key-5678\n")
    config(f"key-file = {key_file}\nredact = hunter[0-9]\nredact = swordfish\n")
    for env, source in (({"RESPAN_API_KEY": KEY}, "RESPAN_API_KEY"), ({}, str(key_file))):
        for args in ((), ("--json",)):
            done = stage.run("config", "show", *args, env=env)
            assert done.returncode == 0 and source in done.stdout
            for secret in (KEY, "file-key", "hunter", "swordfish"):
                assert secret not in done.stdout + done.stderr


def test_paths_in_the_file_start_at_home_or_where_it_lies(stage, config):
    path = config("log = logs/a.db\nkey-file = ~/respan.key\nca-file = /etc/ca.pem\n")
    settings = by_name(shown(stage))
    assert settings["log"][0] == str(path.parent / "logs/a.db")
    assert settings["key-file"][0] == str(stage.home / "respan.key")
    assert settings["ca-file"][0] == "/etc/ca.pem"


def test_xdg_config_home_is_where_it_is_looked_for(stage, config):
    config("keep = 1d\n")
    other = stage.folder / "xdg/spantop"
    other.mkdir(parents=True)
    (other / "spantop.conf").write_text("keep = 2d\n")
    assert by_name(shown(stage))["keep"][0] == "1d"
    assert by_name(shown(stage, env={"XDG_CONFIG_HOME": stage.folder / "xdg"}))["keep"][0] == "2d"
    assert by_name(shown(stage, "--config", other / "spantop.conf"))["keep"][0] == "2d"


def test_check_tells_every_fault_with_its_line_and_status_1(stage, config):
    path = config("lisen = x\nkeep = 9d\nupstream = ftp://x\nnonsense\n")
    done = stage.run("config", "check")
    assert done.returncode == 1
    assert [int(n) for n in re.findall(rf"^{re.escape(str(path))}:(\d+): ", done.stdout, re.M)] == [1, 3, 4]
    assert "did you mean listen?" in done.stdout and done.stderr == f"spantop: {path} has 3 faults; each is told above\n"
    # What is broken for others must not break its own check; they name the first and the way out.
    other = stage.run("calls")
    assert other.returncode == 2 and f"{path}:1: " in other.stderr and "spantop config check" in other.stderr


def test_check_of_a_good_file_of_none_and_of_a_missing_one(stage, config):
    path = config("keep = 9d\n# listen = x\n")
    done = stage.run("config", "check")
    assert (done.returncode, done.stdout) == (0, f"{path}: 1 setting, no fault\n")
    assert stage.run("config", "check", path).returncode == 0
    path.unlink()
    none = stage.run("config", "check")
    assert none.returncode == 0 and "the defaults hold" in none.stdout
    missing = stage.run("config", "check", "missing.conf")
    assert missing.returncode == 1 and "missing.conf" in missing.stderr


def test_a_key_file_others_can_read_is_warned_of(stage, config):
    key_file = stage.folder / "key"
    key_file.write_text("file-key-5678\n")
    key_file.chmod(0o640)
    config(f"key-file = {key_file}\n")
    done = stage.run("config", "check")
    assert done.returncode == 0 and f"chmod 600 {key_file}" in done.stdout and "file-key" not in done.stdout
    key_file.write_text("two words\n")
    done = stage.run("config", "check")
    assert done.returncode == 1 and "holds a space" in done.stdout and "two words" not in done.stdout


def test_doctor_tells_what_no_command_refuses(stage, config):
    key_file = stage.folder / "key"
    key_file.write_text("file-key-5678\n")
    key_file.chmod(0o644)
    path = config("ca-file = /nonexistent.pem\n")

    def checks(*args):
        told = json.loads(stage.run("doctor", "--json", "--upstream", "http://127.0.0.1:9/api/anthropic/", *args).stdout)["checks"]
        return {(c["id"], c["state"]): c["message"] for c in told if c["id"] in ("config", "key_file")}
    told = checks("--key-file", key_file)
    assert f"{path}:1: ca-file" in told["config", "fail"] and str(key_file) in told["key_file", "warn"]
    config(f"key-file = {key_file}\n")  # then the file's check tells it
    assert list(checks()) == [("config", "warn")]
    key_file.chmod(0o600)
    assert list(checks()) == [("config", "ok")]


def test_the_example_is_good_as_it_stands_and_when_all_of_it_holds(stage, config):
    example = stage.run("config", "example").stdout
    config(example)
    assert "0 settings, no fault" in stage.run("config", "check").stdout
    all_of_it = re.sub(r"^#([a-z-]+ = )", r"\1", example, flags=re.M)
    all_of_it = re.sub(r"^(?:key|ca)-file = .*\n", "", all_of_it, flags=re.M)  # those files are not here
    config(all_of_it)
    done = stage.run("config", "check")
    assert done.returncode == 0, done.stdout
    assert {s["source"] for s in shown(stage)["settings"] if s["name"] not in ("key-file", "ca-file")} == {"file"}


def test_wrong_words(stage):
    assert stage.run("config", "chekc").returncode == 2
    assert stage.run("config", "show", "x").returncode == 2
