"""What real agents tell Prometheus of replication between them."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from qmfagent.errors import RemoteError
from tests.sites.pair import WAIT, Site, SitePair, until
from tests.telemetry.checking import check
from tests.telemetry.scraping import Scrape, get, scrape, url

TO_B = {"ticket": "T", "remote": "siteb", "direction": "to"}
FROM_A = {"ticket": "T", "remote": "sitea", "direction": "from"}


async def settled(site: Site, name: str, wanted: float | None, **labels: str) -> Scrape:
    """The first scrape in which a metric has that value."""
    deadline = time.monotonic() + WAIT
    while True:
        found = await scrape(site)
        if found.value(name, **labels) == wanted:
            return found
        assert time.monotonic() < deadline, found.text


async def test_a_pair_in_step(watched_pair: SitePair) -> None:
    await watched_pair.b.event("applied")
    await watched_pair.a.replica("T", "siteb", state="in-sync")
    holder, other = await scrape(watched_pair.a), await scrape(watched_pair.b)
    assert holder.value("qmfagent_ticket_granted", site="sitea", ticket="T") == 1
    assert other.value("qmfagent_ticket_granted", site="siteb", ticket="T") == 0
    assert holder.value("qmfagent_replica_state", **TO_B, state="in-sync") == 1
    assert holder.value("qmfagent_replica_state", **TO_B, state="behind") == 0
    assert other.value("qmfagent_replica_state", **FROM_A, state="in-sync") == 1
    assert holder.value("qmfagent_replica_lag_publications", **TO_B) == 0
    assert holder.value("qmfagent_replica_lag_seconds", **TO_B) == 0
    assert other.value("qmfagent_replica_lag_seconds") is None
    assert other.value("qmfagent_replica_drift_fields", **FROM_A) == 0
    assert abs(other.value("qmfagent_replica_applied_timestamp_seconds", **FROM_A) - time.time()) < 60
    assert other.value("qmfagent_applies_total", result="applied") == 1
    assert other.value("qmfagent_events_total", event="applied") == 1
    assert other.value("qmfagent_apply_seconds_count", cause="publication") == 1
    assert other.value("qmfagent_plan_seconds_count", cause="publication") >= 1
    assert other.value("qmfagent_plan_seconds_count", cause="rollback") == 0
    assert other.value("qmfagent_peer_up", remote="sitea") == 1
    assert holder.value("qmfagent_bus_up") == 1
    # A console of the test's, and the other agent.
    assert holder.value("qmfagent_bus_connections") == 2
    assert holder.value("qmfagent_journal_failed") == 0
    assert holder.value("qmfagent_journal_last_number") == (await watched_pair.a.object("Site:sitea"))["last_event"]
    assert holder.value("qmfagent_build_info", site="sitea") == 1


async def test_the_version_of_the_cib(watched_pair: SitePair) -> None:
    await watched_pair.b.event("applied")
    version = watched_pair.b.snapshot.version
    found = await scrape(watched_pair.b)
    parts = {part: found.value("qmfagent_cib_version", part=part) for part in ("admin_epoch", "epoch", "num_updates")}
    assert parts == {"admin_epoch": version.admin_epoch, "epoch": version.epoch, "num_updates": version.num_updates}
    assert found.value("qmfagent_cib_resources") == 3
    changes = found.value("qmfagent_cib_config_changes_total")
    # The agent counts one before anybody hears of it.
    await until(lambda: len(watched_pair.b.seen("config_changed")) >= changes, f"{changes} events of changes")
    assert changes == len(watched_pair.b.seen("config_changed"))


async def test_the_lag_of_a_site_that_waits_for_a_person(manual_watched_pair: SitePair) -> None:
    pair = manual_watched_pair
    await pair.a.replica("T", "siteb", state="behind", hold="manual")
    await pair.a.set_value("vip-ip", "10.1.0.11")
    await settled(pair.a, "qmfagent_replica_lag_publications", 2, **TO_B)
    history = (await pair.a.call("Site:sitea", "history", ticket="T"))["changes"]
    _, first = (change["time"] for change in history if change["name"] == "published")
    before = time.time_ns()
    lag = (await scrape(pair.a)).value("qmfagent_replica_lag_seconds", **TO_B)
    # Since the first publication, not since the second.
    assert before - first <= lag * 1e9 + 1000
    assert lag * 1e9 <= time.time_ns() - first + 1000
    found = await settled(pair.a, "qmfagent_replica_hold", 1, **TO_B, hold="manual")
    assert found.value("qmfagent_replica_hold", **TO_B, hold="paused") == 0
    await pair.a.call("Replica:T:siteb", "replicate_now")
    await settled(pair.a, "qmfagent_replica_lag_publications", 0, **TO_B)


async def test_a_lag_outlives_the_holders_agent(manual_watched_pair: SitePair) -> None:
    pair = manual_watched_pair
    await pair.a.replica("T", "siteb", state="behind")
    await pair.a.stop()
    await pair.a.start()
    await pair.a.replica("T", "siteb", state="behind")
    await settled(pair.a, "qmfagent_replica_lag_publications", 1, **TO_B)


async def test_drift_and_its_healing(watched_pair: SitePair) -> None:
    pair = watched_pair
    await pair.b.event("applied")
    await pair.b.set_value("vip-ip", "10.9.9.9")
    await pair.b.event("drift_found")
    await settled(pair.b, "qmfagent_replica_drift_fields", 1, **FROM_A)
    await settled(pair.a, "qmfagent_replica_drift_fields", 1, **TO_B)
    plan = await pair.b.call("Site:siteb", "plan_heal", ticket="T")
    await pair.b.call("Site:siteb", "apply", token=plan["token"])
    found = await settled(pair.b, "qmfagent_replica_drift_fields", 0, **FROM_A)
    assert found.value("qmfagent_applies_total", result="drift_healed") == 1
    assert found.value("qmfagent_apply_seconds_count", cause="healing") == 1
    assert found.value("qmfagent_plan_seconds_count", cause="healing") == 1


async def test_refusals_are_counted_by_their_reason(watched_pair: SitePair) -> None:
    pair = watched_pair
    await pair.b.event("applied")
    plan = await pair.b.call("Site:siteb", "plan_rollback", change=pair.b.seen("applied")[0].values["seq"])
    await pair.b.set_value("vip-ip", "10.9.9.9")
    await pair.b.event("config_changed", client="administrator")
    with pytest.raises(RemoteError, match="configuration has changed"):
        await pair.b.call("Site:siteb", "apply", token=plan["token"])
    found = await scrape(pair.b)
    assert found.value("qmfagent_applies_total", result="apply_failed") == 1
    assert found.value("qmfagent_apply_failures_total", reason="configuration-changed") == 1
    assert found.value("qmfagent_apply_seconds_count", cause="rollback") == 0


async def test_holds(watched_pair: SitePair) -> None:
    pair = watched_pair
    await pair.b.event("applied")
    before = await scrape(pair.b)
    assert before.value("qmfagent_ticket_paused", ticket="T") == 0
    await pair.b.call("Ticket:T", "pause")
    await pair.b.call("Ticket:T", "pin")
    after = await scrape(pair.b)
    assert after.value("qmfagent_ticket_paused", ticket="T") == 1
    assert after.value("qmfagent_ticket_pinned", ticket="T") == 1


@pytest.mark.pacemaker
@pytest.mark.usefixtures("pacemaker_tools")
async def test_a_drill_that_fails(watched_pair: SitePair, capsys: pytest.CaptureFixture[str]) -> None:
    pair = watched_pair
    await pair.b.event("applied")
    assert (await scrape(pair.b)).value("qmfagent_drill_ok", ticket="T") is None
    # There is no node at this site.
    await pair.b.call("Site:siteb", "drill", ticket="T")
    found = await scrape(pair.b)
    assert found.value("qmfagent_drill_ok", ticket="T") == 0
    assert found.value("qmfagent_drill_failures", ticket="T") == 2
    assert abs(found.value("qmfagent_drill_timestamp_seconds", ticket="T") - time.time()) < 60
    status, line = await check(capsys, f"--url={pair.b.bus.url('siteb')}")
    assert (status, "T at siteb: the last drill failed" in line) == (1, True)


async def test_what_can_not_be_seen_is_not_told(watched_pair: SitePair) -> None:
    pair = watched_pair
    await pair.b.event("applied")
    pair.b.agent.inventory.lost()
    found = await scrape(pair.b)
    assert found.value("qmfagent_cib_connected") == 0
    assert found.value("qmfagent_ticket_granted", ticket="T") is None
    assert found.value("qmfagent_ticket_paused", ticket="T") == 0


async def test_reading_the_facts_costs_no_closure(watched_pair: SitePair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it would hold the event loop up for long where there are 10,000 resources."""
    agent = watched_pair.a.agent

    def closure(*_: object) -> None:
        raise AssertionError("a closure was worked out")

    monkeypatch.setattr("qmfagent.objects.snapshot.closure", closure)
    with pytest.raises(AssertionError, match="a closure"):
        agent.inventory.find("Ticket:T")
    assert [ticket.name for ticket in agent._reader.read().tickets] == ["T"]


