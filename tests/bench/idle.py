"""What an agent costs while nothing happens that concerns it, against a bare watcher of the CIB.

Rules of this file: a real cluster, whose status changes and whose configuration does not; the agent runs as an administrator
starts it. Both processes hear of the same changes at the same time. What is measured is CPU time of the whole process, as
the kernel counts it, for each change; the least of all rounds, since what else runs on the machine only adds to it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consoles.client import Console
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import QmfAgentError
from tests.bench.attributes import NAME
from tests.bench.result import Result
from tests.lab.agents import until
from tests.lab.lab import Lab
from tests.lab.namespace import SiteProcess
from tests.lab.network import in_network_of

RATE = 100
SECONDS = 3
ROUNDS = 6
_SITE = "sitea"
_CHANGES = RATE * SECONDS
_URL = "amqp://127.0.0.1:5672"
_CONFIG = f'[listen]\nurl = "{_URL}"\n[[access]]\nidentity = "anonymous"\nrole = "viewer"\n'


def run() -> list[Result]:
    """CPU time for each of 100 status updates a second."""
    with Lab([_SITE]) as lab, _agent(lab) as agent, _process(lab, "-m", "tests.bench.attributes", "watch") as watcher:
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == b"watching\n"
        lab.run(_SITE, ["attrd_updater", "--name", NAME, "--update", "0", "--delay", "0"])
        until(lambda: NAME in lab.run(_SITE, ["cibadmin", "--query"]).stdout, "the attribute")
        lab.wait_idle(_SITE)
        samples = [_round(lab, agent, watcher) for _ in range(ROUNDS)]
        until(lambda: _version(lab) == str(_cib(lab).version), "the agent has seen all changes")
    ours, theirs = (min(side) * 1e6 / _CHANGES for side in zip(*samples, strict=True))
    name = f"CPU for each of {RATE} status updates a second / bare watcher"
    return [Result(name, ours, theirs, "us", 1.3)]


def _round(lab: Lab, *processes: SiteProcess) -> list[float]:
    """Seconds of CPU that each process takes for all changes."""
    before = [_cpu(process) for process in processes]
    lab.run(_SITE, [sys.executable, "-m", "tests.bench.attributes", "update", str(RATE), str(_CHANGES)])
    return [_cpu(process) - start for process, start in zip(processes, before, strict=True)]


def _cpu(process: SiteProcess) -> float:
    """User and system time of a process so far, in seconds: its clock, as clock_getcpuclockid(3) computes it."""
    return time.clock_gettime((~process.inner_pid << 3) | 2)


def _cib(lab: Lab) -> Snapshot:
    return Snapshot.parse(lab.run(_SITE, ["cibadmin", "--query"]).stdout.encode())


def _version(lab: Lab) -> str:
    """The version of the CIB as the agent has it."""

    def ask() -> str:
        with Console([_URL], on_problem=lambda words: None) as console:
            (site,) = console.query("Site", _SITE)
            return str(site.cib_version)

    return in_network_of(lab.pid(_SITE), ask)


@contextmanager
def _agent(lab: Lab) -> Iterator[SiteProcess]:
    with tempfile.TemporaryDirectory(prefix="qmfagent-bench-") as folder:
        config = Path(folder, "agent.toml")
        config.write_text(_CONFIG)
        command = ["-m", "qmfagent", "run", "--config", str(config), "--log-level", "warning"]
        with _process(lab, *command) as process:
            until(lambda: _answers(lab), "an answer of the agent")
            yield process


def _answers(lab: Lab) -> bool:
    try:
        return bool(_version(lab))
    except (QmfAgentError, ValueError):
        return False


@contextmanager
def _process(lab: Lab, *arguments: str) -> Iterator[SiteProcess]:
    process = lab.popen(_SITE, [sys.executable, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
