"""Agents that a console hears nothing of: those that are silent are lost, and none is where the console itself stood still."""

from __future__ import annotations

import time
from typing import Any

from qmfagent.bus.console.session import AGE_INTERVAL, ConsoleSession
from qmfagent.qmf import opcodes
from qmfagent.qmf.console_agents import MISSED_HEARTBEATS
from qmfagent.qmf.message import INDICATION, TOPIC, Address, Message
from tests.bus.test_session import NAME, ToyAgent, start

INTERVAL = 1
PATIENCE = MISSED_HEARTBEATS * INTERVAL


class BusyAgent(ToyAgent):
    """An agent that promises a heartbeat every second."""

    def announce(self, request: Message | None = None) -> None:
        to = request.reply_to if request else Address(TOPIC, "agent.ind.heartbeat.clusterlabs_org.qmfagent.a")
        assert to is not None
        values = {"_name": NAME, "_epoch": self.epoch, "_heartbeat_interval": INTERVAL}
        opcode = opcodes.AGENT_HEARTBEAT_INDICATION
        self.listener.send(Message(to, opcode, INDICATION, {"_values": values}, agent=NAME))


async def test_a_silent_agent_is_lost(bus: Any, inbox: Any) -> None:
    agent, lost = BusyAgent(), inbox()
    await start(bus, agent, "amqp://127.0.0.1:0")
    async with ConsoleSession(bus.url, on_lost=lost) as session:
        heard = (await session.wait_agent()).last_seen
        assert (await lost.get()).name == NAME
        assert session._console.agents == {}
        assert heard + PATIENCE < time.monotonic()


async def test_who_stood_still_himself_hears_first_what_was_said_meanwhile(bus: Any, inbox: Any) -> None:
    """As on a machine that was paused, or has more to do than it can."""
    agent, lost = BusyAgent(), inbox()
    await start(bus, agent, "amqp://127.0.0.1:0")
    async with ConsoleSession(bus.url, on_lost=lost) as session:
        await session.wait_agent()
        waiting = session.call(NAME, "a", "echo", {"n": 1})
        time.sleep(PATIENCE + AGE_INTERVAL + 0.1)
        agent.announce()
        assert await waiting == {"n": 1}
        assert lost.empty
