"""Holding a ticket at this site by hand: pause and resume, pin and unpin.

Rules of this file: what is held is nothing but what the agent does by itself; what a person asks for is done all the same, and
changes nothing about the hold.
"""

from __future__ import annotations

from collections.abc import Callable

from qmfagent.replication.applying.applier import Applier
from qmfagent.replication.applying.intent import CHANGES
from qmfagent.replication.ports import Ledger
from qmfagent.replication.standing import Standing

ACTIONS = ("pause", "resume", "pin", "unpin")


class Holding:
    """Changes what holds a ticket; `on_change` is called with it then."""

    def __init__(self, applier: Applier, ledger: Ledger, on_change: Callable[[str], object]) -> None:
        self._applier = applier
        self._ledger = ledger
        self._on_change = on_change

    def change(self, ticket: str, action: str, by: str) -> Standing:
        """Do one of ACTIONS, for `by`, and announce it where that is news: where the site stands then.

        A pin is the number of the newest change of the ticket here (1 where there was none); one that is set already stays.
        """
        if action in ("pause", "resume"):
            standing = self._applier.hold(ticket, by, paused=action == "pause")
        else:
            standing = self._applier.hold(ticket, by, pinned=self._pin(ticket) if action == "pin" else 0)
        self._on_change(ticket)
        return standing

    def _pin(self, ticket: str) -> int:
        newest = self._ledger.of_ticket(ticket, CHANGES, 1)
        return self._applier.standing(ticket).pinned or (newest[0].number if newest else 1)
