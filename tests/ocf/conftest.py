"""A resource agent's environment with a cluster that is made up: its commands are scripts, its ticket a file.

Rules of this file: the resource agents run as Pacemaker runs them, as processes of their own, and start the real daemon where a
test is about the daemon, else one that is made up.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

AGENTS = Path(__file__).parent.parent.parent / "qmfagent" / "ocf"
WAIT = 60.0

_CRM_TICKET = """#!/bin/sh
[ -e "{folder}/no-cluster" ] && {{ echo "Transport endpoint is not connected" >&2; exit 102; }}
[ -e "{folder}/granted-$2" ] && echo true || echo false
"""
_CRM_ATTRIBUTE = """#!/bin/sh
[ -e "{folder}/no-cluster" ] && exit 102
echo "$OCF_RESOURCE_INSTANCE $*" >> "{folder}/scores"
"""
# For Debian's Python, which every user may run, while that of a virtual environment may lie where only root can look. It
# behaves as it is told to, and goes when it is asked to, unless it is stubborn.
_DAEMON = """#!{python}
import os, pathlib, signal, socket, sys, time
folder = pathlib.Path({folder!r})
(folder / "begun").write_text(str(time.monotonic()))
(folder / "command").write_text(repr(sys.argv[1:]))
(folder / "environment").write_text(repr(dict(os.environ)))
def tell(words):
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(words.encode(), os.environ["NOTIFY_SOCKET"])
behaviour = (folder / "behaviour").read_text()
if behaviour == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if behaviour == "breaks":
    sys.exit("no such module")
if behaviour == "fails":
    tell("STATUS=the reason")
    sys.exit(3)
if behaviour == "silent":
    tell("STATUS=waiting for something")
else:
    tell("READY=1")
signal.pause()
"""


@dataclass
class Agent:
    """One resource agent with its parameters, and the cluster around it."""

    name: str
    folder: Path
    environment: dict[str, str]
    inside: tuple[str, ...] = ()
    """What runs a command where the resource agent is to run, where that is not here."""
    said: str = ""
    started: list[int] = field(default_factory=list)

    def __call__(self, action: str, *, timeout: float = 20, interval: float = 10, **parameters: str) -> int:
        """Carry out an action, which has `timeout` seconds: its exit code. What it says is in `said`."""
        done = subprocess.run(
            [*self.inside, sys.executable, "-I", AGENTS / self.name, action],
            env={
                **self.environment,
                "OCF_RESKEY_CRM_meta_timeout": str(int(timeout * 1000)),
                "OCF_RESKEY_CRM_meta_interval": str(int(interval * 1000)),
                **{f"OCF_RESKEY_{name}": value for name, value in parameters.items()},
            },
            capture_output=True, text=True, timeout=timeout + WAIT, check=False,
        )  # fmt: skip
        self.said = done.stdout + done.stderr
        assert "Traceback" not in self.said, self.said
        if action == "start" and self.pid:
            self.started.append(self.pid)
        return done.returncode

    def grant(self, ticket: str = "T", granted: bool = True) -> None:
        """Grant the ticket here, or take it away."""
        path = self.folder / f"granted-{ticket}"
        path.touch() if granted else path.unlink(missing_ok=True)

    def lose_cluster(self) -> None:
        """Let the cluster answer nothing any more."""
        (self.folder / "no-cluster").touch()

    def behave(self, how: str) -> None:
        """Have the made-up daemon behave: well, stubborn, breaks, fails, silent."""
        (self.folder / "behaviour").write_text(how)

    @property
    def state(self) -> Path:
        """The file of the daemon's state."""
        return self.folder / "qmfagent-site-agent.state"

    @property
    def pid(self) -> int:
        """The daemon's process id, 0 where none is told."""
        words = self.state.read_text().split() if self.state.exists() else []
        return int(words[0]) if words else 0

    def kill(self) -> None:
        """Kill the daemon, and wait until it has ended: a signal takes its time where others have the processor."""
        pidfd = os.pidfd_open(self.pid)
        try:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            assert select.select([pidfd], [], [], WAIT)[0]
        finally:
            os.close(pidfd)

    @property
    def begun(self) -> float:
        """When the made-up daemon began, by the clock of time.monotonic()."""
        return float((self.folder / "begun").read_text())

    @property
    def scores(self) -> list[str]:
        """What was told of promotion scores, in order."""
        path = self.folder / "scores"
        return path.read_text().splitlines() if path.exists() else []


def alive(pid: int) -> bool:
    """Whether a process is there; one that has ended and nobody has waited for is not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def resource_agent(tmp_path: Path) -> Iterator[Callable[[str], Agent]]:
    """Makes a resource agent of this name over the made-up daemon; all daemons are gone in the end."""
    commands = tmp_path / "bin"
    commands.mkdir()
    texts = {"crm_ticket": _CRM_TICKET, "crm_attribute": _CRM_ATTRIBUTE, "daemon": _DAEMON}
    for name, text in texts.items():
        (commands / name).write_text(
            text.format(folder=str(tmp_path), python="/usr/bin/python3")
            if name == "daemon"
            else text.format(folder=tmp_path)
        )
        (commands / name).chmod(0o755)
    (tmp_path / "behaviour").write_text("well")
    (tmp_path / "agent.toml").touch()
    made: list[Agent] = []

    def make(name: str) -> Agent:
        environment = {
            "PATH": f"{commands}:{os.environ['PATH']}",
            "OCF_RESOURCE_INSTANCE": "site-agent:0",
            "OCF_ROOT": "/usr/lib/ocf",
            "HA_RSCTMP": str(tmp_path),
            "OCF_RESKEY_config": str(tmp_path / "agent.toml"),
            "OCF_RESKEY_ticket": "T",
            "OCF_RESKEY_binary": str(commands / "daemon"),
            "OCF_RESKEY_log": str(tmp_path / "log"),
        }
        if os.geteuid() != 0:
            environment["OCF_RESKEY_user"] = os.environ["USER"]
        made.append(Agent(name, tmp_path, environment))
        return made[-1]

    yield make
    for agent in made:
        for pid in agent.started:
            if alive(pid):
                os.kill(pid, 9)
