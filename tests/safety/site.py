"""Site b, where site a's publications of ticket T arrive: what of an agent writes, on a CIB and a journal that outlive it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from qmfagent.cib import document
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.ticket import Term
from qmfagent.errors import QmfAgentError
from qmfagent.policy.modes import AUTOMATIC, KEEP, TicketPolicy
from qmfagent.replication.applying.applier import Applier
from qmfagent.replication.applying.intent import APPLYING, OUTCOMES
from qmfagent.replication.authority import Claim
from qmfagent.replication.following.replica import Replicas
from qmfagent.replication.following.subscriber import Subscriber
from qmfagent.replication.publishing.publisher import Publisher
from qmfagent.replication.reasons import reason_of
from tests.model.clockwork import Fuse, SiteStore
from tests.replication.conftest import SOURCE, TARGET
from tests.replication.fakes import ACCEPTANCE, SIGNERS, FakeRemotes, MemoryLedger, publication, unmangled

WEB = b'<primitive id="web" class="ocf" provider="heartbeat" type="apache"/>'
COLOCATION = b'<rsc_colocation id="web-with-vip" rsc="web" with-rsc="vip" score="INFINITY"/>'
WITHOUT_WEB = (
    SOURCE.replace(WEB, b"")
    .replace(b'<rsc_ticket id="ticket-web" rsc="web" ticket="T" loss-policy="stop"/>', b"")
    .replace(COLOCATION, b"")
)

WITHDRAWN = re.sub(rb"<rsc_ticket[^>]*/>", b"", SOURCE).replace(
    b"</configuration>", b'<tags><tag id="qmfagent-owned-T"/></tags></configuration>'
)


def source(address: str) -> bytes:
    """Site a's CIB with another address."""
    return SOURCE.replace(b"10.1.0.10", address.encode())


class _Ledger(MemoryLedger):
    """A journal whose writer is killed where the fuse says."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    def record(self, name: str, *args: Any, **kwargs: Any) -> int:
        self._fuse.point(f"before {name}")
        number = super().record(name, *args, **kwargs)
        self._fuse.point(f"after {name}")
        return number


class Site:
    """The site. `states` are all that its CIB ever was; an agent is killed where `fuse` says."""

    def __init__(self, cib: bytes = TARGET) -> None:
        self.fuse = Fuse()
        self.store = SiteStore(cib, self.fuse, lambda before, after: self.states.append(after))
        self.states = [self.store.current]
        self.ledger = _Ledger(self.fuse)
        self.remotes = FakeRemotes(published={"a": publication()})
        self.remotes.hold("a")
        self.policy = TicketPolicy(AUTOMATIC, drift=KEEP)
        self.seconds = 10
        self.start()

    def start(self) -> None:
        """An agent that knows nothing but the CIB and the journal."""
        self.applier = Applier("b", self.store, self.remotes, unmangled, self.ledger, ACCEPTANCE)
        self.publisher = Publisher("b", self.store, self.ledger, SIGNERS["b"])
        self.subscriber = Subscriber(self.applier, Replicas(), lambda ticket: self.policy, lambda: 0)

    async def restart(self) -> None:
        """Another agent, as it starts."""
        self.start()
        await self.applier.recover(self.store.current)

    # -- what others do

    def publish(self, cib: bytes, *, site: str = "a", term: int = 1, version: int = 5) -> None:
        """A site answers with this, whenever it is asked."""
        self.remotes.published[site] = publication(site, term, version, cib)

    def claim(self, **terms: int) -> None:
        """These sites, and no others, claim the ticket, by grants of these terms."""
        self.remotes.claimed = {name: Claim(name, False, Term(0, 0)) for name in ("a", "c")}
        self.remotes.claimed |= {name: Claim(name, True, Term(0, term)) for name, term in terms.items()}

    def grant(self, term: int) -> None:
        """Grant the ticket here."""
        self.store.ticket("T", "grant", term)

    def revoke(self) -> None:
        """Take it away from here."""
        self.store.ticket("T", "revoke", 0)

    def edit(self, old: bytes, new: bytes) -> None:
        """Change the configuration as an administrator does."""
        written = document.canonical(self.store.current.to_element())
        self._edited(Snapshot.parse(written.replace(old, new)).to_element())

    def delete(self, *members: str) -> None:
        """Delete members as an administrator does."""
        cib = self.store.current.to_element()
        for member in [*cib.iter("*")]:
            if member.get("id") in members and member.tag != "obj_ref":
                member.getparent().remove(member)
        self._edited(cib)

    def _edited(self, cib: Any) -> None:
        cib.attrib.update(self.store.current.version.after_configuration_change().attributes())
        self.store.current = Snapshot.of(cib)

    # -- what the agent does

    async def replicate(self) -> int:
        """Plan and apply, as somebody asks for it: the number of the change."""
        return (await self.applier.carry_out(await self.applier.plan("T"), "person")).change

    async def follow(self) -> None:
        """Do what is done without anybody's asking."""
        await self.subscriber._look("T", "a")
        self.subscriber._settled("T")

    # -- what there is

    @property
    def address(self) -> str | None:
        """The value that publications differ by."""
        found = self.store.current.ids.get("vip-ip")
        return None if found is None else found.get("value")

    @property
    def outcome(self) -> str:
        """What the journal says became of the last write; empty where it says nothing."""
        newest = self.ledger.of_ticket("T", (APPLYING, *OUTCOMES), 1)
        return newest[0].name if newest else ""


@contextmanager
def refused(site: Site, reason: str) -> Iterator[None]:
    """What is done here is refused for that reason, and leaves the CIB as it is. Raises AssertionError where it is not."""
    before = site.store.current.config_digest
    try:
        yield
    except QmfAgentError as error:
        found = reason_of(error)
    else:
        found = ""
    assert found == reason, f"{found or 'nothing'} instead of a refusal named {reason}"
    assert site.store.current.config_digest == before
