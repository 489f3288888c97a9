"""What replication costs from site to site: bytes, catching up, and how far the last of many sites is behind the first.

Rules of this file: agents on CIB files, joined by AMQP on loopback, in automatic mode; times are those of the agents' own
events."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from qmfagent.bus.url import BusUrl
from qmfagent.cib import document
from qmfagent.cib.snapshot import Snapshot
from tests.bench.cibs import cib, empty_cib
from tests.bench.result import Result
from tests.sites.pair import Site, SiteGroup, SitePair, until
from tests.sites.tap import Tap

WAIT = 120.0
MISSED = 1_000
RECEIVERS = 10
ROUNDS = 5
_STATUS = '<status><tickets><ticket_state id="T" granted="true" last-granted="1700000000"/></tickets></status>'


def run() -> list[Result]:
    """All of it."""
    return [asyncio.run(_in_folder(measure)) for measure in (_wire, _catch_up, _last_site)]


async def _in_folder(measure: Callable[[Path], Awaitable[Result]]) -> Result:
    with TemporaryDirectory(prefix="qmfagent-bench-") as folder:
        return await measure(Path(folder))


async def _wire(folder: Path) -> Result:
    """Everything that two sites say to each other for one change of a value, against the whole configuration."""
    pair = SitePair(folder, cib(10_000, status=_STATUS), empty_cib())
    async with AsyncExitStack() as stack:
        taps = [await stack.enter_async_context(Tap(_port(site))) for site in (pair.a, pair.b)]
        for site, tap in zip((pair.b, pair.a), taps, strict=True):
            site.config = replace(site.config, peers=(replace(site.config.peers[0], url=tap.url),))
        await stack.enter_async_context(pair)
        await _in_sync(pair, pair.b)
        costs = []
        for number in range(ROUNDS):
            for tap in taps:
                tap.sent.clear()
                tap.received.clear()
            await _edit(pair, number)
            await _in_sync(pair, pair.b)
            costs.append(sum(len(zlib.compress(bytes(way))) for tap in taps for way in (tap.sent, tap.received)))
    whole = len(zlib.compress(document.canonical(Snapshot.parse(cib(10_000)).configuration)))
    name = "bytes on the wire for a one-value change at 10,000 resources / the configuration, both compressed"
    return Result(name, min(costs) / 1000, whole / 1000, "kB", 0.02)


async def _catch_up(folder: Path) -> Result:
    """From the start of an agent until its site has all that it missed, against a site that has nothing."""
    pair = SitePair(folder, cib(100, status=_STATUS), empty_cib())
    missed, whole = [], []
    async with pair:
        await _in_sync(pair, pair.b)
        for turn in range(3):
            await pair.b.stop()
            for number in range(MISSED):
                await _edit(pair, turn * MISSED + number)
            missed.append(await _time_of_start(pair))
            await pair.b.stop()
            assert pair.b.config.cib_file is not None
            pair.b.config.cib_file.write_bytes(empty_cib())
            whole.append(await _time_of_start(pair))
    name = f"catching up with {MISSED:,} changes that were missed / one full resync, 100 resources"
    return Result(name, min(missed), min(whole), "ms", 1)


async def _last_site(folder: Path) -> Result:
    """From an edit to the apply at the last of ten sites, against that at the first."""
    names = ["sitea", *(f"site{number:02}" for number in range(RECEIVERS))]
    cibs = {name: empty_cib() for name in names} | {"sitea": cib(100, status=_STATUS)}
    group = SiteGroup(folder, cibs)
    firsts, lasts = [], []
    async with group:
        receivers = [group[name] for name in names[1:]]
        await _in_sync(group, *receivers)
        for number in range(ROUNDS):
            began = time.time_ns()
            await _edit(group, number)
            await until(lambda told=number + 2: all(len(s.seen("applied")) == told for s in receivers), "events", WAIT)
            times = [site.seen("applied")[-1].timestamp - began for site in receivers]
            firsts.append(min(times) / 1e6)
            lasts.append(max(times) / 1e6)
    best = min(range(ROUNDS), key=lasts.__getitem__)
    return Result(
        f"edit to applied at the last of {RECEIVERS} sites / at the first", lasts[best], firsts[best], "ms", 2
    )


async def _edit(group: SiteGroup, number: int) -> None:
    """Give a resource another value, through the holder's agent's own store."""
    holder = group["sitea"]
    here = await holder.store.snapshot()
    path = "/cib/configuration/resources/primitive[@id='r7']/instance_attributes[@id='r7-ia']/nvpair[@id='r7-state']"
    value = f"/run/changed-{number}"
    patchset = (
        f'<diff format="2"><change operation="modify" path="{path}"><change-list>'
        f'<change-attr name="value" operation="set" value="{value}"/></change-list>'
        f'<change-result><nvpair id="r7-state" name="state" value="{value}"/></change-result></change></diff>'
    )
    await holder.store.apply(patchset.encode(), here.config_digest)


async def _in_sync(group: SiteGroup, *sites: Site) -> None:
    """Wait until the sites have what the holder publishes now."""
    holder = group["sitea"]
    published = (await holder.call("Site:sitea", "publication", ticket="T"))["digest"]

    def has_it(site: Site) -> bool:
        assert site.agent is not None
        found = site.agent.replicas.get("T", "sitea")
        return (found.state, found.applied) == ("in-sync", published)

    await until(lambda: all(map(has_it, sites)), "everything at every site", WAIT)


async def _time_of_start(pair: SitePair) -> float:
    """Milliseconds from the start of the receiving agent until its site has everything."""
    began = time.time_ns()
    await pair.b.start()
    await _in_sync(pair, pair.b)
    return float(time.time_ns() - began) / 1e6


def _port(site: Site) -> int:
    port = BusUrl.parse(site.config.listen.url).port
    assert port
    return port
