"""What somebody may do, told in advance: the decision on a method for everything that it might concern.

Rules of this file: it decides nothing. Access.check is asked, as for the call itself, so what is told here is what a call would
be answered with; and as long as the rules last: they are read when the agent starts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from qmfagent.errors import Refused
from qmfagent.policy.access import Access, Target


@dataclass(frozen=True, slots=True)
class Permission:
    """For what a method may be called: whatever it concerns (`any`), or else for these tickets alone."""

    any: bool
    tickets: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether it may be called for anything."""
        return self.any or bool(self.tickets)


def permission(access: Access, identity: str, widest: Target, method: str, tickets: Iterable[str]) -> Permission:
    """For what `identity` may call a method.

    `widest` is what the method may concern: any tickets (None); `tickets` are those that a call can be about, one at a time.
    """
    if _may(access, identity, widest, method):
        return Permission(True)
    each = ((ticket, replace(widest, tickets=frozenset({ticket}))) for ticket in tickets)
    return Permission(False, tuple(ticket for ticket, target in each if _may(access, identity, target, method)))


def _may(access: Access, identity: str, target: Target, method: str) -> bool:
    try:
        access.check(identity, target, method)
    except Refused:
        return False
    return True
