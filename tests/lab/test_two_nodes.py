"""A site of two nodes whose cluster runs the agent, and replication with a site of one node, while nodes come and go.

Rules of this file: every test begins with the database delivered from site A, which holds the ticket, to site B, and the agent
of A on the first node; it ends with both nodes there. What is asked in the end is the cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qmfagent.cib.ownership import owned_ids
from tests.lab.configurations import DB, SITE_FILES, TICKET, database, local
from tests.lab.lab import Lab
from tests.lab.managed import ManagedPair

pytestmark = pytest.mark.lab

FIRST, SECOND = "sitea-n1", "sitea-n2"
Make = Callable[[Path | None], ManagedPair]


@pytest.fixture
def pair_with(two_node_lab: Lab, tmp_path: Path) -> Iterator[Make]:
    """Makes the pair as every test begins with it, with the journal of A in this file, or in memory."""
    made: list[ManagedPair] = []

    def make(journal: Path | None) -> ManagedPair:
        pair = ManagedPair(two_node_lab, tmp_path, SITE_FILES, journal, TICKET)
        made.append(pair)
        for site in (pair.a, pair.b):
            two_node_lab.reset(site.name)
        # Off the second node until the agent is on the first one.
        pair.managed.standby(SECOND)
        pair.a.modify(local("sitea") + database())
        pair.b.modify(local("siteb"))
        pair.a.grant(TICKET)
        pair.ensure_agents()
        pair.wait_converged(TICKET, pair.a, pair.b)
        pair.managed.wait_placed(FIRST, "Promoted")
        pair.managed.standby(SECOND, on=False)
        two_node_lab.wait_idle("sitea")
        return pair

    yield make
    for pair in made:
        for node in (FIRST, SECOND):
            pair.managed.standby(node, on=False)
        for site in (pair.b, pair.a):
            site.close()


def put_to_standby(pair: ManagedPair) -> None:
    pair.managed.standby(FIRST)


def kill(pair: ManagedPair) -> None:
    pair.lab.kill(FIRST)


def site_object(pair: ManagedPair) -> dict[str, Any]:
    """What site A's agent says of itself."""
    return dict(pair.a.console.query("Site", "sitea")[0].values)


def ticket_object(pair: ManagedPair) -> dict[str, Any]:
    """What site A's agent says of the ticket."""
    return dict(pair.a.console.query("Ticket", "sitea", name=TICKET)[0].values)


def check_both_directions(pair: ManagedPair) -> None:
    """A publishes; after the ticket has moved, A follows, deletes what was delivered and nothing else; and the role with it."""
    a, b = pair.a, pair.b
    a.set_parameter("db-app", "fake", "from the second node")
    pair.wait_converged(TICKET, a, b)
    assert b.parameter("db-app", "fake") == "from the second node"

    a.revoke(TICKET)
    b.grant(TICKET)
    pair.managed.wait_placed(SECOND, "Unpromoted")
    b.set_parameter("db-app", "fake", "from the other site")
    b.delete("db-where")
    pair.wait_converged(TICKET, b, a)
    assert a.parameter("db-app", "fake") == "from the other site"
    assert owned_ids(a.cib(), TICKET) == DB - {"db-where"}
    assert {"local-sitea", "agent-clone", "agent-ip"} <= a.cib().members.keys()
    assert not {"agent-clone", "agent-ip", "ticket-agent"} & b.cib().members.keys()


@pytest.mark.parametrize("leave", [put_to_standby, kill])
def test_it_goes_on_at_the_other_node_where_the_journal_is_shared(
    pair_with: Make, tmp_path: Path, leave: Callable[[ManagedPair], None]
) -> None:
    pair = pair_with(tmp_path / "journal.sqlite")
    pair.a.console.call("sitea", f"Ticket:{TICKET}", "pause")
    before, mark = site_object(pair), pair.a.mark
    leave(pair)
    pair.managed.wait_placed(SECOND, "Promoted")
    pair.ensure_agents()

    after = site_object(pair)
    assert after["first_event"] == before["first_event"]
    assert after["last_event"] >= before["last_event"]
    # A node that lost its power may have lost the last entries, so their numbers get another name.
    assert (after["journal"] == before["journal"]) == (leave is put_to_standby)
    pair.a.found_again(mark)
    assert ticket_object(pair)["paused"] is True
    pair.a.console.call("sitea", f"Ticket:{TICKET}", "resume")
    check_both_directions(pair)
    if leave is kill:
        pair.lab.boot(FIRST)
        pair.lab.wait_idle("sitea")
        assert pair.managed.placed() == (SECOND, "Unpromoted")


def test_it_goes_on_at_the_other_node_without_the_journal(pair_with: Make) -> None:
    pair = pair_with(None)
    pair.a.console.call("sitea", f"Ticket:{TICKET}", "pause")
    before = site_object(pair)
    put_to_standby(pair)
    pair.managed.wait_placed(SECOND, "Promoted")
    pair.ensure_agents()
    after = site_object(pair)
    assert after["journal"] != before["journal"]
    # What the journal alone knows has stayed behind; what is in the CIB and at the holder has not.
    assert ticket_object(pair)["paused"] is False
    check_both_directions(pair)


def test_it_comes_and_goes_without_the_journal(pair_with: Make) -> None:
    """What the other node has applied meanwhile is no drift, and does not stand in the way of what comes later."""
    pair = pair_with(None)
    pair.a.revoke(TICKET)
    pair.b.grant(TICKET)
    for number, (stays, leaves) in enumerate([(FIRST, SECOND), (SECOND, FIRST), (FIRST, SECOND)]):
        pair.managed.standby(stays, on=False)
        pair.managed.standby(leaves)
        pair.managed.wait_placed(stays, "Unpromoted")
        pair.ensure_agents()
        pair.b.set_parameter("db-app", "fake", f"change {number}")
        pair.wait_converged(TICKET, pair.b, pair.a)
        assert pair.a.parameter("db-app", "fake") == f"change {number}"
    assert pair.a.events("drift_found") == []
