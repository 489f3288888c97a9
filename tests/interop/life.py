"""What a pair of sites goes through while it is recorded, and again while a recording is held against them.

Rules of this file: it stands on nothing that has changed since 0.1.0, since each release is recorded by itself; what came later
is asked for where it is there. What a console asks for is in `ask`, and recorded; what else happens is in `act`, which ends
once all of it has been told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from qmfagent.agent import load_schema
from qmfagent.errors import RemoteError
from qmfagent.peers.link import agent_name
from qmfagent.qmf.classes import SchemaId
from tests.sites.pair import WAIT, Site, SitePair, until

SOURCE = b"""
<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="5" num_updates="0"><configuration>
<crm_config/><nodes><node id="1" uname="node1"/></nodes>
<resources>
  <primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2">
    <instance_attributes id="vip-ia"><nvpair id="vip-ip" name="ip" value="10.1.0.10"/></instance_attributes></primitive>
  <primitive id="web" class="ocf" provider="heartbeat" type="apache"/>
  <primitive id="local-a" class="ocf" provider="pacemaker" type="Dummy"/>
</resources>
<constraints>
  <rsc_ticket id="ticket-vip" rsc="vip" ticket="T" loss-policy="stop"/>
  <rsc_ticket id="ticket-web" rsc="web" ticket="T" loss-policy="stop"/>
  <rsc_colocation id="web-with-vip" rsc="web" with-rsc="vip" score="INFINITY"/>
</constraints>
</configuration><status><tickets>
  <ticket_state id="T" granted="true" last-granted="1700000000"/></tickets></status></cib>
"""

TARGET = b"""
<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="9" num_updates="0"><configuration>
<crm_config/><nodes><node id="2" uname="node2"/></nodes>
<resources><primitive id="local-b" class="ocf" provider="pacemaker" type="Dummy"/></resources>
<constraints/>
</configuration><status/></cib>
"""

CLASSES = ("Site", "Ticket", "Resource", "Node", "Constraint", "Replica", "Plan")
ADDRESS = "10.1.0.11"
"""The address that the holder's second publication has."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of that life."""

    name: str
    act: Callable[[SitePair], Awaitable[None]]
    ask: Callable[[SitePair], Awaitable[None]]


async def _look(site: Site) -> None:
    """Query all that there is."""
    assert site.session is not None
    for name in CLASSES:
        await site.session.query(agent_name(site.name), name)


async def _describe(site: Site) -> None:
    """Ask for the ids and the descriptions of all classes: in 0.1.0, sessions had no methods for that."""
    assert site.session is not None
    session, name, schema = site.session, agent_name(site.name), load_schema()
    ids = [SchemaId("", known.name, known.id.kind) for known in (*schema.classes, *schema.events)]
    requests = [session._console.query_schema_ids(name)]
    for cid, message in requests + [session._console.query_schema(name, each) for each in ids]:
        await session._request(name, cid, message, WAIT)


async def _fails(site: Site, object_name: str, method: str, **arguments: Any) -> None:
    with suppress(RemoteError):
        await site.call(object_name, method, **arguments)
        raise AssertionError(f"{object_name} {method} {arguments} was carried out")


async def _apply(site: Site, method: str, **arguments: Any) -> int:
    """Plan, and apply that; the number of the change."""
    planned = await site.call(f"Site:{site.name}", method, **arguments)
    await site.object(f"Plan:{planned['token']}")
    return int((await site.call(f"Site:{site.name}", "apply", token=planned["token"]))["change"])


async def _nothing(sites: SitePair) -> None:
    pass


async def _behind(sites: SitePair) -> None:
    await sites.b.replica("T", "sitea", state="behind")
    await sites.a.replica("T", "siteb", state="behind")


