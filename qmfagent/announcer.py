"""What the agent tells unasked: that it is there, and what has happened.

Rules of this file: an event is numbered and in the journal before it is sent. What can't be told is logged and costs nothing
else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from qmfagent.calls.audit import DONE, AuditLine, audit
from qmfagent.errors import SchemaError
from qmfagent.objects.event_log import EventLog
from qmfagent.qmf.agent import Agent
from qmfagent.qmf.data import Data
from qmfagent.qmf.message import Message
from qmfagent.replication.subscriber import AUTOMATIC
from qmfagent.trace import current_trace

_log = logging.getLogger(__name__)


class Announcer:
    """Tells consoles of one site's agent. `send` sends a message, with the number of the last event before it."""

    def __init__(self, site: str, agent: Agent, events: EventLog, send: Callable[[Message, int], None]) -> None:
        self._site = site
        self._agent = agent
        self._events = events
        self._send = send

    async def run(self, interval: float) -> None:
        """Tell every `interval` seconds that the agent is there, until cancelled."""
        while True:
            await asyncio.sleep(interval)
            self.heartbeat()

    def heartbeat(self) -> None:
        """Tell that the agent is there."""
        self._send(self._agent.heartbeat(time.time_ns()), self._events.last)

    def event(self, name: str, values: Mapping[str, Any]) -> None:
        """Raise an event. One that has no caller whose call is audited is audited here."""
        if values.get("by") == AUTOMATIC:
            self._audit(values)
        now = time.time_ns()
        try:
            message = self._agent.event(name, self._events.record(name, values, now), now)
        except SchemaError:
            _log.exception("an event could not be raised")
            return
        self._agent.announce(self._events.attributes())
        self._send(message, self._events.last - 1)

    def missed(self, since: int, count: int) -> Message:
        """The event that tells one receiver that `count` messages were left out, the first events among them after `since`."""
        values = {"site": self._site, "seq": since, "count": count}
        return self._agent.event("events_missed", values, time.time_ns())

    def changed(self, find: Callable[[], Data]) -> None:
        """Tell of an object that has changed; `find` gives it, and may raise SchemaError."""
        try:
            messages = self._agent.data_indication([find()])
        except SchemaError:
            _log.exception("an object could not be told of")
            return
        for message in messages:
            self._send(message, self._events.last)

    def _audit(self, values: Mapping[str, Any]) -> None:
        kept = {key: values[key] for key in ("publisher", "digest")}
        ticket, result = values["ticket"], str(values.get("reason", DONE))
        on = f"Ticket:{ticket}"
        audit(AuditLine(AUTOMATIC, "Site.apply", on, ticket, self._site, kept, result, current_trace()))
