"""Where the agent's log goes when Pacemaker runs it: to systemd's journal, else to a file that does not grow without bound."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmfagent import log
from qmfagent.ocf import parameters
from qmfagent.ocf.parameters import LOG, Parameters
from tests.lab import requirements
from tests.lab.agents import until
from tests.ocf.conftest import Agent

JOURNALD = "/lib/systemd/systemd-journald"
ROOT = Path(__file__).parent.parent.parent
COMMAND = Path(sys.executable).with_name("qmfagent")

_MACHINE = f"""\
set -e
mount -t tmpfs none /run
mount -t tmpfs none /var/log
mkdir -p /run/systemd/journal /run/log/journal
exec {JOURNALD}
"""


@pytest.fixture
def journal() -> Iterator[tuple[str, ...]]:
    """What runs a command where a journal of systemd's runs that has nothing in it: a mount namespace of its own."""
    requirements.require([JOURNALD, "systemd-cat", "journalctl"], root=True, packages="systemd")
    # unshare and the shell become the journal, so its process id is theirs.
    with subprocess.Popen(["unshare", "--mount", "sh", "-c", _MACHINE], stderr=subprocess.DEVNULL) as journald:
        try:
            # The host may have a journal too: what counts is the one of the namespace.
            process = Path(f"/proc/{journald.pid}")
            until(
                lambda: (
                    "systemd-journal" in (process / "comm").read_text() and (process / f"root{log.JOURNAL}").exists()
                ),
                "the journal",
            )
            inside = ("nsenter", f"--target={journald.pid}", "--mount", "--")
            # Its socket is there before it listens.
            sync = [*inside, "journalctl", "--sync"]
            until(lambda: subprocess.run(sync, capture_output=True, check=False).returncode == 0, "its first answer")
            yield inside
        finally:
            journald.kill()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of an agent on a CIB file."""
    shutil.copy(ROOT / "tests/demo/paris.xml", tmp_path)
    path = tmp_path / "agent.toml"
    path.write_text('[cib]\nfile = "paris.xml"\n[listen]\nurl = "amqp://127.0.0.1:0"\n')
    return path


def test_the_journal_has_it_with_priorities(
    journal: tuple[str, ...], config: Path, resource_agent: Callable[[str], Agent]
) -> None:
    agent = resource_agent("replicator")
    agent.inside = journal
    del agent.environment["OCF_RESKEY_log"]
    agent.environment["OCF_RESKEY_binary"] = str(COMMAND)
    assert agent("start") == 0, agent.said
    assert agent("monitor") == 0
    assert agent("stop") == 0
    subprocess.run([*journal, "journalctl", "--sync"], check=True, timeout=60)
    shown = subprocess.run(
        [*journal, "journalctl", "-t", "qmfagent", "-o", "json"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    lines = [json.loads(line) for line in shown.splitlines()]
    told = {line["MESSAGE"]: line["PRIORITY"] for line in lines}
    assert any("site paris" in message and priority == "6" for message, priority in told.items()), told
    assert any("nobody may connect" in message and priority == "4" for message, priority in told.items()), told
    assert not any(message.startswith("2") for message in told), "the journal writes times itself"


def test_without_a_journal_it_is_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(parameters, "JOURNAL", tmp_path / "stdout")
    assert Parameters.of({}).command()[-2:] == ["--log-file", str(LOG)]
    (tmp_path / "stdout").touch()
    assert Parameters.of({}).command()[:3] == ["systemd-cat", "--identifier=qmfagent", "qmfagent"]
    assert Parameters.of({"OCF_RESKEY_log": "/srv/log"}).command()[-2:] == ["--log-file", "/srv/log"]


def test_a_log_that_can_not_be_used_fails_the_start(
    config: Path, resource_agent: Callable[[str], Agent], tmp_path: Path
) -> None:
    agent = resource_agent("replicator")
    agent.environment["OCF_RESKEY_binary"] = str(COMMAND)
    assert agent("start", log=str(tmp_path / "gone" / "log")) == 1
    assert f"the log {tmp_path}/gone/log can't be used" in agent.said
