"""Tickets that booth manages, between two real clusters and an arbitrator.

Rules of this file: every test begins with the database at site A alone, and nobody holds the ticket. Waiting for renewals
(every 5 s here) and for the end of a lease (12 s) is what takes the time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from consoles.client import Object
from qmfagent.cib.closure.closure import closure
from qmfagent.cib.ticket import TicketState
from qmfagent.errors import RemoteError
from tests.lab.agent_pair import AgentPair
from tests.lab.agents import AgentSite, until
from tests.lab.booth import Booth
from tests.lab.configurations import SITE_FILES, TICKET, database, local
from tests.lab.lab import Lab
from tests.lab.seen import HOLDER, OTHER, at, local_text

pytestmark = pytest.mark.lab

NANOSECONDS = 1_000_000_000


@pytest.fixture(scope="module")
def running(lab: Lab, booth: Booth, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentPair]:
    with AgentPair(lab, tmp_path_factory.mktemp("agents"), SITE_FILES) as pair:
        yield pair


@pytest.fixture
def pair(running: AgentPair, booth: Booth) -> AgentPair:
    a, b = running.a, running.b
    booth.revoke(TICKET)
    running.given(local(a.name), local(b.name))
    a.modify(database())
    return running


def ticket(site: AgentSite, method: str, name: str = TICKET) -> None:
    """Have the site's agent do something with a ticket, once it has seen that there is one."""
    shown(site, name)
    site.console.call(site.name, f"Ticket:{name}", method)


def shown(site: AgentSite, name: str = TICKET) -> dict[str, Any]:
    """The Ticket object of a site, once its agent has seen that there is one."""
    found: list[Object] = []

    def seen() -> bool:
        found[:] = site.console.query("Ticket", site.name, name=name)
        return bool(found)

    until(seen, f"ticket {name} at {site.name}")
    return dict(found[0].values)


def state(site: AgentSite, name: str = TICKET) -> TicketState:
    """What the CIB of a site has of a ticket."""
    return site.cib().tickets[name]


def begin(pair: AgentPair) -> None:
    """Grant the ticket to A through its agent, and wait until B has followed, and both agents have heard of it from booth."""
    ticket(pair.a, "grant")
    address = pair.lab.address("sitea")
    for site in (pair.a, pair.b):
        until(lambda site=site: shown(site)["owner"] == address, f"{site.name} hears of it from booth")
    pair.wait_converged(TICKET, pair.a, pair.b)
    pair.a.wait_active(at(pair.a, HOLDER))
    pair.b.wait_active(at(pair.b, OTHER))


def test_a_ticket_is_granted_and_revoked_through_booth(pair: AgentPair, booth: Booth) -> None:
    assert (shown(pair.a)["booth"], shown(pair.a)["owner"], shown(pair.a)["expires"]) == ("booth", "", 0)
    begin(pair)
    address = pair.lab.address("sitea")
    booth.wait_owner("siteb", TICKET, address)
    here, there = shown(pair.a), shown(pair.b)
    assert (here["granted"], there["granted"]) == (True, False)
    assert [each[key] for each in (here, there) for key in ("booth", "owner")] == ["booth", address] * 2
    assert 0 < here["expires"] - time.time_ns() < 13 * NANOSECONDS
    assert here["term"] == str(state(pair.a).term)

    with pytest.raises(RemoteError, match="granting a granted ticket") as refused:
        ticket(pair.b, "grant")
    assert refused.value.reason == "booth"
    ticket(pair.b, "revoke")
    assert booth.owner("sitea", TICKET) == address

    ticket(pair.a, "standby")
    assert state(pair.a).standby
    ticket(pair.a, "activate")
    ticket(pair.a, "revoke")
    assert not state(pair.a).granted
    booth.wait_owner("siteb", TICKET, "none")


def test_a_manual_ticket_is_booths_too(pair: AgentPair, booth: Booth) -> None:
    pair.b.modify(
        '<constraints><rsc_ticket id="ticket-local" rsc="local-siteb" ticket="by-hand" loss-policy="stop"/></constraints>'
    )
    ticket(pair.b, "grant", "by-hand")
    assert state(pair.b, "by-hand").granted
    address = pair.lab.address("siteb")
    booth.wait_owner("sitea", "by-hand", address)
    until(lambda: shown(pair.b, "by-hand")["granted"], "the agent of siteb shows it")
    values = shown(pair.b, "by-hand")
    assert (values["owner"], values["expires"]) == (address, 0)
    ticket(pair.b, "revoke", "by-hand")
    booth.wait_owner("sitea", "by-hand", "none")


