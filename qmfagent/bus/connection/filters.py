"""Subject filters on a source, in both spellings that QMF peers use.

Rules of this file: a filter is an entry of the source's filter map; its value is a string described by one of four
descriptors: the ulong 0x468C00000000 (no wildcards) or 0x468C00000001 (wildcards), which C++ clients send, or the
symbols apache.org:legacy-amqp-direct-binding:string and apache.org:legacy-amqp-topic-binding:string, which others do.
The key does not matter. What is no subject filter is left out of the answer, so that the peer sees it has no effect.
Source: AMQP filters registry (apache.org:legacy-amqp-*-binding); qpid-cpp src/qpid/messaging/amqp/AddressHelper.cpp.
"""

from __future__ import annotations

from proton import Described, Terminus, symbol, ulong

from qmfagent.bus.messages.values import reading, text

KEY = symbol("subject-filter")
DIRECT_BINDING = ulong(0x0000468C00000000)
TOPIC_BINDING = ulong(0x0000468C00000001)
DESCRIPTORS = {
    DIRECT_BINDING,
    TOPIC_BINDING,
    symbol("apache.org:legacy-amqp-direct-binding:string"),
    symbol("apache.org:legacy-amqp-topic-binding:string"),
}


def read_subject(source: Terminus) -> str | None:
    """The subject that a peer's source is filtered by; None where it has no subject filter.

    Raises ProtocolError for a filter map that can't be read.
    """
    data = source.filter
    data.rewind()
    with reading("a filter"):
        filters = data.get_object() if data.next() else None
        for value in filters.values() if isinstance(filters, dict) else ():
            if isinstance(value, Described) and value.descriptor in DESCRIPTORS:
                return text(value.value)
    return None


def write_subject(source: Terminus, subject: str) -> None:
    """Filter our source by a subject."""
    wildcards = not {"*", "#"}.isdisjoint(subject.split("."))
    descriptor = TOPIC_BINDING if wildcards else DIRECT_BINDING
    source.filter.put_dict({KEY: Described(descriptor, subject)})
