"""Ports of loopback for servers that have to be told where to listen: each is one caller's alone.

Rules of this file: none is of those that the kernel gives to whoever connects, or asks for any port: so nobody gets one by
chance before its server listens there, or while that is started again. Nor does another process of the tests: of a file that
all share, each locks one byte for each of its ports, until it ends.
"""

from __future__ import annotations

import fcntl
import functools
import os
import random
import socket
import tempfile
from pathlib import Path

_PORTS = range(15_000, 32_000)
_given: set[int] = set()


def free_port() -> int:
    """A port that nobody uses now, and that is given to nobody else while this process lives."""
    anywhere = random.SystemRandom()
    while True:
        port = anywhere.choice(_PORTS)
        if port not in _given and _locked(port) and _unused(port):
            _given.add(port)
            return port


def _locked(port: int) -> bool:
    try:
        fcntl.lockf(_file(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@functools.cache
def _file() -> int:
    path = Path(tempfile.gettempdir()) / f"qmfagent-tests-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _unused(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
