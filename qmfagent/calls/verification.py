"""Verifies this site's journal: against itself, and against what other sites were told of it.

Rules of this file: what a site was told counts for the journal of that id alone: after a loss of power, or of a disk, numbers
begin anew under another id. A site that can't be asked has nothing to say, and is not listed. It may take seconds, so it is
done once at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from qmfagent.errors import BusError, Refused
from qmfagent.journal.entry import Anchor
from qmfagent.journal.store import Journal
from qmfagent.peers.peers import Peers
from qmfagent.peers.witness import Witnessed


class Verification:
    """Verifies the journal of `site`, which `journal` gives as it is now."""

    def __init__(self, site: str, journal: Callable[[], Journal], peers: Peers) -> None:
        self._site = site
        self._journal = journal
        self._peers = peers
        self._running = asyncio.Lock()

    async def run(self) -> dict[str, Any]:
        """The out arguments of Site.verify_journal. Raises JournalError at the first thing wrong, and Refused (busy)."""
        if self._running.locked():
            raise Refused("busy", "the journal is being verified already", hint="try again in some seconds")
        async with self._running:
            told = await asyncio.gather(*(self._told(peer) for peer in self._peers.sites))
            witnesses = {peer: each for peer, each in zip(self._peers.sites, told, strict=True) if each}
            journal = self._journal()
            known = [
                (f"site {peer}", Anchor(each.seq, each.head))
                for peer, each in witnesses.items()
                if each.journal == journal.id
            ]
            verified = await asyncio.to_thread(journal.verification(known))
        return {
            **asdict(verified),
            "signed": bool(verified.signer),
            "witnesses": [{"site": peer, **each.to_values()} for peer, each in witnesses.items()],
        }

    async def _told(self, peer: str) -> Witnessed | None:
        """The newest entry that another site was told of; None where it can't be asked, or knows none."""
        try:
            sites = await self._peers.query(peer, "Site")
        except BusError:
            return None
        listed = [each for values in sites if isinstance(values.get("peers"), list) for each in values["peers"]]
        found = (_witnessed(each) for each in listed if isinstance(each, Mapping) and each.get("site") == self._site)
        return next(found, None)


def _witnessed(values: Mapping[str, Any]) -> Witnessed | None:
    journal, seq, head = (values.get(name) for name in ("journal", "seq", "head"))
    if isinstance(journal, str) and journal and isinstance(seq, int) and isinstance(head, str):
        return Witnessed(journal, seq, head)
    return None
