"""The agent's indications of changed objects to everybody who receives them, as qpidd makes them.

Rules of this file: what has changed since the last interval is told, each object once, as it is then; after a console has
located agents, everything is. Of a class that nobody receives, nothing is collected, looked up or told. No clock is read;
times are nanoseconds since the epoch, and a clock that is set back delays nothing.
qpid-tool lists only objects that were pushed to it; it locates as soon as it can receive them.
Source: qpid-cpp src/qpid/management/ManagementAgent.cpp (periodicProcessing).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from qmfagent.qmf.answers import chunks
from qmfagent.qmf.data import Data
from qmfagent.qmf.indications import Indications, Taken
from qmfagent.qmf.message import Message
from qmfagent.qmf.queries import ObjectSource
from qmfagent.qmf.schema import Schema


class Pushes:
    """What is still to be told to everybody. `interval` is in nanoseconds, `chunk` the objects of a message at most."""

    def __init__(
        self, schema: Schema, source: ObjectSource, indications: Indications, interval: int, chunk: int
    ) -> None:
        self._source = source
        self._indications = indications
        self._interval = interval
        self._chunk = chunk
        self._addresses = {item.name: indications.data_address(item.id) for item in schema.classes}
        self._changed: dict[str, dict[str, Data]] = {}
        self._everything = False
        self._next = 0

    def located(self) -> None:
        """A console looks for agents: everything is told at the next interval."""
        self._everything = True

    def changed(self, objects: Iterable[Data]) -> None:
        """Note that objects have changed, or are gone."""
        for data in objects:
            self._changed.setdefault(data.class_name, {})[data.object_id.object_name] = data

    def wanted(self, classes: Iterable[str], taken: Taken) -> bool:
        """Whether anybody receives objects of one of these classes."""
        return any(taken(self._addresses[name]) for name in classes)

    def next_due(self, now_ns: int) -> int:
        """When `due` has something to do again."""
        self._next = min(self._next, now_ns + self._interval)
        return self._next

    def due(self, now_ns: int, taken: Taken) -> Iterator[Message]:
        """What is to be sent now. Time may pass between two messages."""
        if now_ns < self.next_due(now_ns):
            return
        self._next = now_ns + self._interval
        everything, self._everything = self._everything, False
        changed, self._changed = self._changed, {}
        for name, address in self._addresses.items():
            gone = [data for data in changed.get(name, {}).values() if data.delete_ts or not everything]
            if taken(address):
                now = self._source.objects(name) if everything else ()
                for part in chunks(chain(gone, now), self._chunk):
                    yield self._indications.data(address, part)
