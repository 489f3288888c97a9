"""One plan, one write: who may publish is asked each time, and nothing ever goes back."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.ownership import owned_ids
from qmfagent.cib.plans.plan import Plan, Problem
from qmfagent.cib.version import Version
from qmfagent.errors import (
    CibError,
    ConfigurationChanged,
    Disconnected,
    Refused,
    RequestTimeout,
    SiteFileError,
    WriteRejected,
)
from qmfagent.replication.applying.applier import MAX_NAMED, Applier, blocking
from qmfagent.replication.applying.planner import MAX_MANGLING
from qmfagent.replication.applying.plans import MAX_PLANS, Source
from tests.replication.conftest import SOURCE, TARGET
from tests.replication.fakes import ACCEPTANCE, FakeRemotes, MemoryLedger, MemoryStore, publication, unmangled

GRANTED = b'<status><tickets><ticket_state id="T" granted="true"/></tickets></status>'


class Site:
    """Site b, where site a's publication of ticket T is to arrive."""

    def __init__(self, cib: bytes = TARGET, mangler: Callable[..., Any] = unmangled) -> None:
        self.store = MemoryStore(cib)
        self.remotes = FakeRemotes(published={"a": publication()})
        self.remotes.hold("a")
        self.events = MemoryLedger()
        self.applier = Applier("b", self.store, self.remotes, mangler, self.events, ACCEPTANCE)

    async def plan(self) -> str:
        return (await self.applier.plan("T")).plan.token

    def publish(self, value: str, **order: int) -> None:
        """Let site a publish another address."""
        cib = SOURCE.replace(b"10.1.0.10", value.encode())
        self.remotes.published["a"] = publication(cib=cib, **order)


@pytest.fixture
def site() -> Site:
    return Site()


async def test_what_is_planned_is_applied_in_one_write(site: Site) -> None:
    prepared = await site.applier.plan("T")
    assert site.store.applied == 0
    done = await site.applier.apply(prepared.plan.token, "CN=admin")
    assert site.store.applied == 1
    assert len(owned_ids(site.store.current, "T")) == 5
    assert (done.changes, done.version) == (len(prepared.plan.changes), site.store.current.version)
    (event,) = site.events.named("applied")
    assert (event["publisher"], event["by"], event["count"]) == ("a", "CN=admin", done.changes)
    assert event["version"] == str(done.version)


async def test_applying_again_changes_nothing(site: Site) -> None:
    await site.applier.apply(await site.plan(), "x")
    assert (await site.applier.plan("T")).plan.changes == ()
    assert await site.plan() == ""


async def test_a_token_is_used_up(site: Site) -> None:
    token = await site.plan()
    await site.applier.apply(token, "x")
    for wrong in (token, "", "made-up"):
        with pytest.raises(Refused) as refused:
            await site.applier.apply(wrong, "x")
        assert refused.value.reason == "unknown-token"
    assert site.events.named("apply_failed") == []


async def test_two_applies_of_one_token_write_once(site: Site) -> None:
    token = await site.plan()
    outcomes = await asyncio.gather(*(site.applier.apply(token, str(n)) for n in range(2)), return_exceptions=True)
    assert isinstance(outcomes[1], ConfigurationChanged)
    assert site.store.applied == 1


async def test_the_holder_is_asked_again_before_the_write(site: Site) -> None:
    token = await site.plan()
    asked = site.remotes.asked
    site.remotes.published["c"] = publication("c", term=2)
    site.remotes.hold("c", term=2)
    with pytest.raises(Refused, match="but c holds") as refused:
        await site.applier.apply(token, "x")
    assert refused.value.reason == "holder-changed"
    assert site.remotes.asked == asked + 1
    assert site.store.applied == 0
    (event,) = site.events.named("apply_failed")
    assert (event["reason"], event["publisher"], event["by"]) == ("holder-changed", "a", "x")


