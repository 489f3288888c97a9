"""The agent's side of subscriptions: who asked to be told of which objects, and what each has still to be told.

Rules of this file:
- A subscription first tells of everything that its query selects, and from then on, once an interval, of what has changed.
  An object that is gone is told of with `_delete_ts`, one that is not selected any more once again as it is now.
- It ends when its lifetime is over without a refresh, when it is cancelled, and when nobody is there to be told.
- Their number is bounded, and so are interval and lifetime: what is asked for is brought within the limits, and the answer
  says what holds. Only who has subscribed can refresh and cancel.
- No clock is read; times are nanoseconds since the epoch. One that is set back delays nothing: what would then be further
  away than a whole interval or lifetime is brought back to that.
Source: the Java QMF2 agent (agent/Subscription.java, agent/Agent.java), the only one that has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from qmfagent.errors import ProtocolError, QmfAgentError, Refused, UnknownObject
from qmfagent.qmf import opcodes
from qmfagent.qmf.answers import Answers, chunks
from qmfagent.qmf.data import Data
from qmfagent.qmf.fields import expect, optional, required, shown
from qmfagent.qmf.indications import Indications, Taken
from qmfagent.qmf.message import Address, Message
from qmfagent.qmf.queries import ObjectQuery, ObjectSource
from qmfagent.qmf.schema import Schema
from qmfagent.qmf.views import Views

MAX_SUBSCRIPTIONS = 64
DEFAULT_INTERVAL, MIN_INTERVAL, MAX_INTERVAL = 30_000, 1_000, 3_600_000
"""Milliseconds between two publications, as they are on the bus."""
DEFAULT_DURATION, MIN_DURATION, MAX_DURATION = 300, 10, 3_600
"""Seconds that a subscription lives without a refresh, as they are on the bus."""

_PER_MILLISECOND, _PER_SECOND = 1_000_000, 1_000_000_000


@dataclass(slots=True)
class _Subscription:
    """One subscription. `changed` holds what is still to be told by the objects' names, None before the first publication;
    `selected` the names of those told of, where a predicate may cease to hold for them."""

    id: str
    identity: str
    query: ObjectQuery
    reply_to: Address
    correlation_id: str | None
    interval: int
    duration: int
    publish_at: int
    expires_at: int
    changed: dict[str, Data] | None = None
    selected: set[str] = field(default_factory=set)

    def follow(self, now_ns: int) -> None:
        """Bring back the deadlines where the clock was set back."""
        self.publish_at = min(self.publish_at, now_ns + self.interval * _PER_MILLISECOND)
        self.expires_at = min(self.expires_at, now_ns + self.duration * _PER_SECOND)

    def prolong(self, duration: int, now_ns: int) -> None:
        """Let it live for so many seconds from now."""
        self.duration = duration
        self.expires_at = now_ns + duration * _PER_SECOND

    def take(self, source: ObjectSource) -> Iterator[Data]:
        """What is to be told now. Changes from here on are for the next publication."""
        changed, self.changed = self.changed, {}
        if changed is None:
            return (data for data in self.query.objects(source) if self._concerns(data, True))
        holds = self.query.predicate()
        return (data for data in changed.values() if self._concerns(data, not data.delete_ts and holds(data.values)))

    def _concerns(self, data: Data, selected: bool) -> bool:
        """Whether an object is to be told of: one that is selected, or was when it was told of last."""
        if not self.query.where:
            return True
        name = data.object_id.object_name
        known = name in self.selected
        if selected:
            self.selected.add(name)
        else:
            self.selected.discard(name)
        return selected or known


class Subscriptions:
    """All subscriptions with one agent."""

    def __init__(
        self, agent: str, schema: Schema, views: Views, answers: Answers, indications: Indications, chunk: int
    ) -> None:
        """`chunk` is how many objects one message tells of at most."""
        self._agent = agent
        self._schema = schema
        self._views = views
        self._answers = answers
        self._indications = indications
        self._chunk = chunk
        self._all: dict[str, _Subscription] = {}

    def __len__(self) -> int:
        return len(self._all)

    def subscribe(self, request: Message, reply_to: Address, identity: str, now_ns: int) -> Message:
        """Take a subscription; its first publication is due at once. Raises ProtocolError, and Refused for one too many."""
        where = "subscribe request"
        body = expect(request.body, dict, where)
        query = required(body, "_query", dict, where)
        what = optional(query, "_what", str, where, "OBJECT")
        if what != "OBJECT":
            raise ProtocolError(f"{where}: _what {shown(what)} can't be subscribed to", hint="known is OBJECT")
        if len(self._all) >= MAX_SUBSCRIPTIONS:
            raise Refused(
                "busy", f"agent {self._agent} has {MAX_SUBSCRIPTIONS} subscriptions already", hint="try again later"
            )
        taken = _Subscription(
            id=str(uuid4()),
            identity=identity,
            query=ObjectQuery.read(query, self._schema, self._agent),
            reply_to=reply_to,
            correlation_id=request.correlation_id,
            interval=_within(body, "_interval", where, DEFAULT_INTERVAL, MIN_INTERVAL, MAX_INTERVAL),
            duration=_within(body, "_duration", where, DEFAULT_DURATION, MIN_DURATION, MAX_DURATION),
            publish_at=now_ns,
            expires_at=now_ns,
        )
        taken.prolong(taken.duration, now_ns)
        self._all[taken.id] = taken
        return self._confirm(taken, reply_to, request.correlation_id)

    def refresh(self, request: Message, reply_to: Address, identity: str, now_ns: int) -> Message:
        """Let a subscription live on. Raises ProtocolError, and UnknownObject where there is none (any more)."""
        where = "subscribe refresh"
        body = expect(request.body, dict, where)
        found = self._find(body, where, identity)
        if found is None:
            raise UnknownObject(f"agent {self._agent} has no such subscription", hint="subscribe again")
        found.prolong(_within(body, "_duration", where, found.duration, MIN_DURATION, MAX_DURATION), now_ns)
        return self._confirm(found, reply_to, request.correlation_id)

    def cancel(self, request: Message, identity: str) -> None:
        """End a subscription; one that is not there has ended already. Raises ProtocolError."""
        where = "subscribe cancel"
        found = self._find(expect(request.body, dict, where), where, identity)
        if found is not None:
            del self._all[found.id]

    def changed(self, objects: Iterable[Data]) -> None:
        """Note that objects have changed, or are gone, for the subscriptions that name them."""
        waiting = [item for item in self._all.values() if item.changed is not None]
        if not waiting:
            return
        for data in objects:
            for item in waiting:
                if item.changed is not None and item.query.names(data) and self._views.shows(item.identity, data):
                    item.changed[data.object_id.object_name] = data

    def next_due(self, now_ns: int) -> int | None:
        """When `due` has something to do again, None where there are no subscriptions."""
        for item in self._all.values():
            item.follow(now_ns)
        return min((min(item.publish_at, item.expires_at) for item in self._all.values()), default=None)

    def due(self, now_ns: int, taken: Taken) -> Iterator[Message]:
        """What is to be sent now. Time may pass and requests may come between two messages."""
        for item in list(self._all.values()):
            if item.expires_at <= now_ns or not taken(item.reply_to):
                self._all.pop(item.id, None)
            elif item.publish_at <= now_ns:
                item.publish_at = now_ns + item.interval * _PER_MILLISECOND
                yield from self._publish(item)

    def _publish(self, item: _Subscription) -> Iterator[Message]:
        try:
            for part in chunks(item.take(self._views.of(item.identity)), self._chunk):
                if item.id not in self._all:
                    return
                yield self._indications.data(item.reply_to, part, item.correlation_id)
        except QmfAgentError as error:
            self._all.pop(item.id, None)
            yield self._answers.refusal(item.reply_to, item.correlation_id, error)

    def _find(self, body: Mapping[str, Any], where: str, identity: str) -> _Subscription | None:
        found = self._all.get(required(body, "_subscription_id", str, where))
        return found if found is not None and found.identity == identity else None

    def _confirm(self, item: _Subscription, to: Address, correlation_id: str | None) -> Message:
        body = {"_subscription_id": item.id, "_interval": item.interval, "_duration": item.duration}
        return self._answers.response(opcodes.SUBSCRIBE_RESPONSE, to, correlation_id, body)


def _within(body: Mapping[str, Any], key: str, where: str, default: int, least: int, most: int) -> int:
    """A number from the body, brought within its limits; 0 and none at all stand for the default."""
    return max(least, min(most, optional(body, key, int, where, 0) or default))
