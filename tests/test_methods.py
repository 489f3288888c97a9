"""From a checked call to what is done and answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from qmfagent.agent import load_schema
from qmfagent.calls.methods import Methods
from qmfagent.calls.permissions import Permissions
from qmfagent.calls.targets import Targets
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError, Disconnected, Refused, RemoteError
from qmfagent.journal.store import Journal
from qmfagent.objects.event_log import EventLog
from qmfagent.objects.history import History
from qmfagent.objects.inventory import Inventory
from qmfagent.policy.access import Access
from qmfagent.policy.modes import TicketPolicy
from qmfagent.policy.redaction import RedactedCib
from qmfagent.policy.secrets import Secrets
from qmfagent.qmf.agent import MethodCall
from qmfagent.qmf.checks import check_results
from qmfagent.qmf.data import ObjectId
from qmfagent.qmf.message import DIRECT, Address
from qmfagent.replication.applying.applier import Applier
from qmfagent.replication.drill import Drills
from qmfagent.replication.explaining import Explainer
from qmfagent.replication.following.holding import Holding
from qmfagent.replication.following.replica import Replicas
from qmfagent.replication.following.subscriber import Subscriber
from qmfagent.replication.ports import nothing_to_learn
from qmfagent.replication.publishing.publisher import Publisher
from qmfagent.site_file import SiteMangler
from tests.replication.conftest import SOURCE, TARGET
from tests.replication.fakes import (
    ACCEPTANCE,
    SIGNERS,
    FakeRemotes,
    FakeSimulator,
    MemoryLedger,
    MemoryStore,
    publication,
    unmangled,
)

SCHEMA = load_schema()


class Peers(FakeRemotes):
    """Other sites whose methods answer as they are told."""

    answers: Mapping[str, Any] = {}

    async def call(self, site: str, object_name: str, method: str, arguments: Mapping[str, Any]) -> Any:
        self.called = [*getattr(self, "called", []), (site, object_name, method, dict(arguments))]
        answer = self.answers[method]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Store(MemoryStore):
    """A store that writes down what is asked of its tickets."""

    async def ticket(self, name: str, action: str) -> None:
        self.asked = (name, action)


class Site:
    """Site b, or the holder of T where its CIB says so."""

    def __init__(self, cib: bytes) -> None:
        self.store = Store(cib)
        self.peers = Peers(published={"a": publication()})
        self.peers.hold("a")
        replicas, events = Replicas(), MemoryLedger()
        self.changed: list[str] = []
        applier = Applier("b", self.store, self.peers, unmangled, events, ACCEPTANCE)
        self.events = EventLog(SCHEMA, Journal())
        self.inventory = Inventory(
            SCHEMA,
            "b",
            "file",
            replicas,
            applier.plans,
            lambda ticket: self.subscriber.runs.describe(ticket),
            list,
            lambda: None,
            self.events.describe,
        )
        self.inventory.renew(Snapshot.parse(cib))
        self.subscriber = Subscriber(applier, replicas, lambda ticket: TicketPolicy(), lambda: 7)
        self.replicas = replicas
        publisher = Publisher("b", self.store, events, SIGNERS["b"])
        self.methods = Methods(
            self.inventory,
            self.store,
            publisher,
            applier,
            self.subscriber,
            self.peers,
            self.events,
            RedactedCib(Secrets()),
            History(events, Secrets(), nothing_to_learn),
            Holding(applier, events, self.changed.append),
            Explainer("b", self.store, self.peers, SiteMangler(None).stages, applier, events, ACCEPTANCE),
            Drills("b", self.store, FakeSimulator("vip"), replicas, events),
            Permissions(Access(), Targets("b", lambda token: None), SCHEMA, self.inventory.tickets, list),
        )  # type: ignore[arg-type]

    async def call(self, name: str, method: str, **arguments: Any) -> dict[str, Any]:
        """Call a method; its results, checked against the schema."""
        class_name = name.partition(":")[0]
        call = MethodCall(ObjectId(name), class_name, method, arguments, "CN=admin", Address(DIRECT, "console"), "1")
        schema_class = SCHEMA.object_class(class_name)
        described = schema_class.method(method)
        assert described is not None
        return check_results(schema_class, described, await self.methods.run(call))


@pytest.fixture
def site() -> Site:
    return Site(TARGET)


@pytest.fixture
def holder() -> Site:
    return Site(SOURCE)


def test_every_method_of_the_schema_is_there(site: Site) -> None:
    assert site.methods._methods.keys() == {(c.name, m.name) for c in SCHEMA.classes for m in c.methods}


async def test_query_gives_elements_one_after_the_other(holder: Site) -> None:
    whole = await holder.call("Site:b", "query", path="")
    assert whole["xml"].startswith("<configuration>")
    assert whole["version"] == "0.5.0"
    found = await holder.call("Site:b", "query", path="configuration/constraints/rsc_ticket")
    assert [line.split('"')[1] for line in found["xml"].split("\n")] == ["ticket-vip", "ticket-web"]
    with pytest.raises(CibError):
        await holder.call("Site:b", "query", path="nowhere")


async def test_events_are_replayed(site: Site) -> None:
    site.events.record("published", {"site": "b", "ticket": "T", "term": "", "version": "", "digest": ""}, 7)
    answer = await site.call("Site:b", "events", since=0, limit=10)
    assert [(event["name"], event["seq"]) for event in answer["events"]] == [("published", 1)]
    with pytest.raises(Refused, match="resume from 1"):
        await site.call("Site:b", "events", since=2, limit=10)


async def test_nothing_is_read_while_the_cib_is_not_seen(holder: Site) -> None:
    holder.inventory.lost()
    holder.store.unseen = Disconnected("the CIB can't be seen")
    for name, method, arguments in (
        ("Site:b", "query", {"path": ""}),
        ("Site:b", "publication", {"ticket": "T", "known": ""}),
        ("Replica:T:a", "replicate_now", {}),
    ):
        with pytest.raises(Disconnected):
            await holder.call(name, method, **arguments)


async def test_a_holder_gives_its_publication(holder: Site) -> None:
    values = await holder.call("Site:b", "publication", ticket="T", known="")
    assert values["digest"] == publication().digest


async def test_a_plan_tells_of_its_publication_without_the_document(site: Site) -> None:
    answer = await site.call("Site:b", "plan", ticket="T", adopt=False)
    assert answer["token"] == answer["plan"]["token"] != ""
    assert answer["plan"]["publication"]["site"] == "a"
    assert "xml" not in answer["plan"]["publication"]


async def test_a_drill_is_answered_with_all_that_it_found(site: Site) -> None:
    token = (await site.call("Site:b", "plan", ticket="T", adopt=False))["token"]
    await site.call("Site:b", "apply", token=token)
    result = (await site.call("Site:b", "drill", ticket="T"))["result"]
    assert result.keys() == {"ticket", "version", "ok", "running", "blocked", "actions", "problems"}
    assert (result["ticket"], result["version"]) == ("T", str(site.store.current.version))
    assert result["running"] == [{"resource": "vip", "role": "Started", "nodes": ["n1"]}]
    assert result["actions"][0]["resource"] == "vip"


async def test_an_apply_is_noted_for_the_replica(site: Site) -> None:
    token = (await site.call("Site:b", "plan", ticket="T", adopt=False))["token"]
    done = await site.call("Site:b", "apply", token=token)
    assert (done["ticket"], done["version"]) == ("T", str(site.store.current.version))
    assert site.replicas.get("T", "a").state == "in-sync"


@pytest.mark.parametrize("name", ["T", "a:b", ""])
async def test_a_ticket_is_named_by_all_after_the_first_colon(site: Site, name: str) -> None:
    assert await site.call(f"Ticket:{name}", "grant") == {}
    assert site.store.asked == (name, "grant")


async def test_replicate_now_applies_here_where_the_other_site_holds_the_ticket(site: Site) -> None:
    first = await site.call("Replica:T:a", "replicate_now")
    assert first["changes"] > 0
    assert await site.call("Replica:T:a", "replicate_now") == {"changes": 0, "version": "0.9.0", "change": 0}


async def test_replicate_now_has_the_other_site_apply_where_this_one_holds_it(holder: Site) -> None:
    plan = {"token": "abc", "plan": {"problems": [{"severity": "warning", "code": "w", "message": "w"}]}}
    holder.peers.answers = {"plan": plan, "apply": {"ticket": "T", "changes": 3, "version": "0.10.0", "change": 4}}
    assert await holder.call("Replica:T:a", "replicate_now") == {"changes": 3, "version": "0.10.0", "change": 4}
    assert holder.peers.called == [
        ("a", "Site:a", "plan", {"ticket": "T"}),
        ("a", "Site:a", "apply", {"token": "abc"}),
    ]


async def test_what_stands_against_it_there_is_told_here(holder: Site) -> None:
    problems = [{"severity": "error", "code": "clash", "message": m} for m in ("one", "two")]
    holder.peers.answers = {"plan": {"token": "", "plan": {"problems": problems}}}
    with pytest.raises(Refused, match="at a: one; two") as refused:
        await holder.call("Replica:T:a", "replicate_now")
    assert refused.value.reason == "clash"
    nothing = {"token": "", "plan": {"problems": [], "base": {"version": "0.9.0"}}}
    holder.peers.answers = {"plan": nothing}
    assert await holder.call("Replica:T:a", "replicate_now") == {"changes": 0, "version": "0.9.0", "change": 0}
    holder.peers.answers = {"plan": RemoteError("no", reason="split")}
    with pytest.raises(RemoteError):
        await holder.call("Replica:T:a", "replicate_now")


async def test_a_plan_is_an_object_that_can_be_applied(site: Site) -> None:
    token = (await site.call("Site:b", "plan", ticket="T", adopt=False))["token"]
    plan = site.inventory.find(f"Plan:{token}")
    assert plan is not None
    assert (plan.values["ticket"], plan.values["publisher"], plan.values["base_version"]) == ("T", "a", "0.9.0")
    assert [each.object_id.object_name for each in site.inventory.objects("Plan")] == [f"Plan:{token}"]
    applied = await site.call(f"Plan:{token}", "apply")
    assert (applied["ticket"], applied["changes"]) == ("T", plan.values["changes"])
    assert site.inventory.find(f"Plan:{token}") is None


async def test_a_plan_that_was_discarded_is_applied_no_more(site: Site) -> None:
    token = (await site.call("Site:b", "plan", ticket="T", adopt=False))["token"]
    assert await site.call(f"Plan:{token}", "discard") == {}
    assert list(site.inventory.objects("Plan")) == []
    with pytest.raises(Refused, match="no plan of this agent"):
        await site.call("Site:b", "apply", token=token)
