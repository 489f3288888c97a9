"""Entries of a journal, and the chain that they make.

Rules of this file: pure. An entry is sealed with the hash of the one before it, so that none can be changed, dropped or put
in between without a trace. The hash is SHA-256 over the entry's canonical JSON: its members kind, name, prev, seq, time and
values, and documents and state where it has any; keys in order, no blanks, ASCII alone. Numbers begin at 1 and have no holes.
What retention has deleted is stood in for by an anchor: the number and the hash of the last entry that is gone. That the
newest entries are there at all a chain can't tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from qmfagent.errors import JournalError, SchemaError

State = tuple[str, Mapping[str, Any]]
"""What an entry says to hold from now on, until another entry says otherwise: a key, and values."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the next entry of a chain follows: the number and the hash (hexadecimal) of an entry, or the beginning."""

    seq: int = 0
    hash: str = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `seq` is its number, `time_ns` nanoseconds since the epoch, `kind` what sort of record it is and `name` which
    one of that sort; `content` is its values as canonical JSON; `prev` is the hash of the entry before it, `hash` its own.

    `named` are the SHA-256 of the documents that it names, as a canonical JSON list, and `key` and `state` what holds from
    now on, the values as canonical JSON; empty where there is none.
    """

    seq: int
    time_ns: int
    kind: str
    name: str
    content: str
    prev: str
    hash: str = ""
    named: str = ""
    key: str = ""
    state: str = ""

    @property
    def values(self) -> dict[str, Any]:
        """What is recorded, as plain Python values."""
        values: dict[str, Any] = json.loads(self.content)
        return values

    @property
    def documents(self) -> list[str]:
        """The SHA-256 of the documents that it names."""
        digests: list[str] = json.loads(self.named) if self.named else []
        return digests

    @property
    def state_values(self) -> dict[str, Any]:
        """The values of the state that it carries."""
        values: dict[str, Any] = json.loads(self.state) if self.state else {}
        return values

    @property
    def anchor(self) -> Anchor:
        """What the entry after this one follows."""
        return Anchor(self.seq, self.hash)


def seal(
    after: Anchor,
    kind: str,
    name: str,
    time_ns: int,
    values: Mapping[str, Any],
    documents: Sequence[str] = (),
    state: State | None = None,
) -> Entry:
    """The entry that follows `after`; `documents` are the SHA-256 of those that it names.

    Raises SchemaError for values that have no JSON form.
    """
    try:
        content = _canonical(values)
        key, held = ("", "") if state is None else (state[0], _canonical(state[1]))
    except (TypeError, ValueError, RecursionError) as error:
        raise SchemaError(f"{kind} {name} can't be recorded: {error}") from None
    named = _canonical(documents) if documents else ""
    entry = Entry(after.seq + 1, time_ns, kind, name, content, after.hash, "", named, key, held)
    return replace(entry, hash=_hash(entry))


def check_entry(after: Anchor, entry: Entry) -> Anchor:
    """Check that an entry follows `after` and is what was sealed; what the next one follows. Raises JournalError."""
    if entry.seq != after.seq + 1:
        raise JournalError(f"entry {entry.seq} follows entry {after.seq}: what was between them is missing")
    if entry.prev != after.hash:
        raise JournalError(f"entry {entry.seq} does not follow the entry {after.seq} that is there")
    if entry.hash != _hash(entry):
        raise JournalError(f"entry {entry.seq} is not what was recorded: its hash does not fit")
    return entry.anchor


def check_chain(after: Anchor, entries: Iterable[Entry]) -> Anchor:
    """Check that the entries follow `after` and each other; the end. Raises JournalError at the first that is wrong."""
    for entry in entries:
        after = check_entry(after, entry)
    return after


def _hash(entry: Entry) -> str:
    # Written out, because the values, which are most of it, are canonical JSON already.
    documents = f'"documents":{entry.named},' if entry.named else ""
    state = f'"state":{{"key":{_canonical(entry.key)},"values":{entry.state}}},' if entry.key or entry.state else ""
    text = (
        f'{{{documents}"kind":{_canonical(entry.kind)},"name":{_canonical(entry.name)},"prev":{_canonical(entry.prev)},'
        f'"seq":{entry.seq},{state}"time":{entry.time_ns},"values":{entry.content}}}'
    )
    return sha256(text.encode()).hexdigest()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
