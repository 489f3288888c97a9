"""What is known of each replica, as the two ends tell it."""

from __future__ import annotations

from typing import Any

import pytest

from qmfagent.replication.following.replica import Replica, Replicas

D1, D2 = "1" * 64, "2" * 64


class Seen:
    """Replicas whose changes are counted."""

    def __init__(self) -> None:
        self.changes: list[Replica] = []
        self.replicas = Replicas(self.changes.append)

    def state(self, remote: str = "b") -> tuple[str, str]:
        replica = self.replicas.get("T", remote)
        return replica.direction, replica.state


def told(**values: Any) -> dict[str, Any]:
    """The values of the remote site's own Replica object."""
    empty = {
        "mode": "manual",
        "state": "in-sync",
        "hold": "",
        "reason": "",
        "message": "",
        "published": D1,
        "applied": D1,
    }
    return {**empty, "applied_at": 7, "drift": 0, **values}


@pytest.fixture
def seen() -> Seen:
    seen = Seen()
    seen.replicas.found("b")
    return seen


def test_what_is_published_is_behind_until_the_other_site_says_otherwise(seen: Seen) -> None:
    seen.replicas.published("T", D1, ["b"])
    assert seen.state() == ("to", "behind")
    seen.replicas.followed("T", "b", told())
    assert seen.state() == ("to", "in-sync")
    assert seen.replicas.get("T", "b").applied_at == 7
    seen.replicas.published("T", D2, ["b"])
    assert seen.state() == ("to", "behind")
    seen.replicas.published("T", D1, ["b"])
    assert seen.state() == ("to", "in-sync")


def test_each_change_is_told_once(seen: Seen) -> None:
    for _ in range(2):
        seen.replicas.published("T", D1, ["b"])
        seen.replicas.followed("T", "b", told())
    assert [replica.state for replica in seen.changes] == ["behind", "in-sync"]


def test_what_is_said_of_an_older_publication_counts_for_what_is_applied_alone(seen: Seen) -> None:
    seen.replicas.published("T", D2, ["b"])
    seen.replicas.followed("T", "b", told(state="blocked", reason="clash", published=D1, applied=""))
    assert seen.state() == ("to", "behind")
    seen.replicas.followed("T", "b", told(state="blocked", reason="clash", published=D2, applied=D1))
    assert seen.state() == ("to", "blocked")
    assert seen.replicas.get("T", "b").reason == "clash"
    seen.replicas.published("T", D1, ["b"])
    assert (seen.state(), seen.replicas.get("T", "b").reason) == (("to", "in-sync"), "")


def test_what_is_told_before_anything_is_published_is_kept(seen: Seen) -> None:
    seen.replicas.followed("T", "b", told())
    assert seen.state() == ("to", "in-sync")
    seen.replicas.published("T", D1, ["b"])
    assert seen.state() == ("to", "in-sync")


@pytest.mark.parametrize("known", ["", D1], ids=["the first", "another"])
def test_what_is_said_of_a_publication_before_it_is_announced_counts(seen: Seen, known: str) -> None:
    """Who asks for what is published has it a moment sooner, and says once only what he makes of it."""
    if known:
        seen.replicas.published("T", known, ["b"])
    seen.replicas.followed("T", "b", told(state="blocked", reason="clash", published=D2, applied=known))
    seen.replicas.published("T", D2, ["b"])
    assert seen.state() == ("to", "blocked")
    assert seen.replicas.get("T", "b").reason == "clash"


def test_what_is_announced_again_changes_nothing(seen: Seen) -> None:
    seen.replicas.published("T", D1, ["b"])
    seen.replicas.followed("T", "b", told(state="behind", hold="manual", applied=""))
    seen.replicas.published("T", D1, ["b"])
    assert seen.replicas.get("T", "b").hold == "manual"
    assert [replica.state for replica in seen.changes] == ["behind", "behind"]


