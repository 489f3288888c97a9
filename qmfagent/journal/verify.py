"""Verifies a journal from its beginning to its end.

Rules of this file: it reads, and trusts nothing that it has not computed: the database itself, the chain, every signature,
every document, and that what entries name and what is there is the same. It ends at the first thing that is wrong.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qmfagent.errors import JournalError
from qmfagent.journal.documents import Documents, unpacked
from qmfagent.journal.entry import Anchor, Entry, check_entry
from qmfagent.journal.file import damaged
from qmfagent.journal.meta import Meta, read_meta
from qmfagent.journal.rows import signed_entries
from qmfagent.journal.signature import JournalVerifier

Known = tuple[str, Anchor]
"""Who was told of an entry, in words, and which."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A journal in which nothing is wrong: its id, the numbers of its oldest and its newest entry (first is one above last
    where there is none), the hash of the newest, the public key of its signer (hexadecimal, empty where nobody signs), the
    number since which every entry is signed (0 where nobody signs), and how many documents and states it holds."""

    journal: str
    first: int
    last: int
    head: str
    signer: str
    signed_from: int
    documents: int
    states: int


@dataclass(slots=True)
class _Reading:
    """What was seen so far: the end of the chain, and the newest entry that names each document, and carries each state."""

    end: Anchor
    named: dict[str, int] = field(default_factory=dict)
    states: dict[str, int] = field(default_factory=dict)

    def take(self, entry: Entry) -> None:
        self.end = check_entry(self.end, entry)
        self.named.update(dict.fromkeys(entry.documents, entry.seq))
        if entry.key:
            self.states[entry.key] = entry.seq


def verify(
    connection: sqlite3.Connection, path: Path | None = None, *, signer: str = "", known: Iterable[Known] = ()
) -> Verified:
    """Verify the journal in `path` that `connection` reads. `signer` is the public key (hexadecimal) that has to have signed
    it, else it is as the journal says; `known` are entries that have to be there, or to have been.

    Raises JournalError at the first thing that is wrong.
    """
    try:
        connection.execute("BEGIN")
        try:
            return _verify(connection, signer, known)
        finally:
            connection.execute("ROLLBACK")
    except JournalError as error:
        raise damaged(path, error.message) from None
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise damaged(path, str(error)) from None


def _verify(connection: sqlite3.Connection, signer: str, known: Iterable[Known]) -> Verified:
    (sound,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if sound != "ok":
        raise JournalError(" ".join(str(sound).split()))
    meta = read_meta(connection)
    verifier = _verifier(meta, signer)
    beginning = meta.beginning
    reading = _Reading(beginning.anchor)
    expected: dict[int, list[Known]] = {}
    for each in known:
        expected.setdefault(each[1].seq, []).append(each)
    _agree(expected, beginning.anchor)
    for entry, signature in signed_entries(connection, beginning.anchor.seq):
        reading.take(entry)
        if verifier and entry.seq > beginning.since.seq:
            if not verifier.entry(beginning.chain, entry.anchor, signature):
                raise JournalError(f"entry {entry.seq} is not signed by the key that signs this journal")
        elif entry.anchor != beginning.since and entry.seq == beginning.since.seq:
            raise JournalError(f"entry {entry.seq} is not the one that the signatures begin after")
        _agree(expected, entry.anchor)
    if stray := connection.execute("SELECT seq FROM entries WHERE seq <= ?", (beginning.anchor.seq,)).fetchone():
        raise JournalError(f"entry {stray[0]} stands before the beginning")
    for seq in expected:
        if seq > reading.end.seq:
            raise JournalError(f"it ends at entry {reading.end.seq}, but {expected[seq][0][0]} was told of entry {seq}")
    return Verified(
        beginning.id,
        beginning.anchor.seq + 1,
        reading.end.seq,
        reading.end.hash,
        meta.signer,
        max(beginning.since.seq, beginning.anchor.seq) + 1 if verifier else 0,
        _check_documents(connection, reading.named),
        len(reading.states),
    )


def _agree(expected: Mapping[int, Iterable[Known]], anchor: Anchor) -> None:
    for who, known in expected.get(anchor.seq, ()):
        if known != anchor:
            raise JournalError(f"entry {anchor.seq} is another one than {who} was told of")


def _verifier(meta: Meta, signer: str) -> JournalVerifier | None:
    if signer and not meta.signer:
        raise JournalError("it is not signed")
    if signer and signer != meta.signer:
        raise JournalError("it is signed by another key")
    if not meta.signer:
        return None
    if not meta.signed_by(meta.signer):
        raise JournalError("where it begins is not signed by the key that signs it")
    return JournalVerifier(meta.signer)


def _check_documents(connection: sqlite3.Connection, named: dict[str, int]) -> int:
    found = {}
    for digest, carrier, data in Documents(connection):
        unpacked(digest, data)
        found[digest] = carrier
    for digest, seq in named.items():
        if digest not in found:
            raise JournalError(f"document {digest}, which entry {seq} names, is missing")
        if found[digest] != seq:
            raise JournalError(f"document {digest} is noted with entry {found[digest]}, not {seq}")
    if stray := next(iter(found.keys() - named.keys()), None):
        raise JournalError(f"document {stray} is named by no entry")
    return len(found)
