"""Who hears of what a console session is told: whoever waits for an answer, the readers of streams, the owner's callbacks.

Rules of this file: each event of the protocol goes to whom it concerns, and to nobody else. A callback that raises is
logged, and ends nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from qmfagent.bus.console.data_stream import DataStream
from qmfagent.bus.console.event_stream import EventGap, EventStream
from qmfagent.bus.console.requests import Requests
from qmfagent.errors import RemoteError
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
    Subscribed,
    SubscriptionData,
    SubscriptionEnded,
)
from qmfagent.qmf.data import Data

log = logging.getLogger(__name__)


class Audience:
    """The listeners of one session. `agents_changed` is set whenever an agent has come, gone or changed."""

    def __init__(
        self,
        requests: Requests,
        *,
        on_agent: Callable[[AgentInfo], None],
        on_lost: Callable[[AgentInfo], None],
        on_announced: Callable[[AgentInfo], None],
        on_data: Callable[[str, Data], None],
    ) -> None:
        """`requests` get their answers; the callbacks are as ConsoleSession describes them."""
        self.agents_changed = asyncio.Event()
        self.streams: set[EventStream] = set()
        self.data_streams: dict[str, DataStream] = {}
        self._requests = requests
        self._on_agent = on_agent
        self._on_lost = on_lost
        self._on_announced = on_announced
        self._on_data = on_data

    def take(self, event: ConsoleEvent) -> None:
        """Hand on one event."""
        match event:
            case QueryAnswer(cid=cid) | MethodAnswer(cid=cid) | Subscribed(cid=cid):
                self._requests.settle(cid, event)
            case RequestFailed():
                self._requests.fail(event.cid, RemoteError(event.text, code=event.code, reason=event.reason))
            case EventReceived():
                self.publish(event)
            case SubscriptionData(subscription=cid):
                if cid in self.data_streams:
                    self.data_streams[cid].put(event.objects)
            case SubscriptionEnded(subscription=cid):
                if cid in self.data_streams:
                    self.data_streams.pop(cid).end(event.reason)
            case DataReceived(agent=name):
                for item in event.objects:
                    self._tell_data(name, item)
            case AgentAdded() | AgentRestarted() | AgentLost() | AgentUpdated():
                self._agent(event)
            case MessageRejected():
                log.warning("dropped a message of agent %s: %s", event.agent, event.text)

    def publish(self, event: EventReceived | EventGap) -> None:
        """Give an event, or the lack of some, to the readers."""
        for stream in list(self.streams):
            stream.put(event)

    def close(self) -> None:
        """Nothing more will come."""
        for stream in list(self.streams):
            stream.close()
        for data_stream in self.data_streams.values():
            data_stream.end("the session was closed")

    def _agent(self, event: AgentAdded | AgentRestarted | AgentLost | AgentUpdated) -> None:
        agent = event.agent
        self.agents_changed.set()
        if not isinstance(event, AgentLost):
            self._tell(self._on_announced, agent)
        match event:
            case AgentAdded():
                self._tell(self._on_agent, agent)
            case AgentRestarted():
                self._requests.fail_all(f"agent {agent.name} restarted", agent.name)
                self._tell(self._on_agent, agent)
            case AgentLost():
                self._requests.fail_all(f"agent {agent.name} is silent", agent.name)
                self._tell(self._on_lost, agent)

    def _tell(self, callback: Callable[[AgentInfo], None], agent: AgentInfo) -> None:
        try:
            callback(agent)
        except Exception:
            log.exception("a callback failed on agent %s", agent.name)

    def _tell_data(self, agent: str, data: Data) -> None:
        try:
            self._on_data(agent, data)
        except Exception:
            log.exception("a callback failed on %s of agent %s", data.object_id.object_name, agent)
