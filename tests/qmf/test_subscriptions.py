"""Subscriptions, both halves joined: what is told and when, limits, and every way in which one ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from qmfagent.errors import Disconnected, ProtocolError, UnknownObject
from qmfagent.qmf.agent import Agent
from qmfagent.qmf.console import Console
from qmfagent.qmf.console_events import (
    AgentLost,
    AgentRestarted,
    ConsoleEvent,
    DataReceived,
    RequestFailed,
    Subscribed,
    SubscriptionData,
    SubscriptionEnded,
)
from qmfagent.qmf.data import Data
from qmfagent.qmf.message import Address, Message
from qmfagent.qmf.schema import Schema, load
from tests.qmf.conftest import NOW, SCHEMA_XML, Link, Objects

SECOND = 1_000_000_000
NAME = "clusterlabs.org:qmfagent:north"


def everybody(address: Address) -> bool:
    return True


def subscribers(address: Address) -> bool:
    """A bus where nobody receives what is told to everybody."""
    return not address.subject.startswith("agent.ind.")


def tell(link: Any, seconds: float, taken: Callable[[Address], bool] = subscribers) -> list[ConsoleEvent]:
    """What the console learns when the agent is called so many seconds after NOW."""
    now = NOW + round(seconds * SECOND)
    return [event for message in link.agent.due(now, taken) for event in link.tell(message)]


def names(events: list[ConsoleEvent]) -> list[str]:
    """The objects that subscriptions told of; those that are gone have a minus."""
    return [
        ("-" if item.delete_ts else "") + item.object_id.object_name.removeprefix("Node:")
        for event in events
        if isinstance(event, SubscriptionData)
        for item in event.objects
    ]


@pytest.fixture
def known(link: Any) -> str:
    """The console knows the agent."""
    link.tell(link.agent.heartbeat(NOW))
    return NAME


def subscribe(link: Any, *args: Any, **options: Any) -> Subscribed:
    cid, message = link.console.subscribe(NAME, *args, **{"interval": 5.0, "lifetime": 60, **options})
    (answer,) = link.ask(message)
    assert isinstance(answer, Subscribed)
    assert (answer.cid, answer.subscription) == (cid, cid)
    return answer


# -- what is told, and when


def test_first_everything_is_told_then_what_has_changed(link: Any, known: str, node: Callable[..., Data]) -> None:
    answer = subscribe(link, "Node")
    assert (answer.interval, answer.lifetime) == (5.0, 60)
    first = tell(link, 0)
    assert [len(event.objects) for event in first] == [2, 1]  # type: ignore[union-attr]
    assert {event.subscription for event in first} == {answer.cid}  # type: ignore[union-attr]
    assert names(first) == ["n1", "n2", "n10"]
    assert tell(link, 5) == []
    link.agent.changed([node("n2", online=True), node("n1").deleted(NOW), node("n3")])
    assert tell(link, 9.9) == []
    told = tell(link, 10)
    assert names(told) == ["n2", "-n1", "n3"]
    assert told[0].objects[0].values["online"] is True  # type: ignore[union-attr]
    assert tell(link, 15) == []


def test_of_several_changes_the_last_is_told(link: Any, known: str, node: Callable[..., Data]) -> None:
    subscribe(link, "Node")
    tell(link, 0)
    link.agent.changed([node("n1", online=False)])
    link.agent.changed([node("n1").deleted(NOW)])
    link.agent.changed([node("n1", online=True)])
    (event,) = tell(link, 5)
    assert [(item.values["online"], item.delete_ts) for item in event.objects] == [(True, 0)]  # type: ignore[union-attr]


def test_an_object_that_a_predicate_ceases_to_hold_for_is_told_of_once_more(
    link: Any, known: str, node: Callable[..., Data]
) -> None:
    subscribe(link, "Node", where=["eq", "online", True])
    assert names(tell(link, 0)) == ["n1", "n10"]
    link.agent.changed([node("n1", online=False), node("n2", online=False), node("n3")])
    told = tell(link, 5)
    assert [(i.values["name"], i.values["online"]) for e in told for i in e.objects] == [  # type: ignore[union-attr]
        ("n1", False),
        ("n3", True),
    ]
    link.agent.changed([node("n1").deleted(NOW), node("n2").deleted(NOW), node("n3").deleted(NOW)])
    assert names(tell(link, 10)) == ["-n3"]


def test_one_object_can_be_subscribed_to(link: Any, known: str, node: Callable[..., Data]) -> None:
    subscribe(link, object_name="Node:n2")
    assert names(tell(link, 0)) == ["n2"]
    link.agent.changed([node("n1"), node("n2")])
    assert names(tell(link, 5)) == ["n2"]


def test_what_is_not_there_is_told_nothing_of(link: Any, known: str, node: Callable[..., Data]) -> None:
    subscribe(link, "Disk")
    subscribe(link, "Ticket")
    assert tell(link, 0) == []
    link.agent.changed([node("n1")])
    assert tell(link, 5) == []


def test_what_everybody_is_told_at_once_subscriptions_have_in_their_time(
    link: Any, known: str, node: Callable[..., Data]
) -> None:
    subscribe(link, "Node")
    tell(link, 0)
    (message,) = link.agent.data_indication([node("n1")])
    assert message.correlation_id is None
    assert isinstance(link.tell(message)[0], DataReceived)
    assert names(tell(link, 5)) == ["n1"]


def test_the_request_says_what_java_consoles_say(link: Any, known: str) -> None:
    cid, message = link.console.subscribe(known, "Node", where=["exists", "id"], package="p", interval=2.5, lifetime=30)
    assert (message.opcode, message.method, message.correlation_id) == ("_subscribe_request", "request", cid)
    node = {"_class_name": "Node", "_type": "_data", "_package_name": "p"}
    assert message.body == {
        "_query": {"_what": "OBJECT", "_schema_id": node, "_where": ["exists", "id"]},
        "_interval": 2500,
        "_duration": 30,
    }
    with pytest.raises(ProtocolError, match="neither a class nor an object"):
        link.console.subscribe(known)


# -- how one ends


def test_refreshing_lets_it_live(link: Any, known: str) -> None:
    answer = subscribe(link, "Node", lifetime=10)
    cid, message = link.console.refresh(answer.cid, 30)
    assert link.ask(message) == [Subscribed(cid, answer.cid, answer.identifier, 5.0, 30)]
    assert names(tell(link, 29)) == ["n1", "n2", "n10"]
    assert link.console.age(29.0) == []
    assert link.console.age(30.0) == [SubscriptionEnded(answer.cid, NAME, "it was not refreshed in time")]


def test_without_refresh_it_ends_at_both_sides(link: Any, known: str) -> None:
    answer = subscribe(link, "Node", lifetime=10)
    assert tell(link, 10) == []
    assert not link.agent.listened_to((), subscribers)
    assert link.console.age(10.0) == [SubscriptionEnded(answer.cid, NAME, "it was not refreshed in time")]
    assert link.console.age(11.0) == []
    with pytest.raises(UnknownObject, match="subscribe again"):
        link.console.refresh(answer.cid)


def test_a_refresh_that_comes_too_late_ends_it(link: Any, known: str) -> None:
    answer = subscribe(link, "Node", lifetime=60)
    tell(link, 60)
    cid, message = link.console.refresh(answer.cid)
    failed, ended = link.ask(message)
    assert isinstance(failed, RequestFailed)
    assert (failed.cid, failed.code) == (cid, 1)
    assert ended == SubscriptionEnded(answer.cid, NAME, failed.text)


def test_cancelled_it_tells_nothing_any_more(link: Any, known: str, node: Callable[..., Data]) -> None:
    answer = subscribe(link, "Node")
    late = [*link.agent.due(NOW, subscribers)]
    _, refresh = link.console.refresh(answer.cid)
    message = link.console.cancel(answer.cid)
    assert (message.reply_to, message.body) == (None, {"_subscription_id": answer.identifier})
    assert link.tell(late[0]) == []
    assert isinstance(link.ask(refresh)[0], Subscribed)
    assert link.ask(message) == []
    assert tell(link, 5) == []
    assert not any(isinstance(event, SubscriptionEnded) for event in link.console.age(1000.0))
    with pytest.raises(UnknownObject):
        link.console.cancel(answer.cid)


def test_cancelled_in_the_middle_the_rest_is_not_told(link: Any, known: str) -> None:
    answer = subscribe(link, "Node")
    messages = link.agent.due(NOW, subscribers)
    next(messages)
    link.ask(link.console.cancel(answer.cid))
    assert list(messages) == []


def test_nobody_there_ends_it(link: Any, known: str) -> None:
    subscribe(link, "Node")
    assert tell(link, 0, lambda address: False) == []
    assert not link.agent.listened_to((), subscribers)


def test_its_agent_gone_it_ends(link: Any, known: str) -> None:
    answer = subscribe(link, "Node")
    restarted = link.agent.heartbeat(NOW)
    values = {**restarted.body["_values"], "_epoch": 2}
    ended, event = link.tell(replace(restarted, body={"_values": values}))
    assert ended == SubscriptionEnded(answer.cid, NAME, "its agent has restarted")
    assert isinstance(event, AgentRestarted)
    answer = subscribe(link, "Node", lifetime=300)
    ended, event = link.console.age(100.0)
    assert ended == SubscriptionEnded(answer.cid, NAME, "its agent is silent")
    assert isinstance(event, AgentLost)


def test_what_its_objects_can_not_be_had_for_ends_it_with_an_exception(schema: Schema, console: Console) -> None:
    class Broken(Objects):
        def objects(self, class_name: str) -> list[Data]:
            raise Disconnected("the CIB daemon is gone")

    link = Link(Agent("clusterlabs.org", "qmfagent", "north", schema=schema, source=Broken()), console)
    answer = subscribe(link, "Node")
    assert tell(link, 0) == [SubscriptionEnded(answer.cid, NAME, "the CIB daemon is gone")]
    assert not link.agent.listened_to((), subscribers)


def test_a_pattern_has_its_budget_afresh_each_time(link: Any, known: str, node: Callable[..., Data]) -> None:
    subscribe(link, "Node", where=["re_match", "name", ["quote", "^n.*.*1"]], lifetime=3600, interval=1.0)
    long = node("n" * 200 + "1")
    for second in range(60):
        assert [type(event) for event in tell(link, second)] == [SubscriptionData]
        link.agent.changed([long] * 2)


def test_an_exception_of_no_subscription_is_ignored(link: Any, known: str) -> None:
    answer = subscribe(link, "Node")
    exception = Message(link.console.reply_to, "_exception", "response", {}, "_data", NAME, correlation_id=answer.cid)
    assert link.console.receive(replace(exception, correlation_id="99"), 0.0) == []
    assert link.console.receive(replace(exception, agent="v:p:other"), 0.0) == []
    (ended,) = link.console.receive(exception, 0.0)
    assert ended == SubscriptionEnded(answer.cid, NAME, "exception: _values is missing")


# -- the clock


def test_a_clock_that_is_set_back_delays_nothing(link: Any, known: str, node: Callable[..., Data]) -> None:
    subscribe(link, "Node", interval=5.0, lifetime=60)
    tell(link, 0)
    link.agent.changed([node("n1")])
    assert link.agent.next_due(NOW - 3600 * SECOND) == NOW - 3595 * SECOND
    assert names(tell(link, -3595)) == ["n1"]
    assert tell(link, -3540) == []
    assert not link.agent.listened_to((), subscribers)


# -- the law: a console that follows a subscription has what the agent has


class Following(RuleBasedStateMachine):
    """Objects change in any order; after every publication the console has exactly what the query selects."""

    schema = load(SCHEMA_XML.read_bytes())

    @initialize(conditional=st.booleans())
    def begin(self, conditional: bool) -> None:
        self.objects = Objects()
        agent = Agent("clusterlabs.org", "qmfagent", "north", schema=self.schema, source=self.objects, chunk=2)
        self.link = Link(agent, Console())
        self.link.tell(agent.heartbeat(NOW))
        self.conditional = conditional
        self.second = 0
        self.mirror: dict[str, bool] = {}
        where = ["eq", "online", True] if conditional else None
        subscribe(self.link, "Node", where=where, interval=1.0, lifetime=3600)

    def _node(self, number: int, online: bool) -> Data:
        values = {"name": str(number), "site": "north", "id": "1", "online": online, "standby": False}
        return Data.of(self.schema.object_class("Node"), f"Node:{number}", values)

    @rule(number=st.integers(0, 4), online=st.booleans())
    def change(self, number: int, online: bool) -> None:
        node = self._node(number, online)
        kept = [item for item in self.objects.items if item.object_id != node.object_id]
        self.objects.items = [*kept, node]
        self.link.agent.changed([node])

    @rule(number=st.integers(0, 4))
    def delete(self, number: int) -> None:
        gone = [item for item in self.objects.items if item.object_id.object_name == f"Node:{number}"]
        self.objects.items = [item for item in self.objects.items if item not in gone]
        self.link.agent.changed([item.deleted(NOW) for item in gone])

    @rule()
    def publish(self) -> None:
        self.second += 1
        for event in tell(self.link, self.second):
            assert isinstance(event, SubscriptionData)
            for item in event.objects:
                self.mirror.pop(item.object_id.object_name, None)
                if not item.delete_ts and (item.values["online"] or not self.conditional):
                    self.mirror[item.object_id.object_name] = item.values["online"]
        there = {i.object_id.object_name: i.values["online"] for i in self.objects.items}
        assert self.mirror == {name: online for name, online in there.items() if online or not self.conditional}

    @invariant()
    def it_lives(self) -> None:
        if hasattr(self, "link"):
            assert self.link.agent.listened_to((), subscribers)


TestFollowing = Following.TestCase
TestFollowing.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
