"""Which agents there are, with which parameters: asked once, for plain names alone, not known until there is an answer."""

from __future__ import annotations

import asyncio

import pytest

from qmfagent.errors import ClusterError, UnknownObject
from qmfagent.pacemaker import metadata
from qmfagent.pacemaker.metadata import AgentMetadata, NoMetadata

ANSWER = b"""<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="db"><parameters>
<parameter name="pin" private="1"><content type="string"/></parameter>
<parameter name="salt" private="true"/><parameter name="port" private="0"/><parameter name="host" required="1"/>
<parameter name="mode" required="1"><content type="string" default="fast"/></parameter>
</parameters></resource-agent>
"""


class Agents:
    """Agents whose metadata are as they are told."""

    def __init__(self, answer: bytes = ANSWER) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, agent: str) -> bytes:
        self.asked.append(agent)
        await self.gate.wait()
        if not self.answer:
            raise ClusterError(f"{agent} is not installed")
        return self.answer


async def test_what_is_marked_private_is() -> None:
    agents = Agents()
    known = AgentMetadata(agents)
    assert known.private_parameters("ocf:x:db") is None
    await known.learn({"ocf:x:db"})
    assert known.private_parameters("ocf:x:db") == {"pin", "salt"}
    await known.learn({"ocf:x:db"})
    assert agents.asked == ["ocf:x:db"]


@pytest.mark.parametrize(
    "name",
    [
        "ocf:../../tmp:evil",
        "ocf:x:../../../tmp/evil",
        "ocf:x:-h",
        "ocf:x:a b",
        "ocf:x",
        "ocf:x:y\n",
        "stonith:../evil",
        "-h",
        "",
        "nagios:check_x",
    ],
)
async def test_an_odd_name_is_never_asked_about_and_never_known(name: str) -> None:
    agents = Agents()
    known = AgentMetadata(agents)
    await known.learn({name})
    assert agents.asked == []
    assert known.private_parameters(name) is None


async def test_classes_without_parameters_have_no_private_ones() -> None:
    agents = Agents()
    known = AgentMetadata(agents)
    await known.learn({"systemd:nginx", "lsb:x"})
    assert agents.asked == []
    assert known.private_parameters("systemd:nginx") == known.private_parameters("lsb:x") == frozenset()


@pytest.mark.parametrize("answer", [b"", b"no XML", b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'])
async def test_without_an_answer_nothing_is_known_until_it_is_asked_again_much_later(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents = Agents(answer)
    known = AgentMetadata(agents)
    for _ in range(2):
        await known.learn({"ocf:x:db"})
    assert agents.asked == ["ocf:x:db"]
    assert known.private_parameters("ocf:x:db") is None
    monkeypatch.setattr(metadata, "AGAIN", 0.0)
    agents.answer = ANSWER
    await known.learn({"ocf:x:db"})
    assert known.private_parameters("ocf:x:db") == {"pin", "salt"}


async def test_nobody_waits_for_long_and_nobody_asks_twice() -> None:
    agents = Agents()
    agents.gate.clear()
    known = AgentMetadata(agents, wait=0.01)
    await known.learn({"ocf:x:db"})
    assert known.private_parameters("ocf:x:db") is None
    await known.learn({"ocf:x:db"})
    agents.gate.set()
    (task,) = known.want({"ocf:x:db"})
    await task
    assert agents.asked == ["ocf:x:db"]
    assert known.private_parameters("ocf:x:db") == {"pin", "salt"}


async def test_it_can_be_stopped_while_an_agent_does_not_answer() -> None:
    agents = Agents()
    agents.gate.clear()
    known = AgentMetadata(agents)
    known.want({"ocf:x:db"})
    await asyncio.sleep(0)
    await known.stop()
    assert known.private_parameters("ocf:x:db") is None


async def test_the_parameters_of_an_agent() -> None:
    known = AgentMetadata(Agents())
    assert known.parameters("ocf:x:db") is None
    assert not await known.missing({"ocf:x:db", "systemd:nginx"})
    found = known.parameters("ocf:x:db")
    assert found is not None
    assert (found.names, found.required) == ({"pin", "salt", "port", "host", "mode"}, {"host"})
    assert known.parameters("systemd:nginx") is None


async def test_what_is_missing_is_asked_about_each_time_and_what_is_silent_is_not() -> None:
    asked: list[str] = []

    async def ask(agent: str) -> bytes:
        asked.append(agent)
        if agent == "ocf:x:gone":
            raise UnknownObject("there is no such agent")
        raise ClusterError("it fails")

    known, agents = AgentMetadata(ask), {"ocf:x:gone", "ocf:x:mute"}
    for _ in range(2):
        assert await known.missing(agents) == {"ocf:x:gone"}
        assert known.silent(agents) == {"ocf:x:mute"}
    await known.learn(agents)
    assert sorted(asked) == ["ocf:x:gone", "ocf:x:gone", "ocf:x:mute"]


async def test_without_agents_no_parameter_is_private_and_none_is_missing() -> None:
    known = NoMetadata()
    await known.learn({"ocf:x:db"})
    assert known.private_parameters("ocf:x:db") == frozenset()
    assert not await known.missing({"ocf:x:db"})
    assert not known.silent({"ocf:x:db"})


@pytest.mark.pacemaker
async def test_real_agents_are_asked_by_crm_resource() -> None:
    known = AgentMetadata(wait=60.0)
    await known.learn({"ocf:pacemaker:Dummy", "ocf:pacemaker:NoSuchAgent"})
    assert known.private_parameters("ocf:pacemaker:Dummy") is not None
    assert known.private_parameters("ocf:pacemaker:NoSuchAgent") is None
    names = {"ocf:pacemaker:Dummy", "ocf:pacemaker:NoSuchAgent", "ocf:nosuch:Dummy", "stonith:nosuch"}
    assert await known.missing(names) == names - {"ocf:pacemaker:Dummy"}
