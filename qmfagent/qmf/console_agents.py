"""The agents that a console knows: who was heard of, and who has been silent for too long.

Rules of this file: an agent speaks for itself alone. Any message of an agent is a sign of life. The number of agents that are
remembered is bounded. Times are seconds of the console's own clock.
Source: qpid-cpp src/qmf/ConsoleSession.cpp (handleAgentUpdate, periodicProcessing).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from qmfagent.errors import ProtocolError
from qmfagent.qmf.console_events import AgentAdded, AgentInfo, AgentRestarted, AgentUpdated
from qmfagent.qmf.fields import expect, shown
from qmfagent.qmf.message import DIRECT, Address, Message

MAX_AGENTS = 1000
MISSED_HEARTBEATS = 3
MAX_AGENT_AGE = 300.0
"""Seconds of silence after which an agent is lost, whatever its heartbeat interval; as long as libqmf2 waits."""


class ConsoleAgents:
    """The agents known now."""

    def __init__(self) -> None:
        self.by_name: dict[str, AgentInfo] = {}

    def address(self, name: str) -> Address:
        """Where an agent takes requests: as it has announced, else its name on the direct exchange."""
        known = self.by_name.get(name)
        return known.address if known else Address(DIRECT, name)

    def heard(self, name: str, now: float) -> None:
        """A message of an agent has come; nothing happens where it is not known."""
        known = self.by_name.get(name)
        if known:
            self.by_name[name] = replace(known, last_seen=now)

    def announced(self, message: Message, now: float) -> AgentAdded | AgentUpdated | AgentRestarted | None:
        """Take a heartbeat or the answer to a locate; None where it tells nothing new. Raises ProtocolError."""
        agent = AgentInfo.from_body(expect(message.body, dict, "agent announcement"), message.agent, now)
        before = self.by_name.get(agent.name)
        if before is None and len(self.by_name) >= MAX_AGENTS:
            raise ProtocolError(f"agent {shown(agent.name)} is one more than the {MAX_AGENTS} that are remembered")
        self.by_name[agent.name] = agent
        if before is None:
            return AgentAdded(agent)
        if before.epoch != agent.epoch:
            return AgentRestarted(agent)
        return None if _lasting(before.attributes) == _lasting(agent.attributes) else AgentUpdated(agent)

    def take_silent(self, now: float) -> list[AgentInfo]:
        """Forget the agents that have been silent for too long: three of their heartbeats, at most MAX_AGENT_AGE."""
        lost = [agent for agent in self.by_name.values() if now - agent.last_seen > _patience(agent)]
        for agent in lost:
            del self.by_name[agent.name]
        return lost


def _lasting(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if key not in ("_timestamp", "timestamp")}


def _patience(agent: AgentInfo) -> float:
    if agent.heartbeat_interval <= 0:
        return MAX_AGENT_AGE
    return min(MISSED_HEARTBEATS * agent.heartbeat_interval, MAX_AGENT_AGE)
