"""A QMF v2 console on the bus: what consoles, and agents as consoles of their peers, work with.

Rules of this file: the protocol is qmf.Console's, the transport is client.Connection's; here they meet the clock. What is
asked for ends as requests.Requests says. Losing the connection loses all agents and subscriptions; when it is back, agents
are located afresh and announced like new ones, so that whoever follows them starts over. Where a broker keeps the events
for a subscriber, no gap is told: there is none.
"""

# ruff: noqa: ASYNC109 - a request's timeout is part of what it means: it ends in RequestTimeout, which names the agent

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, cast

from qmfagent.bus.client.connection import Connection
from qmfagent.bus.console.audience import Audience
from qmfagent.bus.console.data_stream import DataStream
from qmfagent.bus.console.event_stream import EventGap, EventStream
from qmfagent.bus.console.requests import Answer, Requests
from qmfagent.bus.dialects import Inbox, Role
from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.security.credentials import Credentials
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.errors import BusError, RequestTimeout, UnknownObject
from qmfagent.qmf.classes import DATA, SchemaClass, SchemaId
from qmfagent.qmf.console import Console
from qmfagent.qmf.console_events import (
    AgentInfo,
    MethodAnswer,
    QueryAnswer,
    Subscribed,
)
from qmfagent.qmf.data import Data
from qmfagent.qmf.message import Message
from qmfagent.trace import outgoing_traceparent

log = logging.getLogger(__name__)

CONNECT_TIMEOUT = 10.0
REQUEST_TIMEOUT = 10.0
QUIET = 0.2
AGE_INTERVAL = 1.0
MAX_EVENTS = 1000


