"""A journal that lasts: entries in SQLite.

Rules of this file: appending is one write into the operating system's cache, never a wait for the disk (see checkpoint.py):
what a killed agent had appended is there, what a node without power had, perhaps not. A file that another boot of a node has
left open may therefore lack its last entries, and their numbers would be given again: it gets a new id, which tells consoles
that they can't resume by number. The oldest entries go, a few at a time, as soon as there are too many or they are too large;
the chain goes on from an anchor. What the state was told by goes only with an entry that tells it anew, so the state is always
what the kept entries say. One thread alone uses a Journal.
Source: SQLite, "Write-Ahead Logging", PRAGMA synchronous (NORMAL may lose the last transactions at a power loss).
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from qmfagent.errors import SchemaError
from qmfagent.journal.checkpoint import Checkpointer
from qmfagent.journal.documents import MAX_DOCUMENT, Documents, digest_of, referred
from qmfagent.journal.entry import Anchor, Entry, State, seal
from qmfagent.journal.file import Lock, connect, connect_to_read, damaged, unusable
from qmfagent.journal.meta import read_meta, signed_since, write_beginning, write_opened
from qmfagent.journal.rows import carriers, entries, find_end, insert, newest, size_of
from qmfagent.journal.signature import Beginning, JournalSigner
from qmfagent.journal.verify import Known, Verified, verify

log = logging.getLogger(__name__)

MIB = 1024 * 1024
BATCH = 100
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Retention:
    """How much a journal keeps: so many entries and so many bytes, whichever is less. The newest entry stays in any case, and
    so do the state and the documents that it names, which don't count."""

    max_entries: int = 100_000
    max_bytes: int = 64 * MIB


Retell = Callable[[Entry], tuple[str, Mapping[str, Any]]]
"""Gives the name and the values of the entry that tells anew the state which the given one carries."""