async def _get_acquainted(sites: SitePair) -> None:
    for site in (sites.a, sites.b):
        assert site.session is not None
        name, own = agent_name(site.name), f"Site:{site.name}"
        await site.session.agents()
        await _look(site)
        await site.session.query(name, "Ticket", where=["eq", "granted", ["quote", True]])
        await site.object(own)
        await _fails(site, "Site:nowhere", "claim", ticket="T")
        await _fails(site, own, "no_such_method")
        await _fails(site, own, "claim", ticket="T", no_such_argument=1)
        await site.call(own, "claim", ticket="T")
        if load_schema().object_class("Site").method("permissions"):
            await site.call(own, "permissions")
        await site.call(own, "query", path="configuration/resources")
        stream = await site.session.subscribe(name, "Ticket")
        await site.session.unsubscribe(stream)
    await _describe(sites.a)
    for action in ("standby", "activate"):
        await sites.a.call("Ticket:T", action)
    await sites.a.call("Site:sitea", "publication", ticket="T")
    await _fails(sites.b, "Site:siteb", "publication", ticket="T")
    await sites.a.call("Site:sitea", "explain", id="vip-ip")


async def _deliver(sites: SitePair) -> None:
    change = await _apply(sites.b, "plan", ticket="T")
    await sites.b.event("applied", ticket="T")
    await sites.a.replica("T", "siteb", state="in-sync")
    await _look(sites.a)
    await _look(sites.b)
    await sites.b.call("Site:siteb", "history", ticket="T")
    for site in (sites.a, sites.b):
        await site.call(f"Site:{site.name}", "history")
        await site.call(f"Site:{site.name}", "events", since=0)
        await site.call(f"Site:{site.name}", "verify_journal")
    await sites.b.call("Site:siteb", "change", change=change)
    await sites.b.call("Site:siteb", "explain", id="vip-ip")
    await _fails(sites.b, "Site:siteb", "apply", token="of no plan")


async def _change(sites: SitePair) -> None:
    before = len(sites.a.seen("published"))
    await sites.a.set_value("vip-ip", ADDRESS)
    await until(lambda: len(sites.a.seen("published")) > before, "the new publication")
    await _behind(sites)


async def _follow(sites: SitePair) -> None:
    first = str(sites.a.seen("published")[0].values["digest"])
    await sites.a.call("Site:sitea", "publication", ticket="T", known=first)
    await sites.b.call("Replica:T:sitea", "replicate_now")
    await sites.a.replica("T", "siteb", state="in-sync")
    await _look(sites.b)


async def _hold(sites: SitePair) -> None:
    delivered = int(sites.b.seen("applied")[0].values["seq"])
    change = await _apply(sites.b, "plan_rollback", change=delivered)
    await sites.b.event("rolled_back", seq=change)
    for action in ("unpin", "pause", "resume"):
        await sites.b.call("Ticket:T", action)
    await sites.b.call("Replica:T:sitea", "replicate_now")


async def _edit(sites: SitePair) -> None:
    await sites.b.set_value("vip-ip", "10.9.9.9")
    await sites.b.event("drift_found", ticket="T")


async def _heal(sites: SitePair) -> None:
    await _apply(sites.b, "plan_heal", ticket="T")
    await sites.b.event("drift_healed", ticket="T")


async def _move(sites: SitePair) -> None:
    await sites.a.call("Ticket:T", "revoke")
    await sites.b.call("Ticket:T", "grant")
    await sites.b.event("published", ticket="T")
    await sites.a.replica("T", "siteb", direction="from")
    await sites.b.call("Site:siteb", "publication", ticket="T")
    await sites.a.call("Replica:T:siteb", "replicate_now")
    await _look(sites.a)
    await sites.a.call("Site:sitea", "events", since=0)


STEPS = (
    Step("found", _behind, _get_acquainted),
    Step("delivered", _nothing, _deliver),
    Step("changed", _change, _follow),
    Step("rolled back", _nothing, _hold),
    Step("healed", _edit, _heal),
    Step("moved", _nothing, _move),
)
