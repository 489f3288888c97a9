"""What objects and calls concern, as the rules of access see it: class, tickets and sites.

Rules of this file: it decides nothing. An object concerns the tickets that its properties name. A call whose tickets can't
be told concerns any.
"""

from __future__ import annotations

from collections.abc import Callable

from qmfagent.policy.access import Access, Target
from qmfagent.qmf.agent import MethodCall
from qmfagent.qmf.classes import Method
from qmfagent.qmf.data import Data

# The arguments that a method's ticket is told by.
_TELLING = frozenset({"ticket", "token"})


def may_concern_one(class_name: str, method: Method) -> bool:
    """Whether there are calls of a method that concern one ticket, and no other."""
    return class_name != "Site" or any(
        argument.name in _TELLING and argument.dir == "I" for argument in method.arguments
    )


class Targets:
    """What is what at `site`; `ticket_of` gives the ticket of the plan that a token names, None where there is none."""

    def __init__(self, site: str, ticket_of: Callable[[str], str | None]) -> None:
        self.site = site
        self._ticket_of = ticket_of

    def object(self, data: Data) -> Target:
        """What an object concerns."""
        values = data.values
        tickets = {str(ticket) for ticket in values.get("tickets", ())}
        tickets.add(str(values.get("name" if data.class_name == "Ticket" else "ticket", "")))
        return Target(data.class_name, frozenset(tickets - {""}), self._sites(str(values.get("remote", ""))))

    def call(self, call: MethodCall) -> Target:
        """What a call of a method concerns."""
        name = call.object_id.object_name.partition(":")[2]
        if call.class_name == "Replica":
            ticket, _, remote = name.rpartition(":")
            return self.of(call.class_name, ticket, remote)
        named = name if call.class_name == "Ticket" else call.arguments.get("ticket")
        token = name if call.class_name == "Plan" else call.arguments.get("token", "")
        found = str(named) if named else self._ticket_of(str(token))
        return self.of(call.class_name, found)

    def of(self, class_name: str, ticket: str | None, remote: str = "") -> Target:
        """What a call concerns that is about one ticket, None where it may be any; for a replica, with that other site."""
        return Target(class_name, None if ticket is None else frozenset({ticket}), self._sites(remote))

    def ticket(self, call: MethodCall) -> str | None:
        """The one ticket that a call concerns, None where there is none or it can't be told."""
        return next(iter(self.call(call).tickets or ()), None)

    def sees(self, access: Access) -> Callable[[str], Callable[[Data], bool] | None]:
        """What tells for an identity which objects it may read; None instead where that is all of them."""

        def of(identity: str) -> Callable[[Data], bool] | None:
            view = access.view(identity)
            return None if view is None else lambda data: view(self.object(data))

        return of

    def _sites(self, remote: str = "") -> frozenset[str]:
        return frozenset({self.site, remote} - {""})
