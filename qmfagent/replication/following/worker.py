"""One worker for many tickets: each is looked at once, however often it was woken meanwhile.

Rules of this file: a look belongs to the trace of what woke its ticket last, and so does each one that it puts off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from qmfagent.trace import continuing, current_traceparent


class Worker:
    """Calls `look` with every ticket that is woken, one after the other, and with what woke it last."""

    def __init__(self, look: Callable[[str, str], Awaitable[None]]) -> None:
        self._look = look
        self._wake = asyncio.Event()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.woken: dict[str, tuple[str, str]] = {}
        self._under_way = ("", "")

    def wake(self, ticket: str, remote: str = "") -> None:
        """Have a look at `ticket` soon: something has happened to it at `remote`, or here where that is empty."""
        self._put(ticket, remote, current_traceparent())

    def wake_later(self, seconds: float, ticket: str, remote: str = "") -> None:
        """Have a look at it after so many seconds, if nothing wakes it before; what was set before counts no more."""
        self.forget(ticket)
        looked_at, cause = self._under_way
        if looked_at != ticket:
            cause = current_traceparent()
        self._timers[ticket] = asyncio.get_running_loop().call_later(seconds, self._put, ticket, remote, cause)

    def forget(self, ticket: str) -> None:
        """Have no look at it later."""
        if timer := self._timers.pop(ticket, None):
            timer.cancel()

    def sleeps(self, ticket: str) -> bool:
        """Whether it is to be looked at later."""
        return ticket in self._timers

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self.woken:
                    ticket = next(iter(self.woken))
                    remote, cause = self.woken.pop(ticket)
                    self._under_way = ticket, cause
                    with continuing(cause):
                        await self._look(ticket, remote)
                    self._under_way = "", ""
        finally:
            for timer in self._timers.values():
                timer.cancel()

    def _put(self, ticket: str, remote: str, cause: str) -> None:
        """Have a look at it soon; `cause` is a traceparent, and where it is empty that of an earlier wake counts."""
        self.forget(ticket)
        self.woken[ticket] = remote, cause or self.woken.get(ticket, ("", ""))[1]
        self._wake.set()
