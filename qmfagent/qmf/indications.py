"""What an agent tells everybody unasked: heartbeats, events and objects that have changed.

Rules of this file: an indication has no correlation id (consoles take one for that of a subscription), and a subject that
consoles choose by: package, class, severity and the agent's name, in the long form of qpidd and Java.
Source: qpid-cpp src/qmf/AgentSession.cpp (sendHeartbeat, raiseEvent), src/qpid/management/ManagementAgent.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qmfagent.qmf import opcodes
from qmfagent.qmf.agent_name import AgentName
from qmfagent.qmf.checks import check_values
from qmfagent.qmf.classes import SchemaClass, SchemaId
from qmfagent.qmf.codec import UInt8, UInt64
from qmfagent.qmf.data import Data
from qmfagent.qmf.message import INDICATION, TOPIC, Address, Message

Taken = Callable[[Address], bool]
"""Whether anybody receives what is sent to an address, as far as the bus can tell."""


class Indications:
    """Makes the indications of one agent."""

    def __init__(self, name: AgentName) -> None:
        self._name = name
        self._agent = str(name)

    def heartbeat(self, values: dict[str, Any], interval: int) -> Message:
        """The announcement that is due every `interval` seconds, and holds for two of them."""
        to = Address(TOPIC, opcodes.heartbeat_subject(*self._name.parts))
        body = {"_values": values}
        return Message(to, opcodes.AGENT_HEARTBEAT_INDICATION, INDICATION, body, agent=self._agent, ttl=2.0 * interval)

    def event(self, event_class: SchemaClass, values: Mapping[str, Any], now_ns: int) -> Message:
        """An event; raises SchemaError where the values do not fit its class."""
        check_values(event_class, values)
        severity = event_class.severity or 0
        body = {
            "_schema_id": event_class.id.to_map(),
            "_values": dict(values),
            "_severity": UInt8(severity),
            "_timestamp": UInt64(now_ns),
        }
        subject = opcodes.event_subject(event_class.id.package, event_class.name, severity, *self._name.parts)
        return Message(
            Address(TOPIC, subject), opcodes.DATA_INDICATION, INDICATION, [body], opcodes.CONTENT_EVENT, self._agent
        )

    def data_address(self, schema_id: SchemaId) -> Address:
        """Where changed objects of a class are told of."""
        return Address(TOPIC, opcodes.data_subject(schema_id.package, schema_id.name, *self._name.parts))

    def data(self, to: Address, objects: list[Data], correlation_id: str | None = None) -> Message:
        """Objects that have changed, or are gone; the correlation id is that of a subscription."""
        body = [item.to_map(self._agent) for item in objects]
        return Message(to, opcodes.DATA_INDICATION, INDICATION, body, opcodes.CONTENT_DATA, self._agent, correlation_id)
