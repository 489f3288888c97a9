"""Two sites without clusters or a bus: real CIB files, real publishers, appliers and subscribers, joined directly.

Rules of this file: what the agents do by themselves happens when it is called for: `publish` after every change, `follow` when
the sites are let at each other. So every order of events can be played, and played again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.cib.mangling.mangle import Mangled, SiteRules, mangle
from qmfagent.cib.mangling.overrides import parse_site_file
from qmfagent.cib.mangling.transform import transform
from qmfagent.cib.ownership import is_ownership_tag, owned_ids
from qmfagent.cib.plans.difference import member_changes, to_patchset
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.ticket import TicketState
from qmfagent.pacemaker.file import FileCib
from qmfagent.pacemaker.tools import TicketAction
from qmfagent.policy.modes import AUTOMATIC, HEAL, TicketPolicy
from qmfagent.replication.applying.applier import Applier
from qmfagent.replication.authority import Claim
from qmfagent.replication.following.replica import Replicas
from qmfagent.replication.following.subscriber import Subscriber
from qmfagent.replication.publishing.publication import Publication
from qmfagent.replication.publishing.publisher import Publisher
from tests.replication.fakes import ACCEPTANCE, SIGNERS, MemoryLedger

TICKET = "T"
ADDRESSES = {"a": "10.1.0.10", "b": "10.2.0.10"}

_CIB = """
<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="5" num_updates="0"><configuration><crm_config/><nodes/>
<resources>{}</resources><constraints>{}</constraints></configuration><status/></cib>
"""
_VIP = (
    '<primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2"><instance_attributes id="vip-ia">'
    '<nvpair id="vip-ip" name="ip" value="10.1.0.10"/><nvpair id="vip-nic" name="nic" value="eth0"/>'
    "</instance_attributes></primitive>"
    '<group id="g"><primitive id="g0" class="ocf" provider="pacemaker" type="Dummy"/></group>'
)
_TICKETS = '<rsc_ticket id="ticket-vip" rsc="vip" ticket="T"/><rsc_ticket id="ticket-g" rsc="g" ticket="T"/>'


class Site:
    """One site: its CIB file, and the parts of an agent."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.remotes: Mapping[str, Site] = {}
        self._path = folder / f"{name}.xml"
        self._path.write_text(_CIB.format(_VIP, _TICKETS) if name == "a" else _CIB.format("", ""))
        overrides = parse_site_file(
            "[[override]]\nselect = \"primitive[@id='vip']/instance_attributes/nvpair[@name='ip']\"\n"
            f'value = "{ADDRESSES[name]}"\n'.encode(),
            name,
        )
        self._rules = SiteRules(name, overrides)
        self.ledger = MemoryLedger()

    async def start(self) -> None:
        """Begin with nothing but what is in the file."""
        self.store = FileCib(self._path)
        await self.store.start()
        self.publisher = Publisher(self.name, self.store, self.ledger, SIGNERS[self.name])
        applier = Applier(self.name, self.store, self, self.mangle, self.ledger, ACCEPTANCE)
        self.subscriber = Subscriber(applier, Replicas(), lambda ticket: TicketPolicy(AUTOMATIC, drift=HEAL), lambda: 0)
        await self.publish()

    async def stop(self) -> None:
        """End it; the file stays."""
        self.subscriber._settled(TICKET)
        await self.store.stop()

    # -- what replication asks of the other site

    async def claims(self, ticket: str) -> list[Claim]:
        states = [(site.name, site.cib.tickets.get(ticket)) for site in self.remotes.values()]
        return [Claim(name, state.granted, state.term) for name, state in states if state]

    async def publication(self, site: str, ticket: str, known: str = "") -> Publication:
        remote = self.remotes[site]
        values = remote.publisher.current(remote.cib, ticket, known).to_values()
        return Publication.from_values(ticket, values)

    def mangle(self, source: Closure, tickets: Mapping[str, TicketState]) -> Mangled:
        """The closure as this site has it."""
        return mangle(source, tickets, self._rules, transform)

    # -- what the agent does

    async def publish(self) -> None:
        """Work through a change, as the agent does after each."""
        await self.publisher.update(self.cib)
        await self.publisher.update(self.cib)

    async def follow(self) -> None:
        """Let the worker have a look."""
        await self.subscriber._look(TICKET, "")

    # -- what there is

    @property
    def cib(self) -> Snapshot:
        """The CIB as it stands in the file."""
        return Snapshot.parse(self._path.read_bytes())

    @property
    def holds(self) -> bool:
        state = self.cib.tickets.get(TICKET)
        return state is not None and state.granted

    @property
    def closure(self) -> Closure:
        return closure(self.cib, TICKET)

    @property
    def owned(self) -> frozenset[str]:
        return owned_ids(self.cib, TICKET)

    def members(self) -> dict[str, bytes]:
        """All members but the records of replication, and the override's own value put aside."""
        return {i: line for i, line in self.cib.lines.items() if not is_ownership_tag(i)}

    # -- what administrators do

    async def ticket(self, action: TicketAction) -> None:
        await self.store.ticket(TICKET, action)
        await self.publish()

    async def create(self, resource: str, *constraints: str) -> None:
        """New members at the end of their sections, in one write."""
        changes = ""
        for section, texts in (("resources", [resource]), ("constraints", constraints)):
            end = len(self.cib.section(section))
            for number, text in enumerate(texts):
                path = f"/cib/configuration/{section}"
                changes += f'<change operation="create" path="{path}" position="{end + number}">{text}</change>'
        await self._write(f'<diff format="2">{changes}</diff>'.encode())

    async def delete(self, *identifiers: str) -> None:
        """Delete members, in one write."""
        here = self.cib
        paths = [document.element_path(here.members[identifier]) for identifier in identifiers]
        changes = "".join(f'<change operation="delete" path="{path}"/>' for path in paths)
        await self._write(f'<diff format="2">{changes}</diff>'.encode())

    async def set_value(self, nvpair: str, value: str) -> None:
        member = document.member_of(self.cib.ids[nvpair])
        renewed = etree.fromstring(document.canonical(member))
        found = renewed.find(f".//nvpair[@id='{nvpair}']")
        assert found is not None
        found.set("value", value)
        await self.replace(member, renewed)

    async def replace(self, member: etree._Element, renewed: etree._Element) -> None:
        """Bring one member into another form."""
        changes = member_changes(member, renewed, document.element_path(member))
        if changes:
            await self._write(to_patchset(changes, self.cib.version))

    async def _write(self, patchset: bytes) -> None:
        await self.store.apply(patchset, self.cib.config_digest)
        await self.publish()