class ConsoleSession:
    """One console session. `async with` connects and closes it."""

    def __init__(
        self,
        url: str,
        *,
        tls: TlsConfig | None = None,
        credentials: Credentials | None = None,
        user: str = "",
        dialect: str = "",
        subscriber: str = "",
        on_agent: Callable[[AgentInfo], None] = lambda agent: None,
        on_lost: Callable[[AgentInfo], None] = lambda agent: None,
        on_announced: Callable[[AgentInfo], None] = lambda agent: None,
        on_data: Callable[[str, Data], None] = lambda agent, data: None,
        data_classes: Iterable[str] = (),
        event_classes: Iterable[str] = (),
        connect_timeout: float = CONNECT_TIMEOUT,
        limits: Limits | None = None,
    ) -> None:
        """Prepare a session at `url`.

        `on_agent` is called when an agent appears, or appears again after a restart or a lost connection; `on_lost`
        when it is gone; `on_announced` whenever it announces something new of itself; `on_data` with each object that the
        agent of that name tells of unasked, since it has changed, where it is of one of `data_classes`. None of them may
        block. Events are those of `event_classes`, without any all of them. `connect_timeout` (seconds) is how long
        `async with` waits.

        `user` is who we are to a broker where `credentials` do not say so, `dialect` how it names things (see
        bus.dialects) where it is not to be recognised. Where a broker can, it keeps the events for a session with a
        `subscriber` name while it is away; no two sessions may have the same at a time. Raises ConfigError for a URL,
        certificates or credentials that can't be used.
        """
        self._console = Console(data_classes=data_classes, event_classes=event_classes)
        addresses, events = self._console.addresses(), self._console.event_addresses
        self._connection = Connection(
            url,
            tls=tls,
            credentials=credentials,
            user=user,
            dialect=dialect,
            addresses=[address for address in addresses if not subscriber or address not in events],
            lasting=Inbox(Role.EVENTS, subscriber, events) if subscriber else None,
            on_message=self._receive,
            on_up=self._came_up,
            on_down=self._went_down,
            limits=limits,
        )
        self._connect_timeout = connect_timeout
        self._requests = Requests(self._connection.send)
        self._audience = Audience(
            self._requests, on_agent=on_agent, on_lost=on_lost, on_announced=on_announced, on_data=on_data
        )
        self._subscribed = bool(subscriber)
        self._keeps_events = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> ConsoleSession:
        """Connect. Raises ConnectionLost where that fails."""
        self.start()
        try:
            await self.wait_up(self._connect_timeout)
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def connected(self) -> bool:
        """Whether requests can be sent now."""
        return self._connection.connected

    @property
    def known_agents(self) -> list[AgentInfo]:
        """The agents known at this moment."""
        return list(self._console.agents.values())

    def start(self) -> None:
        """Begin to connect, in the background, and stay connected until stop()."""
        self._connection.start()
        self._spawn(self._age())

    async def wait_up(self, timeout: float = CONNECT_TIMEOUT, *, patient: bool = True) -> None:
        """Wait until connected. Raises ConnectionLost, with the last reason, where that takes more than `timeout` s.

        Without patience it raises as soon as an attempt has failed; the session goes on trying all the same.
        """
        await self._connection.wait_up(timeout, patient=patient)

    async def stop(self) -> None:
        """Close the session; what is waited for fails with ConnectionLost, event streams end."""
        for task in self._tasks:
            task.cancel()
        await self._connection.stop()
        self._audience.close()

    async def agents(self, timeout: float = 1.0) -> list[AgentInfo]:
        """Locate all agents; those known once no new one has come for 0.2 s, or after `timeout` s at the latest.

        Raises ConnectionLost where there is no connection.
        """
        self._audience.agents_changed.clear()
        await self._connection.send(self._console.locate())
        deadline = asyncio.get_running_loop().time() + timeout
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            try:
                async with asyncio.timeout(min(left, QUIET) if self._console.agents else left):
                    await self._audience.agents_changed.wait()
            except TimeoutError:
                break
            self._audience.agents_changed.clear()
        return self.known_agents

    async def wait_agent(
        self, predicate: Callable[[AgentInfo], bool] = lambda agent: True, timeout: float = REQUEST_TIMEOUT
    ) -> AgentInfo:
        """The first agent that the predicate holds for, waiting for it if need be.

        Raises RequestTimeout where none appears within `timeout` s.
        """
        try:
            async with asyncio.timeout(timeout):
                while True:
                    for agent in self._console.agents.values():
                        if predicate(agent):
                            return agent
                    self._audience.agents_changed.clear()
                    await self._audience.agents_changed.wait()
        except TimeoutError:
            known = ", ".join(self._console.agents) or "none"
            raise RequestTimeout(
                f"no such agent within {timeout:g} s; known agents: {known}", hint="is the agent running?"
            ) from None

    async def query(
        self,
        agent: str,
        class_name: str | None = None,
        object_name: str | None = None,
        where: list[Any] | None = None,
        *,
        timeout: float = REQUEST_TIMEOUT,
    ) -> list[Data]:
        """The objects of a class that the predicate `where` holds for, or one object by its name.

        Raises RemoteError, RequestTimeout and ConnectionLost, as all requests do.
        """
        cid, message = self._console.query_objects(agent, class_name, object_name, where)
        answer = await self._request(agent, cid, message, timeout)
        return [item for item in cast(QueryAnswer, answer).items if isinstance(item, Data)]

    async def classes(self, agent: str, *, timeout: float = REQUEST_TIMEOUT) -> list[SchemaId]:
        """The ids of all classes of objects and events that an agent has. Raises as query does."""
        cid, message = self._console.query_schema_ids(agent)
        answer = await self._request(agent, cid, message, timeout)
        return [item for item in cast(QueryAnswer, answer).items if isinstance(item, SchemaId)]

    async def schema(
        self, agent: str, class_name: str, *, kind: str = DATA, timeout: float = REQUEST_TIMEOUT
    ) -> SchemaClass:
        """The class of that name, of objects, or of events where `kind` says so. Raises UnknownObject where the agent has
        none."""
        cid, message = self._console.query_schema(agent, SchemaId("", class_name, kind))
        for item in cast(QueryAnswer, await self._request(agent, cid, message, timeout)).items:
            if isinstance(item, SchemaClass):
                return item
        raise UnknownObject(f"agent {agent} has no class {class_name!r}")

    async def call(
        self,
        agent: str,
        object_name: str,
        method: str,
        arguments: Mapping[str, Any],
        *,
        timeout: float = REQUEST_TIMEOUT,
    ) -> dict[str, Any]:
        """Call a method of an object, in the trace of the running task; its output arguments."""
        cid, message = self._console.call(agent, object_name, method, arguments)
        message = replace(message, traceparent=outgoing_traceparent())
        return dict(cast(MethodAnswer, await self._request(agent, cid, message, timeout)).arguments)

    def events(self, limit: int = MAX_EVENTS) -> EventStream:
        """Subscribe to the events of all agents; `limit` bounds how many wait for the reader."""
        return EventStream(self._audience.streams, limit)

    async def subscribe(
        self,
        agent: str,
        class_name: str | None = None,
        object_name: str | None = None,
        where: list[Any] | None = None,
        *,
        interval: float = 0.0,
        timeout: float = REQUEST_TIMEOUT,
    ) -> DataStream:
        """Subscribe to objects, chosen as by query: all of them first, then those that have changed, every `interval` s.

        The subscription is kept alive until `unsubscribe`; it ends by itself with the connection or the agent. Raises as
        query does.
        """
        cid, message = self._console.subscribe(agent, class_name, object_name, where, interval=interval)
        stream = self._audience.data_streams[cid] = DataStream(cid)
        try:
            answer = cast(Subscribed, await self._request(agent, cid, message, timeout))
        except BaseException:
            del self._audience.data_streams[cid]
            raise
        self._spawn(self._refresh(agent, stream, answer.lifetime))
        return stream

    async def unsubscribe(self, stream: DataStream) -> None:
        """End a subscription; one that has ended already is no error. Raises ConnectionLost where the agent can't be told."""
        if self._audience.data_streams.pop(stream.subscription, None) is not None:
            stream.end()
            await self._connection.send(self._console.cancel(stream.subscription))

    async def _request(self, agent: str, cid: str, message: Message, timeout: float) -> Answer:
        try:
            return await self._requests.ask(agent, cid, message, timeout)
        finally:
            self._console.forget(cid)

    async def _refresh(self, agent: str, stream: DataStream, lifetime: int) -> None:
        """Let a subscription live on, in good time. One that can't is ended by the console when its time is up."""
        while True:
            await asyncio.sleep(lifetime / 3)
            if stream.ended:
                return
            cid, message = self._console.refresh(stream.subscription)
            try:
                answer = cast(Subscribed, await self._request(agent, cid, message, lifetime / 3))
            except BusError as error:
                log.info("a subscription with agent %s was not refreshed: %s", agent, error)
            else:
                lifetime = answer.lifetime

    def _receive(self, message: Message) -> None:
        for event in self._console.receive(message, asyncio.get_running_loop().time()):
            self._audience.take(event)

    def _came_up(self) -> None:
        dialect = self._connection.dialect
        self._keeps_events = self._subscribed and dialect is not None and dialect.keeps
        self._spawn(self._locate())

    def _went_down(self, reason: str) -> None:
        self._requests.fail_all(f"lost the connection: {reason}")
        if not self._keeps_events:
            self._audience.publish(EventGap(None, f"the connection was lost: {reason}"))
        for event in self._console.age(math.inf):
            self._audience.take(event)

    async def _locate(self) -> None:
        try:
            await self._connection.send(self._console.locate())
        except BusError as error:
            log.info("locating agents failed, the next connection tries again: %s", error)

    async def _age(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + AGE_INTERVAL
            await asyncio.sleep(AGE_INTERVAL)
            if loop.time() - due > AGE_INTERVAL:
                continue  # It was we who stood still: what the agents have said meanwhile is still to be read.
            for event in self._console.age(loop.time()):
                self._audience.take(event)

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
