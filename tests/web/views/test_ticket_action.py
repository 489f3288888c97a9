"""The consequences of an action are called by their names before it is done."""

from __future__ import annotations

from typing import Any

import pytest

from consoles.picture import Picture
from consoles.ticket_actions import ACTIONS
from consoles.tickets import HOLDER, TicketAt, TicketStatus
from consoles.values import Object
from consoles.web.views.ticket_action import ActionView, Cluster, action_view

HERE = TicketAt("siteb", "in-sync", mode="manual")
OWN = {"resources": ["shop"], "booth": ""}


def view(
    action: str,
    at: TicketAt = HERE,
    *others: TicketAt,
    own: Any = OWN,
    unreached: str = "",
    cluster: Cluster = Cluster(),  # noqa: B008
) -> ActionView:
    peers = [{"site": unreached}] if unreached else []
    sites = tuple(Object(each.site, "Site", "", {"peers": peers}) for each in (at, *others))
    return action_view(action, TicketStatus("T", (at, *others)), "siteb", own, Picture(1, sites), cluster)


def said(shown: ActionView) -> str:
    return " ".join(f"{each.tone}: {each.text}" for each in shown.consequences)


def test_a_grant_beside_a_holder_is_a_split() -> None:
    shown = view("grant", HERE, TicketAt("sitea", HOLDER))
    assert shown.dangerous
    assert said(shown).startswith("bad: Split: sitea holds it.")


def test_booth_looks_after_that_itself() -> None:
    shown = view("grant", HERE, TicketAt("sitea", HOLDER), own={**OWN, "booth": "/etc/booth/booth.conf"})
    assert not shown.dangerous
    assert "booth manages this ticket (/etc/booth/booth.conf)" in said(shown)


def test_who_can_not_be_asked_may_hold_it() -> None:
    assert "bad: Whether sitec holds it can't be told" in said(view("grant", unreached="sitec"))
    assert not view("grant").dangerous


def test_what_would_start_and_from_what() -> None:
    assert "started at siteb: shop" in said(view("grant"))
    assert "Nothing that depends on it is at siteb" in said(view("grant", own={}))
    behind = TicketAt("siteb", "blocked", mode="manual", reason="clash", message="vip is in the way", drift=2)
    assert "siteb is blocked (vip is in the way)" in said(view("grant", behind))
    assert "2 fields at siteb differ" in said(view("grant", behind))


def test_a_ticket_can_be_granted_where_it_is_not_known_yet() -> None:
    assert view("grant", TicketAt("sitea", "idle"), own={}).possible
    assert not view("pin", TicketAt("sitea", "idle"), own={}).possible


def test_a_revocation_stops_what_runs() -> None:
    shown = view("revoke", TicketAt("siteb", HOLDER, mode="manual"))
    assert shown.dangerous
    assert "stopped, or as its loss-policy says, at siteb: shop" in said(shown)


@pytest.mark.parametrize("action", ["grant", "activate"])
def test_what_starts_nothing_is_named(action: str) -> None:
    standby = {"name": "n1", "online": True, "standby": True, "maintenance": False}
    offline = {"name": "n2", "online": False, "standby": False}
    at = TicketAt("siteb", HOLDER, standby=True, mode="manual") if action == "activate" else HERE
    shown = view(action, at, cluster=Cluster([standby, offline], ["vip", "web"]))
    assert "warn: No node of siteb can start anything now: n1 is in standby, n2 is offline." in said(shown)
    assert "does not manage these now, and does not start them: vip, web." in said(shown)
    able = {"name": "n3", "online": True, "standby": False, "maintenance": False}
    assert "start anything" not in said(view(action, at, cluster=Cluster([standby, able])))
    assert "start anything" not in said(view(action, at))
    assert "n3 is in maintenance" in said(view(action, at, cluster=Cluster([{**able, "maintenance": True}])))


@pytest.mark.parametrize("action", ["revoke", "standby"])
def test_what_runs_on_is_a_danger(action: str) -> None:
    at = TicketAt("siteb", HOLDER, mode="manual")
    assert "bad: The cluster of siteb does not manage these now, and does not stop them: vip." in said(
        view(action, at, cluster=Cluster(unmanaged=["vip"]))
    )
    assert "does not stop them" not in said(view(action, at))


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (TicketAt("siteb", "behind", mode="automatic", pinned=True), "warn: What waits at siteb is applied at once."),
        (TicketAt("siteb", "behind", mode="periodic", pinned=True), "applied when its schedule says."),
        (TicketAt("siteb", "behind", mode="manual", pinned=True), "applied when somebody does it by hand."),
        (TicketAt("siteb", "in-sync", mode="manual", pinned=True), "What is published next is applied at siteb"),
        (TicketAt("siteb", HOLDER, mode="manual", pinned=True), "siteb holds the ticket: nothing is applied there."),
    ],
)
def test_what_waits_may_be_applied_at_once(at: TicketAt, text: str) -> None:
    assert text in said(view("unpin", at))


@pytest.mark.parametrize("action", list(ACTIONS))
def test_every_action_says_something_and_names_the_site(action: str) -> None:
    shown = view(action)
    assert shown.consequences
    assert "siteb" in shown.title
    assert "siteb" in shown.done
