"""What a rollback brings back: what was owned before a change, and what has been taken over since.

Rules of this file: it reads the ledger and changes nothing. What was adopted by the change, or by a later one, and was not
given back since, becomes this site's own again, as it was when it was last adopted; what was adopted before it stays owned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.plans.members import pick_members, read_members
from qmfagent.errors import Refused
from qmfagent.replication.applying.intent import APPLIED, CHANGES, ROLLED_BACK
from qmfagent.replication.applying.plans import Source
from qmfagent.replication.ports import Ledger, Recorded

MAX_CHANGES = 10_000


@dataclass(frozen=True, slots=True)
class Earlier:
    """How things stood before a change: the members `owned` for its ticket, and the canonical lines, by id, of those that
    were adopted then or since (`released`). `source` is where the change came from."""

    owned: Closure
    released: Mapping[str, bytes]
    source: Source


def before_change(ledger: Ledger, number: int) -> Earlier:
    """How things stood before the change of that number in the journal.

    Raises Refused: unknown-change where that is no change that an apply made, too-old where what it takes is not kept any
    more. Raises CibError where a document can't be read.
    """
    record = ledger.recorded(number)
    if record.name not in CHANGES:
        raise Refused(
            "unknown-change",
            f"number {number} of the journal is {record.name!r}, and nothing that could be rolled back",
            hint=f"take the number of an event {APPLIED!r}",
        )
    before = _document(ledger, record)
    owned = pick_members(before.ticket, before.lines, before.lines.keys() - set(record.values["adopted"]))
    adopted = {i: by for i, by in _adopted(ledger, record).items() if by.number >= number and i not in owned.lines}
    lines = {by.number: _document(ledger, by).lines for by in adopted.values()}
    released = {i: lines[by.number][i] for i, by in adopted.items()}
    return Earlier(owned, released, Source(str(record.values["publisher"]), str(record.values["digest"])))


def _adopted(ledger: Ledger, first: Recorded) -> dict[str, Recorded]:
    """What was adopted and not given back since, each with the change that adopted it last.

    All changes that are kept count, also those before `first`: a rollback of an even earlier one since has brought back what
    had been adopted by then. Where that one is not kept any more, nothing is taken for given back.
    """
    newest = ledger.of_ticket(str(first.values["ticket"]), CHANGES, MAX_CHANGES)
    if len(newest) == MAX_CHANGES and newest[-1].number > first.number:
        raise _too_old(first, f"there were more than {MAX_CHANGES:,} changes since")
    adopted: frozenset[str] = frozenset()
    stood: dict[int, frozenset[str]] = {}
    last: dict[str, Recorded] = {}
    for record in reversed(newest):
        stood[record.number] = adopted
        if record.name == ROLLED_BACK:
            adopted = stood.get(int(record.values["undone"]), adopted)
        adopted = adopted.union(record.values["adopted"])
        last |= dict.fromkeys(record.values["adopted"], record)
    return {identifier: last[identifier] for identifier in adopted}


def _document(ledger: Ledger, record: Recorded) -> Closure:
    data = ledger.document(str(record.values["before"]))
    if data is None:
        raise _too_old(record, "what stood before it is not kept any more")
    return read_members(str(record.values["ticket"]), data, f"what stood before change {record.number}")


def _too_old(record: Recorded, why: str) -> Refused:
    return Refused("too-old", f"change {record.number} can't be rolled back: {why}", hint="roll back a newer one")
