"""The outbound end of one link.

Rules of this file: a message waits here, as bytes, until the peer has given credit for it and the engine can get rid
of it; what waits is bounded. Of what the agent tells everybody, what there is no room for is left out, and the peer is told
where and how much as soon as it takes messages again. A message that nobody awaits goes out settled, unless the peer wants to
settle itself; a message with a future goes out unsettled, and the future tells its outcome.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from proton import Delivery, Sender

from qmfagent.bus.connection.engine import Engine
from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.security.identity import Identity
from qmfagent.errors import ConnectionLost, RemoteError

log = logging.getLogger(__name__)

Outcome = asyncio.Future[None]
RELEASED = "released"
"""The reason of the RemoteError where a peer has nobody to give a message to."""
Missed = Callable[[int, int], bytes]
"""Makes the message that tells a receiver what was left out: the sequence of the first message, and how many they were."""


@dataclass(slots=True)
class _Hole:
    """What was left out: `count` messages, from the one with that sequence on."""

    sequence: int
    count: int = 0


class Outlet:
    """Bounded queue in front of one sending link."""

    def __init__(
        self,
        engine: Engine,
        link: Sender,
        limits: Limits,
        *,
        on_overflow: Callable[[Outlet], None] | None = None,
        missed: Missed | None = None,
        as_value: bool = False,
        on_dropped: Callable[[int], None] = lambda count: None,
    ) -> None:
        """`missed` makes the message that tells what was left out; without it nothing is. `on_overflow` is called where
        there is no room for what can't be left out, `on_dropped` with the number of messages that are never sent. `as_value`
        tells who encodes that bodies are wanted as AMQP values."""
        self.as_value = as_value
        self._on_overflow = on_overflow
        self._missed = missed
        self._on_dropped = on_dropped
        self._hole: _Hole | None = None
        self._engine = engine
        self._link = link
        self._session = link.session
        self._limits = limits
        self._queue: deque[tuple[bytes, Outcome | None]] = deque()
        self._queued_bytes = 0
        self._awaited: dict[str, Outcome] = {}
        self._tag = 0

    @property
    def waiting(self) -> int:
        """How many messages wait for the peer."""
        return len(self._queue)

    @property
    def identity(self) -> Identity:
        """Who receives here."""
        return self._engine.identity

    def offer(self, data: bytes, outcome: Outcome | None = None, sequence: int | None = None) -> bool:
        """Send a message as soon as the peer can take it; whether there was room for it.

        A single message is never too large for an empty queue. `outcome` is completed when the peer has accepted the
        message; it fails with RemoteError where the peer refused it, with ConnectionLost where the link ended first.
        One that has a `sequence` is left out where there is no room, and so are all such after it, until the peer has
        taken half of what waits and been told.
        """
        full = len(self._queue) >= self._limits.queue_messages
        full = bool(self._queue) and (full or self._queued_bytes + len(data) > self._limits.queue_bytes)
        if sequence is not None and self._missed is not None and (full or self._hole is not None):
            self._leave_out(sequence)
            return False
        if full:
            if self._on_overflow is not None:
                self._on_overflow(self)
            return False
        self._put(data, outcome)
        self.flush()
        return True

    def flush(self) -> None:
        """Hand waiting messages to the engine while there is credit and the engine is not full itself."""
        self._hand_over()
        if self._hole is not None and self._half_empty():
            self._tell_of_hole(self._hole)
            self._hand_over()

    def _hand_over(self) -> None:
        link = self._link
        sent = False
        while self._queue and link.credit > 0 and not self._engine.paused:
            if self._session.outgoing_bytes > self._limits.window or link.unsettled > self._limits.queue_messages:
                break
            data, outcome = self._queue.popleft()
            self._queued_bytes -= len(data)
            if outcome is None or not outcome.done():
                self._send(data, outcome)
                sent = True
        if link.drain_mode and not self._queue:
            link.drained()
            sent = True
        if sent:
            self._engine.schedule_flush()

    def settled(self, delivery: Delivery) -> None:
        """Take the peer's outcome of a message that was sent unsettled."""
        if delivery.remote_state == Delivery.RECEIVED and not delivery.settled:
            return
        outcome = self._awaited.pop(delivery.tag, None)
        if outcome is not None and not outcome.done():
            if delivery.remote_state == Delivery.ACCEPTED:
                outcome.set_result(None)
            else:
                reason = RELEASED if delivery.remote_state == Delivery.RELEASED else ""
                outcome.set_exception(RemoteError(_refusal(delivery), reason=reason))
        delivery.settle()

    def close(self, reason: str) -> None:
        """Drop what waits; everything awaited fails with ConnectionLost."""
        waiting = [outcome for _, outcome in self._queue if outcome is not None]
        for outcome in [*self._awaited.values(), *waiting]:
            if not outcome.done():
                outcome.set_exception(ConnectionLost(reason))
        self._awaited.clear()
        self._on_dropped(len(self._queue))
        self._queue.clear()
        self._queued_bytes = 0

    def _put(self, data: bytes, outcome: Outcome | None) -> None:
        self._queue.append((data, outcome))
        self._queued_bytes += len(data)

    def _half_empty(self) -> bool:
        limits = self._limits
        return len(self._queue) <= limits.queue_messages // 2 and self._queued_bytes <= limits.queue_bytes // 2

    def _leave_out(self, sequence: int) -> None:
        if self._hole is None:
            log.warning("%s is too slow: it misses what comes after %d", self._engine.identity, sequence)
            self._hole = _Hole(sequence)
        self._hole.count += 1
        self._on_dropped(1)

    def _tell_of_hole(self, hole: _Hole) -> None:
        assert self._missed is not None
        self._hole = None
        self._put(self._missed(hole.sequence, hole.count), None)

    def _send(self, data: bytes, outcome: Outcome | None) -> None:
        self._tag += 1
        tag = str(self._tag)
        delivery = self._link.delivery(tag)
        self._link.stream(data)
        self._link.advance()
        if outcome is not None:
            self._awaited[tag] = outcome
        elif self._link.snd_settle_mode != Sender.SND_UNSETTLED:
            delivery.settle()


def _refusal(delivery: Delivery) -> str:
    condition = delivery.remote.condition
    if delivery.remote_state == Delivery.RELEASED:
        return "nobody receives there, says the peer, which released the message"
    if condition is None:
        return f"the peer did not accept the message ({delivery.remote_state})"
    return f"the peer rejected the message: {condition.name} {condition.description or ''}".rstrip()