async def test_a_ticket_that_came_here_meanwhile_is_a_refusal(site: Site) -> None:
    token = await site.plan()
    site.store.current = MemoryStore(TARGET.replace(b"<status/>", GRANTED)).current
    site.remotes.claimed.clear()
    with pytest.raises(Refused) as refused:
        await site.applier.apply(token, "x")
    assert refused.value.reason == "holder"
    assert site.store.applied == 0


async def test_a_site_that_does_not_tell_stops_plan_and_apply(site: Site) -> None:
    token = await site.plan()
    site.remotes.claimed["c"] = RequestTimeout("site c does not tell")
    for attempt in (site.applier.plan("T"), site.applier.apply(token, "x")):
        with pytest.raises(RequestTimeout, match="site c"):
            await attempt
    assert site.applier.source("T") == Source("")


async def test_a_plan_that_fails_takes_nothing_from_one_that_is_in_the_making() -> None:
    reached, go_on = threading.Event(), threading.Event()

    def slow(*given: Any) -> Any:
        reached.set()
        assert go_on.wait(30)
        return unmangled(*given)

    site = Site(mangler=slow)
    plan = asyncio.create_task(site.plan())
    assert await asyncio.to_thread(reached.wait, 30)
    site.remotes.claimed["c"] = RequestTimeout("site c does not tell")
    with pytest.raises(RequestTimeout):
        await site.plan()
    go_on.set()
    assert await plan


async def test_the_configuration_planned_on_is_needed(site: Site) -> None:
    token = await site.plan()
    site.store.current = MemoryStore(TARGET.replace(b"local-b", b"local-c")).current
    with pytest.raises(ConfigurationChanged):
        await site.applier.apply(token, "x")
    assert site.events.named("apply_failed")[0]["reason"] == "configuration-changed"


@pytest.mark.parametrize("problem", [WriteRejected("schema"), Disconnected("gone")])
async def test_a_write_that_fails_can_be_tried_again(site: Site, problem: Exception) -> None:
    token = await site.plan()
    site.store.problem = problem  # type: ignore[assignment]
    with pytest.raises(type(problem)):
        await site.applier.apply(token, "x")
    site.store.problem = None
    await site.applier.apply(token, "x")


async def test_an_older_publication_is_stale_whether_it_comes_to_a_plan_or_an_apply(site: Site) -> None:
    """Answers may overtake each other, and a token may be used late."""
    site.publish("10.1.0.11", version=6)
    late = await site.plan()
    site.publish("10.1.0.12", version=7)
    await site.applier.apply(await site.plan(), "x")
    site.store.current = MemoryStore(TARGET).current  # so that the late plan would fit again
    with pytest.raises(Refused) as refused:
        await site.applier.apply(late, "x")
    assert refused.value.reason == "stale"
    site.publish("10.1.0.11", version=6)
    with pytest.raises(Refused, match=r"0\.6\.0 of term 0\.1 by a is older than 0\.7\.0 of term 0\.1 by a") as replayed:
        await site.applier.plan("T")
    assert replayed.value.reason == "stale"


async def test_an_older_grant_is_stale_whatever_its_version(site: Site) -> None:
    site.publish("10.1.0.11", term=5, version=6)
    await site.applier.apply(await site.plan(), "x")
    site.publish("10.1.0.12", term=4, version=99)
    with pytest.raises(Refused) as refused:
        await site.plan()
    assert refused.value.reason == "stale"


async def test_a_newer_grant_counts_whatever_its_version(site: Site) -> None:
    site.publish("10.1.0.11", term=5, version=60)
    await site.applier.apply(await site.plan(), "x")
    site.remotes.published["c"] = publication("c", term=6, version=1)
    site.remotes.hold("c", term=6)
    assert await site.plan()


async def test_equal_content_replayed_does_not_let_older_content_in(site: Site) -> None:
    """Versions 5 and 7 are equal, 6 is not: 5 again is harmless, and must not make 6 look new."""
    site.publish("10.1.0.10", version=5)
    first = site.remotes.published["a"]
    site.publish("10.1.0.10", version=7)
    await site.applier.apply(await site.plan(), "x")
    site.remotes.published["a"] = first
    assert await site.plan() == ""
    site.publish("10.1.0.11", version=6)
    with pytest.raises(Refused) as refused:
        await site.plan()
    assert refused.value.reason == "stale"


