"""Into the network of a lab site without a process of its own there.

Rules of this file: Linux keeps the network namespace by thread, and a new thread has that of the thread that makes it.
So a client whose threads and sockets are made inside stays inside, while anybody may call it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

_CLONE_NEWNET = 0x40000000

_Made = TypeVar("_Made")


def in_network_of(pid: int, make: Callable[[], _Made]) -> _Made:
    """What `make` returns, called in a thread that is in the network of process `pid` (setns(2)). Raises OSError."""

    def enter_and_make() -> _Made:
        with Path(f"/proc/{pid}/ns/net").open() as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET):
                number = ctypes.get_errno()
                raise OSError(number, f"setns to the network of {pid}: {os.strerror(number)}")
        return make()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(enter_and_make).result()
