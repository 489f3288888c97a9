"""The daemon as a process: started until it is ready, found again by later actions, stopped in bounded time.

Rules of this file: whether the daemon runs is told by a lock on the state file, never by a process id. The daemon inherits the
lock, its children don't, and the kernel gives it up when the daemon ends in whatever way; so a stale id, or one that somebody
else has by now, can't be mistaken for ours. While the lock is held, the id in the file is the daemon's, and a pidfd
makes it last. What is waited for is an event - a datagram, the end of a process - with a deadline.
Source: flock(2), pidfd_open(2), sd_notify(3).
"""

from __future__ import annotations

import fcntl
import os
import pwd
import select
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from qmfagent.errors import ResourceAgentError
from qmfagent.ocf.codes import Code

KILL_SECONDS = 2.0
"""What is kept of an action's time for a daemon that has to be killed, or for telling the end of a start."""

_DATAGRAM = 4096


class Daemon:
    """The daemon whose state is in a file: its process id and, where it is promoted, that word."""

    def __init__(self, state: Path) -> None:
        self._state = state

    @property
    def runs(self) -> bool:
        """Whether the daemon is there."""
        try:
            file = os.open(self._state, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    @property
    def promoted(self) -> bool:
        """Whether it was promoted since it was started; only a daemon that runs is either."""
        return "promoted" in self._state.read_text().split()

    def set_promoted(self, promoted: bool) -> None:
        """Remember that it has been promoted, or demoted. It has to run."""
        with self._state.open("r+") as file:
            pid = file.readline().split()[0]
            # Never without the process id, whenever this action might be killed.
            file.seek(0)
            file.write(f"{pid} promoted\n" if promoted else f"{pid}\n")
            file.truncate()

    def start(self, command: list[str], environment: Mapping[str, str], user: str, log: str, seconds: float) -> None:
        """Start it, and return once it is ready.

        Raises ResourceAgentError, with its own words, where it ends or takes longer than `seconds`; without any, with a
        reference to its `log`. It runs as `user`.
        """
        end = time.monotonic() + max(seconds - KILL_SECONDS, 1)
        lock = os.open(self._state, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Together with our lock, the process id of an earlier daemon would be believed.
            os.ftruncate(lock, 0)
            account = pwd.getpwnam(user)
            other = account.pw_uid != os.geteuid()
            # What it says before it has opened its log, or that it can't.
            with _notifications(self._state.parent, account) as notifications, tempfile.TemporaryFile() as output:
                process = subprocess.Popen(  # noqa: S603 - the command is the administrator's
                    command,
                    env={**environment, "NOTIFY_SOCKET": notifications.getsockname()},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd="/",
                    start_new_session=True,
                    pass_fds=[lock],
                    user=account.pw_uid if other else None,
                    group=account.pw_gid if other else None,
                    extra_groups=os.getgrouplist(user, account.pw_gid) if other else None,
                )
                self._state.write_text(f"{process.pid}\n")
                self._wait_ready(process, notifications, end, lambda: _last_line(output) or f"see {log}")
        except OSError as error:
            code = Code.ERR_PERM if isinstance(error, PermissionError) else Code.ERR_GENERIC
            raise ResourceAgentError(code, f"{command[0]} could not be started: {error}") from None
        finally:
            os.close(lock)

    def stop(self, seconds: float) -> None:
        """Stop it: asked to at first, killed when the time is nearly over.

        Raises ResourceAgentError where not even that has an effect.
        """
        process = self._open()
        if process is None:
            return
        try:
            for number, patience in (
                (signal.SIGTERM, max(seconds - 2 * KILL_SECONDS, 1)),
                (signal.SIGKILL, KILL_SECONDS),
            ):
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(process, number)
                if _ended(process, patience):
                    return
        finally:
            os.close(process)
        raise ResourceAgentError(Code.ERR_GENERIC, "the agent has not ended although it was killed")

    def _open(self) -> int | None:
        """A pidfd of the daemon, None where there is none."""
        if not self.runs:
            return None
        try:
            pid = int(self._state.read_text().split()[0])
            process = os.pidfd_open(pid)
        except (ValueError, IndexError, ProcessLookupError):
            process = -1
        # Still locked: so it lived all the time, and the id was its own when the pidfd was made.
        if self.runs and process >= 0:
            return process
        if process >= 0:
            os.close(process)
        if self.runs:
            raise ResourceAgentError(Code.ERR_GENERIC, f"{self._state} is locked by a process that it does not name")
        return None

    def _wait_ready(
        self, process: subprocess.Popen[bytes], notifications: socket.socket, end: float, otherwise: Callable[[], str]
    ) -> None:
        """Wait until it is ready. Raises ResourceAgentError with its status, or `otherwise` where it has told none."""
        status = ""
        pidfd = os.pidfd_open(process.pid)
        try:
            while True:
                told, over = _first(notifications, pidfd, end - time.monotonic())
                lines = notifications.recv(_DATAGRAM).decode(errors="replace").splitlines() if told else []
                status = next((line[len("STATUS=") :] for line in lines if line.startswith("STATUS=")), status)
                if "READY=1" in lines:
                    return
                if over and not told:
                    code = process.wait()
                    raise ResourceAgentError(
                        Code.ERR_GENERIC, f"the agent has ended (status {code}): {status or otherwise()}"
                    )
                if not told and not over:
                    process.kill()
                    process.wait()
                    raise ResourceAgentError(
                        Code.ERR_GENERIC, f"the agent is not ready in time: {status or otherwise()}"
                    )
        finally:
            os.close(pidfd)


@contextmanager
def _notifications(folder: Path, account: pwd.struct_passwd) -> Iterator[socket.socket]:
    """A socket that only root and the user of this account can send to."""
    with tempfile.TemporaryDirectory(prefix="qmfagent-", dir=folder) as private:
        path = f"{private}/notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
            receiver.bind(path)
            for name in (private, path):
                os.chown(name, account.pw_uid, account.pw_gid)
            yield receiver


def _last_line(output: IO[bytes]) -> str:
    """The last of what a process has written; empty where it has written nothing."""
    output.seek(0)
    lines = output.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _first(notifications: socket.socket, pidfd: int, seconds: float) -> tuple[bool, bool]:
    """Whether something was told, and whether the process has ended; neither when the time is over."""
    poll = select.poll()
    poll.register(notifications, select.POLLIN)
    poll.register(pidfd, select.POLLIN)
    ready = {file for file, _ in poll.poll(max(seconds, 0) * 1000)}
    return notifications.fileno() in ready, pidfd in ready


def _ended(pidfd: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
