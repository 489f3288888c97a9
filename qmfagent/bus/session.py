"""A QMF v2 console on the bus: what consoles, and agents as consoles of their peers, work with.

Rules of this file: the protocol is qmf.Console's, the transport is client.Connection's; here they meet the clock. A
request ends with an answer or a typed error, never without either, and at once when the connection or the agent it
was made to is gone. Losing the connection loses all agents; when it is back, agents are located afresh and announced
like new ones, so that whoever follows them starts over.
"""

# ruff: noqa: ASYNC109 - a request's timeout is part of what it means: it ends in RequestTimeout, which names the agent

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, cast

from qmfagent.bus.client import Connection
from qmfagent.bus.event_stream import EventGap, EventStream
from qmfagent.bus.limits import Limits
from qmfagent.bus.tls import TlsConfig
from qmfagent.errors import BusError, ConnectionLost, RemoteError, RequestTimeout, UnknownObject
from qmfagent.qmf.classes import SchemaClass, SchemaId
from qmfagent.qmf.console import Console
from qmfagent.qmf.console_events import (
    AgentAdded,
    AgentInfo,
    AgentLost,
    AgentRestarted,
    AgentUpdated,
    ConsoleEvent,
    DataReceived,
    EventReceived,
    MessageRejected,
    MethodAnswer,
    QueryAnswer,
    RequestFailed,
)
from qmfagent.qmf.data import Data
from qmfagent.qmf.message import Message

log = logging.getLogger(__name__)

CONNECT_TIMEOUT = 10.0
REQUEST_TIMEOUT = 10.0
QUIET = 0.2
AGE_INTERVAL = 1.0
MAX_EVENTS = 1000

Answer = QueryAnswer | MethodAnswer


