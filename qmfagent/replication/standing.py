"""What a site remembers of a ticket's replication from one start of its agent to the next.

Rules of this file: a Standing is a value, kept in the journal with the record of what changed it. A site without a journal
file forgets it, and judges the order of publications anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from qmfagent.cib.plans.plan import Problem
from qmfagent.cib.ticket import Term, TicketState
from qmfagent.cib.version import Version

STANDING = "standing"
"""The event that tells of a standing that no other event tells of."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a site stands with one ticket.

    `publisher`, `term`, `version` and `digest` are those of the newest publication that was taken here; where this site has
    held the ticket alone since, the first is itself, then come its grant and its CIB's version. `delivered` is the digest of
    the document of what was last written for the ticket, which drift is measured against. All are empty where there was
    nothing yet. `paused`: nothing is applied by itself until it is resumed. `pinned` is the number of the change that was
    rolled back, 0 where none is: nothing newer is applied by itself until it is unpinned.
    """

    ticket: str
    publisher: str = ""
    term: Term = field(default_factory=lambda: Term(0, 0))
    version: Version = field(default_factory=lambda: Version(0, 0, 0))
    digest: str = ""
    delivered: str = ""
    paused: bool = False
    pinned: int = 0

    def measures(self, state: TicketState | None) -> bool:
        """Whether what is owned here has to be as it was delivered, with the ticket in this state at this site.

        A site that holds the ticket changes what it likes, and so had one that was granted it since that delivery.
        """
        if state is None:
            return bool(self.delivered)
        return bool(self.delivered) and not state.granted and state.last_granted <= self.term.granted

    @property
    def notes(self) -> tuple[Problem, ...]:
        """What the reader of a plan should know: what holds the ticket here, whatever is applied by hand."""
        held = {"paused": self.paused, "pinned": bool(self.pinned)}
        return tuple(
            Problem(
                code,
                "note",
                f"ticket {self.ticket!r} is {code} here: nothing is applied by itself; this plan can be applied all the same,"
                f" and leaves it {code}",
            )
            for code, so in held.items()
            if so
        )

    def to_values(self) -> dict[str, Any]:
        """The standing as plain values."""
        return {**asdict(self), "term": str(self.term), "version": str(self.version)}

    def told(self) -> dict[str, Any]:
        """The values of the event STANDING, without the site."""
        values = self.to_values()
        del values["delivered"]
        return values

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Standing:
        """Read such values. Raises CibError for a version that is none, TypeError for a key that is missing or unknown."""
        return cls(
            **{**values, "term": Term.parse(str(values["term"])), "version": Version.parse(str(values["version"]))}
        )
