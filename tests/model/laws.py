"""The laws that hold at every site at any time, looked at from outside: at each write of the CIB and each record.

Rules of this file: what a law compares comes from the CIB, from the network, and from what was seen before; where an agent says
where it stands, that is what is judged, and never what judges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qmfagent.cib import document
from qmfagent.cib.ownership import is_ownership_tag, owned_ids
from qmfagent.cib.plans.drift import find_drift
from qmfagent.cib.plans.members import read_members
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.ticket import Term
from qmfagent.replication.applying.intent import APPLYING, CHANGES, OUTCOMES
from qmfagent.replication.applying.plans import PUBLICATION, ROLLBACK
from qmfagent.replication.publishing.publication import Publication
from qmfagent.replication.standing import Standing

if TYPE_CHECKING:
    from tests.model.site import Site

TICKET = "T"
FORGED = "AAAA"
"""The signature of what nobody has signed."""

_NOTHING = Term(0, 0)


@dataclass
class Past:
    """What was seen of one site: the standing last told; the newest publication that was written there, and the term of it,
    or of the newest that counts as newer; what was delivered last; what was owned before each change that the journal names."""

    standing: Standing = field(default_factory=lambda: Standing(TICKET))
    newest: Publication | None = None
    term: Term = _NOTHING
    delivered: Mapping[str, bytes] = field(default_factory=dict)
    before: dict[int, Mapping[str, bytes]] = field(default_factory=dict)
    replaced: Mapping[str, bytes] = field(default_factory=dict)


class Laws:
    """All laws, and in `seen` what there was to judge."""

    def __init__(self, seen: Counter[str]) -> None:
        self.seen = seen
        self.past: dict[str, Past] = {}
        self.broken: AssertionError | None = None

    def judge(self, law: Callable[..., None], *seen: Any) -> None:
        """Look at something by a law. What is broken is remembered: agents go on whatever fails in them."""
        try:
            law(*seen)
        except AssertionError as broken:
            self.broken = self.broken or broken
            raise

    def of(self, site: Site) -> Past:
        """What was seen of a site."""
        return self.past.setdefault(site.name, Past())

    # -- at each write of an agent

    def written(self, site: Site, before: Snapshot, after: Snapshot) -> None:
        """An agent wrote its CIB."""
        (newest,) = site.ledger.of_ticket(TICKET, (APPLYING, *OUTCOMES), 1) or [None]
        assert after.version == before.version.after_configuration_change()
        if newest is None or newest.name != APPLYING or not site.applier.quiet.locked():
            self._only_records(before, after)
            return
        cause = str(newest.values["cause"])
        self.seen[cause] += 1
        self._writer(site, before, cause)
        self._scope(before, after, cause)
        self._recorded_documents(site, before, after, newest.values)
        assert not dangling(after), f"{dangling(after)} of {after.version} refer to nothing"
        past = self.of(site)
        past.replaced = {i: before.lines[i] for i in owned_ids(before, TICKET)}
        if cause == PUBLICATION:
            self._order(site, past)

    def _only_records(self, before: Snapshot, after: Snapshot) -> None:
        """Without an intent nothing is written but the record of what is published."""
        self.seen["record"] += 1
        assert _local(before, ()) == _local(after, ())
        assert _beside(before) == _beside(after)

    def _writer(self, site: Site, before: Snapshot, cause: str) -> None:
        """A holder never applies; where two claim the ticket, nobody does; only the holder's publications are."""
        claiming = [each.name for each in site._network.claiming(site)]
        assert site.name not in claiming, f"{site.name} holds the ticket, and applies"
        assert len(claiming) <= 1, f"{claiming} hold the ticket, and {site.name} applies"
        if cause == PUBLICATION:
            assert site.given is not None
            assert claiming == [site.given.site]
            (holder,) = site._network.claiming(site)
            assert site.given.term >= holder.cib.tickets[TICKET].term, "it was published under an earlier grant"

    def _scope(self, before: Snapshot, after: Snapshot, cause: str) -> None:
        """What is not owned stays, byte for byte; what is not owned any more is gone, unless it was rolled back."""
        ours = owned_ids(before, TICKET) | owned_ids(after, TICKET)
        assert _local(before, ours) == _local(after, ours)
        assert _beside(before) == _beside(after)
        adopted = (owned_ids(after, TICKET) - owned_ids(before, TICKET)) & before.lines.keys()
        assert all(before.lines[i] == after.lines[i] for i in adopted), f"{adopted} were this site's own"
        if cause != ROLLBACK:
            left = (owned_ids(before, TICKET) - owned_ids(after, TICKET)) & after.lines.keys()
            assert not left, f"{left} are left and not owned any more"

    def _recorded_documents(self, site: Site, before: Snapshot, after: Snapshot, values: Mapping[str, Any]) -> None:
        """What was announced is what was there, and what is there now: an edit in between is never overwritten unseen."""
        was, willbe = (
            read_members(TICKET, site.ledger.document(values[name]) or b"", name).lines
            for name in ("before", "delivered")
        )
        assert was == {i: before.lines.get(i) for i in owned_ids(before, TICKET) | set(values["adopted"])}
        kept = [i for i in willbe if willbe[i] != after.lines.get(i)]
        assert all(before.lines.get(i) == after.lines.get(i) for i in kept), f"{kept} are not as announced"
        assert not kept or (values["cause"] == PUBLICATION and site.policy.drift == "keep")

    def _order(self, site: Site, past: Past) -> None:
        """Nothing older overwrites what is newer; the same again is no step back."""
        given, newest = site.given, past.newest
        assert given is not None
        assert given.signature != FORGED
        if newest and given.digest == newest.digest:
            return
        assert given.term >= past.term, f"{given.term} of {given.site} overwrites {past.term}"
        if newest and (newest.site, newest.term) == (given.site, given.term):
            assert given.version >= newest.version, f"{given.version} overwrites {newest.version}"
        past.newest, past.term = given, given.term

    # -- at each record

    def recorded(self, site: Site, name: str, values: Mapping[str, Any], number: int) -> None:
        """Something was recorded."""
        past = self.of(site)
        if name == "published":
            assert site.holds, "an apply was published"
        if name in (*CHANGES, "in_sync"):
            self._delivered(site, past)
        if name == "in_sync":
            self._agreed(site, past)
        if name in CHANGES:
            past.before[number] = past.replaced
            self.seen[f"{name} by {values['by']}"] += 1
        if name == "apply_failed":
            self.seen[f"refused: {values['reason']}"] += 1
        now = site.ledger.standings().get(TICKET, Standing(TICKET))
        then = past.standing
        assert now.term >= then.term, f"the standing went back from {then.term} to {now.term}"
        if (now.publisher, now.term) == (then.publisher, then.term):
            assert now.version >= then.version
        past.standing = now

    def _delivered(self, site: Site, past: Past) -> None:
        """What counts as delivered is what stands here, but for what was edited and kept, which is as it had been delivered."""
        digest = site.ledger.standings()[TICKET].delivered
        lines = read_members(TICKET, site.ledger.document(digest) or b"", "delivered").lines if digest else {}
        owned = site.owned
        assert owned.keys() <= lines.keys()
        kept = {i: line for i, line in lines.items() if line != owned.get(i)}
        assert all(past.delivered.get(i) == line for i, line in kept.items()), f"{[*kept]} were never delivered"
        assert not kept or site.policy.drift == "keep"
        self.seen["kept"] += bool(kept)
        past.delivered = lines

    def _agreed(self, site: Site, past: Past) -> None:
        """What is published stands here already."""
        given, newest = site.given, past.newest
        assert given is not None
        assert given.signature != FORGED
        older = newest and (newest.site, newest.term) == (given.site, given.term) and given.version < newest.version
        if given.term >= past.term and not older:
            past.newest, past.term = given, given.term

    # -- at each start, and where nothing happens

    def recovered(self, site: Site) -> None:
        """An agent has started: no write is left open."""
        told = site.ledger.of_ticket(TICKET, (APPLYING, *OUTCOMES), 1)
        assert not told or told[0].name != APPLYING

    def held(self, site: Site) -> None:
        """A site is about to find that it alone holds the ticket: what it has is as new as its grant."""
        past, term = self.of(site), site.cib.tickets[TICKET].term
        if term > past.term:
            self.seen["held alone"] += 1
            past.newest, past.term, past.delivered = None, term, {}

    def drift(self, site: Site) -> int:
        """How many fields differ from what was delivered, as far as they may not."""
        past = self.of(site)
        if site.holds or site.last_granted > past.term.granted:
            return 0
        return find_drift(site.cib, TICKET, past.delivered).fields

    # -- of the whole journal

    def journal(self, site: Site) -> None:
        """It has no gap and verifies; what holds is the fold of its entries."""
        journal = site.journal
        assert site.events.journal is journal
        journal.verify()
        entries = journal.since(journal.first - 1, 1_000_000, 1 << 40)
        assert [entry.seq for entry in entries] == list(range(journal.first, journal.last + 1))
        fold = {entry.key: entry.state_values for entry in entries if entry.key}
        assert fold == {key: standing.to_values() for key, standing in site.ledger.standings().items()}


def dangling(snapshot: Snapshot) -> set[str]:
    """What constraints refer to and is not there."""
    named = {
        str(value)
        for constraint in snapshot.section("constraints")
        for element in constraint.iter("*")
        for attribute, value in element.attrib.items()
        if attribute in ("rsc", "with-rsc", "first", "then") or (element.tag == "resource_ref" and attribute == "id")
    }
    return named - snapshot.ids.keys()


def _local(snapshot: Snapshot, ours: Any) -> dict[str, bytes]:
    return {i: line for i, line in snapshot.lines.items() if i not in ours and not is_ownership_tag(i)}


def _beside(snapshot: Snapshot) -> bytes:
    """All of the configuration but what lines are of."""
    sections = [s for s in snapshot.configuration if s.tag not in document.SECTIONS]
    return b"".join(map(document.canonical, sections))
