"""What a store of a CIB tells its readers: a change, or that it lost sight of the CIB.

A stream of changes begins after the snapshot its reader already has. Each `CibChange` carries the whole new snapshot, so
a reader that only wants the newest state may skip any of them. After a `CibLost` the next `CibChange` has `resync` set.
"""

from __future__ import annotations

from dataclasses import dataclass

from qmfagent.cib.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class CibChange:
    """The CIB became `snapshot`.

    `patchset` is Pacemaker's format-2 patchset from the snapshot before, where it is known; None means: compare the
    snapshots. `client`, `user` and `origin` (a node) name who changed the configuration; they are empty where that is
    unknown, as it always is for a change of the status alone. `resync` tells that changes may have been missed on the way.
    """

    snapshot: Snapshot
    patchset: bytes | None = None
    client: str = ""
    user: str = ""
    origin: str = ""
    resync: bool = False


@dataclass(frozen=True, slots=True)
class CibLost:
    """The CIB can't be seen any more; `reason` says why, for people. The store goes on trying."""

    reason: str
