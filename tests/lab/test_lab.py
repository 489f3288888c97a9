"""The lab itself: a test that stands on it must be able to trust it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab import lab as labs
from tests.lab.lab import Lab

pytestmark = pytest.mark.lab

_SERVE = """
import socket
server = socket.create_server(("", 7777))
print("listening", flush=True)
while True:
    server.accept()[0].sendall(b"hello")
"""
_CONNECT = "import socket, sys; print(socket.create_connection((sys.argv[1], 7777), int(sys.argv[2])).recv(5).decode())"


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_sites_are_clusters_of_their_own(lab: Lab) -> None:
    for site in ("sitea", "siteb"):
        assert f"Online: [ {site}-n1 ]" in lab.run(site, ["crm_mon", "-1"]).stdout
        query = ["crm_attribute", "--type=crm_config", "--name=cluster-name", "--query", "--quiet"]
        assert lab.run(site, query).stdout.strip() == site


def test_the_cable_can_be_pulled_and_put_back(lab: Lab) -> None:
    server = lab.popen("sitea", [sys.executable, "-c", _SERVE], stdout=subprocess.PIPE)
    connect = [sys.executable, "-c", _CONNECT, lab.address("sitea")]
    patiently, briefly = [*connect, "20"], [*connect, "1"]
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == b"listening\n"
        assert lab.run("siteb", patiently).stdout == "hello\n"
        lab.cut("sitea")
        assert lab.run("siteb", briefly, check=False).returncode != 0
        assert "Online: [ sitea-n1 ]" in lab.run("sitea", ["crm_mon", "-1"]).stdout
        lab.join("sitea")
        until(lambda: lab.run("siteb", patiently, check=False).stdout == "hello\n")
    finally:
        lab.join("sitea")
        server.kill()
        server.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_signals_reach_the_process_inside(lab: Lab, number: int) -> None:
    with lab.popen("sitea", ["sh", "-c", "echo $$; exec sleep 60"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        inside = process.stdout.readline().decode().strip()
        assert lab.run("sitea", ["kill", "-0", inside], check=False).returncode == 0
        process.send_signal(number)
        assert process.wait(10) == -number
        assert lab.run("sitea", ["kill", "-0", inside], check=False).returncode != 0


def test_a_command_that_fails_is_told_with_its_words(lab: Lab) -> None:
    with pytest.raises(AssertionError, match="No such device"):
        lab.run("sitea", ["cibadmin", "--query", "--xpath=//absent"])
    assert lab.run("sitea", ["cat"], input="text").stdout == "text"


def test_a_lab_that_is_killed_leaves_nothing_behind(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And it runs beside the one of this test run, with sites of the same name."""
    code = (
        "import time; from tests.lab.lab import Lab\n"
        "with Lab(['sitea']) as lab: print(lab.pid('sitea'), lab.switch_pid, flush=True); time.sleep(600)"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as other:
        assert other.stdout
        pids = other.stdout.readline().split()
        assert len(pids) == 2
        assert list(tmp_path.iterdir())
        other.kill()
    until(lambda: not any(Path(f"/proc/{pid.decode()}").exists() for pid in pids))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    labs._remove_abandoned()
    assert list(tmp_path.iterdir()) == []
    assert "Online: [ sitea-n1 ]" in lab.run("sitea", ["crm_mon", "-1"]).stdout


def test_the_developers_commands(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tests.lab", *arguments],
            env=environment, capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip

    assert command("exec", "siteb", "true").returncode == 1
    try:
        up = command("up", "siteb")
        assert (up.returncode, "siteb: 10.77.0.1" in up.stdout) == (0, True), up.stderr
        assert "already" in command("up").stderr
        assert "Online: [ siteb-n1 ]" in command("exec", "siteb", "crm_mon", "-1").stdout
        assert command("cut", "siteb").returncode == 0
        link = json.loads(command("exec", "siteb", "ip", "-json", "link", "show", "eth0").stdout)
        # Not its operstate, which the kernel brings up to date when it finds the time.
        assert "LOWER_UP" not in link[0]["flags"]
        assert command("join", "siteb").returncode == 0
    finally:
        assert command("down").returncode == 0
    assert list(tmp_path.iterdir()) == []
