"""What a console learns from messages: the events that Console.receive and Console.age give.

Rules of this file: frozen values without behaviour, but for AgentInfo, which reads an agent's announcement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from qmfagent.errors import ProtocolError
from qmfagent.qmf.classes import SchemaClass, SchemaId
from qmfagent.qmf.data import Data, ObjectId
from qmfagent.qmf.fields import optional, required
from qmfagent.qmf.message import DIRECT, TOPIC, Address


@dataclass(frozen=True, slots=True)
class AgentInfo:
    """An agent as it announced itself. `attributes` are all that it gave, `heartbeat_interval` is in seconds (0 where
    unknown), `last_seen` is the console's own clock when it was last heard of."""

    name: str
    attributes: Mapping[str, Any] = field(hash=False)
    epoch: int
    heartbeat_interval: int
    last_seen: float

    @classmethod
    def from_body(cls, body: Mapping[str, Any], sender: str, now: float) -> AgentInfo:
        """Read the body of a heartbeat or locate response; raises ProtocolError.

        `sender` is the message's qmf.agent: an agent speaks for itself alone. Names without underscore are those of
        agents before QMF v2 was finished.
        """
        where = "agent announcement"
        values = required(body, "_values", dict, where)
        name = optional(values, "_name", str, where, sender)
        if not name or sender != name:
            raise ProtocolError(f"{where}: agent {sender!r:.60} announces the name {name!r:.60}")
        epoch, interval = (
            optional(values, key if key in values else key[1:], int, where, 0)
            for key in ("_epoch", "_heartbeat_interval")
        )
        return cls(name, values, epoch, interval, now)

    @property
    def address(self) -> Address:
        """Where this agent takes requests: its own subject on the topic exchange, else its name on the direct one."""
        subject = self.attributes.get("_direct_subject")
        return Address(TOPIC, subject) if isinstance(subject, str) and subject else Address(DIRECT, self.name)


@dataclass(frozen=True, slots=True)
class AgentAdded:
    """An agent was heard of for the first time, or again after it was lost."""

    agent: AgentInfo


@dataclass(frozen=True, slots=True)
class AgentUpdated:
    """An agent announced other attributes than before."""

    agent: AgentInfo


@dataclass(frozen=True, slots=True)
class AgentRestarted:
    """An agent announced another epoch: what was known of its state and its open requests is gone."""

    agent: AgentInfo


@dataclass(frozen=True, slots=True)
class AgentLost:
    """Nothing was heard of an agent for too long."""

    agent: AgentInfo


@dataclass(frozen=True, slots=True)
class EventReceived:
    """An agent raised an event. `timestamp` is in nanoseconds since the epoch, by the agent's clock; `seq` counts the
    events that this console has received, from 1. `traceparent` names what it came of (W3C Trace Context), empty where that
    is not told."""

    agent: str
    class_name: str
    values: Mapping[str, Any] = field(hash=False)
    severity: int
    timestamp: int
    seq: int
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class DataReceived:
    """An agent told of objects that have changed, or are gone (`delete_ts`)."""

    agent: str
    objects: tuple[Data, ...]


@dataclass(frozen=True, slots=True)
class Subscribed:
    """An agent has confirmed a subscription, or that it lives on. `cid` is the request that this answers, `subscription`
    the one that began it, `identifier` the agent's own name for it; `interval` and `lifetime`, in seconds, are what holds,
    whatever was asked for."""

    cid: str
    subscription: str
    identifier: str
    interval: float
    lifetime: int


@dataclass(frozen=True, slots=True)
class SubscriptionData:
    """A subscription tells of objects: at first all that it selects, then those that have changed, or are gone
    (`delete_ts`), or are not selected any more."""

    subscription: str
    agent: str
    objects: tuple[Data, ...]


@dataclass(frozen=True, slots=True)
class SubscriptionEnded:
    """A subscription tells nothing any more; `reason` says why, for people."""

    subscription: str
    agent: str
    reason: str


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """The whole answer to a query, of however many messages: Data, ObjectId, SchemaId or SchemaClass items."""

    cid: str
    items: tuple[Data | ObjectId | SchemaId | SchemaClass, ...]


@dataclass(frozen=True, slots=True)
class MethodAnswer:
    """A method was carried out; these are its output arguments."""

    cid: str
    arguments: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class RequestFailed:
    """The agent answered a request with an exception, or with what is no answer. `code` is an opcodes.ErrorCode,
    `reason` the name of a refusal where it was one."""

    cid: str
    code: int
    text: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class MessageRejected:
    """A message that breaks the protocol was dropped; `text` says why. To be logged."""

    agent: str
    text: str


ConsoleEvent = (
    AgentAdded
    | AgentUpdated
    | AgentRestarted
    | AgentLost
    | EventReceived
    | DataReceived
    | Subscribed
    | SubscriptionData
    | SubscriptionEnded
    | QueryAnswer
    | MethodAnswer
    | RequestFailed
    | MessageRejected
)
