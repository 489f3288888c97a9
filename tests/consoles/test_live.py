"""The live picture of a console, on real agents: what makes a new one, and what is asked for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from consoles.client import AsyncConsole
from consoles.live import Live
from consoles.picture import Lacking, Picture
from consoles.values import Object
from qmfagent.policy.modes import TicketPolicy
from qmfagent.policy.schedule import Schedule
from tests.consoles.conftest import TIMEOUT, settled
from tests.consoles.test_two_agents import SOURCE, TARGET
from tests.sites.pair import SitePair

WAIT = 30.0


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[SitePair]:
    """Both agents running, in manual mode; nothing more happens by itself."""
    async with SitePair(tmp_path, SOURCE, TARGET, mode="manual") as sites:
        await settled(sites)
        yield sites


class Counted(AsyncConsole):
    """A console that notes what it asks for."""

    asked: list[tuple[str, str | None]]

    async def query(self, class_name: str, site: str | None = None, *rest: object) -> list[Object]:  # type: ignore[override]
        self.asked.append((class_name, site))
        return await super().query(class_name, site, *rest)  # type: ignore[arg-type]


@asynccontextmanager
async def looking(pair: SitePair) -> AsyncIterator[Live]:
    """The picture of a console at both sites."""

    def connect(on_replica: Callable[[Object], None]) -> AsyncConsole:
        urls = [pair.a.bus.url(site) for site in pair.sites]
        console = Counted(urls, timeout=TIMEOUT, on_problem=lambda problem: None, on_replica=on_replica)
        console.asked = []
        return console

    made = Live(connect)
    async with made.console:
        yield made
        await made.stop()


@pytest.fixture
async def live(pair: SitePair) -> AsyncIterator[Live]:
    """The picture of a console at both sites."""
    async with looking(pair) as made:
        yield made


async def until(live: Live, holds: Callable[[Picture], bool]) -> Picture:
    """The first picture from now on that this holds for."""
    async with asyncio.timeout(WAIT):
        picture = await live.picture()
        while not holds(picture):
            picture = await live.after(picture.number)
        return picture


def state(picture: Picture, site: str) -> str:
    return next((at.state for ticket in picture.tickets for at in ticket.sites if at.site == site), "")


async def test_the_first_picture_has_everything(live: Live) -> None:
    picture = await until(live, lambda picture: state(picture, "siteb") == "behind")
    assert [site.site for site in picture.sites] == ["sitea", "siteb"]
    assert picture.names == ("sitea", "siteb")
    assert picture.tickets[0].holders == ("sitea",)
    assert picture.unreachable == {}


async def test_what_a_site_lacks_is_counted(live: Live, pair: SitePair) -> None:
    await pair.a.call("Replica:db:siteb", "replicate_now")
    await until(live, lambda picture: state(picture, "siteb") == "in-sync")
    for number in (1, 2, 3):
        await pair.a.set_value("vip-ip", f"10.1.0.2{number}")
        await until(live, lambda picture: picture.lacking == {("db", "siteb"): Lacking(number)})  # noqa: B023
    await pair.a.call("Replica:db:siteb", "replicate_now")
    picture = await until(live, lambda picture: state(picture, "siteb") == "in-sync")
    assert picture.lacking == {}


async def test_only_what_an_event_is_about_is_read_afresh(live: Live, pair: SitePair) -> None:
    await until(live, lambda picture: state(picture, "siteb") == "behind")
    console = live.console
    assert isinstance(console, Counted)
    console.asked.clear()
    await pair.b.call("Ticket:db", "pause")
    await until(live, lambda picture: any(at.paused for ticket in picture.tickets for at in ticket.sites))
    assert set(console.asked) == {("Site", "siteb"), ("Ticket", "siteb")}


async def test_until_when_a_publication_is_held_is_read_with_each(tmp_path: Path) -> None:
    sites = SitePair(tmp_path, SOURCE, TARGET)
    yearly = TicketPolicy("periodic", Schedule("0 0 1 1 *"))
    sites.b.config = replace(sites.b.config, replication=replace(sites.b.config.replication, policy=yearly))
    async with sites, looking(sites) as live:
        # The schedule is known before anything is held by it; that is told at once, and the time is read a moment later.
        picture = await until(
            live, lambda picture: any(at.hold and at.next_run for ticket in picture.tickets for at in ticket.sites)
        )
        at = picture.tickets[0].sites[1]
        assert (at.site, at.state, at.hold) == ("siteb", "behind", "schedule")
        assert at.next_run == (await sites.b.object("Ticket:db"))["next_run"]
        console = live.console
        assert isinstance(console, Counted)
        console.asked.clear()
        await sites.a.set_value("vip-ip", "10.1.0.21")
        await until(live, lambda _: ("Ticket", "siteb") in console.asked)


async def test_nothing_is_read_while_nobody_looks(live: Live, pair: SitePair) -> None:
    await until(live, lambda picture: state(picture, "siteb") == "behind")
    console = live.console
    assert isinstance(console, Counted)
    with console.subscribe(["hold_changed"]) as events:
        await live.picture()
        console.asked.clear()
        for action in ("pause", "resume", "pause"):
            await pair.b.call("Ticket:db", action)
        async with asyncio.timeout(WAIT):
            for _ in range(3):
                await anext(events)
    assert console.asked == []
    picture = await live.picture()
    assert any(at.paused for ticket in picture.tickets for at in ticket.sites)
    assert len(console.asked) == 2


async def test_a_lost_site_is_seen_lost_and_found(live: Live, pair: SitePair) -> None:
    await until(live, lambda picture: state(picture, "siteb") == "behind")
    await pair.b.stop()
    lost = await until(live, lambda picture: [site.site for site in picture.sites] == ["sitea"])
    assert lost.names == ("sitea", "siteb")
    await until(live, lambda picture: list(picture.unreachable) == [pair.b.bus.url("siteb")])
    await until(live, lambda picture: state(picture, "siteb") == "unreachable")
    await pair.b.start()
    found = await until(live, lambda picture: state(picture, "siteb") in ("behind", "idle"))
    assert (await until(live, lambda picture: picture.unreachable == {})).number >= found.number


async def test_a_connection_that_is_lost_after_its_silent_agent_is_told_too(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is announced then."""
    await live.picture()

    async def unreachable() -> dict[str, str]:
        return {"amqp://siteb": "lost"}

    monkeypatch.setattr(live.console, "unreachable", unreachable)
    await until(live, lambda picture: picture.unreachable == {"amqp://siteb": "lost"})
