"""What the user of a session may do where, as the agents say.

Rules of this file: what a site said holds for a few seconds; what can't be asked is not remembered.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from consoles.permissions import Permissions
from qmfagent.errors import QmfAgentError

LASTS = 5.0
"""Seconds that the answer of a site holds."""


class Sites(Protocol):
    """What is asked of a console for this: AsyncConsole is one."""

    async def permissions(self, site: str) -> Permissions: ...


class KnownPermissions:
    """The permissions of one user at all sites."""

    def __init__(self, sites: Sites, clock: Callable[[], float] = time.monotonic) -> None:
        self._sites = sites
        self._clock = clock
        self._known: dict[str, tuple[float, Permissions]] = {}

    async def may(self, site: str, method: str, ticket: str | None = None) -> bool:
        """Whether a method, such as `Site.apply`, may be called at a site for a ticket; without one, for any at all.

        False where the site can't be asked.
        """
        now = self._clock()
        known = self._known.get(site)
        if known is None or now - known[0] >= LASTS:
            try:
                known = self._known[site] = now, await self._sites.permissions(site)
            except QmfAgentError:
                return False
        return known[1].may(method, ticket)
