"""The scripting API, both faces, against sites on real connections."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from typing import Any

import pytest

from consoles.client import AsyncConsole, Console, Event, Object, SiteLost
from qmfagent.errors import ConfigError, ConnectionLost, Refused, RemoteError, RequestTimeout, UnknownObject
from tests.consoles.conftest import TIMEOUT, TOKEN

DEAD = "amqp://127.0.0.1:1"


def console(*sites: Any, **options: Any) -> AsyncConsole:
    return AsyncConsole([site.url for site in sites], **{"timeout": TIMEOUT, **options})


async def test_all_sites_are_asked_at_once(sites: Any) -> None:
    async with console(*sites) as both:
        assert await both.sites() == ["sitea", "siteb"]
        assert [(found.site, found.name) for found in await both.query("Ticket")] == [
            ("sitea", "Ticket:db"),
            ("siteb", "Ticket:db"),
        ]
        granted = await both.query("Ticket", where=["eq", "granted", ["quote", True]])
        assert [found.site for found in granted] == ["sitea"]
        assert [found.site for found in await both.query("Ticket", "siteb", name="db")] == ["siteb"]
        assert (await both.site("siteb")).cib_version == "0.7.0"
        assert (await both.schema("siteb", "Ticket")).method("grant") is not None
        classes = {each.name: each for each in await both.classes("siteb")}
        assert classes["Ticket"] == await both.schema("siteb", "Ticket")
        assert (classes["Ticket"].severity, classes["applied"].severity) == (None, 5)
        status = (await both.tickets())[0]
        assert (status.name, status.holders) == ("db", ("sitea",))
        assert [(at.site, at.state, at.reason) for at in status.sites] == [
            ("sitea", "holder", ""),
            ("siteb", "blocked", "clash"),
        ]


async def test_plan_and_apply(siteb: Any, plans: Any) -> None:
    async with console(siteb) as one:
        plan = await one.plan("siteb", "db", adopt=True)
        assert (plan.token, plan.changes[0]["id"], plan.errors) == (TOKEN, "vip-ip", [])
        assert siteb.calls == [("Site:siteb", "plan", {"ticket": "db", "adopt": True})]
        applied = await one.apply("siteb", plan.token)
        assert (applied.ticket, applied.changes, applied.version) == ("db", 1, "0.8.0")
        assert (await one.replicate("db", "siteb")).changes == 1
        siteb.plan = plans["nothing"]
        nothing = await one.replicate("db", "siteb")
        assert (nothing.changes, nothing.version) == (0, "0.7.0")
        siteb.plan = plans["clash"]
        with pytest.raises(Refused, match="'vip' is here already") as refused:
            await one.replicate("db", "siteb")
        assert refused.value.reason == "clash"
        assert [method for _, method, _ in siteb.calls].count("apply") == 2


async def test_refusals_keep_their_reason(siteb: Any) -> None:
    siteb.refusal = Refused("forbidden", "'anonymous' may not call Ticket.grant here")
    async with console(siteb) as one:
        with pytest.raises(RemoteError, match="may not call") as refused:
            await one.call("siteb", "Ticket:db", "grant")
        assert (refused.value.code, refused.value.reason) == (6, "forbidden")
        with pytest.raises(RemoteError, match="no object 'Ticket:none'"):
            await one.call("siteb", "Ticket:none", "grant")
        with pytest.raises(
            UnknownObject, match=r"no site 'sitec' here; did you mean 'siteb'\? sites that answer: siteb"
        ):
            await one.query("Ticket", "sitec")
        with pytest.raises(UnknownObject, match="no class 'Nothing'"):
            await one.schema("siteb", "Nothing")


async def test_a_site_that_refuses_costs_no_time(siteb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one that neither refuses nor accepts is waited for."""
    monkeypatch.setattr("consoles.asynchronous.PATIENCE", 3 * TIMEOUT)
    async with asyncio.timeout(TIMEOUT), AsyncConsole([DEAD, siteb.url], timeout=3 * TIMEOUT) as both:
        assert await both.sites() == ["siteb"]
        assert list(await both.unreachable()) == [DEAD]


async def test_an_agent_that_takes_its_time_is_waited_for(siteb: Any) -> None:
    """One that is up is not taken for none because it has much to do."""
    siteb.slow = 1.5
    async with console(siteb) as one:
        assert await one.sites() == ["siteb"]


