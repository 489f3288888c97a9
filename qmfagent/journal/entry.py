"""Entries of a journal, and the chain that they make.

Rules of this file: pure. An entry is sealed with the hash of the one before it, so that none can be changed, dropped or put
in between without a trace. The hash is SHA-256 over the entry's canonical JSON: its members kind, name, prev, seq, time and
values, keys in order, no blanks, ASCII alone. Numbers begin at 1 and have no holes. What retention has deleted is stood in for
by an anchor: the number and the hash of the last entry that is gone. That the newest entries are there at all a chain can't
tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from qmfagent.errors import JournalError, SchemaError


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the next entry of a chain follows: the number and the hash (hexadecimal) of an entry, or the beginning."""

    seq: int = 0
    hash: str = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `seq` is its number, `time_ns` nanoseconds since the epoch, `kind` what sort of record it is and `name` which
    one of that sort; `content` is its values as canonical JSON; `prev` is the hash of the entry before it, `hash` its own."""

    seq: int
    time_ns: int
    kind: str
    name: str
    content: str
    prev: str
    hash: str

    @property
    def values(self) -> dict[str, Any]:
        """What is recorded, as plain Python values."""
        values: dict[str, Any] = json.loads(self.content)
        return values

    @property
    def anchor(self) -> Anchor:
        """What the entry after this one follows."""
        return Anchor(self.seq, self.hash)


def seal(after: Anchor, kind: str, name: str, time_ns: int, values: Mapping[str, Any]) -> Entry:
    """The entry that follows `after`. Raises SchemaError for values that have no JSON form."""
    try:
        content = _canonical(values)
    except (TypeError, ValueError, RecursionError) as error:
        raise SchemaError(f"{kind} {name} can't be recorded: {error}") from None
    seq = after.seq + 1
    return Entry(seq, time_ns, kind, name, content, after.hash, _hash(seq, time_ns, kind, name, content, after.hash))


def check_chain(after: Anchor, entries: Iterable[Entry]) -> Anchor:
    """Check that the entries follow `after` and each other; the end. Raises JournalError at the first that is wrong."""
    for entry in entries:
        if entry.seq != after.seq + 1:
            raise JournalError(f"entry {entry.seq} follows entry {after.seq}: what was between them is missing")
        if entry.prev != after.hash:
            raise JournalError(f"entry {entry.seq} does not follow the entry {after.seq} that is there")
        if entry.hash != _hash(entry.seq, entry.time_ns, entry.kind, entry.name, entry.content, entry.prev):
            raise JournalError(f"entry {entry.seq} is not what was recorded: its hash does not fit")
        after = entry.anchor
    return after


def _hash(seq: int, time_ns: int, kind: str, name: str, content: str, prev: str) -> str:
    # Written out, because the values, which are most of it, are canonical JSON already.
    text = (
        f'{{"kind":{_canonical(kind)},"name":{_canonical(name)},"prev":{_canonical(prev)},"seq":{seq},"time":{time_ns},'
        f'"values":{content}}}'
    )
    return sha256(text.encode()).hexdigest()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
