"""Replication between two real Pacemaker clusters, as its users see it.

Rules of this file: every test begins with the database delivered from site A, which holds the ticket, to site B. What is
asked in the end is the cluster: cibadmin, crm_mon, crm_resource, crm_verify.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.cib.ownership import owned_ids
from qmfagent.errors import RemoteError
from tests.lab.agent_pair import AgentPair
from tests.lab.agents import AgentSite, until
from tests.lab.configurations import ADDRESS, DB, SITE_FILES, TICKET, database, local
from tests.lab.lab import Lab
from tests.lab.seen import HOLDER, OTHER, at, local_text

pytestmark = pytest.mark.lab

FOLLOWS_DB = ("ticket-db", "db-with-data", "data-then-db", "db-where")


@pytest.fixture(scope="module")
def running(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentPair]:
    with AgentPair(lab, tmp_path_factory.mktemp("agents"), SITE_FILES) as pair:
        yield pair


@pytest.fixture
def pair(running: AgentPair) -> AgentPair:
    """Both sites as every test begins with them: see above."""
    a, b = running.a, running.b
    running.given(local(a.name), local(b.name))
    a.modify(database())
    a.grant(TICKET)
    running.wait_converged(TICKET, a, b)
    a.wait_active(at(a, HOLDER))
    b.wait_active(at(b, OTHER))
    return running


def test_a_grant_brings_the_closure_with_the_sites_own_values(pair: AgentPair) -> None:
    assert owned_ids(pair.b.cib(), TICKET) == DB
    assert pair.b.parameter("db-ip", "fake") == ADDRESS["siteb"]
    assert pair.b.parameter("db-app", "fake") == pair.a.parameter("db-app", "fake")
    assert f"local-{pair.a.name}" not in pair.b.cib().members
    pair.b.run("crm_verify", "--live-check", "--verbose")


def test_a_change_arrives_and_comes_back_to_nobody(pair: AgentPair) -> None:
    for change in range(2):
        here, there = pair.a.mark, pair.b.mark
        pair.a.set_parameter("db-app", "fake", f"changed {change}")
        applied = pair.b.event("applied", since=there, ticket=TICKET)
        assert (applied.values["publisher"], applied.values["by"], applied.values["count"]) == ("sitea", "automatic", 1)
        assert pair.b.parameter("db-app", "fake") == f"changed {change}"
        assert pair.b.parameter("db-ip", "fake") == ADDRESS["siteb"]
        pair.a.wait_replica(TICKET, "siteb", state="in-sync", direction="to")
        assert len(pair.a.events("published", since=here)) == 1
        assert pair.a.events("applied", since=here) == pair.b.events("published", since=there) == []
    pair.b.run("crm_verify", "--live-check", "--verbose")


def test_an_own_value_of_the_other_site_stays(pair: AgentPair) -> None:
    since, epoch = pair.b.mark, pair.b.cib().version.epoch
    pair.a.set_parameter("db-ip", "fake", "10.1.0.11")
    pair.b.event("in_sync", since=since, ticket=TICKET)
    assert pair.b.cib().version.epoch == epoch
    assert pair.b.parameter("db-ip", "fake") == ADDRESS["siteb"]


def test_what_is_deleted_is_exactly_gone(pair: AgentPair) -> None:
    texts, starts = local_text(pair.b), [site.starts() for site in (pair.a, pair.b)]
    pair.a.delete(*FOLLOWS_DB, "db")
    pair.wait_converged(TICKET, pair.a, pair.b)
    pair.a.wait_active(at(pair.a, OTHER | {"db-data": "Promoted"}))
    pair.b.wait_active(at(pair.b, OTHER))
    there = pair.b.cib()
    assert owned_ids(there, TICKET) == {"db-data-clone", "ticket-data"}
    assert not {"db", "db-ip", *FOLLOWS_DB} & there.ids.keys()
    assert local_text(pair.b) == texts
    for site, before in zip((pair.a, pair.b), starts, strict=True):
        # The history of a resource goes when it has stopped.
        pair.lab.wait_idle(site.name)
        deleted = {name: before[name] for name in ("db-ip", "db-app")}
        assert site.starts() == {name: call for name, call in before.items() if name not in deleted}


def test_the_direction_turns_round_with_the_ticket(pair: AgentPair) -> None:
    since = pair.b.mark
    pair.a.revoke(TICKET)
    pair.b.grant(TICKET)
    pair.b.event("published", since=since, ticket=TICKET)
    pair.b.wait_active(at(pair.b, HOLDER))
    pair.a.wait_active(at(pair.a, OTHER))

    since = pair.a.mark
    pair.b.set_parameter("db-app", "fake", "changed at b")
    pair.a.event("applied", since=since, ticket=TICKET, publisher="siteb")
    assert pair.a.parameter("db-app", "fake") == "changed at b"
    assert [site.parameter("db-ip", "fake") for site in (pair.a, pair.b)] == list(ADDRESS.values())

    texts = local_text(pair.a)
    pair.b.delete(*FOLLOWS_DB, "db")
    pair.wait_converged(TICKET, pair.b, pair.a)
    assert "db" not in pair.a.cib().ids
    assert local_text(pair.a) == texts


def test_a_site_that_was_cut_off_catches_up(pair: AgentPair) -> None:
    pair.lab.cut("siteb")
    try:
        pair.a.wait_replica(TICKET, "siteb", state="unreachable")
        pair.a.set_parameter("db-app", "fake", "changed meanwhile")
        pair.a.delete("db-where")
        assert pair.b.parameter("db-app", "fake") == "0"
    finally:
        pair.lab.join("siteb")
    pair.wait_converged(TICKET, pair.a, pair.b)
    assert pair.b.parameter("db-app", "fake") == "changed meanwhile"
    assert "db-where" not in pair.b.cib().members
    pair.a.wait_replica(TICKET, "siteb", state="in-sync")


def write(site: AgentSite, number: int) -> None:
    """One write that changes a resource and a constraint of the closure together."""
    site.modify(
        '<resources><group id="db"><primitive id="db-app"><instance_attributes id="db-app-ia">'
        f'<nvpair id="db-app-fake" name="fake" value="{number}"/></instance_attributes></primitive></group></resources>'
        f'<constraints><rsc_location id="db-where"><rule id="db-where-rule" score="{number}"/></rsc_location></constraints>'
    )


def test_an_apply_that_is_killed_leaves_the_old_or_the_new(pair: AgentPair) -> None:
    """An apply takes some 15 ms here; the kills are spread over 30 ms."""
    offsets = [number * 0.004 for number in range(8)]
    for number, offset in enumerate(offsets, start=1):
        old = closure(pair.b.cib(), TICKET).digest
        write(pair.a, number)
        time.sleep(offset)  # nothing to wait for: the kill is to hit any moment of the apply
        pair.b.kill_agent()
        new: Closure = pair.b.mangled(closure(pair.a.cib(), TICKET))
        assert closure(pair.b.cib(), TICKET).digest in (old, new.digest)
        pair.ensure_agents()
        pair.wait_converged(TICKET, pair.a, pair.b)


@contextmanager
def stream_of_changes(site: AgentSite) -> Iterator[None]:
    """Changes at a site, one after the other, for as long as the block takes."""
    ended = threading.Event()

    def work() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            write(site, number)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("victim", ["a", "b"])
def test_nothing_is_lost_when_an_agent_is_killed(pair: AgentPair, victim: str) -> None:
    site: AgentSite = getattr(pair, victim)
    begin = pair.b.mark
    with stream_of_changes(pair.a):
        for _ in range(2):
            pair.b.event("applied", since=pair.b.mark)
            site.kill_agent()
            pair.ensure_agents()
        pair.b.event("applied", since=pair.b.mark)
    pair.wait_converged(TICKET, pair.a, pair.b)
    assert pair.b.events("published", since=begin) == []


def test_it_goes_on_when_the_cluster_was_stopped(pair: AgentPair) -> None:
    since = pair.b.mark
    pair.lab.stop_cluster("siteb")
    try:
        until(lambda: not pair.b.console.query("Site", "siteb")[0].connected, "the loss of the CIB at siteb")
        pair.a.set_parameter("db-app", "fake", "changed meanwhile")
        pair.a.wait_replica(TICKET, "siteb", state="behind")
    finally:
        pair.lab.start_cluster("siteb")
    pair.b.event("applied", since=since, ticket=TICKET)
    assert pair.b.parameter("db-app", "fake") == "changed meanwhile"
    pair.b.wait_active(at(pair.b, OTHER))
    pair.a.set_parameter("db-app", "fake", "and later")
    pair.wait_converged(TICKET, pair.a, pair.b)


_CHURN = """
i=0
while :; do
    i=$((i + 1))
    attrd_updater --name churn --update $i
    crm_ticket --ticket other --standby; crm_ticket --ticket other --activate
