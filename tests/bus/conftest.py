"""Helpers of the bus tests: listeners and connections on loopback that are closed afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from qmfagent.bus.client.connection import Connection
from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.listener.listener import Listener
from qmfagent.bus.security.identity import Identity
from qmfagent.qmf.message import DIRECT, REQUEST, RESPONSE, TOPIC, Address, Message
from tests.certificates import CertificateAuthority

WAIT = 30.0
"""Seconds: the bound of a wait for what comes at once on a machine that has nothing else to do."""


@dataclass
class Inbox:
    """Collects messages; `get` waits for the next one."""

    queue: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)

    def __call__(self, *args: Any) -> None:
        self.queue.put_nowait(args[0] if len(args) == 1 else args)

    async def get(self) -> Any:
        async with asyncio.timeout(WAIT):
            return await self.queue.get()

    @property
    def empty(self) -> bool:
        return self.queue.empty()


class Bus:
    """Starts listeners and connections for one test."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.url = ""

    async def listen(
        self,
        addresses: tuple[Address, ...] = (),
        on_message: Callable[[Message, Identity], None] = lambda message, identity: None,
        *,
        url: str = "amqp://127.0.0.1:0",
        **options: Any,
    ) -> Listener:
        """A started listener; `url` is then where it listens."""
        listener = Listener(url, addresses=addresses, on_message=on_message, **options)
        port = await listener.start()
        self._stack.push_async_callback(listener.stop)
        self.url = url.removesuffix(":0") + f":{port}" if url.endswith(":0") else url
        return listener

    async def connect(
        self, addresses: tuple[Address, ...] = (), on_message: Callable[[Message], None] | None = None, **options: Any
    ) -> Connection:
        """A connection to the listener that is up."""
        url, timeout = options.pop("url", self.url), options.pop("timeout", WAIT)
        connection = Connection(url, addresses=addresses, on_message=on_message or Inbox(), **options)
        connection.start()
        self._stack.push_async_callback(connection.stop)
        await connection.wait_up(timeout)
        return connection


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    async with AsyncExitStack() as stack:
        yield Bus(stack)


@pytest.fixture
def inbox() -> Callable[[], Inbox]:
    return Inbox


@pytest.fixture
def quick() -> Limits:
    """Limits for tests that wait for one of them."""
    return replace(Limits(), open_timeout=0.3, idle_timeout=0.6)


def message(subject: str, *, node: str = TOPIC, **fields: Any) -> Message:
    """A small QMF message."""
    fields = {"opcode": "_data_indication", "method": "indication", "body": {"n": 1}} | fields
    return Message(to=Address(node, subject), **fields)


@pytest.fixture(name="message")
def message_fixture() -> Callable[..., Message]:
    return message


@pytest.fixture
def echo(bus: Bus) -> Callable[..., Awaitable[Listener]]:
    """Starts a listener whose agent answers each request to direct address `echo` with the request's own body."""

    async def start(**options: Any) -> Listener:
        def answer(request: Message, identity: Identity) -> None:
            assert request.method == REQUEST
            assert request.reply_to is not None
            listener.send(
                Message(
                    to=request.reply_to,
                    opcode="_method_response",
                    method=RESPONSE,
                    body=request.body,
                    correlation_id=request.correlation_id,
                    agent="echo",
                )
            )

        listener = await bus.listen((Address(DIRECT, "echo"),), answer, **options)
        return listener

    return start


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("ca"), "ca")


@pytest.fixture(scope="session")
def other_ca(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("other-ca"), "other-ca")
