"""What is recorded of a write to the CIB: what is meant to happen, before it, and what came of it.

Rules of this file: an Intent is a value. It is recorded before the CIB is written, with the documents of what stands and what
is to stand, so that whoever comes after a crash can tell whether it happened, and what to remember of it then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from qmfagent.replication.applying.plans import HEALING, PUBLICATION, ROLLBACK
from qmfagent.replication.standing import Standing

APPLYING, APPLIED, ROLLED_BACK, DRIFT_HEALED, APPLY_FAILED = (
    "applying",
    "applied",
    "rolled_back",
    "drift_healed",
    "apply_failed",
)
"""The events of a write."""

CHANGES = (APPLIED, ROLLED_BACK, DRIFT_HEALED)
"""Those that tell of a change of the CIB."""

OUTCOMES = (*CHANGES, APPLY_FAILED)
"""Those that tell what came of a write."""

_DONE = {PUBLICATION: APPLIED, ROLLBACK: ROLLED_BACK, HEALING: DRIFT_HEALED}


@dataclass(frozen=True, slots=True)
class Intent:
    """One write that is to be made, for `by`.

    `publisher` and `digest` say which publication it is for, goes back on or heals to; `before` and `delivered` are the
    digests of the documents, `adopted` ids of members that are in the first and not owned yet. `count` is the number of
    changes, `undone` that of the change rolled back. `standing` is where the site stands once it is done.
    """

    ticket: str
    cause: str
    publisher: str
    digest: str
    before: str
    delivered: str
    adopted: tuple[str, ...]
    count: int
    undone: int
    standing: Standing
    by: str

    @property
    def outcome(self) -> str:
        """The name of the event that it is done."""
        return _DONE[self.cause]

    def to_values(self) -> dict[str, Any]:
        """The values of the event that announces it."""
        return {**asdict(self), "adopted": list(self.adopted), "standing": self.standing.to_values()}

    def done_values(self) -> dict[str, Any]:
        """The values of the event that it is done."""
        values = self.to_values()
        kept = {name: values[name] for name in ("ticket", "publisher", "digest", "before", "delivered", "adopted")}
        undone = {"undone": self.undone} if self.cause == ROLLBACK else {}
        return {**kept, **undone, "count": self.count, "by": self.by}

    def stands(self, current: Standing) -> Standing:
        """Where the site stands once it is done, with what was held meanwhile."""
        pinned = self.standing.pinned if self.cause == ROLLBACK else current.pinned
        return replace(self.standing, paused=current.paused, pinned=pinned)

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Intent:
        """Read the values of the event that announces it. Raises CibError or KeyError where they are none."""
        texts = {
            name: str(values[name]) for name in ("ticket", "cause", "publisher", "digest", "before", "delivered", "by")
        }
        return cls(
            **texts,
            adopted=tuple(map(str, values["adopted"])),
            count=int(values["count"]),
            undone=int(values["undone"]),
            standing=Standing.from_values(values["standing"]),
        )
