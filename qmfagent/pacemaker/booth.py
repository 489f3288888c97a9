"""Tickets, changed by whom they belong to: booth's client for what booth manages, crm_ticket for everything else.

Rules of this file: booth grants a ticket to the site that the client runs at, and revokes it wherever it is; so what is not
booth's here (granted by somebody else's crm_ticket) is revoked by crm_ticket, or the wrong site would lose it. Standby is
Pacemaker's alone. booth's answer is final only once the CIB shows it. The client is always told its configuration: without,
booth 1.0 may crash.
Source: boothd(8), "Commands", "Booth ticket management"; booth 1.0, src/pcmk.c for what is in a ticket_state.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.ticket import BoothView, TicketState, noted
from qmfagent.errors import ClusterError, Refused
from qmfagent.pacemaker.booth_config import BoothConfigs
from qmfagent.pacemaker.process import run
from qmfagent.pacemaker.tickets import holds
from qmfagent.pacemaker.tools import TicketAction, Tools

# The client itself waits for 5 s for the outcome.
_CLIENT_SECONDS = 30.0
_SEEN_SECONDS = 5.0
_STAMP = re.compile(r"^\w{3} +\d+ [\d:]+ \S+ booth: \[\d+\]: \w+: ", re.MULTILINE)
_ERROR = re.compile(r" booth: \[\d+\]: ERROR: ")
_PEER_SITE = re.compile(r"^site +([^\s,]+), last recv", re.MULTILINE)

# Waits until a snapshot meets the condition, for so many seconds at most; whether one did.
Until = Callable[[Callable[[Snapshot], bool], float], Awaitable[bool]]


class Tickets:
    """Changes tickets of this site, and says what booth knows of them."""

    def __init__(self, tools: Tools, configs: BoothConfigs) -> None:
        self._tools = tools
        self._configs = configs

    def view(self, state: TicketState) -> BoothView:
        """What booth says of a ticket: see BoothView."""
        view, config = noted(state), self._configs.of(state.name)
        if config is None:
            return view
        expires = 0 if config.tickets[state.name] else view.expires
        return BoothView(config.name, config.sites.get(view.owner, view.owner), expires)

    async def change(self, snapshot: Snapshot, name: str, action: TicketAction, until: Until) -> None:
        """Carry out `action` on ticket `name`, as it is in `snapshot`, and wait until the CIB shows it.

        Raises Refused (booth) where booth does not do it, WriteRejected, Disconnected, and ClusterError, above all where
        booth has taken it on and is not done yet.
        """
        state = snapshot.tickets.get(name, TicketState(name))
        file = self._file(state)
        if file is None or action not in ("grant", "revoke"):
            await self._by_pacemaker(name, action, until)
        elif action == "grant":
            await self._by_booth(file, name, action, until)
        elif state.granted:
            elsewhere = await self._is_elsewhere(file, state)
            await (self._by_pacemaker(name, action, until) if elsewhere else self._by_booth(file, name, action, until))

    def _file(self, state: TicketState) -> str | None:
        """The configuration under which booth manages a ticket, as its client wants it named; None where it does not."""
        config = self._configs.of(state.name)
        return str(config.path) if config else state.booth or None

    async def _by_pacemaker(self, name: str, action: TicketAction, until: Until) -> None:
        await self._tools.ticket(name, action)
        await until(lambda snapshot: holds(snapshot, name, action), _SEEN_SECONDS)

    async def _by_booth(self, file: str, name: str, action: TicketAction, until: Until) -> None:
        _, words = await self._client(action, file, name, "--", name)
        if not await until(lambda snapshot: holds(snapshot, name, action), _SEEN_SECONDS):
            raise ClusterError(
                f"booth has not carried out yet what it was asked for, to {action} ticket {name!r}: {words}",
                hint="with a site out of reach it waits until a grant there would be over: see 'booth list'",
            )

    async def _is_elsewhere(self, file: str, state: TicketState) -> bool:
        """Whether booth has the ticket at another site than this one, which is the one that is no peer of its own."""
        config = self._configs.of(state.name)
        if config is None:
            return False
        output, _ = await self._client("peers", file, state.name)
        others = set(_PEER_SITE.findall(output))
        return len(set(config.sites.values()) - others) == 1 and self.view(state).owner in others

    async def _client(self, command: str, file: str, name: str, *arguments: str) -> tuple[str, str]:
        """Run booth's client on behalf of ticket `name`: its output, and its words without time and process."""
        code, output, said = await run(["booth", command, "-c", file, *arguments], None, _CLIENT_SECONDS)
        words = _STAMP.sub("", said)
        if code < 0:
            raise ClusterError(f"booth {command} was ended by signal {-code}: {words}")
        # The code is 0 for some things that are not done, such as those that are asked of an arbitrator.
        if code or _ERROR.search(said):
            raise Refused("booth", f"booth, which manages ticket {name!r}, does not {command}: {words}")
        return output.decode(errors="replace"), words
