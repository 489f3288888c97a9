"""A generic AMQP Management client: proton's own blocking request and response, as qdmanage and skmanage use it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeVar

import proton
from proton.utils import BlockingConnection, SyncRequestResponse

NODE = "$management"
TIMEOUT = 30.0

T = TypeVar("T")


class Session:
    """One connection to a management node; it blocks."""

    def __init__(self, connection: BlockingConnection, address: str | None = NODE) -> None:
        self.connection = connection
        self._requests = SyncRequestResponse(connection, address)

    def ask(self, operation: str, body: Any = None, to: str | None = None, **properties: Any) -> proton.Message:
        """The response to a request."""
        request = proton.Message(properties={"operation": operation, **properties}, body=body or {})
        if to is not None:
            request.address = to
        response: proton.Message = self._requests.call(request)
        return response


async def with_session(url: str, work: Callable[[Session], T], address: str | None = NODE, **options: Any) -> T:
    """Work with a session in a thread. Without options there is no SASL layer: the connection begins with AMQP's own header."""

    def blocking() -> T:
        connection = BlockingConnection(url, timeout=TIMEOUT, **{"sasl_enabled": False, **options})
        with closing(connection):
            return work(Session(connection, address))

    return await asyncio.to_thread(blocking)


async def ask(url: str, operation: str, body: Any = None, **properties: Any) -> proton.Message:
    """One request on a connection of its own."""
    return await with_session(url, lambda session: session.ask(operation, body, **properties))
