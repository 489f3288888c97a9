"""One made-up site: a CIB and a journal in memory that outlive its agent, and the parts of that agent.

Rules of this file: what an agent does by itself is done when it is called for, one part after the other: `publish` and
`notice` after every change of the CIB, `follow` and `heal` when somebody lets them. Whatever kills the agent is followed by
the start of another one, which has nothing but the CIB and the journal.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from lxml import etree

from qmfagent.agent import load_schema
from qmfagent.cib import document
from qmfagent.cib.change import CibChange
from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.cib.mangling.mangle import Mangled, SiteRules, mangle
from qmfagent.cib.mangling.overrides import parse_site_file
from qmfagent.cib.mangling.transform import transform
from qmfagent.cib.ownership import is_ownership_tag, owned_ids
from qmfagent.cib.plans.difference import to_patchset
from qmfagent.cib.plans.edits import edits
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.ticket import TicketState
from qmfagent.errors import ConnectionLost
from qmfagent.journal.entry import Entry, State
from qmfagent.journal.signature import JournalSigner
from qmfagent.journal.store import Journal, Retention
from qmfagent.objects.event_log import EventLog
from qmfagent.objects.ledger import SiteLedger, told_anew
from qmfagent.pacemaker.tools import TicketAction
from qmfagent.policy.modes import TicketPolicy
from qmfagent.policy.secrets import Secrets
from qmfagent.replication.applying.applier import Applier
from qmfagent.replication.authority import Claim
from qmfagent.replication.following.drift_watch import DriftWatch
from qmfagent.replication.following.healer import Healer
from qmfagent.replication.following.holding import Holding
from qmfagent.replication.following.replica import Replicas
from qmfagent.replication.following.subscriber import Subscriber
from qmfagent.replication.publishing.publication import Publication
from qmfagent.replication.publishing.publisher import Publisher
from tests.model.clockwork import Fuse, Killed, SiteStore
from tests.replication.fakes import ACCEPTANCE, SIGNERS

if TYPE_CHECKING:
    from tests.model.laws import Laws
    from tests.model.network import Network

TICKET = "T"
ADDRESSES = {"a": "10.1.0.10", "b": "10.2.0.10", "c": "10.3.0.10"}
SCHEMA = load_schema()

_KEY = Ed25519PrivateKey.generate()
_RULE = "[[override]]\nselect = \"primitive[@id='vip']/instance_attributes/nvpair[@name='ip']\"\nvalue = \"{}\"\n"
_Result = TypeVar("_Result")


class Site:
    """The site `name` in `network`, which begins with `cib` and follows by `policy`; `laws` see all that it does."""

    def __init__(
        self, name: str, network: Network, laws: Laws, cib: bytes, policy: TicketPolicy, retention: Retention
    ) -> None:
        self.name = name
        self.policy = policy
        self._network = network
        self._laws = laws
        self._rules = SiteRules(name, parse_site_file(_RULE.format(ADDRESSES[name]).encode(), name))
        self.fuse = Fuse()
        self.store = SiteStore(cib, self.fuse, lambda *seen: laws.judge(laws.written, self, *seen))
        self.journal = Journal(None, retention, signer=JournalSigner(_KEY), retell=self._told_anew)
        self.events = EventLog(SCHEMA, self.journal)
        self.ledger = SiteLedger(lambda: self.events.journal, self._record)
        self.replay: Publication | None = None
        self.given: Publication | None = None

    async def start(self) -> None:
        """Begin with nothing but the CIB and the journal."""
        policy = lambda ticket: self.policy  # noqa: E731
        self.replicas = Replicas()
        self.publisher = Publisher(self.name, self.store, self._emit, SIGNERS[self.name])
        self.applier = Applier(self.name, self.store, self, self.mangle, self.ledger, ACCEPTANCE)
        self.subscriber = Subscriber(self.applier, self.replicas, policy, self._network.now)
        self.healer = Healer(self.applier, policy, self._network.now)
        self.holding = Holding(self.applier, self.ledger, lambda ticket: None)
        self.drift = DriftWatch(
            self.name,
            self.store_client,
            self.store,
            self.applier,
            self.ledger,
            self.replicas,
            Secrets(),
            self.healer.wake,
        )
        self._noticed: Snapshot | None = None
        await self.applier.recover(self.store.current)
        self._laws.recovered(self)
        await self.notice()

    async def survive(self, work: Awaitable[_Result], fuse: int | None = None) -> _Result | None:
        """Do something, killed at the point of that number, if it comes so far; start again then."""
        self.fuse.left = fuse
        try:
            return await work
        except Killed:
            self._laws.seen["killed"] += 1
            await self.start()
            return None
        finally:
            self.fuse.left = None

    # -- what replication asks of the others

    async def claims(self, ticket: str) -> list[Claim]:
        """What the sites that can be reached say."""
        states = [(site.name, site.cib.tickets.get(ticket)) for site in self._network.reached_by(self)]
        return [Claim(name, state.granted, state.term) for name, state in states if state]

    async def publication(self, site: str, ticket: str, known: str = "") -> Publication:
        """What the site publishes, or what is replayed instead."""
        found = {each.name: each for each in self._network.reached_by(self)}.get(site)
        if found is None:
            raise ConnectionLost(f"site {site} can't be reached")
        replayed, self.replay = self.replay, None
        current = found.publisher.current(found.cib, ticket, known)
        self.given = replayed or current
        return Publication.from_values(ticket, self.given.to_values())

    def mangle(self, source: Closure, tickets: Mapping[str, TicketState]) -> Mangled:
        """The closure as this site has it."""
        return mangle(source, tickets, self._rules, transform)

    # -- what the agent does

    async def notice(self) -> None:
        """Work through what has changed, as an agent does after each change."""
        while self._noticed is not self.cib:
            change = CibChange(self.cib, client="" if self._noticed is None else "somebody")
            self._noticed = self.cib
            self.replicas.unpublished({TICKET} if self.holds else ())
            self.drift.changed(change)
            for publication in await self.publisher.update(self.cib):
                self._network.published.append(publication)
                self.replicas.published(TICKET, publication.digest, self._network.others(self))

    async def follow(self) -> None:
        """Have a look at what others publish."""
        if [each.name for each in self._network.claiming(self)] == [self.name]:
            self._laws.held(self)
        await self.subscriber._look(TICKET, "")
        self.subscriber._settled(TICKET)
        await self.notice()

    async def watch(self) -> None:
        """Have a look at drift."""
        await self.drift._look(TICKET, "")
        self.drift._worker.forget(TICKET)

    async def heal(self) -> None:
        """Heal it, if that is policy."""
        await self.watch()
        if self.healer._worker.woken.pop(TICKET, None) is not None:
            await self.healer._look(TICKET, "")
            self.healer._worker.forget(TICKET)
            await self.notice()
            await self.watch()

    def _told_anew(self, carrier: Entry) -> tuple[str, dict[str, Any]]:
        self._laws.seen["told anew"] += 1
        return told_anew(carrier)

    def _emit(self, name: str, values: Mapping[str, Any]) -> None:
        self.ledger.record(name, values)

    def _record(self, name: str, values: Mapping[str, Any], *, documents: Iterable[bytes], state: State | None) -> int:
        self.fuse.point(f"before {name}")
        number = int(self.events.record(name, values, self._network.moment(), documents=documents, state=state)["seq"])
        self._laws.judge(self._laws.recorded, self, name, values, number)
        self.fuse.point(f"after {name}")
        return number

    # -- what there is

    store_client = "qmfagent"

    @property
    def cib(self) -> Snapshot:
        """The CIB now."""
        return self.store.current

    @property
    def holds(self) -> bool:
        """Whether the ticket is granted here."""
        state = self.cib.tickets.get(TICKET)
        return state is not None and state.granted

    @property
    def last_granted(self) -> int:
        """When the ticket was granted here last; 0 for never."""
        state = self.cib.tickets.get(TICKET)
        return state.last_granted if state else 0

    @property
    def closure(self) -> Mapping[str, bytes]:
        """The lines of all that depends on the ticket here."""
        depends = any(c.get("ticket") == TICKET for c in self.cib.section("constraints"))
        return closure(self.cib, TICKET).lines if depends else {}

    @property
    def owned(self) -> Mapping[str, bytes]:
        """The lines of what is owned here."""
        return {i: self.cib.lines[i] for i in sorted(owned_ids(self.cib, TICKET))}

    @property
    def local(self) -> list[str]:
        """Ids of what is this site's own."""
        owned = owned_ids(self.cib, TICKET)
        return [i for i in self.cib.members if i not in owned and not is_ownership_tag(i)]

    # -- what administrators do

    def ticket(self, action: TicketAction) -> None:
        """Grant or revoke it here."""
        self.store.ticket(TICKET, action, self._network.tick())

    def change(self, wanted: Mapping[str, str | etree._Element | None]) -> None:
        """Give members, by id, another form, or none, in one write."""
        here = self.cib
        elements: dict[str, etree._Element] = {
            i: etree.fromstring(each) if isinstance(each, str) else each
            for i, each in wanted.items()
            if each is not None
        }
        differing = [
            (i, here.lines.get(i, b""), document.canonical(elements[i]) if i in elements else b"") for i in wanted
        ]
        differing = [each for each in differing if each[1] != each[2]]
        if differing:
            self.store.edit(to_patchset(edits(here, differing, elements), here.version))

    def member(self, identifier: str) -> etree._Element:
        """A copy of a member, to be edited."""
        return etree.fromstring(self.cib.lines[identifier])

    def set_value(self, nvpair: str, value: str) -> None:
        """Give a parameter another value."""
        found = document.member_of(self.cib.ids[nvpair]).get("id")
        member = self.member(str(found))
        (pair,) = [e for e in member.iter("nvpair") if e.get("id") == nvpair]
        pair.set("value", value)
        self.change({str(found): member})