async def test_a_wrong_digest_is_found_before_anything_is_done(site: Site) -> None:
    good = publication()
    site.remotes.published["a"] = replace(good, xml=good.xml.replace(b"10.1.0.10", b"6.6.6.6"))
    with pytest.raises(CibError, match="digest"):
        await site.plan()


async def test_a_resource_that_would_run_without_the_ticket_is_found(site: Site) -> None:
    good = publication()
    xml = good.xml.replace(b"</resources>", b'<primitive class="ocf" id="x" type="y"></primitive>\n</resources>')
    site.remotes.published["a"] = replace(good, xml=xml, digest=hashlib.sha256(xml).hexdigest())
    with pytest.raises(CibError, match="would not depend"):
        await site.plan()


async def test_a_publication_of_another_site_than_the_holder_is_found(site: Site) -> None:
    site.remotes.published["a"] = publication("c")
    with pytest.raises(CibError, match="'c'"):
        await site.plan()


async def test_a_fault_in_the_sites_own_rules_is_an_error() -> None:
    def faulty(source: Closure, tickets: Any) -> Any:
        raise SiteFileError("b.toml, line 2: no")

    site = Site(mangler=faulty)
    with pytest.raises(SiteFileError):
        await site.plan()
    assert site.applier.source("T").digest == publication().digest


async def test_steps_of_a_sites_own_are_run_few_at_a_time() -> None:
    running, most, counted = 0, 0, threading.Lock()
    together = threading.Barrier(MAX_MANGLING)

    def counting(source: Closure, tickets: Any) -> Any:
        nonlocal running, most
        with counted:
            running += 1
            most = max(most, running)
        together.wait(30)  # none ends before as many have begun as may, each in a thread of its own
        time.sleep(0.01)  # one too many would begin meanwhile
        with counted:
            running -= 1
        return unmangled(source, tickets)

    site = Site(mangler=counting)
    await asyncio.gather(*(site.applier.plan("T") for _ in range(5 * MAX_MANGLING)))
    assert most == MAX_MANGLING


async def test_the_plans_kept_are_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = []
    for number in range(MAX_PLANS + 1):
        site.publish(f"10.1.1.{number}", version=10 + number)
        tokens.append(await site.plan())
    assert [prepared.plan.token for prepared in site.applier.plans] == tokens[1:]
    monkeypatch.setattr("qmfagent.replication.applying.plans.MAX_PLANS_BYTES", 1)
    site.publish("10.1.2.1", version=99)
    assert {await site.plan()} == {prepared.plan.token for prepared in site.applier.plans}


def test_a_plans_errors_are_one_refusal() -> None:
    def plan(errors: int) -> Plan:
        problems = [
            Problem("override-unused", "warning", "w"),
            *(Problem("clash", "error", f"e{n}") for n in range(errors)),
        ]
        return Plan("T", Version(0, 1, 0), "", (), problems=tuple(problems))

    assert blocking(plan(0)) is None
    refusal = blocking(plan(2))
    assert refusal is not None
    assert (refusal.reason, refusal.message) == ("clash", "e0; e1")
    many = blocking(plan(MAX_NAMED + 3))
    assert many is not None
    assert many.message.endswith("e9; and 3 more")


async def test_what_was_published_under_an_earlier_grant_is_stale_even_at_its_own_former_holder(site: Site) -> None:
    """Its publisher has the ticket again, but what is shown was published before somebody else had it."""
    site.publish("10.1.0.11", term=5)
    site.remotes.hold("a", term=7)
    with pytest.raises(Refused, match=r"older grant than the one of term 0\.7") as refused:
        await site.plan()
    assert refused.value.reason == "stale"
    site.publish("10.1.0.11", term=7)
    assert await site.plan()
