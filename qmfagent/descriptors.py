"""How many files and sockets the process may have open at a time.

Rules of this file: the soft limit, which is for programs that can't handle more, is raised as far as it takes; the hard one is
the administrator's.
Source: setrlimit(2); systemd.exec(5), LimitNOFILE.
"""

from __future__ import annotations

import logging
import resource

SPARE = 1280
"""For what the kernel hands over at once (the listen backlog) before any of it can be refused, and for all else."""

_log = logging.getLogger(__name__)


def allow_connections(number: int) -> None:
    """Let the process serve so many connections at a time; logs a warning where its hard limit is too low for that."""
    needed = number + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < needed:
        _log.warning(
            "%d connections are to be served, which may take %d open files, and %d are allowed: raise LimitNOFILE",
            number,
            needed,
            hard,
        )
