"""Recordings, and sites of this version beside a recorded one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path

import pytest

from qmfagent.config import Config, Listen, Peer, Replication
from qmfagent.pacemaker.file import FileCib
from qmfagent.policy.access import Access, Rule
from qmfagent.policy.modes import TicketPolicy
from qmfagent.policy.roles import Role
from tests.certificates import write_signing_keys
from tests.interop.life import TARGET
from tests.interop.recorded import Recording, recordings, write_verify_key
from tests.interop.recorded_agent import RecordedAgent
from tests.sites.buses import Embedded
from tests.sites.pair import ANY_AGENT, Site

Follow = Callable[..., Awaitable[Site]]

_read = cache(Recording)


@pytest.fixture(params=recordings())
def recording(request: pytest.FixtureRequest) -> Recording:
    """The life of a pair of an earlier version, each in turn."""
    return _read(request.param)


@pytest.fixture
async def follow(tmp_path: Path) -> AsyncIterator[Follow]:
    """Starts siteb, of this version, whose peer is a recorded sitea."""
    async with AsyncExitStack() as stack:

        async def start(holder: RecordedAgent, mode: str = "manual") -> Site:
            path, bus = tmp_path / "siteb.xml", Embedded()
            path.write_bytes(TARGET)
            verify_key = write_verify_key(holder.recording, holder.site, tmp_path)
            config = Config(
                site="siteb",
                cib_file=path,
                listen=Listen(bus.url("siteb")),
                peers=(Peer(holder.site, holder.url, verify_key=verify_key),),
                replication=Replication(
                    TicketPolicy(mode), agents=ANY_AGENT, signing_key=write_signing_keys(tmp_path, "siteb")[0]
                ),
                access=Access((Rule(bus.callers, Role.ADMINISTRATOR),)),
            )
            site = Site("siteb", config, FileCib(path), bus)
            stack.push_async_callback(site.stop)
            await site.start()
            await site.sees_peers()
            return site

        yield start
