"""spantop service, with a systemctl and a launchctl that only play theirs; the gateway they start is real."""
import json
import os
import pathlib
import plistlib
import re
import shlex
import shutil
import subprocess
import urllib.request

import pytest
from manager import LAUNCHCTL, SYSTEMCTL, Manager
from spantop import KEY, PROGRAM

@pytest.fixture
def systemd(stage):
    return Manager(stage, "systemctl", SYSTEMCTL)


@pytest.fixture
def launchd(stage):
    return Manager(stage, "launchctl", LAUNCHCTL)


@pytest.fixture
def key_file(stage):
    path = stage.folder / "respan.key"
    path.write_text(KEY + "\n")
    path.chmod(0o600)
    return path


def unit_of(stage):
    return stage.home / ".config/systemd/user/spantop.service"


def files_in(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if "spantop/" not in str(p.relative_to(folder)) + "/")


def test_install_starts_a_gateway_that_carries_calls_and_remove_leaves_nothing(stage, sim, systemd, key_file):
    before = files_in(stage.home)
    done = systemd.run("install", "--listen", "127.0.0.1:0", "--upstream", sim.base_url, "--key-file", "respan.key")
    assert done.returncode == 0 and "listens at 127.0.0.1:" in done.stdout, done
    assert unit_of(stage).stat().st_mode & 0o777 == 0o600
    status = json.loads(systemd.run("status", "--json").stdout)
    assert status == {"manager": "systemd", "file": str(unit_of(stage)), "installed": True, "enabled": True, "running": True}
    told = json.loads(stage.run("status", "--json").stdout)
    token = re.search(r"ANTHROPIC_API_KEY='?(spantop-\w+)", stage.run("env").stdout).group(1)
    request = urllib.request.Request(f"http://{told['address']}/v1/messages", data=json.dumps(
        {"model": "claude-opus-5-5", "max_tokens": 9, "messages": [{"role": "user", "content": "[[sim text x]]"}]}).encode(),
        headers={"x-api-key": token, "content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 200
    [request] = sim.requests(target="/v1/messages")
    assert KEY in json.dumps(sim.request(request["n"]))  # the key of the file went up
    done = systemd.run("remove")
    assert done.returncode == 0, done
    assert json.loads(stage.run("status", "--json").stdout)["running"] is False
    assert [f for f in files_in(stage.home) if f not in before and not f.startswith(".local")] == [".config"]
    assert systemd.asked()[-2:] == ["--user daemon-reload", "--user reset-failed spantop.service"]


def test_the_key_is_never_in_the_unit(stage, systemd, key_file):
    for args in (("--key-file", key_file), ("--without-key",)):
        done = systemd.run("install", "--dry-run", *args, env={"RESPAN_API_KEY": KEY})
        assert done.returncode == 0 and KEY not in done.stdout + done.stderr
    refused = systemd.run("install", env={"RESPAN_API_KEY": KEY})
    assert refused.returncode == 1 and "--key-file" in refused.stderr and "this shell's RESPAN_API_KEY" in refused.stderr
    assert KEY not in refused.stdout + refused.stderr and not unit_of(stage).exists()
    (systemd.folder / "environment").write_text(f"RESPAN_API_KEY={KEY}\n")
    done = systemd.run("install", "--dry-run")
    assert done.returncode == 0 and "RESPAN_API_KEY in systemd's environment" in done.stdout and KEY not in done.stdout


def test_a_key_file_that_cannot_be_used_is_refused_and_an_open_one_warned_of(systemd, stage, key_file):
    key_file.chmod(0o644)
    assert f"chmod 600 {key_file}" in systemd.run("install", "--dry-run", "--key-file", key_file).stderr
    assert systemd.run("install", "--key-file", "missing").returncode == 1
    assert not unit_of(stage).exists()


def test_dry_run_does_nothing(stage, systemd, key_file):
    done = systemd.run("install", "--dry-run", "--key-file", key_file)
    assert done.returncode == 0 and str(unit_of(stage)) in done.stdout and "[Service]" in done.stdout
    assert not unit_of(stage).parent.exists() and not any("enable" in a for a in systemd.asked())


def unit_text(done):
    return re.search(r"^# Written by.*?^WantedBy=\S+\n", done.stdout, re.S | re.M).group(0)


def test_options_and_variables_that_steer_the_gateway_go_along(stage, systemd, key_file):
    done = systemd.run("install", "--dry-run", "--key-file", "respan.key", "--no-bodies", "--redact", "50%$x\"\\ y", "--keep", "3d",
                       env={"SPANTOP_LOG": "here/log.db", "XDG_DATA_HOME": "/tmp/a b%", "SPANTOP_REDACT": None})
    text = unit_text(done)
    command = re.search(r"^ExecStart=(.*)$", text, re.M).group(1)
    words = [w.replace("%%", "%").replace("$$", "$") for w in shlex.split(command)]
    program = str(pathlib.Path(PROGRAM).resolve())
    assert words == [program, "serve", "--key-file", str(key_file), "--no-bodies", "--redact", "50%$x\"\\ y", "--keep", "3d"]
    assert f"Environment=SPANTOP_LOG={stage.folder}/here/log.db\n" in text
    assert 'Environment="XDG_DATA_HOME=/tmp/a b%%"\n' in text
    assert "Restart=on-failure\n" in text and "NoNewPrivileges=yes\n" in text and "RestartPreventExitStatus=2\n" in text


def test_systemd_itself_takes_the_unit(stage, systemd, key_file):
    if not shutil.which("systemd-analyze"):
        return  # no systemd here; the other tests read the unit
    path = stage.folder / "spantop.service"
    path.write_text(unit_text(systemd.run("install", "--dry-run", "--key-file", key_file, "--redact", "50%$x\"\\ y")))
    (stage.folder / "run").mkdir(mode=0o700)
    done = subprocess.run(["systemd-analyze", "--user", "--man=no", "verify", path],
                          env=stage.environment({"XDG_RUNTIME_DIR": stage.folder / "run"}), capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_failure_to_start_is_told_and_undone(stage, systemd, key_file):
    (systemd.folder / "broken").write_text("Failed to connect to bus: No medium found\n")
    done = systemd.run("install", "--key-file", key_file)
    assert done.returncode == 1 and "No medium found" in done.stderr
    assert not unit_of(stage).parent.exists()
    asked = systemd.run("install")
    assert asked.returncode == 1 and "No medium found" in asked.stderr and "log in" in asked.stderr


def test_a_running_gateway_is_not_run_into(stage, sim, systemd, key_file):
    gateway = stage.gateway(sim)
    done = systemd.run("install", "--key-file", key_file, "--log", gateway.log.path)
    assert done.returncode == 1 and "spantop stop" in done.stderr and gateway.address in done.stderr
    assert not unit_of(stage).exists()


def test_a_file_of_somebody_elses_is_left_alone(stage, systemd, key_file):
    unit_of(stage).parent.mkdir(parents=True)
    unit_of(stage).write_text("[Service]\nExecStart=/bin/true\n")
    for verb in ("install", "remove"):
        done = systemd.run(verb, *(("--key-file", key_file) if verb == "install" else ()))
        assert done.returncode == 1 and str(unit_of(stage)) in done.stderr
    assert "ExecStart=/bin/true" in unit_of(stage).read_text()


def test_again_takes_the_new_settings(stage, sim, systemd, key_file):
    args = ("install", "--listen", "127.0.0.1:0", "--upstream", sim.base_url, "--key-file", key_file)
    assert systemd.run(*args).returncode == 0
    first = (systemd.folder / "pid").read_text()
    again = systemd.run(*args, "--keep", "9d")
    assert again.returncode == 0 and "listens at" in again.stdout, again
    assert (systemd.folder / "pid").read_text() != first and "--keep 9d" in unit_of(stage).read_text()
    assert systemd.run("remove").returncode == 0


def test_without_a_service_and_without_a_manager(stage, systemd):
    assert "there is no service" in systemd.run("remove").stdout
    assert systemd.run("status").stdout.startswith("systemd: not installed")
    (systemd.bin / "systemctl").unlink()
    for verb in ("install", "remove", "status"):
        done = systemd.run(verb)
        assert done.returncode == 1 and "neither systemd (systemctl) nor launchd (launchctl)" in done.stderr
    assert systemd.run("instal").returncode == 2


def test_launchd_gets_an_agent_and_loses_it_again(stage, launchd, key_file):
    plist = stage.home / "Library/LaunchAgents/spantop.gateway.plist"
    done = launchd.run("install", "--key-file", key_file, "--redact", "<a&b>", env={"SPANTOP_KEEP": "4d"})
    assert done.returncode == 0, done
    told = plistlib.loads(plist.read_bytes())
    program = str(pathlib.Path(PROGRAM).resolve())
    assert told["ProgramArguments"] == [program, "serve", "--key-file", str(key_file), "--redact", "<a&b>"]
    assert told["RunAtLoad"] is True and told["KeepAlive"] == {"SuccessfulExit": False} and told["Umask"] == 0o77
    assert told["EnvironmentVariables"] == {"SPANTOP_KEEP": "4d", "SPANTOP_NO_MODEL_LIST": "1"}
    assert told["StandardErrorPath"] == str(stage.home / "Library/Logs/spantop.log")
    assert f"bootstrap gui/{os.getuid()} {plist}" in launchd.asked()
    assert "does not listen" in done.stderr  # nothing was really started
    (launchd.folder / "state").write_text("running")
    assert json.loads(launchd.run("status", "--json").stdout)["running"] is True
    assert launchd.run("remove").returncode == 0 and not plist.exists()
    assert launchd.asked()[-1] == f"bootout gui/{os.getuid()}/spantop.gateway"
    refused = launchd.run("install")
    assert refused.returncode == 1 and "--key-file" in refused.stderr
    (launchd.folder / "environment").write_text(KEY + "\n")
    done = launchd.run("install", "--dry-run")
    assert done.returncode == 0 and KEY not in done.stdout
