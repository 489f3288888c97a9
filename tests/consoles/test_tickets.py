"""How the views of several sites become one status."""

from __future__ import annotations

from typing import Any

from consoles.client import Object, TicketAt
from consoles.tickets import ticket_statuses


def ticket(site: str, granted: bool = False, **values: Any) -> Object:
    values = {"name": "db", "granted": granted, "standby": False, "mode": "manual", **values}
    return Object(site, "Ticket", f"Ticket:{values['name']}", values)


def replica(site: str, remote: str, direction: str, state: str, **values: Any) -> Object:
    values = {"ticket": "db", "remote": remote, "direction": direction, "state": state, **values}
    return Object(site, "Replica", f"Replica:db:{remote}", values)


def states(tickets: list[Object], replicas: list[Object]) -> dict[str, str]:
    (status,) = ticket_statuses(tickets, replicas)
    return {at.site: at.state for at in status.sites}


def test_a_site_that_receives_tells_of_itself() -> None:
    both = [ticket("a", True), ticket("b")]
    told = [replica("a", "b", "to", "behind"), replica("b", "a", "from", "in-sync")]
    assert states(both, told) == states(both, told[::-1]) == {"a": "holder", "b": "in-sync"}


def test_the_holder_tells_of_a_site_that_is_not_there() -> None:
    assert states([ticket("a", True)], [replica("a", "b", "to", "unreachable")]) == {"a": "holder", "b": "unreachable"}


def test_a_holder_that_is_not_there_is_unknown() -> None:
    assert states([ticket("b")], [replica("b", "a", "from", "unreachable")]) == {"a": "unknown", "b": "unreachable"}


def test_what_a_former_holder_tells_counts_least() -> None:
    tickets = [ticket("a"), ticket("b", True), ticket("c")]
    told = [replica("a", "c", "to", "behind"), replica("c", "b", "from", "in-sync"), replica("c", "a", "from", "idle")]
    assert states(tickets, told) == {"a": "unknown", "b": "holder", "c": "in-sync"}


def test_two_holders_are_both_named_and_tickets_are_sorted() -> None:
    found = ticket_statuses([ticket("b", True), ticket("a", True, standby=True), ticket("a", name="aa")], [])
    assert [(status.name, status.holders) for status in found] == [("aa", ()), ("db", ("a", "b"))]
    assert found[1].sites[0] == TicketAt("a", "holder", standby=True, mode="manual")


def test_the_reason_of_a_block_is_kept() -> None:
    (status,) = ticket_statuses(
        [ticket("b")], [replica("b", "a", "from", "blocked", reason="clash", message="vip is here")]
    )
    assert status.sites[1] == TicketAt("b", "blocked", mode="manual", reason="clash", message="vip is here")
