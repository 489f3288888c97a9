"""The lab for a developer's own use.

    python -m tests.lab up [SITE ...]         start the sites (sitea and siteb by default) in the background
    python -m tests.lab exec SITE CMD ...     run a command inside one
    python -m tests.lab cut SITE              pull its network cable
    python -m tests.lab join SITE             put it back
    python -m tests.lab down                  end everything

Rules of this file: the lab belongs to a keeper process in the background; its state file names the keeper and the
namespaces; when the keeper is gone, so is the lab.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.lab import requirements
from tests.lab.lab import Lab
from tests.lab.namespace import entering

_STATE = Path(tempfile.gettempdir()) / f"qmfagent-lab.{os.geteuid()}.json"
_LOG = _STATE.with_suffix(".log")
_STOP_SECONDS = 30.0


def _state() -> dict[str, Any] | None:
    try:
        state: dict[str, Any] = json.loads(_STATE.read_text())
        keeper = Path(f"/proc/{state['keeper']}/cmdline").read_bytes()
    except FileNotFoundError:
        return None
    return state if b"tests.lab" in keeper else None


def _keep(sites: list[str]) -> int:
    """Hold the lab until SIGTERM; "ready" on standard output when it is up."""
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with Lab(sites) as lab:
        state = {
            "keeper": os.getpid(),
            "switch": lab.switch_pid,
            "sites": {name: {"pid": lab.pid(name), "address": lab.address(name)} for name in sites},
        }
        _STATE.write_text(json.dumps(state))
        print("ready", flush=True)
        signal.sigwait(signals)
    _LOG.unlink(missing_ok=True)
    _STATE.unlink(missing_ok=True)
    return 0


def _up(sites: list[str]) -> int:
    missing = [command for command in requirements.CLUSTER if shutil.which(command) is None]
    if missing or os.geteuid() != 0:
        print(f"the lab needs root and: apt-get install {requirements.PACKAGES}", file=sys.stderr)
        return 1
    if _state():
        print("the lab is up already", file=sys.stderr)
        return 1
    # The keeper outlives this command, so it must hold none of its standard streams.
    with _LOG.open("wb") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.lab", "keep", *sites],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
        )  # fmt: skip
    assert keeper.stdout
    if keeper.stdout.readline() != b"ready\n":
        print(_LOG.read_text(), file=sys.stderr)
        return 1
    state = _state()
    assert state
    for name, site in state["sites"].items():
        print(f"{name}: {site['address']}; python -m tests.lab exec {name} crm_mon -1")
    return 0


def _down() -> int:
    state = _state()
    if state is None:
        print("the lab is not up", file=sys.stderr)
        return 0
    os.kill(state["keeper"], signal.SIGTERM)
    end = time.monotonic() + _STOP_SECONDS
    while _STATE.exists() and time.monotonic() < end:
        time.sleep(0.05)
    return 1 if _STATE.exists() else 0


def _inside(command: str, arguments: list[str]) -> int:
    state = _state()
    if state is None or not arguments or arguments[0] not in state["sites"]:
        print("no such site; python -m tests.lab up", file=sys.stderr)
        return 1
    site, *rest = arguments
    if command == "exec":
        inside = entering(state["sites"][site]["pid"], rest)
    else:
        link = ["ip", "link", "set", f"{site}-n1", "down" if command == "cut" else "up"]
        inside = ["nsenter", "-t", str(state["switch"]), "-n", "--", *link]
    return subprocess.run(inside, check=False).returncode


def main(arguments: list[str]) -> int:
    """Carry out one command line; the exit code."""
    command, *rest = arguments or ["help"]
    if command in ("up", "keep"):
        return (_up if command == "up" else _keep)(rest or ["sitea", "siteb"])
    if command == "down":
        return _down()
    if command in ("exec", "cut", "join"):
        return _inside(command, rest)
    print(__doc__)
    return 2


sys.exit(main(sys.argv[1:]))
