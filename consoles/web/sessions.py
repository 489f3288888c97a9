"""Who is signed in: sessions in memory, each with a console of its own.

Rules of this file: a session is found by a random id that only its browser has; here is the hash of it alone. A session ends
when nobody used it for a while, when it is old, when its user signs out, or when a newer one needs its place; with it end its
AMQP connections, its event streams and what it was busy with. Passwords are kept by its console, which needs them to reconnect,
and nowhere else.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from consoles.asynchronous import AsyncConsole
from consoles.live import Live
from consoles.web.permissions import KnownPermissions
from consoles.web.work import Work

IDLE = 30 * 60.0
"""Seconds that a session may be unused."""
ABSOLUTE = 12 * 3600.0
"""Seconds that a session lasts at most."""
MOST = 100
"""Sessions at a time."""
SWEEP = 15.0
"""Seconds between two looks for sessions that are over."""
_BYTES = 32

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Session:
    """One user in one browser. `csrf` is what his forms have to bring; `began` and `used` are in seconds of the clock."""

    identity: str
    console: AsyncConsole
    live: Live
    began: float
    used: float
    permissions: KnownPermissions
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(_BYTES))
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    streams: int = 0
    work: Work = field(default_factory=Work)


class Sessions:
    """All sessions."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        idle: float = IDLE,
        absolute: float = ABSOLUTE,
        most: int = MOST,
    ) -> None:
        self._clock = clock
        self._idle = idle
        self._absolute = absolute
        self._most = most
        self._sessions: dict[bytes, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    async def begin(self, identity: str, console: AsyncConsole, live: Live) -> str:
        """Sign a user in whose console is connected; the id of the session, for the cookie."""
        while len(self._sessions) >= self._most:
            await self.end(
                min(self._sessions.values(), key=lambda session: session.used), "a newer session needs its place"
            )
        now, identifier = self._clock(), secrets.token_urlsafe(_BYTES)
        self._sessions[_hash(identifier)] = Session(identity, console, live, now, now, KnownPermissions(console))
        return identifier

    def find(self, identifier: str, *, active: bool = True) -> Session | None:
        """The session of that id, None where there is none any more. `active` counts as use of it."""
        session = self._sessions.get(_hash(identifier))
        if session is None or self._is_over(session):
            return None
        if active:
            session.used = self._clock()
        return session

    async def end(self, session: Session, why: str) -> None:
        """End a session and close its connections."""
        self._sessions = {key: each for key, each in self._sessions.items() if each is not session}
        if session.ended.is_set():
            return
        session.ended.set()
        log.info("%s is signed out: %s", session.identity, why)
        await session.work.stop()
        await session.live.stop()
        await session.console.__aexit__(None, None, None)

    async def end_those_over(self) -> None:
        """End the sessions whose time is up."""
        for session in [each for each in self._sessions.values() if self._is_over(each)]:
            await self.end(session, "its time is up")

    async def sweep(self) -> None:
        """End the sessions whose time is up, until cancelled."""
        while True:
            await self.end_those_over()
            await asyncio.sleep(SWEEP)

    async def close(self) -> None:
        """End all sessions."""
        await asyncio.gather(*(self.end(each, "the web console ends") for each in list(self._sessions.values())))

    def _is_over(self, session: Session) -> bool:
        now = self._clock()
        return now - session.used >= self._idle or now - session.began >= self._absolute


def _hash(identifier: str) -> bytes:
    return hashlib.sha256(identifier.encode()).digest()