async def test_tickets_are_bounded(watched_pair: SitePair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmfagent.telemetry.reader.MAX_TICKETS", 3)
    for number in range(5):
        watched_pair.a.agent.replicas.set(f"A{number}", "siteb", direction="from")
    found = await scrape(watched_pair.a)
    assert found.value("qmfagent_tickets_left_out") == 3
    told = {sample.labels["ticket"] for sample in found.families["qmfagent_replica_state"].samples}
    assert told == {"A0", "A1", "A2"}


async def test_a_name_that_breaks_lines_is_escaped(watched_pair: SitePair) -> None:
    evil = 'T"} 1\n# "\\'
    watched_pair.a.agent.replicas.set(evil, "siteb", direction="from")
    found = await scrape(watched_pair.a)
    assert found.value("qmfagent_replica_state", ticket=evil, state="idle") == 1


async def test_many_scrapes_while_much_happens(watched_pair: SitePair) -> None:
    pair = watched_pair
    await pair.b.event("applied")
    scrapes = [asyncio.create_task(scrape(pair.b)) for _ in range(20)]
    for number in range(5):
        await pair.a.set_value("vip-ip", f"10.1.0.{number}")
    counts = [found.value("qmfagent_applies_total", result="applied") for found in await asyncio.gather(*scrapes)]
    assert all(count >= 1 for count in counts)


async def test_no_secret_and_no_digest_is_told(watched_pair: SitePair) -> None:
    pair = watched_pair
    await pair.b.event("applied")
    digest = pair.b.seen("applied")[0].values["digest"]
    for site in (pair.a, pair.b):
        text = (await scrape(site)).text
        assert digest not in text
        assert "10.1.0.10" not in text


async def test_the_form_that_is_asked_for(watched_pair: SitePair) -> None:
    plain = await get(watched_pair.a, "/metrics")
    assert plain.headers["content-type"].split(";")[0] == CONTENT_TYPE_LATEST.split(";")[0]
    async with httpx.AsyncClient(trust_env=False, timeout=WAIT) as client:
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        answer = await client.get(url(watched_pair.a, "/metrics"), headers=accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
    assert "qmfagent_events" in {family.name for family in text_string_to_metric_families(answer.text)}
