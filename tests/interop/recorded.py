"""A recording, read: who asked what of which site, and what was answered and told.

Rules of this file: a message is kept as it was encoded, and decoded only to be found. A request is the same as another where it
asks for the same; who asks, and which answer is meant for whom, is no part of that.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import proton

from qmfagent import __version__
from qmfagent.bus.messages.wire import Envelope
from qmfagent.errors import Refused
from qmfagent.policy.versions import check_version
from qmfagent.qmf import opcodes
from qmfagent.qmf.classes import SchemaClass
from qmfagent.qmf.message import Address, Message
from tests.interop.record import IN, LIFE, RECORDINGS

ANSWERS = frozenset(
    {
        opcodes.QUERY_RESPONSE,
        opcodes.METHOD_RESPONSE,
        opcodes.AGENT_LOCATE_RESPONSE,
        opcodes.SUBSCRIBE_RESPONSE,
        opcodes.EXCEPTION,
    }
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One message: in which step, at which site, and which way it went; as it was encoded, and as QMF reads it."""

    step: str
    site: str
    way: str
    data: bytes
    message: Message

    @property
    def amqp(self) -> proton.Message:
        """The message, to be changed and sent again."""
        amqp = proton.Message()
        amqp.decode(self.data)
        return amqp


@dataclass(slots=True)
class Exchange:
    """A request to an agent, and all of the answer."""

    request: Recorded
    answers: list[Recorded] = field(default_factory=list)


class Recording:
    """The life of a pair of agents of one version."""

    def __init__(self, version: str) -> None:
        """Read it."""
        first, *lines = map(json.loads, gzip.decompress((RECORDINGS / version / LIFE).read_bytes()).splitlines())
        assert first["version"] == version
        self.version = version
        self.verify_keys: Mapping[str, str] = first["verify_keys"]
        self.steps: list[str] = []
        self.messages: list[Recorded] = []
        for line in lines:
            if "step" in line:
                self.steps.append(line["step"])
            else:
                self.messages.append(_read(self.steps[-1], line))
        self.exchanges = list(_pair(self.messages))
        self.schema = dict(self._described())
        """The classes of objects and of events, by name, as that version described them."""

    def told(self, site: str, step: str) -> list[Recorded]:
        """What the agent of a site told everybody in one step."""
        return [
            each
            for each in self.messages
            if (each.site, each.step) == (site, step)
            and each.message.opcode not in ANSWERS
            and each.way != IN
            and each.message.correlation_id is None
        ]

    def _described(self) -> Iterator[tuple[str, SchemaClass]]:
        for exchange in self.exchanges:
            query = exchange.request.message.body
            if isinstance(query, dict) and query.get("_what") == "SCHEMA":
                (described,) = (item for answer in exchange.answers for item in answer.message.body or [])
                found = SchemaClass.from_map(described)
                yield found.name, found

    def event_names(self, site: str) -> set[str]:
        """The names of the events that a site raised."""
        return {
            item["_schema_id"]["_class_name"]
            for step in self.steps
            for each in self.told(site, step)
            if each.message.content == "_event"
            for item in each.message.body or []
        }

    def events(self, site: str, name: str) -> list[Mapping[str, Any]]:
        """The values of the events of that name."""
        return [
            item["_values"]
            for step in self.steps
            for each in self.told(site, step)
            if each.message.content == "_event"
            for item in each.message.body or []
            if item["_schema_id"]["_class_name"] == name
        ]


def recordings() -> list[str]:
    """The versions that there is a recording of, and that this one replicates with."""
    return sorted(path.name for path in RECORDINGS.iterdir() if path.is_dir() and _replicates(path.name))


def _replicates(version: str) -> bool:
    try:
        check_version("", version, __version__)
    except Refused:
        return False
    return True


def write_verify_key(recording: Recording, site: str, folder: Path) -> Path:
    """The key that the publications of the recorded site are verified with, as a file."""
    path = folder / f"{site}.{recording.version}.sign.pub"
    path.write_text(recording.verify_keys[site])
    return path


def _read(step: str, line: Mapping[str, str]) -> Recorded:
    data = base64.b64decode(line["amqp"])
    envelope = Envelope.open(data)
    return Recorded(step, line["site"], line["way"], data, envelope.message(Address(envelope.to, envelope.subject), ""))


def _pair(messages: list[Recorded]) -> Iterator[Exchange]:
    waiting: defaultdict[tuple[str, str, str | None], list[Exchange]] = defaultdict(list)
    for each in messages:
        message = each.message
        if each.way == IN and message.reply_to is not None:
            exchange = Exchange(each)
            waiting[each.site, str(message.reply_to), message.correlation_id].append(exchange)
            yield exchange
        elif each.way != IN and message.opcode in ANSWERS:
            asked = waiting[each.site, str(message.to), message.correlation_id]
            asked[0].answers.append(each)
            if not message.partial:
                asked.pop(0)