def test_what_was_said_before_the_ticket_was_away_or_the_site_counts_no_more(seen: Seen) -> None:
    blocked = told(state="blocked", reason="clash", applied="")
    for away in (lambda: seen.replicas.unpublished(()), lambda: seen.replicas.lost("b")):
        seen.replicas.published("T", D1, ["b"])
        seen.replicas.followed("T", "b", blocked)
        away()
        seen.replicas.found("b")
        seen.replicas.published("T", D1, ["b"])
        assert seen.state() == ("to", "behind")


def test_a_site_that_cannot_be_reached_shows_it(seen: Seen) -> None:
    seen.replicas.published("T", D1, ["b", "c"])
    assert seen.state("c") == ("to", "unreachable")
    seen.replicas.found("c")
    assert seen.state("c") == ("to", "behind")
    seen.replicas.followed("T", "b", told())
    seen.replicas.lost("b")
    assert seen.state() == ("to", "unreachable")
    seen.replicas.published("T", D2, ["b"])
    assert seen.state() == ("to", "unreachable")
    seen.replicas.published("T", D1, ["b"])
    seen.replicas.found("b")
    assert seen.state() == ("to", "in-sync")


def test_a_followed_site_that_comes_back_is_looked_at_anew(seen: Seen) -> None:
    seen.replicas.set("T", "b", direction="from", state="in-sync")
    seen.replicas.lost("b")
    assert seen.state() == ("from", "unreachable")
    seen.replicas.found("b")
    assert seen.state() == ("from", "idle")


def test_a_digest_belongs_to_one_direction(seen: Seen) -> None:
    seen.replicas.published("T", D1, ["b"])
    seen.replicas.followed("T", "b", told())
    seen.replicas.set("T", "b", direction="from", state="behind", published=D2)
    replica = seen.replicas.get("T", "b")
    assert (replica.published, replica.applied, replica.applied_at) == (D2, "", 0)


def test_a_ticket_that_is_given_away_is_followed_by_nobody(seen: Seen) -> None:
    seen.replicas.published("T", D1, ["b"])
    seen.replicas.published("U", D1, ["b"])
    seen.replicas.unpublished({"U"})
    assert seen.state() == ("none", "idle")
    assert seen.replicas.get("U", "b").direction == "to"


def test_one_holder_alone_is_followed(seen: Seen) -> None:
    for remote in ("b", "c"):
        seen.replicas.set("T", remote, direction="from", state="blocked", reason="split")
    seen.replicas.release("T", "c")
    assert (seen.state("b"), seen.state("c")) == (("none", "idle"), ("from", "blocked"))


def test_where_nobody_holds_it_one_that_cannot_be_reached_may(seen: Seen) -> None:
    for remote in ("b", "c"):
        seen.replicas.set("T", remote, direction="from", state="in-sync")
    seen.replicas.lost("c")
    seen.replicas.release("T", reason="no-holder", message="nobody")
    assert (seen.state("b"), seen.state("c")) == (("none", "idle"), ("from", "unreachable"))
    assert seen.replicas.get("T", "b").reason == "no-holder"
    seen.replicas.release("T", "b")
    assert seen.state("c") == ("none", "idle")


def test_a_split_that_is_over_leaves_the_holder_as_it_was(seen: Seen) -> None:
    seen.replicas.published("T", D1, ["b", "c"])
    seen.replicas.followed("T", "b", told())
    for remote in ("b", "c", "d"):
        seen.replicas.set("T", remote, state="blocked", reason="split")
    seen.replicas.agreed("T")
    assert [seen.state(remote) for remote in ("b", "c", "d")] == [
        ("to", "in-sync"),
        ("to", "unreachable"),
        ("none", "idle"),
    ]


def test_they_are_found_by_their_names_and_listed_in_order(seen: Seen) -> None:
    for ticket in ("z", "a:b", "a"):
        seen.replicas.set(ticket, "b", mode="manual")
    assert [replica.name for replica in seen.replicas] == ["a:b", "a:b:b", "z:b"]
    assert seen.replicas.find("a:b", "b") is not None
    assert seen.replicas.find("a", "c") is None
    assert [replica.ticket for replica in seen.replicas.of_ticket("z")] == ["z"]
