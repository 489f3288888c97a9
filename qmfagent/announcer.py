"""What the agent tells unasked: that it is there, and what has happened.

Rules of this file: an event is numbered and in the journal before it is sent. What can't be told is logged and costs nothing
else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from qmfagent.calls.audit import DONE, AuditLine, audit
from qmfagent.errors import SchemaError
from qmfagent.journal.entry import State
from qmfagent.objects.event_log import EventLog
from qmfagent.policy.modes import AUTOMATIC
from qmfagent.qmf.agent import Agent
from qmfagent.qmf.data import Data
from qmfagent.qmf.message import Message
from qmfagent.replication.applying.intent import OUTCOMES
from qmfagent.trace import current_trace, current_traceparent

_log = logging.getLogger(__name__)


class Announcer:
    """Tells consoles of one site's agent. `send` sends a message, with the number of the last event before it; `observe` is
    given each event that is recorded."""

    def __init__(
        self,
        site: str,
        agent: Agent,
        events: EventLog,
        send: Callable[[Message, int], None],
        observe: Callable[[str, Mapping[str, Any]], None] = lambda name, values: None,
    ) -> None:
        self._site = site
        self._agent = agent
        self._events = events
        self._send = send
        self._observe = observe

    async def run(self, interval: float) -> None:
        """Tell every `interval` seconds that the agent is there, until cancelled."""
        while True:
            await asyncio.sleep(interval)
            self.heartbeat()

    def heartbeat(self) -> None:
        """Tell that the agent is there."""
        self._send(self._agent.heartbeat(time.time_ns()), self._events.last)

    def event(self, name: str, values: Mapping[str, Any]) -> None:
        """Raise an event, as record does; one that does not fit its class is logged."""
        try:
            self.record(name, values)
        except SchemaError:
            _log.exception("an event could not be raised")

    def record(
        self, name: str, values: Mapping[str, Any], *, documents: Iterable[bytes] = (), state: State | None = None
    ) -> int:
        """Raise an event, in the trace of the running task: its number. `documents` and `state` are kept with it (see
        Journal.append). One that has no caller whose call is audited is audited here. Raises SchemaError for one that does
        not fit its class."""
        now = time.time_ns()
        numbered = self._events.record(name, values, now, documents=documents, state=state)
        if name in OUTCOMES and values["by"] == AUTOMATIC:
            self._audit(values)
        self._observe(name, values)
        number = int(numbered["seq"])
        self._agent.announce(self._events.attributes())
        for told, kept in ((name, numbered), *self._events.told_anew(number)):
            message = replace(self._agent.event(told, kept, now), traceparent=current_traceparent())
            self._send(message, int(kept["seq"]) - 1)
        return number

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
