"""The other sites as the Remotes port: what counts as an answer, and what as none."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from qmfagent.agent import load_schema
from qmfagent.bus.console.event_stream import EventGap
from qmfagent.cib.ticket import Term
from qmfagent.config import Peer
from qmfagent.errors import CibError, ConnectionLost, RemoteError, RequestTimeout, UnknownObject
from qmfagent.peers.link import PeerLink, agent_name
from qmfagent.peers.peers import Peers
from qmfagent.peers.session import PeerSession
from qmfagent.qmf.console_events import AgentInfo, EventReceived
from qmfagent.qmf.data import Data
from qmfagent.replication.authority import Claim
from tests.sites.pair import WAIT, until


class Listener:
    """Writes down what the peers do. `problem` is raised at every greeting, once for each time that is left."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self.problems: list[Exception] = []

    async def peer_up(self, site: str) -> None:
        self.heard.append(("up", site))
        if self.problems:
            raise self.problems.pop()

    def peer_down(self, site: str) -> None:
        self.heard.append(("down", site))

    def peer_event(self, site: str, name: str, values: Mapping[str, Any]) -> None:
        self.heard.append(("event", name, values["ticket"]))

    def peer_data(self, site: str, class_name: str, values: Mapping[str, Any]) -> None:
        self.heard.append(("data", class_name, dict(values)))


class FakeSession:
    """Answers queries and calls as it is told; an exception is raised."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def query(self, agent: str, class_name: str = "", object_name: str = "", *, timeout: float) -> Any:
        return self._given()

    async def call(self, *arguments: Any, timeout: float) -> Any:
        return self._given()

    def _given(self) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def claim(granted: Any, term: Any = "3.7") -> dict[str, Any]:
    return {"granted": granted, "term": term}


TICKET = Data.from_map(
    {
        "_object_id": {"_object_name": "Ticket:T"},
        "_schema_id": load_schema().object_class("Ticket").id.to_map(),
        "_values": claim(True),
    }
)
BLIND = RemoteError("the CIB can't be read now", reason="disconnected")


def peers(answers: Mapping[str, Any]) -> Peers:
    """Peers that can be reached and answer so; None for one that can't be reached."""
    found = Peers([Peer(site, "amqp://127.0.0.1:1") for site in answers], None, Listener())
    for site, answer in answers.items():
        link = found._links[site]
        link.up = answer is not None
        link._session = FakeSession(answer)  # type: ignore[assignment]
    return found


async def test_claims_are_what_the_reachable_sites_say() -> None:
    found = await peers({"a": claim(True), "b": claim(False), "c": BLIND, "d": None}).claims("T")
    assert found == [Claim("a", True, Term(3, 7)), Claim("b", False, Term(3, 7))]


@pytest.mark.parametrize("granted", ["true", 1, None, [True]])
async def test_nothing_but_true_is_a_claim(granted: Any) -> None:
    assert await peers({"a": claim(granted, term=None)}).claims("T") == [Claim("a", False, Term(0, 0))]


@pytest.mark.parametrize("error", [RequestTimeout("too late"), RemoteError("no")])
async def test_a_site_that_is_there_and_does_not_say_is_an_error(error: Exception) -> None:
    with pytest.raises(type(error), match="site b does not tell whether it holds ticket 'T'"):
        await peers({"a": claim(True), "b": error}).claims("T")


async def test_a_site_that_is_lost_meanwhile_has_no_say() -> None:
    assert len(await peers({"a": claim(True), "b": ConnectionLost("gone")}).claims("T")) == 1


async def test_a_site_that_cannot_be_reached_is_not_asked_anything() -> None:
    found = peers({"a": None})
    for attempt in (found.call("a", "Site:a", "plan", {}), found.query("a", "Ticket"), found.publication("a", "T")):
        with pytest.raises(ConnectionLost, match=r"site a can't be reached at amqp://127\.0\.0\.1:1"):
            await attempt


