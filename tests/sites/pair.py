"""Real agents on CIB files, joined by real AMQP on loopback: what replication is tested on without a cluster.

Rules of this file: nothing is faked; FileCib passes the same contract suite as the live CIB. Waiting is for events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from lxml import etree
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt

from qmfagent.agent import QmfAgent
from qmfagent.bus.console.event_stream import EventStream
from qmfagent.bus.console.session import ConsoleSession
from qmfagent.cib import document
from qmfagent.cib.plans.difference import member_changes, to_patchset
from qmfagent.cib.snapshot import Snapshot
from qmfagent.config import Config, Peer, Replication
from qmfagent.errors import ConfigurationChanged
from qmfagent.pacemaker.file import FileCib
from qmfagent.peers.link import agent_name
from qmfagent.policy.access import Access, Rule
from qmfagent.policy.agents import AllowList
from qmfagent.policy.modes import TicketPolicy
from qmfagent.policy.roles import Role
from qmfagent.qmf.agent import Agent, MethodCall
from qmfagent.qmf.console_events import EventReceived
from qmfagent.qmf.message import Message
from qmfagent.qmf.opcodes import QUERY_REQUEST
from tests.certificates import write_signing_keys
from tests.sites.buses import Embedded, SiteBus

WAIT = 60.0
"""Seconds to wait for what has to come. It mostly comes at once; where many processes share few cores, it takes its time."""
ANY_AGENT = AllowList.of("ocf:*:*", "systemd:*", "stonith:*", "bundle:*:*")


def deaf_to_queries(
    agent: Agent, heard: Callable[[Message], object] = lambda message: None
) -> Callable[[Message, str, int], list[Message | MethodCall]]:
    """What takes the place of an agent's `receive` to leave without an answer who asks what there is, and what it claims;
    `heard` is told each."""
    receive = agent.receive

    def deaf(message: Message, identity: str, now_ns: int) -> list[Message | MethodCall]:
        outcomes = receive(message, identity, now_ns)
        asks = any(isinstance(each, MethodCall) and each.method == "claim" for each in outcomes)
        if message.opcode != QUERY_REQUEST and not asks:
            return outcomes
        heard(message)
        return []

    return deaf


@dataclass
class Site:
    """One site of the pair: its agent, its CIB file, and a console connected to it."""

    name: str
    config: Config
    store: FileCib
    bus: SiteBus
    agent: QmfAgent | None = None
    session: ConsoleSession | None = None
    events: list[EventReceived] | None = None
    _task: asyncio.Task[None] | None = None
    _listening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Run the agent and connect a console to it, until the agent has worked through its CIB as it is then.

        It begins with that, and with its peers, when the console listens: `events` are all that it raises from then on.
        """
        await self.store.start()
        agent = self.agent = QmfAgent(self.config, self.store, self.name, await self.store.snapshot())
        ready, listening = asyncio.Event(), asyncio.Event()
        agent._watch.run = _after(listening, agent._watch.run)  # type: ignore[method-assign]
        agent.peers.run = _after(listening, agent.peers.run)  # type: ignore[method-assign]
        task = self._task = asyncio.create_task(agent.run(ready))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({task, waiting}, timeout=WAIT, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            waiting.cancel()
            await task
        self.session = self.bus.console(self.name, connect_timeout=WAIT)
        await self.session.__aenter__()
        await self.session.wait_agent(lambda agent: agent.name == agent_name(self.name), WAIT)
        events = self.events = []
        self._listening = asyncio.create_task(self._listen(self.session.events(), events))
        before = agent._events.last
        listening.set()
        await until(
            lambda: task.done() or not agent.inventory.connected or not agent._watch._unpublished,
            f"the first look of {self.name} at its CIB",
        )
        last = agent._events.last
        await until(
            lambda: task.done() or last == before or bool(events and events[-1].values["seq"] >= last),
            f"the first events of {self.name}",
        )

    async def _listen(self, stream: EventStream, events: list[EventReceived]) -> None:
        with stream:
            async for event in stream:
                if isinstance(event, EventReceived) and event.agent == agent_name(self.name):
                    events.append(event)

    async def sees_peers(self, *others: str) -> None:
        """Wait until the agent can reach these sites, or all its peers."""
        assert self.agent is not None
        peers = self.agent.peers
        await until(
            lambda: all(peer["connected"] for peer in peers.describe() if not others or peer["site"] in others),
            f"the peers of {self.name}",
        )

    async def stop(self) -> None:
        """Stop the agent; its CIB file stays."""
        for task in (self._listening, self._task):
            if task:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        if self.session:
            await self.session.stop()
        await self.store.stop()
        self._task = self._listening = self.session = None
        assert self.config.cib_file is not None
        self.store = FileCib(self.config.cib_file)

    @property
    def snapshot(self) -> Snapshot:
        """The CIB as it stands in the file."""
        assert self.config.cib_file is not None
        return Snapshot.parse(self.config.cib_file.read_bytes())

    async def call(self, object_name: str, method: str, **arguments: Any) -> dict[str, Any]:
        """Call a method of the agent as a console does."""
        assert self.session is not None
        return await self.session.call(agent_name(self.name), object_name, method, arguments, timeout=WAIT)

    async def object(self, object_name: str) -> dict[str, Any]:
        """The values of one object."""
        assert self.session is not None
        (found,) = await self.session.query(agent_name(self.name), object_name=object_name, timeout=WAIT)
        return dict(found.values)

    async def ticket(self, name: str, action: str) -> None:
        """Change a ticket at this site, as an operator does."""
        await self.call(f"Ticket:{name}", action)

    async def set_value(self, nvpair: str, value: str) -> None:
        """Give an nvpair another value, as another administrator's tool does."""
        here = self.snapshot
        element = here.ids[nvpair]
        member = document.member_of(element)
        renewed = etree.fromstring(document.canonical(member))
        renewed.find(f".//nvpair[@id='{nvpair}']").set("value", value)
        await self.change(member, renewed)

    async def change(self, member: etree._Element, renewed: etree._Element) -> None:
        """Bring one member of the configuration into another form."""
        changes = member_changes(member, renewed, document.element_path(member))
        assert changes
        await self._write(lambda here: to_patchset(changes, here.version))

    async def delete(self, *identifiers: str) -> None:
        """Delete elements of the configuration."""

        def deletion(here: Snapshot) -> bytes:
            diff = etree.Element("diff", {"format": "2"})
            for identifier in identifiers:
                path = document.element_path(here.ids[identifier])
                etree.SubElement(diff, "change", {"operation": "delete", "path": path})
            return etree.tostring(diff)

        await self._write(deletion)

    async def create(self, section: str, xml: str) -> None:
        """Put a new member at the end of a section."""
        diff = etree.Element("diff", {"format": "2"})
        change = etree.SubElement(
            diff, "change", {"operation": "create", "path": f"/cib/configuration/{section}", "position": "9999"}
        )
        change.append(etree.fromstring(xml))
        await self._write(lambda here: etree.tostring(diff))

    async def _write(self, patchset: Callable[[Snapshot], bytes]) -> None:
        """Write what is to change of the configuration as it is; once more where the agent was faster, which records what it
        publishes."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(ConfigurationChanged), stop=stop_after_attempt(5), reraise=True
        ):
            with attempt:
                here = self.snapshot
                await FileCibWriter(self).apply(patchset(here), here.config_digest)

    def seen(self, name: str, **values: Any) -> list[EventReceived]:
        """The events of that name whose values include these."""
        return [
            event
            for event in self.events or []
            if event.class_name == name and all(event.values.get(k) == v for k, v in values.items())
        ]

    async def event(self, name: str, **values: Any) -> EventReceived:
        """Wait for such an event, which may have come already."""
        await until(
            lambda: bool(self.seen(name, **values)),
            lambda: f"{name} {values} at {self.name}; seen: {self.events}",
        )
        return self.seen(name, **values)[-1]

    async def replica(self, ticket: str, remote: str, **values: Any) -> dict[str, Any]:
        """Wait until this site's Replica object has these values."""
        assert self.agent is not None
        replicas = self.agent.replicas

        def matches() -> bool:
            found = replicas.get(ticket, remote)
            return all(getattr(found, key) == value for key, value in values.items())

        await until(
            matches, lambda: f"replica {ticket} with {remote} at {self.name} {values}: {replicas.get(ticket, remote)}"
        )
        return await self.object(f"Replica:{ticket}:{remote}")


class FileCibWriter:
    """Another writer of a site's CIB file than its agent."""

    def __init__(self, site: Site) -> None:
        assert site.config.cib_file is not None
        self._path = site.config.cib_file

    async def apply(self, patchset: bytes, digest: str) -> None:
        """Write a patchset."""
        store = FileCib(self._path, client="administrator")
        await store.start()
        try:
            await store.apply(patchset, digest)
        finally:
            await store.stop()


async def until(condition: Callable[[], bool], what: str | Callable[[], str], seconds: float = WAIT) -> None:
    """Wait for a condition of this process, at most that many seconds. `what` is what is waited for, or says so at the end."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        if asyncio.get_running_loop().time() >= deadline:
            raise AssertionError(f"never came: {what if isinstance(what, str) else what()}")
        await asyncio.sleep(0.01)


def _after(
    event: asyncio.Event, run: Callable[..., Coroutine[Any, Any, None]]
) -> Callable[..., Coroutine[Any, Any, None]]:
    """The same, once the event is set."""

    async def later(*args: Any) -> None:
        await event.wait()
        await run(*args)

    return later


class SiteGroup:
    """Any number of sites, each of which is every other one's peer."""

    def __init__(
        self, folder: Path, cibs: Mapping[str, bytes], mode: str = "automatic", bus: SiteBus | None = None
    ) -> None:
        """`cibs` is what each site begins with, by its name; `bus` is where they meet."""
        bus = bus or Embedded()
        keys = {name: write_signing_keys(folder, name) for name in cibs}
        self.sites: dict[str, Site] = {}
        for name, cib in cibs.items():
            path = folder / f"{name}.xml"
            path.write_bytes(cib)
            peers = tuple(Peer(other, bus.url(other), verify_key=keys[other][1]) for other in cibs if other != name)
            config = Config(
                site=name,
                cib_file=path,
                peers=peers,
                replication=Replication(TicketPolicy(mode), agents=ANY_AGENT, signing_key=keys[name][0]),
                access=Access((Rule(bus.callers, Role.ADMINISTRATOR),)),
                **bus.config(name),
            )
            self.sites[name] = Site(name, config, FileCib(path), bus)

    def __getitem__(self, name: str) -> Site:
        return self.sites[name]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def use_site_file(self, site: Site, path: Path) -> None:
        """Give a site its own values; before it is started."""
        site.config = replace(site.config, replication=replace(site.config.replication, site_file=path))

    def accept(self, site: Site, *agents: str) -> None:
        """Let a site take these agents and no others; before it is started."""
        site.config = replace(site.config, replication=replace(site.config.replication, agents=AllowList.of(*agents)))

    async def start(self) -> None:
        """Run all agents until each has found the others."""
        for site in self.sites.values():
            await site.start()
        for site in self.sites.values():
            await site.sees_peers()

    async def stop(self) -> None:
        """Stop all agents."""
        for site in reversed(self.sites.values()):
            await site.stop()


class SitePair(SiteGroup):
    """Sites `sitea`, which holds ticket T, and `siteb`."""

    def __init__(
        self, folder: Path, source: bytes, target: bytes, mode: str = "automatic", bus: SiteBus | None = None
    ) -> None:
        super().__init__(folder, {"sitea": source, "siteb": target}, mode, bus)
        self.a, self.b = self["sitea"], self["siteb"]
