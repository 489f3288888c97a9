"""Pushes of changed objects to everybody: on the publish interval, each once, and everything after a locate."""

from __future__ import annotations

from collections.abc import Callable

from qmfagent.qmf.agent import Agent
from qmfagent.qmf.data import Data
from qmfagent.qmf.message import Address, Message
from tests.qmf.conftest import NOW

SECOND = 1_000_000_000
PREFIX = "agent.ind.data.org_clusterlabs_qmfagent"
NODE = Address("qmf.default.topic", f"{PREFIX}.Node.clusterlabs_org.qmfagent.north")
SITE = Address("qmf.default.topic", f"{PREFIX}.Site.clusterlabs_org.qmfagent.north")


def everybody(address: Address) -> bool:
    return True


def told(agent: Agent, seconds: float, taken: Callable[[Address], bool] = everybody) -> list[list[str]]:
    """The names that are told so many seconds after NOW, by message; those that are gone have a minus."""
    messages = list(agent.due(NOW + round(seconds * SECOND), taken))
    for message in messages:
        assert (message.opcode, message.method, message.content) == ("_data_indication", "indication", "_data")
        assert (message.correlation_id, message.reply_to) == (None, None)
    return [
        [("-" if "_delete_ts" in item else "") + item["_object_id"]["_object_name"] for item in message.body or ()]
        for message in messages
    ]


def locate(agent: Agent, body: list[object] | None = None) -> None:
    to = Address("qmf.default.topic", "console.request.agent_locate")
    reply_to = Address("qmf.default.direct", "c")
    agent.receive(Message(to, "_agent_locate_request", "request", body or [], reply_to=reply_to), "", NOW)


def test_changes_are_told_once_an_interval(agent: Agent, node: Callable[..., Data]) -> None:
    assert told(agent, 0) == []
    agent.changed([node("n1"), node("n2")])
    agent.changed([node("n1").deleted(NOW), node("n3")])
    assert told(agent, 9.9) == []
    assert told(agent, 10) == [["-Node:n1", "Node:n2"], ["Node:n3"]]
    assert told(agent, 20) == []


def test_after_a_locate_everything_is_told_once(agent: Agent, node: Callable[..., Data]) -> None:
    assert told(agent, 0) == []
    locate(agent)
    locate(agent)
    agent.changed([node("n9").deleted(NOW), node("n1")])
    assert told(agent, 10) == [["Site:north"], ["-Node:n9", "Node:n1"], ["Node:n2", "Node:n10"]]
    assert told(agent, 20) == []


def test_a_locate_of_others_is_none(agent: Agent) -> None:
    locate(agent, ["eq", "site", ["quote", "south"]])
    assert told(agent, 0) == []


def test_what_nobody_receives_is_not_told_nor_looked_for(agent: Agent, node: Callable[..., Data]) -> None:
    locate(agent)
    assert told(agent, 0, lambda address: address == SITE) == [["Site:north"]]
    assert agent.listened_to(("Site", "Node"), lambda address: address == SITE)
    assert not agent.listened_to(("Node",), lambda address: address == SITE)
    agent.changed([node("n1")])
    assert told(agent, 10, lambda address: False) == []
    assert told(agent, 20) == []


def test_each_class_has_its_own_subject(agent: Agent, node: Callable[..., Data], objects: object) -> None:
    locate(agent)
    addresses = {message.to for message in agent.due(NOW, everybody)}
    assert addresses == {NODE, SITE}


def test_a_clock_that_is_set_back_delays_nothing(agent: Agent, node: Callable[..., Data]) -> None:
    told(agent, 0)
    agent.changed([node("n1")])
    assert agent.next_due(NOW - 3600 * SECOND) == NOW - 3590 * SECOND
    assert told(agent, -3590) == [["Node:n1"]]
