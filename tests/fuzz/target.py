"""What the fuzz tests attack: a whole agent on a CIB file, with a healthy console, and a watch on everything it logs.

Rules of this file: the agent is reached through its socket alone. Its loop runs while a test runs something on it.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from qmfagent.bus.console.session import ConsoleSession
from qmfagent.bus.listener.listener import Listener
from qmfagent.config import Listen
from qmfagent.config.limits import USUAL
from qmfagent.peers.link import agent_name
from tests.sites.buses import Embedded
from tests.sites.pair import SiteGroup, until

SITE = "sitea"
NAME = agent_name(SITE)

CIB = b"""
<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="5" num_updates="0"><configuration>
<crm_config/><nodes><node id="1" uname="n1"/></nodes>
<resources>
  <primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2">
    <instance_attributes id="vip-ia"><nvpair id="vip-ip" name="ip" value="10.1.0.10"/></instance_attributes></primitive>
  <primitive id="local" class="ocf" provider="pacemaker" type="Dummy"/>
</resources>
<constraints><rsc_ticket id="ticket-vip" rsc="vip" ticket="T" loss-policy="stop"/></constraints>
</configuration><status><tickets>
  <ticket_state id="T" granted="true" last-granted="1700000000"/></tickets></status></cib>
"""

T = TypeVar("T")

HOUR = 3600
PATIENT = replace(USUAL, open_timeout=60.0, idle_timeout=float(HOUR))


class Patient(Embedded):
    """Neither end takes the other for dead: their loop stands still between the runs, and what attacks sends no heartbeats."""

    def config(self, site: str) -> dict[str, Any]:
        """It listens there."""
        return {"listen": Listen(self.url(site), heartbeat=HOUR), "limits": PATIENT}

    def console(self, site: str, **options: Any) -> ConsoleSession:
        """A session at the site's port."""
        return super().console(site, limits=PATIENT, **options)


class LogWatch(logging.Handler):
    """Collects what has no place in the log, whatever a peer does: errors, tracebacks, and lines without measure."""

    LONGEST = 4096

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._faults: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one record."""
        text = record.getMessage()
        if record.levelno >= logging.ERROR or record.exc_info or len(text) > self.LONGEST:
            self._faults.append(f"{record.levelname} {len(text)} {text[:500]} {record.exc_info}")

    def check(self) -> None:
        """Fail where there was any, and forget it."""
        faults, self._faults = self._faults, []
        assert not faults, "\n".join(faults)


@dataclass(frozen=True)
class Tables:
    """How much a listener keeps for its peers."""

    peers: int
    nodes: int
    subscribers: int

    @classmethod
    def of(cls, listener: Listener) -> Tables:
        """As it is now."""
        return cls(len(listener._peers), len(listener.router._nodes), len(listener.router._subscriptions))


class Target:
    """The agent of site `sitea`, which holds ticket T and lets everybody write."""

    def __init__(self, folder: Path) -> None:
        self._runner = asyncio.Runner()
        self._group = SiteGroup(folder, {SITE: CIB}, bus=Patient())
        self.site = self._group[SITE]
        self.log = LogWatch()

    def __enter__(self) -> Target:
        logger = logging.getLogger("qmfagent")
        logger.addHandler(self.log)
        logging.getLogger("asyncio").addHandler(self.log)
        self._level = logger.level
        logger.setLevel(logging.INFO)
        self.run(self.site.start())
        self.run(self.healthy())
        self.quiet = Tables.of(self.listener)
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self.site.stop())
        self._runner.close()
        gc.collect()  # what was lost without being awaited is told now
        logging.getLogger("asyncio").removeHandler(self.log)
        logging.getLogger("qmfagent").removeHandler(self.log)
        logging.getLogger("qmfagent").setLevel(self._level)
        self.log.check()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the agent's loop."""
        return self._runner.run(work)

    @property
    def listener(self) -> Listener:
        """The agent's listener."""
        assert self.site.agent is not None
        bus = self.site.agent._bus
        assert isinstance(bus, Listener)
        return bus

    @property
    def port(self) -> int:
        """Where the agent listens."""
        assert self.site.agent is not None
        return self.site.agent.port

    async def healthy(self) -> None:
        """Ask as a console does that has been connected all the time; nothing may be amiss in the log either."""
        assert (await self.site.object(f"Site:{SITE}"))["name"] == SITE
        self.log.check()

    async def at_rest(self) -> None:
        """Wait until the agent keeps nothing but what it keeps for its console."""
        await until(
            lambda: Tables.of(self.listener) == self.quiet, f"{self.quiet}, but {Tables.of(self.listener)}", 30.0
        )
        await self.healthy()
