"""Publications of other sites, as they are taken: only where they are what they say.

Rules of this file: of each ticket the newest closure is remembered, so that the next one need not come whole. What does not
come out as it is announced then is asked for whole, once.
"""

from __future__ import annotations

import logging

from qmfagent.cib.closure.closure import Closure
from qmfagent.errors import CibError
from qmfagent.replication.ports import Remotes
from qmfagent.replication.publishing.publication import Publication
from qmfagent.replication.publishing.signature import Verifier

_log = logging.getLogger(__name__)


class Fetcher:
    """Takes publications from `remotes`, verified by `signers`."""

    def __init__(self, remotes: Remotes, signers: Verifier) -> None:
        self._remotes = remotes
        self._signers = signers
        self._known: dict[str, Closure] = {}

    def had(self, ticket: str) -> bool:
        """Whether a publication of `ticket` was taken since the start."""
        return ticket in self._known

    async def announced(self, holder: str, ticket: str) -> Publication:
        """What `holder` publishes for `ticket`, its signature verified and its document not yet looked at.

        Raises Refused (version, unknown-signer, unsigned, bad-signature), BusError where the holder can't be asked, and
        CibError where it answers for another site.
        """
        known = self._known.get(ticket)
        return await self._ask(holder, ticket, known.digest if known else "")

    async def closure(self, publication: Publication) -> Closure:
        """The closure of a publication that was announced. Raises as `announced` does, and CibError where it is none."""
        ticket = publication.ticket
        try:
            found = publication.closure(self._known.get(ticket))
        except CibError as error:
            self._known.pop(ticket, None)
            if not publication.base:
                raise
            _log.warning("%s; it is asked for whole", error)
            whole = await self._ask(publication.site, ticket, "")
            if whole.digest != publication.digest:
                raise CibError(
                    f"ticket {ticket!r} was published anew by {publication.site} meanwhile", hint="plan again"
                ) from None
            found = whole.closure()
        self._known[ticket] = found
        return found

    async def _ask(self, holder: str, ticket: str, known: str) -> Publication:
        publication = await self._remotes.publication(holder, ticket, known)
        if publication.site != holder:
            raise CibError(f"the publication of ticket {ticket!r} by {holder} says that it is {publication.site!r}'s")
        self._signers.check(publication)
        return publication
