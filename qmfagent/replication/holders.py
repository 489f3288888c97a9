"""Who holds tickets, asked for afresh each time.

Rules of this file: the claims of the other sites come first and this site's own state after them, so that a ticket that has
come here meanwhile is seen.
"""

from __future__ import annotations

from qmfagent.errors import Refused
from qmfagent.replication.authority import Claim, publishing_site
from qmfagent.replication.ports import CibStore, Remotes


class Holders:
    """The holders of tickets, as `site` finds them out."""

    def __init__(self, site: str, store: CibStore, remotes: Remotes) -> None:
        self._site = site
        self._store = store
        self._remotes = remotes

    async def find(self, ticket: str) -> Claim:
        """The claim of the other site that holds `ticket`.

        Raises Refused (holder, split, no-holder), BusError where a site does not say, and Disconnected.
        """
        claims = await self._remotes.claims(ticket)
        snapshot = await self._store.snapshot()
        site = publishing_site(ticket, self._site, snapshot.tickets.get(ticket), claims)
        return next(claim for claim in claims if claim.site == site)

    async def check(self, ticket: str, publisher: str) -> Claim | None:
        """The claim of `publisher`, which has to hold `ticket`: raises as find does, and Refused (holder-changed).

        With an empty `publisher` it may be any other site's, or nobody's, which gives None.
        """
        try:
            claim = await self.find(ticket)
        except Refused as refused:
            if publisher or refused.reason != "no-holder":
                raise
            return None
        if publisher and claim.site != publisher:
            raise Refused(
                "holder-changed",
                f"the plan is for a publication of {publisher}, but {claim.site} holds ticket {ticket!r} now",
                hint="plan again",
            )
        return claim