def test_a_renewal_is_nobodys_business(pair: AgentPair) -> None:
    begin(pair)
    before, marks = (state(pair.a), state(pair.b)), (pair.a.mark, pair.b.mark)
    for site, earlier in zip((pair.a, pair.b), before, strict=True):
        until(lambda site=site, earlier=earlier: state(site).expires > earlier.expires, f"a renewal at {site.name}")
        until(lambda site=site: shown(site)["expires"] == state(site).expires * NANOSECONDS, f"it at {site.name}")
        assert state(site).term == earlier.term
    pair.a.set_parameter("db-app", "fake", "later")
    pair.b.event("applied", since=marks[1], ticket=TICKET)
    assert len(pair.a.events("published", since=marks[0])) == 1
    for site, mark in zip((pair.a, pair.b), marks, strict=True):
        assert site.events("ticket_changed", since=mark) == []
        assert site.events("in_sync", since=mark) == []


def test_a_forced_grant_is_a_split_that_the_wrong_site_does_not_pay_for(pair: AgentPair, booth: Booth) -> None:
    """booth takes it back at its next renewal, so it may have to be forced again before both agents have seen it."""
    begin(pair)

    def split() -> bool:
        if not state(pair.b).granted:
            pair.b.grant(TICKET)
        replicas = (pair.a.replica(TICKET, "siteb"), pair.b.replica(TICKET, "sitea"))
        return all((replica["state"], replica["reason"]) == ("blocked", "split") for replica in replicas)

    since = pair.b.mark
    until(split, "both sites refuse")
    ticket(pair.b, "revoke")
    assert not state(pair.b).granted
    assert state(pair.a).granted
    assert booth.owner("sitea", TICKET) == pair.lab.address("sitea")
    pair.b.event("in_sync", since=since, ticket=TICKET, publisher="sitea")


def test_the_direction_turns_round_when_the_holder_is_cut_off(pair: AgentPair) -> None:
    begin(pair)
    first, texts, at_a, at_b = state(pair.a).term, local_text(pair.a), pair.a.mark, pair.b.mark
    pair.lab.cut("sitea")
    try:
        pair.a.set_parameter("db-app", "fake", "of a, alone")
        lost = pair.a.event("published", since=at_a, ticket=TICKET)
        pair.b.event("ticket_changed", since=at_b, ticket=TICKET, granted=True)
        pair.a.event("ticket_changed", since=at_a, ticket=TICKET, granted=False)
        pair.b.event("published", since=at_b, ticket=TICKET)
        pair.b.wait_active(at(pair.b, HOLDER))
        pair.a.wait_active(at(pair.a, OTHER))
        assert state(pair.b).term > first
        assert shown(pair.b)["owner"] == pair.lab.address("siteb")
        assert shown(pair.a)["owner"] == ""
        since = pair.b.mark
        pair.b.set_parameter("db-app", "fake", "of b")
        pair.b.delete("db-where")
        # A is to follow to this at once, and not to what there was before.
        pair.b.event("published", since=since, ticket=TICKET, digest=closure(pair.b.cib(), TICKET).digest)
    finally:
        pair.lab.join("sitea")
    pair.wait_converged(TICKET, pair.b, pair.a)
    assert pair.a.parameter("db-app", "fake") == "of b"
    assert "db-where" not in pair.a.cib().members
    assert local_text(pair.a) == texts
    pair.a.wait_active(at(pair.a, OTHER))
    until(lambda: shown(pair.a)["owner"] == pair.lab.address("siteb"), "a hears of it from booth")
    # What nobody had heard of is gone, and can be had again.
    applied = pair.a.event("applied", since=at_a, ticket=TICKET, publisher="siteb")
    assert applied.values["before"] == lost.values["digest"]
    pair.a.console.apply("sitea", pair.a.console.plan_rollback("sitea", applied.values["seq"]).token)
    assert pair.a.parameter("db-app", "fake") == "of a, alone"
    ticket(pair.a, "unpin")
    pair.wait_converged(TICKET, pair.b, pair.a)

    since = pair.a.mark
    pair.b.set_parameter("db-app", "fake", "of b, later")
    pair.a.event("applied", since=since, ticket=TICKET, publisher="siteb")
    pair.b.wait_replica(TICKET, "sitea", state="in-sync", direction="to")
