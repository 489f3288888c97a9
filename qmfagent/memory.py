"""How the process uses the C library's memory.

Rules of this file: it is called once, before the first thread starts, and does nothing where the C library is another.
"""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8


def use_one_arena() -> None:
    """Have all threads take their memory from one place (mallopt(3), M_ARENA_MAX; glibc alone).

    glibc gives each thread an arena of its own, which keeps what the thread once needed. The threads here parse CIBs in turn,
    so that a large one would be paid for several times over; what arenas save, waiting for each other, does not happen under
    Python's lock.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
