"""What TLS takes, a domain of proton's or a context of Python's, that follows its files.

Rules of this file: the files are looked at for every new connection, and read again when they have changed; connections
that are up keep what they began with. Files that can't be used change nothing: the last good domain stays, and what is
wrong is told once, until it is mended. A connection needs no restart of the agent to see a renewed certificate.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import proton

from qmfagent.errors import ConfigError

log = logging.getLogger(__name__)

Stamp = tuple[tuple[int, int, int, int] | None, ...]
Domain = TypeVar("Domain")


class Reloaded(Generic[Domain]):
    """Makes domains out of files."""

    def __init__(self, files: tuple[Path, ...], make: Callable[[], Domain]) -> None:
        """`make` reads the files and gives a domain. Raises the ConfigError that it raises."""
        self._files = files
        self._make = make
        self._stamp = self._look()
        self._domain = make()
        self._problem = ""

    def current(self) -> Domain:
        """The domain for a connection that begins now."""
        # The stamp is taken before the files are read: what changes meanwhile is seen the next time.
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            self._renew()
        return self._domain

    def _renew(self) -> None:
        names = ", ".join(map(str, self._files))
        try:
            self._domain = self._make()
        except ConfigError as error:
            if str(error) != self._problem:
                log.error("changed TLS files are not used, the former ones stay in use: %s", error)
            self._problem = str(error)
        else:
            log.info("TLS files were read again: %s", names)
            self._problem = ""

    def _look(self) -> Stamp:
        return tuple(map(_stamp, self._files))


ReloadedDomain = Reloaded[proton.SSLDomain]


def _stamp(path: Path) -> tuple[int, int, int, int] | None:
    """What changes when a file does: device, inode, time of the last write (ns), size; None where it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