async def test_a_site_that_is_named_is_waited_for_while_its_link_comes_up(
    sites: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consoles.asynchronous.PATIENCE", 0.1)
    sites[1].slow = 2.0
    async with console(*sites) as both:
        assert await both.sites() == ["sitea"]
        assert (await both.site("siteb")).cib_version == "0.7.0"


async def test_a_site_that_is_down_is_reported_and_not_fatal(siteb: Any) -> None:
    problems: list[str] = []
    async with AsyncConsole([DEAD, siteb.url], timeout=TIMEOUT, on_problem=problems.append) as both:
        assert len(problems) == 1
        assert DEAD in problems[0]
        assert list(await both.unreachable()) == [DEAD]
        assert [found.site for found in await both.query("Site")] == ["siteb"]
        with pytest.raises(ConnectionLost, match=f"'sitea' can't be reached: .*{DEAD}"):
            await both.plan("sitea", "db")
    with pytest.raises(ConnectionLost, match="is an agent running there"):
        async with AsyncConsole([DEAD], timeout=0.3):
            pass


async def test_an_agent_that_goes_in_the_middle(sites: Any) -> None:
    sitea, siteb = sites
    siteb.silent = True
    problems: list[str] = []
    async with console(*sites, on_problem=problems.append) as both:
        applying = asyncio.create_task(both.apply("siteb", TOKEN))
        async with asyncio.timeout(TIMEOUT):
            await siteb.called.wait()
        await siteb.stop()
        with pytest.raises(ConnectionLost, match="may have been carried out"):
            await applying
        assert [found.site for found in await both.query("Ticket")] == ["sitea"]
        with pytest.raises(ConnectionLost, match="'siteb' can't be reached"):
            await both.apply("siteb", TOKEN)
        with both.subscribe() as events:
            await sitea.stop()
            async with asyncio.timeout(TIMEOUT):
                while await anext(events) != SiteLost("sitea"):
                    pass
        with pytest.raises(ConnectionLost, match="no agent of a site answers"):
            await both.query("Ticket")


async def test_no_answer_in_time(siteb: Any) -> None:
    siteb.silent = True
    async with console(siteb) as one:
        one._timeout = 0.3  # from now on: to connect takes what it takes
        with pytest.raises(RequestTimeout, match="no answer of siteb to apply"):
            await one.apply("siteb", TOKEN)


async def test_one_failing_site_of_several_is_reported(sites: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    problems: list[str] = []

    def broken(class_name: str) -> Any:
        raise Refused("disconnected", "the CIB can't be read now")

    async with console(*sites, on_problem=problems.append) as both:
        monkeypatch.setattr(sites[0], "objects", broken)
        assert [found.site for found in await both.query("Ticket")] == ["siteb"]
        assert problems == ["sitea: the CIB can't be read now"]
        monkeypatch.setattr(sites[1], "objects", broken)
        with pytest.raises(RemoteError, match="can't be read now"):
            await both.query("Ticket")


async def test_one_site_at_two_urls_counts_once(siteb: Any) -> None:
    async with AsyncConsole([siteb.url, siteb.url.replace("127.0.0.1", "localhost")], timeout=TIMEOUT) as both:
        assert await both.sites() == ["siteb"]
        assert len(await both.query("Ticket")) == 1
        with both.subscribe(events=["applied"]) as events:
            siteb.event("applied", count=1)
            siteb.event("published")
            siteb.event("applied", count=2)
            async with asyncio.timeout(TIMEOUT):
                counts = [(await anext(events)).values["count"] for _ in range(2)]  # type: ignore[union-attr]
            assert counts == [1, 2]


async def test_what_can_not_be_used_is_said_at_once() -> None:
    with pytest.raises(ConfigError, match="at least one bus URL"):
        AsyncConsole([])
    with pytest.raises(ConfigError, match="is not an AMQP URL"):
        AsyncConsole(["http://127.0.0.1"])
    with pytest.raises(ConfigError, match="needs TLS"):
        AsyncConsole(["amqps://127.0.0.1"])
    with pytest.raises(RuntimeError, match="with"):
        Console(["amqp://127.0.0.1"]).sites()


def test_an_object_has_its_values_as_attributes() -> None:
    ticket = Object("sitea", "Ticket", "Ticket:db", {"name": "db", "granted": True})
    assert ticket.granted
    assert ticket.name == "Ticket:db"
    with pytest.raises(AttributeError, match="no 'nothing'"):
        _ = ticket.nothing
    assert copy.deepcopy(ticket) == ticket
    assert pickle.loads(pickle.dumps(ticket)) == ticket


async def test_the_synchronous_face(sites: Any, plans: Any) -> None:
    sitea, siteb = sites
    loop = asyncio.get_running_loop()

    def raise_event(count: int) -> None:
        loop.call_soon_threadsafe(lambda: siteb.event("applied", count=count))

    def script() -> None:
        with Console([sitea.url, siteb.url], timeout=TIMEOUT) as both:
            assert both.sites() == ["sitea", "siteb"]
            assert both.unreachable() == {}
            assert both.site("sitea").hostname == "sitea-node1"
            assert len(both.query("Ticket")) == 2
            assert both.schema("sitea", "Site").method("plan") is not None
            assert both.schema("sitea", "Site") in both.classes("sitea")
            assert both.tickets()[0].holders == ("sitea",)
            plan = both.plan("siteb", "db")
            assert both.apply("siteb", plan.token).version == "0.8.0"
            assert both.replicate("db", "siteb").changes == 1
            assert both.call("siteb", "Ticket:db", "revoke") == {}
            with both.subscribe(["applied"], ["siteb"]) as events:
                with pytest.raises(TimeoutError):
                    events.next(timeout=0.05)
                raise_event(1)
                raise_event(2)
                got = [events.next(timeout=TIMEOUT), next(events)]
            assert [item.values["count"] for item in got if isinstance(item, Event)] == [1, 2]
            with pytest.raises(StopIteration):
                next(events)
        with pytest.raises(ConnectionLost), Console([DEAD], timeout=0.3):
            pass

    await asyncio.to_thread(script)


async def test_a_failed_start_of_the_synchronous_face_leaves_no_thread() -> None:
    def script() -> None:
        with pytest.raises(ConnectionLost), Console([DEAD], timeout=0.1):
            pass

    await asyncio.to_thread(script)
    assert "console" not in [thread.name for thread in threading.enumerate()]
