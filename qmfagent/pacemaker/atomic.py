"""Files that are never seen half-written, and a lock between those who write them.

Rules of this file: blocking calls, to be made in a worker thread; only the standard library. Pacemaker's own tools
neither take the lock nor replace the file in one step, so a reader has to bear a torn file (file.py does).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from qmfagent.errors import ClusterError

_LOCK_SECONDS = 10.0

Signature = tuple[int, int, int, int]


def signature(path: Path) -> Signature:
    """What most often changes when the file is written: inode, size in bytes, two times in nanoseconds. Raises OSError."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of all qmfagents that write `path`. Raises ClusterError where another holds it for ten seconds.

    The lock is on the directory: one on the file would go with the file when it is replaced.
    """
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for attempt in Retrying(
            retry=retry_if_exception_type(BlockingIOError),
            stop=stop_after_delay(_LOCK_SECONDS),
            wait=wait_random_exponential(multiplier=0.01, max=0.2),
            reraise=True,
        ):
            with attempt:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ClusterError(f"{path} has been locked by another writer for {_LOCK_SECONDS:g} s") from None
    finally:
        os.close(descriptor)


def replace(path: Path, data: bytes) -> None:
    """Make `data` the content of the existing file `path` in one step; owner and mode stay. Raises OSError."""
    before = path.stat()
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, before.st_mode & 0o7777)
            if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(descriptor, before.st_uid, before.st_gid)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        Path(name).rename(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
