"""What an action on a ticket at a site would bring about, in words, before somebody confirms it.

Rules of this file: pure. What is dangerous comes first; what is not known is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consoles.nodes import MAINTENANCE, OFFLINE, ONLINE, STANDBY, node_state
from consoles.picture import Picture
from consoles.ticket_actions import ACTION_LABELS, ACTIONS, possible
from consoles.tickets import HOLDER, UNKNOWN, TicketAt, TicketStatus

_TITLES = {
    "grant": "Grant {ticket} to {site}?",
    "revoke": "Revoke {ticket} from {site}?",
    "standby": "Put {ticket} in standby at {site}?",
    "activate": "End the standby of {ticket} at {site}?",
    "pause": "Pause {ticket} at {site}?",
    "resume": "End the pause of {ticket} at {site}?",
    "pin": "Pin {ticket} at {site}?",
    "unpin": "Unpin {ticket} at {site}?",
}
_HINDRANCES = {OFFLINE: "offline", STANDBY: "in standby", MAINTENANCE: "in maintenance"}
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Consequence:
    """One thing that would follow, in the tone of a notice: bad, warn, or info."""

    tone: str
    text: str


@dataclass(frozen=True, slots=True)
class ActionView:
    """The confirmation of an action. It is not `possible` where it would change nothing: `done` says what is so already."""

    action: str
    site: str
    title: str
    button: str
    consequences: tuple[Consequence, ...]
    possible: bool
    done: str

    @property
    def dangerous(self) -> bool:
        """Whether it is to be thought over."""
        return any(each.tone == "bad" for each in self.consequences)


@dataclass(frozen=True, slots=True)
class Cluster:
    """The site's cluster as it stands: the values of its Node objects, and ids of the ticket's resources that it does not
    manage."""

    nodes: Sequence[Mapping[str, Any]] = ()
    unmanaged: Sequence[str] = ()


def action_view(
    action: str, status: TicketStatus, site: str, own: Mapping[str, Any], picture: Picture, cluster: Cluster
) -> ActionView:
    """The confirmation of an action on a ticket at a site; `own` are the values of that site's Ticket object, empty where it
    has none."""
    at = next((each for each in status.sites if each.site == site), TicketAt(site, UNKNOWN))
    can = action in possible(at) or (not own and action == "grant")
    return ActionView(
        action,
        site,
        _TITLES[action].format(ticket=status.name, site=site),
        ACTION_LABELS[action],
        tuple(_consequences(action, status, at, own, picture, cluster)),
        can,
        f"Ticket {status.name} is {ACTIONS[action]} {site}.",
    )


def _consequences(
    action: str, status: TicketStatus, at: TicketAt, own: Mapping[str, Any], picture: Picture, cluster: Cluster
) -> Iterator[Consequence]:
    site, resources = at.site, _named(own.get("resources", ()))
    match action:
        case "grant":
            yield from _of_grant(status, at, own, picture)
            yield from _of_starting(site, cluster)
        case "revoke":
            if own.get("booth"):
                yield Consequence("info", f"booth manages this ticket ({own['booth']}), and is asked to revoke it.")
            if resources:
                yield Consequence(
                    "bad", f"What depends on it is stopped, or as its loss-policy says, at {site}: {resources}."
                )
            yield from _of_stopping(site, cluster)
            yield Consequence(
                "warn", "No site holds it then, and nothing of it runs anywhere, until it is granted again."
            )
        case "standby":
            yield Consequence("warn", f"What depends on it is stopped gracefully at {site}: {resources or 'nothing'}.")
            yield from _of_stopping(site, cluster)
            yield Consequence("info", f"{site} keeps the ticket.")
        case "activate":
            yield Consequence("info", f"What depends on it may run again at {site}: {resources or 'nothing'}.")
            yield from _of_starting(site, cluster)
        case "pause":
            yield Consequence("info", f"Nothing is applied or healed at {site} by itself, until the pause is ended.")
            yield Consequence("info", "What somebody applies by hand goes through.")
        case "pin":
            yield Consequence(
                "info", f"Nothing newer than what is at {site} now is applied there by itself, until it is unpinned."
            )
            yield Consequence(
                "info", "What somebody applies by hand goes through. Drift is healed, where that is configured."
            )
        case "resume" | "unpin":
            yield _of_release(at)


def _of_grant(status: TicketStatus, at: TicketAt, own: Mapping[str, Any], picture: Picture) -> Iterator[Consequence]:
    site, others = at.site, [holder for holder in status.holders if holder != at.site]
    booth = own.get("booth")
    if booth:
        yield Consequence(
            "info",
            f"booth manages this ticket ({booth}), and is asked to grant it: it does so where no other site holds it.",
        )
    elif others:
        held = " and ".join(others)
        yield Consequence(
            "bad",
            f"Split: {held} {'holds' if len(others) == 1 else 'hold'} it. What depends on it would run at {held} and at {site} "
            f"at the same time, and nothing of it is replicated any more. Revoke it from {held} first.",
        )
    unreached = sorted(set(picture.names) - {each.site for each in picture.sites})
    if unreached and not booth:
        yield Consequence("bad", f"Whether {' or '.join(unreached)} holds it can't be told: no agent answers there.")
    if resources := _named(own.get("resources", ())):
        yield Consequence("warn", f"What depends on it is started at {site}: {resources}.")
    else:
        yield Consequence("warn", f"Nothing that depends on it is at {site}: nothing is started.")
    if at.state in ("behind", "blocked", "unreachable"):
        why = f" ({at.message or at.reason})" if at.reason else ""
        yield Consequence(
            "warn", f"{site} is {at.state}{why}: it starts from what was delivered last, not from the newest."
        )
    if at.drift:
        fields = f"{at.drift} fields at {site} differ" if at.drift > 1 else f"1 field at {site} differs"
        yield Consequence("warn", f"{fields} from what was delivered.")


def _of_starting(site: str, cluster: Cluster) -> Iterator[Consequence]:
    states = [(node["name"], node_state(node)) for node in cluster.nodes]
    if states and all(state != ONLINE for _, state in states):
        told = _named(f"{name} is {_HINDRANCES[state]}" for name, state in states)
        yield Consequence("warn", f"No node of {site} can start anything now: {told}.")
    if cluster.unmanaged:
        told = _named(cluster.unmanaged)
        yield Consequence("warn", f"The cluster of {site} does not manage these now, and does not start them: {told}.")


def _of_stopping(site: str, cluster: Cluster) -> Iterator[Consequence]:
    if cluster.unmanaged:
        told = _named(cluster.unmanaged)
        yield Consequence(
            "bad",
            f"The cluster of {site} does not manage these now, and does not stop them: {told}. Where they run they run on, "
            "also when the ticket is granted to another site.",
        )


def _of_release(at: TicketAt) -> Consequence:
    if at.state == HOLDER:
        return Consequence("info", f"{at.site} holds the ticket: nothing is applied there.")
    if at.state != "behind":
        return Consequence(
            "info", f"What is published next is applied at {at.site} as its mode says: {at.mode or 'unknown'}."
        )
    when = {"automatic": "at once", "periodic": "when its schedule says"}.get(at.mode, "when somebody does it by hand")
    return Consequence("warn" if at.mode == "automatic" else "info", f"What waits at {at.site} is applied {when}.")


def _named(told: Iterable[Any]) -> str:
    names = [str(each) for each in told]
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