async def test_a_site_that_is_no_peer_is_named_with_those_that_are() -> None:
    with pytest.raises(UnknownObject, match=r"'x' is no peer.*a, b"):
        await peers({"a": None, "b": None}).call("x", "Site:x", "plan", {})
    with pytest.raises(UnknownObject, match="none"):
        await peers({}).query("x", "Ticket")


async def test_a_publication_without_all_its_values_is_named() -> None:
    with pytest.raises(CibError, match="no term"):
        await peers({"a": {"site": "a"}}).publication("a", "T")


AGENT = AgentInfo.from_body({"_values": {"_epoch": 1, "_heartbeat_interval": 1}}, agent_name("a"), 0.0)
OTHER = AgentInfo.from_body({"_values": {"_epoch": 1, "_heartbeat_interval": 1}}, agent_name("b"), 0.0)


class Linked:
    """A link to site a, whose session the test plays."""

    def __init__(self) -> None:
        self.listener = Listener()
        self.session = PeerSession("x", [Peer("a", "amqp://127.0.0.1:1")], self.listener)
        self.link: PeerLink = self.session.links[0]

    async def greeted(self, times: int) -> None:
        await until(lambda: self.listener.heard.count(("up", "a")) >= times, f"{times} greetings")


@pytest.fixture
async def linked() -> Linked:
    return Linked()


async def test_an_agent_that_appears_is_greeted_and_one_that_is_lost_told(linked: Linked) -> None:
    linked.link.appeared(AGENT)
    await linked.greeted(1)
    assert linked.link.up
    linked.link.lost(AGENT)
    assert not linked.link.up
    assert linked.listener.heard == [("up", "a"), ("down", "a")]


async def test_a_greeting_that_fails_is_repeated(linked: Linked) -> None:
    linked.listener.problems = [RequestTimeout("once"), RequestTimeout("twice")]
    linked.link.appeared(AGENT)
    await linked.greeted(3)


async def test_a_greeting_is_given_up_with_the_agent(linked: Linked) -> None:
    linked.listener.problems = [RequestTimeout("for ever")] * 100
    linked.link.appeared(AGENT)
    await linked.greeted(1)
    greeting = linked.link._greeting
    assert greeting is not None
    linked.link.lost(AGENT)
    await asyncio.wait([greeting], timeout=WAIT)
    assert greeting.cancelled()


async def test_nonsense_from_a_peer_ends_nothing(linked: Linked, caplog: pytest.LogCaptureFixture) -> None:
    linked.listener.problems = [KeyError("name")]
    linked.link.appeared(AGENT)
    await linked.greeted(1)
    linked.link.take(EventReceived(agent_name("a"), "published", {}, 5, 0, 1))
    linked.link.take(EventReceived(agent_name("a"), "published", {"ticket": "T"}, 5, 0, 2))
    assert linked.listener.heard[-1] == ("event", "published", "T")
    assert caplog.text.count("could not be worked through") == 2


async def test_events_that_were_missed_lead_to_a_new_start(linked: Linked) -> None:
    linked.link.take(EventGap(3, "too slow"))
    assert linked.listener.heard == []
    linked.link.appeared(AGENT)
    await linked.greeted(1)
    linked.link.take(EventGap(3, "too slow"))
    await linked.greeted(2)
    linked.link.take(EventReceived(agent_name("a"), "events_missed", {"site": "a", "seq": 7, "count": 3}, 4, 0, 1))
    await linked.greeted(3)
    assert not [heard for heard in linked.listener.heard if heard[0] == "event"]


async def test_other_agents_at_the_same_url_do_not_count(linked: Linked, caplog: pytest.LogCaptureFixture) -> None:
    linked.session._appeared(OTHER)
    linked.link.take(EventReceived(agent_name("b"), "published", {"ticket": "T"}, 5, 0, 1))
    linked.link.told(agent_name("b"), TICKET)
    linked.link.lost(OTHER)
    await asyncio.sleep(0)
    assert (linked.listener.heard, linked.link.up) == ([], False)
    assert "not that of site a" in caplog.text
    linked.link.told(agent_name("a"), TICKET)
    assert linked.listener.heard == [("data", "Ticket", {"granted": True, "term": "3.7"})]
