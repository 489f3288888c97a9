"""What can be done to a ticket at a site, and when: methods of its Ticket object.

Rules of this file: pure. An action that would change nothing is none that can be done.
"""

from __future__ import annotations

from collections.abc import Mapping

from consoles.tickets import HOLDER, UNKNOWN, TicketAt

ACTIONS: Mapping[str, str] = {
    "grant": "granted to",
    "revoke": "revoked from",
    "standby": "in standby at",
    "activate": "active at",
    "pause": "paused at",
    "resume": "followed again at",
    "pin": "pinned at",
    "unpin": "pinned no more at",
}
"""The actions, and what a ticket is at a site once they are done."""
MOVING = frozenset({"grant", "revoke", "standby", "activate"})
"""Those that let the cluster start or stop resources."""
ACTION_LABELS: Mapping[str, str] = {
    **{action: action.capitalize() for action in ACTIONS},
    "standby": "Put in standby",
    "activate": "End the standby",
    "resume": "End the pause",
}
"""What a button or link of each action says."""


def possible(at: TicketAt) -> tuple[str, ...]:
    """The actions that would change something, in the order of ACTIONS; none at a site whose own word is missing."""
    if at.state == UNKNOWN and not at.mode:
        return ()
    holds = at.state == HOLDER
    changes = {
        "grant": not holds,
        "revoke": holds,
        "standby": holds and not at.standby,
        "activate": at.standby,
        "pause": not at.paused,
        "resume": at.paused,
        "pin": not at.pinned,
        "unpin": at.pinned,
    }
    return tuple(action for action in ACTIONS if changes[action])
