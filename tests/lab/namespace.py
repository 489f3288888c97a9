"""One set of Linux namespaces (mount, IPC, UTS, network, PID) that stands for a machine, and processes inside it.

Rules: nothing is visible to the host but processes and a directory, so two labs can't collide; everything dies with
the process that holds the `Namespace` (see init.py); processes inside are reached with nsenter(1), as arguments,
never through a shell.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_INIT = Path(__file__).with_name("init.py")
_END_MILLISECONDS = 30_000


def _children(pid: int) -> list[int]:
    """PIDs of the direct children of process `pid`, empty when it is gone (proc(5), task/TID/children)."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def entering(pid: int, command: Sequence[str]) -> list[str]:
    """The command line that runs `command` in all namespaces of process `pid`, and dies with the nsenter(1) before it."""
    enter = ["nsenter", "-t", str(pid), "-m", "-i", "-u", "-n", "-p", "--"]
    # Entering a mount namespace leaves one at its root; a command is to run where the caller is.
    return [*enter, "setpriv", "--pdeathsig", "KILL", "env", f"--chdir={Path.cwd()}", *command]


class SiteProcess(subprocess.Popen[Any]):
    """A process inside a namespace. Signals reach the process itself, not the nsenter(1) that stands before it."""

    @property
    def inner_pid(self) -> int:
        """Host PID of the process itself. AssertionError where it has not started, or has ended."""
        children = _children(self.pid)
        assert children, f"{self.args} does not run"
        return children[0]

    def send_signal(self, sig: int) -> None:
        """Send signal number `sig` to the process inside; nothing happens when it has ended."""
        if self.poll() is not None:
            return
        for child in _children(self.pid):
            try:
                os.kill(child, sig)
            except ProcessLookupError:
                continue
            return
        super().send_signal(sig)


class Namespace:
    """A set of namespaces, alive from construction to `close()` or to the death of the process that made it."""

    def __init__(
        self,
        hostname: str,
        *,
        tmpfs: Sequence[str] = (),
        binds: Sequence[tuple[Path, str]] = (),
        dirs: Sequence[tuple[str, str, str]] = (),
    ) -> None:
        """Make the namespaces and wait until they are set up.

        `tmpfs` are mount points, `binds` pairs of host directory and mount point, `dirs` triples of path,
        "user:group" ("" keeps root) and octal mode. RuntimeError with the words of the failing command.
        """
        self._unshare = subprocess.Popen(
            ["unshare", "--mount", "--ipc", "--uts", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--",
             sys.executable, "-I", str(_INIT)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        setup = {
            "hostname": hostname,
            "tmpfs": list(tmpfs),
            "binds": [[str(source), target] for source, target in binds],
            "dirs": [list(entry) for entry in dirs],
        }
        assert self._unshare.stdin
        assert self._unshare.stdout
        assert self._unshare.stderr
        self._unshare.stdin.write(json.dumps(setup).encode() + b"\n")
        self._unshare.stdin.flush()
        if self._unshare.stdout.readline() != b"ready\n":
            raise RuntimeError(f"namespace {hostname}: {self._unshare.stderr.read().decode().strip()}")
        self.pid = _children(self._unshare.pid)[0]
        self._init = os.pidfd_open(self.pid)

    def argv(self, command: Sequence[str]) -> list[str]:
        """The command line that runs `command` inside, for callers with a process API of their own.

        The process dies with the nsenter(1) in front of it, so killing what was started kills what runs.
        """
        return entering(self.pid, command)

    def popen(self, command: Sequence[str], **options: Any) -> SiteProcess:
        """Start `command` inside; `options` are those of subprocess.Popen."""
        return SiteProcess(self.argv(command), **options)

    def run(
        self, command: Sequence[str], *, input: str | None = None, check: bool = True, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run `command` inside to its end, at most `timeout` seconds; text in, text out.

        AssertionError with the command's own words when it fails and `check` is set.
        """
        done = subprocess.run(
            self.argv(command), input=input, stdin=None if input is not None else subprocess.DEVNULL,
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def close(self) -> None:
        """End everything inside and free the namespaces. May be called more than once."""
        if self._unshare.poll() is None:
            self._unshare.send_signal(signal.SIGKILL)
            self._unshare.wait()
        if self._init >= 0:
            # PID 1 outlives unshare for a moment, and by then has ended only when everything else inside has.
            ended = select.poll()
            ended.register(self._init, select.POLLIN)
            ended.poll(_END_MILLISECONDS)
            os.close(self._init)
            self._init = -1
        for pipe in (self._unshare.stdin, self._unshare.stdout, self._unshare.stderr):
            if pipe:
                pipe.close()
