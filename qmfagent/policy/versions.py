"""Which versions of agents replicate with each other: docs/project/compatibility.md as code.

Rules of this file: pure. It is about taking configuration from an agent of another version; that it is seen, and asked what it
claims, depends on no version. An agent that tells none is of the last version that told none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from qmfagent.errors import Refused

UNTOLD = "0.1.0"
"""The version of an agent that does not tell it."""

_VERSION = re.compile(r"(\d{1,9})\.(\d{1,9})(?!\d)")


def version_told(attributes: Mapping[str, Any]) -> str:
    """The version in what an agent announces of itself; empty where that is no text."""
    told = attributes.get("version", UNTOLD)
    return told if isinstance(told, str) else ""


def check_version(site: str, theirs: str, ours: str) -> None:
    """Raise Refused (version) unless this agent, of version `ours`, takes publications of the agent of `site`.

    The two are of one major version; while that is 0, their minor versions are at most one apart.
    """
    mine, other = _read(ours), _read(theirs)
    if other is None:
        raise Refused("version", f"the agent of site {site} tells a version that can't be read: {theirs[:40]!r}")
    if mine is not None and mine[0] == other[0] and (mine[0] > 0 or abs(mine[1] - other[1]) <= 1):
        return
    older = "there" if mine is None or other < mine else "here"
    raise Refused(
        "version",
        f"the agent of site {site} is of version {theirs}, this one of {ours}: that is too far apart to replicate",
        hint=f"update qmfagent {older}",
    )


def _read(version: str) -> tuple[int, int] | None:
    """The major and the minor number; None where there are none."""
    found = _VERSION.match(version)
    return (int(found[1]), int(found[2])) if found else None