class Journal:
    """One journal. `id` (a UUID) names its numbering: entries of the same id and number are the same."""

    def __init__(
        self,
        path: Path | None = None,
        retention: Retention | None = None,
        *,
        signer: JournalSigner | None = None,
        retell: Retell = lambda carrier: ("standing", {}),
    ) -> None:
        """Open the journal in a file, made where there is none yet; None keeps it in memory. `signer` signs what is appended.

        Raises JournalError where that is not possible.
        """
        self._path = path
        self._retention = retention or Retention()
        self.signer = signer
        self.retell = retell
        self._lock = Lock(path) if path is not None else None
        self._checkpointer: Checkpointer | None = None
        self._end = Anchor()
        self._bytes = 0
        self._carriers: dict[str, Entry] = {}
        try:
            self._connection = connect(path)
            self._documents = Documents(self._connection)
            try:
                with self._reading():
                    self._load()
            except BaseException:
                self._connection.close()
                raise
        except BaseException:
            if self._lock is not None:
                self._lock.release()
            raise
        if path is not None:
            self._checkpointer = Checkpointer(path)

    @property
    def id(self) -> str:
        """The name of its numbers."""
        return self._beginning.id

    @property
    def path(self) -> Path | None:
        """The file; None where it is in memory."""
        return self._path

    @property
    def size(self) -> int:
        """The bytes that entries and documents take, about, as retention counts them."""
        return self._bytes

    @property
    def last(self) -> int:
        """The number of the newest entry; 0 where there was never one."""
        return self._end.seq

    @property
    def head(self) -> str:
        """The hash of the newest entry (hexadecimal)."""
        return self._end.hash

    @property
    def first(self) -> int:
        """The number of the oldest entry that is kept; one above the last where there is none."""
        return self._beginning.anchor.seq + 1

    def append(
        self,
        kind: str,
        name: str,
        time_ns: int,
        values: Mapping[str, Any],
        *,
        documents: Iterable[bytes] = (),
        state: State | None = None,
    ) -> Entry:
        """Record something: the entry. `documents` are kept as long as an entry names them (see documents.py), `state` holds
        until another entry carries its key. Entries after the one given tell anew what retention would have lost.

        Raises SchemaError for what can't be recorded, JournalError where it can't be kept; nothing is, then.
        """
        given = {digest_of(document): document for document in documents}
        if any(len(document) > MAX_DOCUMENT for document in given.values()):
            raise SchemaError(f"{kind} {name} can't be recorded: a document of it is larger than {MAX_DOCUMENT} bytes")
        with self._writing():
            named = self._documents.named(given, values, state[1] if state else {})
            entry = seal(self._end, kind, name, time_ns, values, named, state)
            if named:
                self._connection.execute("BEGIN IMMEDIATE")
            taken = self._documents.keep(entry.seq, named, given)
            self._insert(entry)
            if named:
                self._connection.execute("COMMIT")
        self._bytes += taken
        self._appended(entry)
        while self.first < entry.seq and self._too_much():
            self._forget_oldest(entry.seq - 1, time_ns)
        return entry

    def entry(self, seq: int) -> Entry | None:
        """The entry of that number; None where it is not kept. Raises JournalError where it can't be read."""
        with self._reading():
            return next(entries(self._connection, seq - 1, 1), None) if self.first <= seq <= self.last else None

    def since(self, seq: int, limit: int, max_bytes: int = MIB) -> list[Entry]:
        """The entries after number `seq`, in order: `limit` at most, and one, or as many as `max_bytes` of content allow.

        Raises JournalError where they can't be read.
        """
        found: list[Entry] = []
        with self._reading():
            for entry in entries(self._connection, seq, limit):
                max_bytes -= len(entry.content)
                if found and max_bytes < 0:
                    break
                found.append(entry)
        return found

    def newest(self, ticket: str, names: Collection[str], limit: int, before: int = 0) -> list[Entry]:
        """The newest entries with one of these names whose values name that `ticket`, or any where it is empty; newest first;
        with `before`, of those with a lower number.

        Raises JournalError where they can't be read.
        """
        with self._reading():
            return newest(self._connection, ticket, names, limit, before)

    def document(self, digest: str) -> bytes | None:
        """The document of that SHA-256 (hexadecimal); None where it is not kept. Raises JournalError where it is damaged."""
        with self._reading():
            return self._documents.get(digest)

    def states(self) -> dict[str, Entry]:
        """What holds now: the entry that carries it, by key."""
        return dict(self._carriers)

    def verification(self, known: Iterable[Known] = ()) -> Callable[[], Verified]:
        """What verifies the journal as it is now, in whatever thread that is called; `known` are entries that have to be there,
        or to have been. It raises JournalError at the first thing that is wrong."""
        known = [("this agent", self._end), *known]
        signer, path = self.signer.name if self.signer else "", self._path
        copy = self._connection.serialize() if path is None else b""

        def run() -> Verified:
            with closing(sqlite3.connect(":memory:") if path is None else connect_to_read(path)) as connection:
                if path is None:
                    connection.deserialize(copy)
                return verify(connection, path, signer=signer, known=known)

        return run

    def verify(self) -> Verified:
        """Verify all that is kept. Raises JournalError at the first thing that is wrong."""
        return self.verification()()

    def close(self) -> None:
        """Put everything on the disk, and let others use the journal. Raises nothing: what could not be put there is logged."""
        if self._checkpointer is not None:
            self._checkpointer.stop()
            self._checkpointer = None
            try:
                write_opened(self._connection, "")
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as error:
                log.warning("%s: could not be closed well: %s", self._path, error)
        self._connection.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    # -- inside

    def _load(self) -> None:
        meta = read_meta(self._connection)
        self._beginning = meta.beginning
        self._end, size = find_end(self._connection, meta.beginning.anchor, self._path)
        self._bytes = size + self._documents.size()
        self._carriers = {entry.key: entry for entry in carriers(self._connection)}
        boot, number = _boot_id(), meta.beginning.id
        if not number or meta.opened not in ("", boot):
            if number:
                log.warning(
                    "%s is a copy, or the node has restarted while it was open: its last entries may be missing",
                    self._path,
                )
            number = str(uuid4())
        since = signed_since(meta, self.signer.name if self.signer else "", self._end, self._path)
        self._connection.execute("BEGIN IMMEDIATE")
        self._begin(Beginning(meta.beginning.chain or number, number, meta.beginning.anchor, since))
        write_opened(self._connection, boot)
        self._connection.execute("COMMIT")
        # On the disk before anything is appended, or a loss of power could undo it.
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _begin(self, beginning: Beginning) -> None:
        write_beginning(self._connection, beginning, self.signer)
        self._beginning = beginning

    def _insert(self, entry: Entry) -> None:
        signature = self.signer.entry(self._beginning.chain, entry.anchor) if self.signer else b""
        insert(self._connection, entry, signature)

    def _appended(self, entry: Entry) -> None:
        """Keep account of an entry that is in the database now."""
        self._end = entry.anchor
        self._bytes += size_of(entry)
        if entry.key:
            self._carriers[entry.key] = entry
        if self._checkpointer is not None:
            self._checkpointer.appended()

    def _too_much(self) -> bool:
        return self.last - self.first + 1 > self._retention.max_entries or self._surplus() > 0

    def _surplus(self) -> int:
        """The bytes that are too many, beside the documents that the state names; at most 0 where none are."""
        surplus = self._bytes - self._retention.max_bytes
        if surplus > 0:
            needed = {digest for carrier in self._carriers.values() for digest in referred(carrier.state_values)}
            surplus -= self._documents.size(needed)
        return surplus

    def _forget_oldest(self, upto: int, time_ns: int) -> None:
        """Delete a few entries, none after number `upto`; let the anchor stand for them, and tell anew what they alone told."""
        beginning = self._beginning
        with self._writing():
            gone = self._oldest(upto)
            anchor = gone[-1].anchor
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("DELETE FROM entries WHERE seq <= ?", (anchor.seq,))
            retold = self._tell_anew([entry for entry in gone if self._carriers.get(entry.key) == entry], time_ns)
            freed = self._documents.forget(anchor.seq)
            write_beginning(self._connection, replace(beginning, anchor=anchor), self.signer)
            self._connection.execute("COMMIT")
        self._beginning = replace(beginning, anchor=anchor)
        self._bytes -= sum(map(size_of, gone)) + freed
        for entry in retold:
            self._appended(entry)

    def _oldest(self, upto: int) -> list[Entry]:
        """Some of the oldest entries, none after number `upto`: one in a hundred of what may be kept, in number or in bytes."""
        number = max(1, min(BATCH, self._retention.max_entries // 100, upto - self.first + 1))
        surplus, found = self._surplus(), []
        wanted = surplus + self._retention.max_bytes // 100
        for entry in entries(self._connection, self._beginning.anchor.seq, number):
            found.append(entry)
            if surplus > 0:
                wanted -= size_of(entry) + self._documents.carried(entry.seq)
                if wanted <= 0:
                    break
        return found

    def _tell_anew(self, lost: Iterable[Entry], time_ns: int) -> list[Entry]:
        """Append the states of entries that are going away, as part of the same transaction."""
        retold: list[Entry] = []
        for carrier in lost:
            name, values = self.retell(carrier)
            state = carrier.key, carrier.state_values
            named = self._documents.named((), values, state[1])
            after = retold[-1].anchor if retold else self._end
            retold.append(seal(after, carrier.kind, name, time_ns, values, named, state))
            self._documents.keep(retold[-1].seq, named, {})
            self._insert(retold[-1])
        return retold

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                self._connection.rollback()
            raise unusable(self._path or Path(":memory:"), str(error)) from None

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError) as error:
            raise damaged(self._path, str(error)) from None


def _boot_id() -> str:
    """What names this start of the node; another text every time where the kernel does not tell."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return str(uuid4())
