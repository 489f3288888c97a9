"""Drills on a real cluster: what a drill says is what a grant then does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.agent_pair import AgentPair
from tests.lab.agents import AgentSite
from tests.lab.configurations import SITE_FILES, TICKET, database, dummy, local
from tests.lab.lab import Lab

pytestmark = pytest.mark.lab

OWN = {"local-siteb": "Started", "beside-siteb": "Started"}


@pytest.fixture(scope="module")
def running(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentPair]:
    with AgentPair(lab, tmp_path_factory.mktemp("drills"), SITE_FILES) as pair:
        yield pair


@pytest.fixture
def b(running: AgentPair) -> AgentSite:
    """Site B with the database of site A, which has the ticket."""
    running.given(local("sitea"), local("siteb"))
    running.a.modify(database())
    running.a.grant(TICKET)
    running.wait_converged(TICKET, running.a, running.b)
    running.b.wait_active(OWN | {"db-data": "Unpromoted"})
    running.b.wait_replica(TICKET, "sitea", state="in-sync")
    running.lab.wait_idle("siteb")
    return running.b


def drill(site: AgentSite) -> dict[str, Any]:
    """A drill of the ticket at a site, which changes nothing there."""
    site.wait_seen()
    before = site.cib()
    result: dict[str, Any] = site.console.call(site.name, f"Site:{site.name}", "drill", ticket=TICKET)["result"]
    after = site.cib()
    assert (after.version, after.config_digest, after.tickets) == (before.version, before.config_digest, before.tickets)
    return result


def take_over(running: AgentPair) -> None:
    """Give the ticket to site B."""
    running.a.revoke(TICKET)
    running.b.grant(TICKET)
    running.lab.wait_idle("siteb")


def predicted(result: dict[str, Any]) -> dict[str, str]:
    """The roles that a drill says."""
    return {each["resource"]: each["role"] for each in result["running"]}


def test_what_would_run_runs_after_the_grant(running: AgentPair, b: AgentSite) -> None:
    result = drill(b)
    node = running.lab.node("siteb")
    assert (result["ok"], result["blocked"], result["problems"]) == (True, [], [])
    assert predicted(result) == {"db-ip": "Started", "db-app": "Started", "db-data": "Promoted"}
    assert {tuple(each["nodes"]) for each in result["running"]} == {(node,)}
    assert b.event("drill_done", ticket=TICKET, ok=True).values["running"] == result["running"]
    take_over(running)
    b.wait_active(OWN | predicted(result))


def test_what_could_not_run_does_not_after_the_grant(running: AgentPair, b: AgentSite) -> None:
    """The group may not be on the only node; a resource that was added needs an agent that is not there."""
    node = running.lab.node("siteb")
    b.modify(
        f'<constraints><rsc_location id="nowhere" rsc="db" node="{node}" score="-INFINITY"/>'
        f'<rsc_ticket id="ticket-odd" rsc="odd" ticket="{TICKET}"/></constraints>'
        f"<resources>{dummy('odd').replace('Dummy', 'Unheard-of')}</resources>"
    )
    running.lab.wait_idle("siteb")
    result = drill(b)
    assert not result["ok"]
    assert predicted(result) == {"db-data": "Promoted"}
    blocked = {each["resource"]: each for each in result["blocked"]}
    assert blocked.keys() == {"db-ip", "db-app", "odd"}
    assert (blocked["db-ip"]["reason"], blocked["odd"]["reason"]) == ("location", "agent")
    assert f"location nowhere keeps it off {node}" in blocked["db-ip"]["message"]
    assert "ocf:pacemaker:Unheard-of" in blocked["odd"]["message"]
    (ticket,) = b.console.query("Ticket", b.name, name=TICKET)
    assert (ticket.drill_failures, ticket.drilled_at > 0) == (3, True)
    take_over(running)
    b.wait_active(OWN | predicted(result))