done
"""


def test_churn_in_the_status_refuses_nothing(pair: AgentPair) -> None:
    pair.b.run("crm_ticket", "--ticket", "other", "--grant", "--force")
    since = pair.b.mark
    with pair.lab.popen("siteb", ["sh", "-c", _CHURN]) as churn:
        try:
            pair.b.event("ticket_changed", since=since, ticket="other", standby=True)
            for number in range(1, 11):
                before = pair.b.mark
                write(pair.a, number)
                pair.b.event("applied", since=before, ticket=TICKET)
            until(lambda: len(pair.b.events("ticket_changed", since=since, ticket="other")) > 10, "much churn")
        finally:
            churn.kill()
    assert pair.b.events("apply_failed", since=since) == []
    assert len(pair.b.events("applied", since=since)) == 10
    pair.wait_converged(TICKET, pair.a, pair.b)


def test_two_claims_stop_replication_until_one_is_revoked(pair: AgentPair) -> None:
    pair.b.grant(TICKET)
    sites = ((pair.a, "siteb"), (pair.b, "sitea"))
    for site, remote in sites:
        site.wait_replica(TICKET, remote, state="blocked", reason="split")
    before, since = pair.b.cib().config_digest, pair.a.mark
    pair.a.set_parameter("db-app", "fake", "of two holders")
    pair.a.event("published", since=since, ticket=TICKET)
    for site, remote in sites:
        with pytest.raises(RemoteError) as refused:
            site.console.call(site.name, f"Replica:{TICKET}:{remote}", "replicate_now")
        assert refused.value.reason == "split"
    assert pair.b.cib().config_digest == before

    since = pair.b.mark
    pair.b.revoke(TICKET)
    pair.b.event("applied", since=since, ticket=TICKET, publisher="sitea")
    assert pair.b.parameter("db-app", "fake") == "of two holders"
