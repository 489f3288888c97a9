"""The law of the journal: whatever is appended, however little is kept and however often it is opened again, what is there
verifies, its state is what the kept entries say, and the documents are those that they name."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from qmfagent.journal.entry import Entry
from qmfagent.journal.memory import go_on_in_memory
from qmfagent.journal.signature import JournalSigner
from qmfagent.journal.store import Journal, Retention

SIGNER = JournalSigner(Ed25519PrivateKey.generate())
RETENTION = Retention(max_entries=12, max_bytes=20_000)
TICKETS = st.sampled_from(["T", "U", "V"])
DOCUMENTS = st.integers(0, 8).map(lambda n: b"<cib n='%d'/>" % n * 50)


def digest(document: bytes) -> str:
    return sha256(document).hexdigest()


class JournalLaw(RuleBasedStateMachine):
    """A journal in a file, and beside it all that was ever appended."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path: Path | None = Path(self.folder.name) / "journal.db"
        self.signer: JournalSigner | None = SIGNER
        self.journal = self.open()
        self.appended: list[Entry] = []
        self.state: dict[str, dict[str, Any]] = {}

    def open(self) -> Journal:
        return Journal(self.path, RETENTION, signer=self.signer, retell=lambda e: ("standing", {"ticket": e.key}))

    def teardown(self) -> None:
        self.journal.close()
        self.folder.cleanup()

    def keep(self, entry: Entry) -> None:
        assert entry.seq == len(self.appended) + 1
        self.appended += [entry, *self.journal.since(entry.seq, 1000)]

    @rule(ticket=TICKETS, count=st.integers(1, 15))
    def append(self, ticket: str, count: int) -> None:
        for n in range(count):
            self.keep(self.journal.append("event", "published", n, {"ticket": ticket, "filler": "x" * n}))

    @rule(ticket=TICKETS, before=DOCUMENTS, delivered=DOCUMENTS, given=st.booleans(), stands=st.booleans())
    def apply(self, ticket: str, before: bytes, delivered: bytes, given: bool, stands: bool) -> None:
        values = {"ticket": ticket, "before": digest(before), "delivered": digest(delivered)}
        state = {"delivered": digest(delivered), "paused": given}
        if stands:
            self.state[ticket] = state
        self.keep(
            self.journal.append(
                "event",
                "applied",
                7,
                values,
                documents=[before, delivered] if given else [],
                state=(ticket, state) if stands else None,
            )
        )

    @precondition(lambda self: self.path is not None)
    @rule(signer=st.sampled_from([SIGNER, None]))
    def open_again(self, signer: JournalSigner | None) -> None:
        before = self.journal.id
        self.journal.close()
        self.signer = signer
        self.journal = self.open()
        assert self.journal.id == before

    @precondition(lambda self: self.path is not None)
    @rule()
    def lose_the_file(self) -> None:
        before = self.journal.id
        self.journal = go_on_in_memory(self.journal, 7)
        self.path = None
        assert self.journal.id != before
        self.appended = self.journal.since(0, 1000)

    @invariant()
    def it_verifies(self) -> None:
        verified = self.journal.verify()
        assert (verified.first, verified.last, verified.head) == (
            self.journal.first,
            self.journal.last,
            self.journal.head,
        )
        assert bool(verified.signer) == (self.signer is not None)

    @invariant()
    def the_kept_entries_are_the_newest_that_were_appended(self) -> None:
        kept = self.journal.since(0, 1000)
        assert kept == self.appended[self.journal.first - 1 :]
        assert len(kept) <= RETENTION.max_entries + len(self.state) or self.path is None

    @invariant()
    def the_state_is_the_fold_of_the_kept_entries(self) -> None:
        fold = {entry.key: entry.state_values for entry in self.journal.since(0, 1000) if entry.key}
        assert fold == {key: carrier.state_values for key, carrier in self.journal.states().items()} == self.state

    @invariant()
    def the_documents_are_those_that_kept_entries_name(self) -> None:
        named = {each for entry in self.journal.since(0, 1000) for each in entry.documents}
        for each in named:
            document = self.journal.document(each)
            assert document is not None
            assert digest(document) == each
        assert self.journal.verify().documents == len(named)


TestJournalLaw = JournalLaw.TestCase
TestJournalLaw.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
