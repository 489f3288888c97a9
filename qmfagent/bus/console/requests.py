"""The requests of a console session that wait for their answers.

Rules of this file: a request ends with an answer or a typed error, never without either, and at once when the connection or
the agent it was made to is gone. It is worth nothing to anybody after its timeout, and says so (ttl): where it waits for an
agent in a broker's queue, it is not carried out after its caller has given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from qmfagent.errors import BusError, ConnectionLost, RequestTimeout
from qmfagent.qmf.console_events import MethodAnswer, QueryAnswer, Subscribed
from qmfagent.qmf.message import Message

Answer = QueryAnswer | MethodAnswer | Subscribed

SHORTEST_TTL = 0.001
"""Seconds; what AMQP's milliseconds would round to 0 is no time-to-live at all."""


class Requests:
    """All requests under way, by correlation id."""

    def __init__(self, send: Callable[[Message], Awaitable[None]]) -> None:
        """`send` sends a message, and completes when the peer has it. Raises BusError."""
        self._send = send
        self._waiting: dict[str, tuple[str, asyncio.Future[Answer]]] = {}

    async def ask(self, agent: str, cid: str, message: Message, timeout: float) -> Answer:  # noqa: ASYNC109
        """Send a request to an agent; its answer. Raises RemoteError, ConnectionLost, and RequestTimeout after `timeout` s."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda done: done.cancelled() or done.exception())  # send() may have raised first
        self._waiting[cid] = (agent, future)
        try:
            async with asyncio.timeout(timeout):
                await self._send(replace(message, ttl=max(timeout, SHORTEST_TTL)))
                return await future
        except TimeoutError:
            raise RequestTimeout(f"agent {agent} did not answer within {timeout:g} s") from None
        finally:
            del self._waiting[cid]
            future.cancel()

    def settle(self, cid: str, answer: Answer) -> None:
        """Take the answer to a request; one to a request that has ended is dropped."""
        _, future = self._waiting.get(cid, ("", None))
        if future is not None and not future.done():
            future.set_result(answer)

    def fail(self, cid: str, error: BusError) -> None:
        """End a request with an error."""
        _, future = self._waiting.get(cid, ("", None))
        if future is not None and not future.done():
            future.set_exception(error)

    def fail_all(self, reason: str, agent: str | None = None) -> None:
        """End the requests to an agent, or all, with ConnectionLost."""
        for cid, (asked, _) in list(self._waiting.items()):
            if agent in (None, asked):
                self.fail(cid, ConnectionLost(reason))
