"""What a receiver may ask of the listener besides messages: the capabilities of its source.

Rules of this file: a capability is a symbol, alone or in an array. One that is not known here is nobody's fault.
Source: AMQP 1.0 part 3.5.3 (source, capabilities).
"""

from __future__ import annotations

from proton import Array, Terminus, symbol

from qmfagent.bus.messages.values import reading

AMQP_VALUE = symbol("clusterlabs.org:amqp-value")
"""Bodies of the agent's messages are to be maps and lists of AMQP 1.0, not of AMQP 0-10's codec."""


def wants_values(source: Terminus) -> bool:
    """Whether a peer's source has the capability AMQP_VALUE. Raises ProtocolError for capabilities that can't be read."""
    data = source.capabilities
    data.rewind()
    with reading("capabilities"):
        found = data.get_object() if data.next() else None
        return AMQP_VALUE in (found.elements if isinstance(found, Array) else [found])


def answer(source: Terminus, as_value: bool) -> None:
    """Write which of the capabilities that a peer's source has ours has too."""
    source.capabilities.clear()
    if as_value:
        source.capabilities.put_object(AMQP_VALUE)
