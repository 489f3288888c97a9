"""A resource that does not run, and what keeps it from that.

Rules of this file: values alone. A message goes on from the name of what it is about, names ids, nodes and tickets, and no
values: docs/howto/drill.md lists the reasons.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hindrance:
    """One thing that keeps a resource from running, by name, and in words that go on from the resource's own name."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """A resource that does not run in `role` (Started or Promoted), and why."""

    resource: str
    role: str
    hindrances: tuple[Hindrance, ...]

    def to_map(self) -> dict[str, str]:
        """As plain values: the reason is the first one's, the message tells of all."""
        message = "; ".join(hindrance.message for hindrance in self.hindrances)
        reason = self.hindrances[0].reason if self.hindrances else ""
        return {"resource": self.resource, "role": self.role, "reason": reason, "message": message}
