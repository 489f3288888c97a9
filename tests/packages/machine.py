"""A machine with nothing but what Debian and its packages have put there: a root directory, and processes in it.

Rules of this file: the root directory is made once and never changed; a machine lays an overlay over it, in namespaces of its
own, so what happens in one is gone with it.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from tests.lab.namespace import Namespace

_WAIT = 60.0
_CODENAME = "VERSION_CODENAME="
# What costs time and is not looked at.
_FAST = (
    "--aptopt=Acquire::Languages none",
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/qmfagent*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
)
_FRESH = (
    "env",
    "--ignore-environment",
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LANG=C.UTF-8",
    "DEBIAN_FRONTEND=noninteractive",
)
"""What gives a command the machine's environment, not ours."""
_INSIDE = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"'


def debootstrap(root: Path) -> subprocess.Popen[str]:
    """Begin to make a root directory with this Debian's essential packages and apt; `finished` waits for it."""
    release = Path("/etc/os-release").read_text().splitlines()
    codename = next(line.removeprefix(_CODENAME) for line in release if line.startswith(_CODENAME))
    # Its apt keeps what it has fetched of the archive's index, since packages are to be installed.
    command = ["mmdebstrap", "--mode=root", "--variant=apt", "--skip=cleanup/apt/lists", *_FAST]
    return subprocess.Popen(
        [*command, codename, str(root), "http://deb.debian.org/debian"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def finished(process: subprocess.Popen[str], what: str, timeout: float = 300) -> str:
    """Wait for a process to end: its output. AssertionError, with that, where it has failed."""
    output, _ = process.communicate(timeout=timeout)
    assert process.returncode == 0, f"{what}: {output}"
    return output


def install(root: Path, packages: Sequence[Path]) -> None:
    """Install packages, and what they depend on from Debian's archive, in a root directory for good."""
    there = root / "var" / "cache" / "apt" / "archives"
    for package in packages:
        os.link(package, there / package.name)
    names = [f"/var/cache/apt/archives/{package.name}" for package in packages]
    apt = [*_FRESH, "apt-get", "install", "--yes", "--quiet", "--no-install-recommends"]
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _INSIDE, root, *apt, *names],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


class Machine:
    """One machine, alive until it is closed; without a network but its own."""

    def __init__(self, base: Path, scratch: Path) -> None:
        """`base` is the root directory it begins with; `scratch` an empty directory, where it is mounted for itself alone."""
        self._root = scratch / "root"
        self._namespace = Namespace("debian", tmpfs=[str(scratch)])
        layers = {name: scratch / name for name in ("upper", "work", "root")}
        over = f"lowerdir={base},upperdir={layers['upper']},workdir={layers['work']}"
        try:
            for command in (
                ["mkdir", *map(str, layers.values())],
                ["mount", "-t", "overlay", "overlay", "-o", over, str(self._root)],
                ["mount", "-t", "proc", "proc", f"{self._root}/proc"],
                ["mount", "--rbind", "/dev", f"{self._root}/dev"],
            ):
                self._namespace.run(command)
        except BaseException:
            self._namespace.close()
            raise

    def __enter__(self) -> Machine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._namespace.close()

    def at(self, path: str) -> Path:
        """Where a file of the machine is for this process."""
        return Path(f"/proc/{self._namespace.pid}/root{self._root}{path}")

    def run(self, *command: str) -> str:
        """Run a command to its end: what it printed. AssertionError with its words where it fails."""
        return self._namespace.run(["chroot", str(self._root), *_FRESH, *command], timeout=120).stdout

    @contextmanager
    def serving(self, *command: str) -> Iterator[None]:
        """A command that serves until SIGTERM, which has to end it well; entered once it says that it is ready (sd_notify(3)).

        AssertionError with its words where it does not come up.
        """
        told, log = self.at("/run/notify"), self.at("/run/log")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifications, log.open("wb") as output:
            told.unlink(missing_ok=True)
            notifications.bind(str(told))
            notifications.settimeout(_WAIT)
            inside = ["chroot", str(self._root), *_FRESH, "NOTIFY_SOCKET=/run/notify", *command]
            process = self._namespace.popen(inside, stdout=output, stderr=output)
            try:
                while "READY=1" not in notifications.recv(4096).decode().splitlines():
                    pass
                yield
                process.terminate()
                assert process.wait(_WAIT) == 0, log.read_text()
            except TimeoutError:
                raise AssertionError(f"{' '.join(command)} is not ready: {log.read_text()}") from None
            finally:
                process.kill()
                process.wait()

    def files(self, *folders: str) -> set[str]:
        """All files, links and directories below these."""
        found: set[str] = set()
        for folder in folders:
            with suppress(AssertionError):
                found |= set(self.run("find", folder).splitlines())
        return found