class ConsoleSession:
    """One console session. `async with` connects and closes it."""

    def __init__(
        self,
        url: str,
        *,
        tls: TlsConfig | None = None,
        on_agent: Callable[[AgentInfo], None] = lambda agent: None,
        on_lost: Callable[[AgentInfo], None] = lambda agent: None,
        on_data: Callable[[str, Data], None] = lambda agent, data: None,
        data_classes: Iterable[str] = (),
        connect_timeout: float = CONNECT_TIMEOUT,
        limits: Limits | None = None,
    ) -> None:
        """Prepare a session at `url`.

        `on_agent` is called when an agent appears, or appears again after a restart or a lost connection; `on_lost`
        when it is gone; `on_data` with each object that the agent of that name tells of unasked, since it has changed,
        where it is of one of `data_classes`. None of them may block. `connect_timeout` (seconds) is how long `async with`
        waits. Raises ConfigError for a URL or certificates that can't be used.
        """
        self._console = Console(data_classes=data_classes)
        self._connection = Connection(
            url,
            tls=tls,
            addresses=self._console.addresses(),
            on_message=self._receive,
            on_up=self._came_up,
            on_down=self._went_down,
            limits=limits,
        )
        self._on_agent = on_agent
        self._on_lost = on_lost
        self._on_data = on_data
        self._connect_timeout = connect_timeout
        self._waiting: dict[str, tuple[str, asyncio.Future[Answer]]] = {}
        self._streams: set[EventStream] = set()
        self._agents_changed = asyncio.Event()
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
        for stream in list(self._streams):
            stream.close()

    async def agents(self, timeout: float = 1.0) -> list[AgentInfo]:
        """Locate all agents; those known once no new one has come for 0.2 s, or after `timeout` s at the latest.

        Raises ConnectionLost where there is no connection.
        """
        self._agents_changed.clear()
        await self._connection.send(self._console.locate())
        deadline = asyncio.get_running_loop().time() + timeout
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            try:
                async with asyncio.timeout(min(left, QUIET) if self._console.agents else left):
                    await self._agents_changed.wait()
            except TimeoutError:
                break
            self._agents_changed.clear()
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
                    self._agents_changed.clear()
                    await self._agents_changed.wait()
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

    async def schema(self, agent: str, class_name: str, *, timeout: float = REQUEST_TIMEOUT) -> SchemaClass:
        """The class of that name. Raises UnknownObject where the agent has none."""
        cid, message = self._console.query_schema(agent, SchemaId("", class_name))
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
        """Call a method of an object; its output arguments."""
        cid, message = self._console.call(agent, object_name, method, arguments)
        return dict(cast(MethodAnswer, await self._request(agent, cid, message, timeout)).arguments)

    def events(self, limit: int = MAX_EVENTS) -> EventStream:
        """Subscribe to the events of all agents; `limit` bounds how many wait for the reader."""
        return EventStream(self._streams, limit)

    async def _request(self, agent: str, cid: str, message: Message, timeout: float) -> Answer:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda done: done.cancelled() or done.exception())  # send() may have raised first
        self._waiting[cid] = (agent, future)
        try:
            async with asyncio.timeout(timeout):
                await self._connection.send(message)
                return await future
        except TimeoutError:
            raise RequestTimeout(f"agent {agent} did not answer within {timeout:g} s") from None
        finally:
            del self._waiting[cid]
            self._console.forget(cid)
            future.cancel()

    def _receive(self, message: Message) -> None:
        for event in self._console.receive(message, asyncio.get_running_loop().time()):
            self._take(event)

    def _take(self, event: ConsoleEvent) -> None:
        match event:
            case QueryAnswer(cid=cid) | MethodAnswer(cid=cid):
                self._settle(cid, event)
            case RequestFailed():
                self._fail(event.cid, RemoteError(event.text, code=event.code, reason=event.reason))
            case EventReceived():
                self._publish(event)
            case DataReceived(agent=name):
                for item in event.objects:
                    self._tell_data(name, item)
            case AgentAdded(agent=agent):
                self._tell(self._on_agent, agent)
            case AgentRestarted(agent=agent):
                self._fail_all(f"agent {agent.name} restarted", agent.name)
                self._tell(self._on_agent, agent)
            case AgentUpdated():
                self._agents_changed.set()
            case AgentLost(agent=agent):
                self._fail_all(f"agent {agent.name} is silent", agent.name)
                self._tell(self._on_lost, agent)
            case MessageRejected():
                log.warning("dropped a message of agent %s: %s", event.agent, event.text)

    def _tell(self, callback: Callable[[AgentInfo], None], agent: AgentInfo) -> None:
        self._agents_changed.set()
        try:
            callback(agent)
        except Exception:
            log.exception("a callback failed on agent %s", agent.name)

    def _tell_data(self, agent: str, data: Data) -> None:
        try:
            self._on_data(agent, data)
        except Exception:
            log.exception("a callback failed on %s of agent %s", data.object_id.object_name, agent)

    def _settle(self, cid: str, answer: Answer) -> None:
        _, future = self._waiting.get(cid, ("", None))
        if future is not None and not future.done():
            future.set_result(answer)

    def _fail(self, cid: str, error: BusError) -> None:
        _, future = self._waiting.get(cid, ("", None))
        if future is not None and not future.done():
            future.set_exception(error)

    def _fail_all(self, reason: str, agent: str | None = None) -> None:
        for cid, (asked, _) in list(self._waiting.items()):
            if agent in (None, asked):
                self._fail(cid, ConnectionLost(reason))

    def _publish(self, event: EventReceived | EventGap) -> None:
        for stream in list(self._streams):
            stream.put(event)

    def _came_up(self) -> None:
        self._spawn(self._locate())

    def _went_down(self, reason: str) -> None:
        self._fail_all(f"lost the connection: {reason}")
        self._publish(EventGap(None, f"the connection was lost: {reason}"))
        for event in self._console.age(math.inf):
            self._take(event)

    async def _locate(self) -> None:
        try:
            await self._connection.send(self._console.locate())
        except BusError as error:
            log.info("locating agents failed, the next connection tries again: %s", error)

    async def _age(self) -> None:
        while True:
            await asyncio.sleep(AGE_INTERVAL)
            for event in self._console.age(asyncio.get_running_loop().time()):
                self._take(event)

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
