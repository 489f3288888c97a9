"""Holding a ticket by hand: what is remembered of it, and what is told."""

from __future__ import annotations

import pytest

from qmfagent.replication.applying.applier import Applier
from qmfagent.replication.following.holding import Holding
from tests.replication.conftest import TARGET
from tests.replication.fakes import ACCEPTANCE, FakeRemotes, MemoryLedger, MemoryStore, publication, unmangled


class Site:
    """Site b, where a holds T."""

    def __init__(self) -> None:
        self.ledger = MemoryLedger()
        self.changed: list[str] = []
        remotes = FakeRemotes(published={"a": publication()})
        remotes.hold("a")
        self.applier = Applier("b", MemoryStore(TARGET), remotes, unmangled, self.ledger, ACCEPTANCE)
        self.holding = Holding(self.applier, self.ledger, self.changed.append)

    def change(self, *actions: str) -> tuple[bool, int]:
        for action in actions:
            standing = self.holding.change("T", action, "CN=admin")
        assert standing == self.applier.standing("T")
        return standing.paused, standing.pinned


@pytest.fixture
def site() -> Site:
    return Site()


def test_pause_and_pin_are_apart(site: Site) -> None:
    assert site.change("pause") == (True, 0)
    assert site.change("pin") == (True, 1)
    assert site.change("resume") == (False, 1)
    assert site.change("unpin") == (False, 0)
    assert [(e["paused"], e["pinned"], e["by"]) for e in site.ledger.named("hold_changed")] == [
        (True, 0, "CN=admin"),
        (True, 1, "CN=admin"),
        (False, 1, "CN=admin"),
        (False, 0, "CN=admin"),
    ]
    assert site.changed == ["T"] * 4


def test_what_is_so_already_is_no_news(site: Site) -> None:
    site.change("pause", "pause", "unpin")
    assert len(site.ledger.named("hold_changed")) == 1


async def test_a_pin_names_the_newest_change(site: Site) -> None:
    applied = await site.applier.carry_out(await site.applier.plan("T"), "x")
    assert site.change("pin") == (False, applied.change)


def test_a_pin_that_is_set_stays(site: Site) -> None:
    site.applier.hold("T", "x", pinned=9)
    assert site.change("pin") == (False, 9)
