"""Stand-ins for the brokers that can't be had here: they behave as their sources and manuals say, and no more.

Rules of this file: a stand-in is stricter than the broker where the broker is lenient.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from proton import Condition, Delivery, Link, Terminus, symbol

from qmfagent.bus.connection.engine import Engine
from qmfagent.bus.connection.outlet import Outlet
from qmfagent.bus.limits.admission import Admission
from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.listener.listener import Listener
from qmfagent.bus.messages.wire import Envelope
from qmfagent.bus.security.identity import Identity
from qmfagent.qmf.message import Address, Message


class StandInQpidd(Listener):
    """Nodes with subject filters, as our listener has them; an open that says who it is; nothing without a filter."""

    def __init__(self) -> None:
        super().__init__("amqp://127.0.0.1:0", on_message=lambda message, identity: None)

    def publish(self, node: str | None, data: bytes, identity: Identity, admission: Admission) -> Condition | None:
        """A user-id is passed on: this broker has compared it, or would not with `auth=no`."""
        return super().publish(node, data, Identity(user=Envelope.open(data).user_id), admission)

    def _accept(self, *args: Any) -> asyncio.Protocol:
        protocol = super()._accept(*args)
        assert isinstance(protocol, Engine)
        protocol.connection.properties = {symbol("product"): "qpid-cpp", symbol("version"): "1.39.0"}
        return protocol


class StandInMulticast:
    """Multicast addresses without wildcards; senders have the anonymous terminus alone; receivers say `topic`."""

    def __init__(self, product: str, *, durable: bool) -> None:
        self.product = product
        self.durable = durable
        self.url = ""
        self.receivers: dict[str, list[Outlet]] = {}
        self.subscriptions: dict[str, tuple[str, list[bytes]]] = {}
        self.connections: set[Engine] = set()

    async def start(self) -> None:
        server = await asyncio.get_running_loop().create_server(self._accept, "127.0.0.1", 0)
        self._server = server
        self.url = f"amqp://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        self._server.close()
        for engine in list(self.connections):
            engine.abort()

    def publish(self, data: bytes) -> None:
        """Copy a message to every receiver at its address, and to durable subscribers that are away."""
        to = Envelope.open(data).to
        for outlet in self.receivers.get(to, []):
            outlet.offer(data)
        for address, waiting in self.subscriptions.values():
            if address == to:
                waiting.append(data)

    def _accept(self) -> asyncio.Protocol:
        handler = _MulticastPeer(self)
        handler.engine = Engine(handler, server=True, container="stand-in", limits=Limits())
        handler.engine.connection.properties = {symbol("product"): self.product, symbol("version"): "2.0"}
        self.connections.add(handler.engine)
        return handler.engine


class _MulticastPeer:
    def __init__(self, broker: StandInMulticast) -> None:
        self.engine: Engine
        self._broker = broker
        self._outlets: dict[Link, tuple[str, Outlet]] = {}

    def on_open(self) -> None: ...

    def on_closed(self, reason: str) -> None:
        self._broker.connections.discard(self.engine)
        for link in list(self._outlets):
            self._drop(link)

    def on_attach(self, link: Link) -> None:
        if link.is_receiver:
            if link.remote_target.address is not None:
                self.engine.links.refuse(link, Condition("amqp:not-found", "only the anonymous terminus"))
                return
            link.target.copy(link.remote_target)
            link.open()
            self.engine.links.replenish(link)
            return
        source = link.remote_source
        address = source.address
        capabilities = source.capabilities
        capabilities.rewind()
        if not capabilities.next() or symbol("topic") not in capabilities.get_py_array().elements or "#" in address:
            self.engine.links.refuse(link, Condition("amqp:not-implemented", "a multicast address is needed"))
            return
        link.source.copy(source)
        link.open()
        outlet = Outlet(self.engine, link, Limits())
        self._outlets[link] = address, outlet
        self._broker.receivers.setdefault(address, []).append(outlet)
        if source.durability == Terminus.DELIVERIES:
            _, waiting = self._broker.subscriptions.pop(link.name, ("", []))
            for data in waiting:
                outlet.offer(data)

    def on_detach(self, link: Link, condition: Condition | None) -> None:
        self._drop(link)

    def on_credit(self, link: Link) -> None:
        if link in self._outlets:
            self._outlets[link][1].flush()

    def on_message(self, link: Link, data: bytes) -> Condition | None:
        self._broker.publish(data)
        return None

    def on_outcome(self, link: Link, delivery: Delivery) -> None:
        self._outlets[link][1].settled(delivery)

    def on_writable(self) -> None: ...

    def _drop(self, link: Link) -> None:
        if link in self._outlets:
            address, outlet = self._outlets.pop(link)
            self._broker.receivers[address].remove(outlet)
            if link.source.durability == Terminus.DELIVERIES and self._broker.durable:
                self._broker.subscriptions[link.name] = address, []


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
async def qpidd(stack: AsyncExitStack) -> str:
    """The URL of a stand-in for qpidd."""
    listener = StandInQpidd()
    port = await listener.start()
    stack.push_async_callback(listener.stop)
    return f"amqp://127.0.0.1:{port}"


@pytest.fixture(params=[("apache-activemq-artemis", True), ("skupper-router", False)], ids=["artemis", "router"])
async def multicast(request: pytest.FixtureRequest, stack: AsyncExitStack) -> StandInMulticast:
    """A stand-in for Artemis or a router."""
    product, durable = request.param
    broker = StandInMulticast(product, durable=durable)
    await broker.start()
    stack.push_async_callback(broker.stop)
    return broker


def message(to: Address, **fields: Any) -> Message:
    return Message(to, **{"opcode": "_x", "method": "indication", "body": {"n": 1}} | fields)


@pytest.fixture(name="message_to")
def message_fixture() -> Any:
    return message
