"""Which actions on a ticket would change something at a site."""

from __future__ import annotations

import pytest

from consoles.ticket_actions import ACTIONS, possible
from consoles.tickets import HOLDER, TicketAt


@pytest.mark.parametrize(
    ("at", "actions"),
    [
        (TicketAt("a", HOLDER, mode="manual"), ("revoke", "standby", "pause", "pin")),
        (TicketAt("a", HOLDER, standby=True, mode="manual", paused=True), ("revoke", "activate", "resume", "pin")),
        (TicketAt("a", "in-sync", mode="automatic", pinned=True), ("grant", "pause", "unpin")),
        (TicketAt("a", "unknown", mode="manual"), ("grant", "pause", "pin")),
        (TicketAt("a", "unknown"), ()),
    ],
)
def test_what_can_be_done(at: TicketAt, actions: tuple[str, ...]) -> None:
    assert possible(at) == actions


def test_every_action_can_be_done_somewhere() -> None:
    states = [
        TicketAt("a", state, standby, "manual", paused=held, pinned=held)
        for state in (HOLDER, "in-sync")
        for standby in (True, False)
        for held in (True, False)
    ]
    assert {action for at in states for action in possible(at)} == ACTIONS.keys()
