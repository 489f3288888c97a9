"""Helpers of the console tests: small sites with the real schema on real connections, and the command run in-process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from consoles.main import run
from qmfagent.agent import load_schema
from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.listener.listener import Listener
from qmfagent.bus.security.identity import Identity
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.errors import Refused
from qmfagent.journal.store import Journal
from qmfagent.objects.event_log import EventLog
from qmfagent.qmf.agent import Agent, MethodCall
from qmfagent.qmf.classes import SchemaClass
from qmfagent.qmf.data import Data
from qmfagent.qmf.message import TOPIC, Message
from qmfagent.qmf.opcodes import AGENT_LOCATE_REQUEST, ErrorCode
from tests.consoles.documents import check
from tests.ports import free_port
from tests.sites.pair import SitePair, until

SCHEMA = load_schema()
NOW = 1_700_000_000_000_000_000
TIMEOUT = 20.0
"""Seconds that anything is waited for that comes, however long the machine takes."""
LONG = 600.0
"""Seconds that no test takes."""
DIGEST = "0123456789abcdef" * 4
TOKEN = "0123456789abcdef" * 2

_EMPTY = {"TYPE_STRING": "", "TYPE_BOOL": False, "TYPE_INT": 0, "TYPE_LIST": [], "TYPE_MAP": {}}

PLAN = {
    "ticket": "db",
    "token": TOKEN,
    "cause": "publication",
    "publication": {"site": "sitea", "term": "0.1700000000", "version": "0.7.0", "digest": DIGEST},
    "upgrade": None,
    "base": {"version": "0.7.0", "digest": DIGEST},
    "changes": [
        {
            "operation": "modify",
            "kind": "nvpair",
            "id": "vip-ip",
            "member": "vip",
            "path": "/cib/configuration/resources/primitive[@id='vip']",
            "position": -1,
            "attributes": [{"name": "value", "old": "10.1.0.9", "new": "10.2.0.10"}],
            "content": '<nvpair id="vip-ip" name="ip" value="10.2.0.10"/>',
        }
    ],
    "adopted": [],
    "released": [],
    "kept": [],
    "overrides": [],
    "override_changes": [],
    "boundaries": [],
    "problems": [],
    "preview": None,
}
NOTHING = {**PLAN, "token": "", "changes": []}
CLASH = {
    **PLAN,
    "token": "",
    "problems": [{"code": "clash", "severity": "error", "message": "primitive 'vip' is here already and not ours"}],
}


HAPPENED = {
    "number": 7,
    "name": "applied",
    "time": NOW,
    "ticket": "db",
    "publisher": "sitea",
    "count": 1,
    "version": "0.8.0",
    "by": "alice",
}
DRILL = {
    "ticket": "db",
    "version": "0.7.0",
    "ok": True,
    "blocked": [],
    "problems": [],
    "running": [{"resource": "vip", "role": "Started", "nodes": ["siteb-node1"]}],
    "actions": [{"action": "start", "resource": "vip", "source": "", "target": "siteb-node1", "reason": ""}],
}
PERMITTED = [
    {"class": "Site", "method": "plan", "any": True, "tickets": [], "remote": ""},
    {"class": "Replica", "method": "replicate_now", "any": False, "tickets": ["db"], "remote": "siteb"},
]


class FakeSite:
    """An agent with a few objects. `plan` is what Site.plan answers; `refusal` refuses every call but plan; a `silent`
    one answers no calls, a `slow` one takes that many seconds to say that it is there."""

    def __init__(self, name: str, holds: bool = False, peer: str = "") -> None:
        self.name = name
        self.url = ""
        self.slow = 0.0
        self.plan: Mapping[str, Any] = PLAN
        self.refusal: Refused | None = None
        self.silent = False
        self.calls: list[tuple[str, str, Mapping[str, Any]]] = []
        self.called = asyncio.Event()
        self.log = EventLog(SCHEMA, Journal())
        self.limits = Limits(idle_timeout=LONG)
        self._epoch = 0
        self._listener: Listener | None = None
        self.objects_by_class = {"Site": [self._site(peer)], "Ticket": [self._ticket(holds)]}
        if peer:
            self.objects_by_class["Replica"] = [self._replica(peer, holds)]
        self.objects_by_class["Plan"] = [self._data("Plan", TOKEN, token=TOKEN, site=name, ticket="db")]

    async def start(self, tls: TlsConfig | None = None) -> None:
        """Listen, always at the same port."""
        scheme = "amqp" if tls is None else "amqps"
        self.url = self.url or f"{scheme}://127.0.0.1:{free_port()}"
        self._epoch += 1
        self._agent = Agent(
            "clusterlabs.org",
            "qmfagent",
            self.name,
            schema=SCHEMA,
            source=self,
            attributes=self.log.attributes(),
            epoch=self._epoch,
            heartbeat_interval=60,
        )
        self._listener = Listener(
            self.url,
            tls=tls,
            addresses=self._agent.addresses(),
            on_message=self._receive,
            limits=self.limits,
            on_missed=lambda since, count: self._agent.event(
                "events_missed", {"site": self.name, "seq": since, "count": count}, NOW
            ),
        )
        await self._listener.start()

    async def stop(self) -> None:
        """Close all connections, and listen no more."""
        if self._listener is not None:
            await self._listener.stop()
            self._listener = None

    def event(self, name: str, *, told: bool = True, **values: Any) -> None:
        """Raise an event; values that are left out are empty. One that is not `told` is lost on its way to all."""
        wanted = _whole(SCHEMA.event_class(name), {"site": self.name, **values})
        del wanted["seq"]
        numbered = self.log.record(name, wanted, NOW)
        self._agent.announce(self.log.attributes())
        if told:
            assert self._listener is not None
            self._listener.send(self._agent.event(name, numbered, NOW), self.log.last - 1)

    def outlets(self) -> list[Any]:
        """Where events wait for their receivers."""
        assert self._listener is not None
        return list(self._listener.router.route(TOPIC, "agent.ind.event.x"))

    def heartbeat(self) -> None:
        """Tell everybody that it is there."""
        assert self._listener is not None
        self._listener.send(self._agent.heartbeat(NOW), self.log.last)

    def objects(self, class_name: str) -> Iterable[Data]:
        self._renew()
        return self.objects_by_class.get(class_name, [])

    def find(self, object_name: str) -> Data | None:
        self._renew()
        every = (data for found in self.objects_by_class.values() for data in found)
        return next((data for data in every if data.object_id.object_name == object_name), None)

    def _receive(self, message: Message, identity: Identity) -> None:
        assert self._listener is not None
        for outcome in self._agent.receive(message, identity.user, NOW):
            answer = outcome if isinstance(outcome, Message) else self._call(outcome)
            if answer is not None and self.slow and message.opcode == AGENT_LOCATE_REQUEST:
                asyncio.get_running_loop().call_later(self.slow, self._listener.send, answer)
            elif answer is not None:
                self._listener.send(answer)

    def _call(self, call: MethodCall) -> Message | None:
        self.calls.append((call.object_id.object_name, call.method, call.arguments))
        self.called.set()
        if self.silent:
            return None
        if self.refusal is not None and call.method != "plan":
            code = ErrorCode.FORBIDDEN if self.refusal.reason == "forbidden" else ErrorCode.EXCEPTION
            return self._agent.fail(call, code, str(self.refusal), self.refusal.reason)
        if call.method == "events":
            try:
                return self._agent.succeed(call, self.log.replay(call.arguments["since"], call.arguments["limit"]))
            except Refused as refusal:
                return self._agent.fail(call, ErrorCode.EXCEPTION, str(refusal), refusal.reason)
        results: Mapping[str, Mapping[str, Any]] = {
            "plan": {"token": self.plan["token"], "plan": self.plan},
            "apply": {"ticket": "db", "changes": 1, "version": "0.8.0", "change": 17},
            "query": {"xml": '<nodes><node id="1\u202e"/></nodes>', "version": "0.7.0"},
            "plan_rollback": {"token": self.plan["token"], "plan": {**self.plan, "cause": "rollback"}},
            "plan_heal": {"token": self.plan["token"], "plan": {**self.plan, "cause": "healing"}},
            "replicate_now": {"changes": 1, "version": "0.8.0", "change": 17},
            "history": {"changes": [HAPPENED]},
            "change": {"record": {**HAPPENED, "kept": True, "diff": self.plan["changes"]}},
            "explain": {"steps": [{"field": "value", "value": "10.2.0.10", "step": "override", "detail": "line 3"}]},
            "permissions": {"identity": "anonymous", "permitted": PERMITTED},
            "verify_journal": self._verified(),
            "drill": {"result": DRILL},
        }
        return self._agent.succeed(call, results.get(call.method, {}))

    def _verified(self) -> dict[str, Any]:
        journal = self.log.attributes()["journal"]
        return {
            "journal": journal,
            "first": 1,
            "last": 7,
            "head": DIGEST,
            "signed": False,
            "signer": "",
            "signed_from": 0,
            "documents": 2,
            "states": 1,
            "witnesses": [],
        }

    def _renew(self) -> None:
        (site,) = self.objects_by_class["Site"]
        self.objects_by_class["Site"] = [replace(site, values={**site.values, **self.log.describe()})]

    def _site(self, peer: str) -> Data:
        peers = [{"site": peer, "url": "amqps://peer:5671", "connected": False}] if peer else []
        return self._data(
            "Site",
            self.name,
            name=self.name,
            hostname=f"{self.name}-node1",
            cib_version="0.7.0",
            validate_with="pacemaker-3.9",
            connected=True,
            source="file",
            peers=peers,
            **self.log.describe(),
            resources=4,
            config_changes=2,
        )

    def _ticket(self, holds: bool) -> Data:
        return self._data(
            "Ticket",
            "db",
            name="db",
            site=self.name,
            granted=holds,
            standby=False,
            last_granted=NOW if holds else 0,
            term="1700000000",
            mode="manual",
            resources=["vip", "evil\x1b[31m"],
            digest=DIGEST,
        )

    def _replica(self, peer: str, holds: bool) -> Data:
        return self._data(
            "Replica",
            f"db:{peer}",
            ticket="db",
            remote=peer,
            site=self.name,
            direction="to" if holds else "from",
            mode="manual",
            state="in-sync" if holds else "blocked",
            reason="" if holds else "clash",
            message="" if holds else "primitive 'vip' is here already",
            published=DIGEST,
            applied="",
            applied_at=0,
        )

    def _data(self, class_name: str, name: str, /, **values: Any) -> Data:
        found = SCHEMA.object_class(class_name)
        return Data.of(found, f"{class_name}:{name}", _whole(found, values))


def _whole(schema_class: SchemaClass, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values for all properties of a class: those that are given, the others empty."""
    return empty(schema_class) | {name: values[name] for name in values}


def empty(schema_class: SchemaClass) -> dict[str, Any]:
    """Empty values for all properties of a class."""
    return {prop.name: _EMPTY[prop.type.name] for prop in schema_class.properties}


@dataclass(frozen=True)
class Outcome:
    """What a run of the command came to."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Awaitable[Outcome]]


@pytest.fixture(autouse=True)
def without_profiles(no_profiles: None) -> None:
    """No test here is for the profiles of whoever runs it."""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, a site that is there is waited for: one that is not refuses at once here. Nor is one taken
    for lost of which nothing was heard or read for a while."""
    monkeypatch.setattr("consoles.asynchronous.PATIENCE", TIMEOUT)
    monkeypatch.setattr("consoles.asynchronous.CONNECT_TIMEOUT", TIMEOUT)
    monkeypatch.setattr("qmfagent.bus.client.connection.Limits", partial(Limits, idle_timeout=LONG))


@pytest.fixture
async def make_site() -> AsyncIterator[Callable[..., Awaitable[FakeSite]]]:
    """Starts a FakeSite."""
    async with AsyncExitStack() as stack:

        async def start(name: str, *, holds: bool = False, peer: str = "", tls: TlsConfig | None = None) -> FakeSite:
            site = FakeSite(name, holds, peer)
            await site.start(tls)
            stack.push_async_callback(site.stop)
            return site

        yield start


@pytest.fixture
async def siteb(make_site: Callable[..., Awaitable[FakeSite]]) -> FakeSite:
    """One site, that receives."""
    return await make_site("siteb", peer="sitea")


@pytest.fixture
async def sites(make_site: Callable[..., Awaitable[FakeSite]]) -> tuple[FakeSite, FakeSite]:
    """The holder and a site that receives, each at a URL of its own."""
    return await make_site("sitea", holds=True, peer="siteb"), await make_site("siteb", peer="sitea")


@pytest.fixture
def qmfconsole(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command with arguments, at the URLs of `at` where given; its standard input is no terminal."""

    async def go(*arguments: str, at: Iterable[FakeSite] = (), timeout: float = TIMEOUT) -> Outcome:
        urls = [part for site in at for part in ("--url", site.url)]
        capsys.readouterr()
        status = await asyncio.to_thread(partial(run, [*urls, "--timeout", str(timeout), *arguments]))
        outcome = Outcome(status, *capsys.readouterr())
        check(arguments, outcome.status, outcome.out, outcome.err)
        return outcome

    return go


@pytest.fixture
def at_both(pair: SitePair, qmfconsole: Any) -> Any:
    """Runs the command at both sites of the module's pair."""
    urls = ["--url", pair.a.config.listen.url, "--url", pair.b.config.listen.url]
    return lambda *arguments: qmfconsole(*urls, *arguments)


async def settled(pair: SitePair) -> None:
    """Wait until nothing more happens by itself at a pair in manual mode: sitea has published ticket db and has seen its own
    record of that, which makes one more change; siteb knows that it is behind, and sitea that it is."""
    assert pair.a.agent is not None
    inventory = pair.a.agent.inventory
    await until(lambda: inventory.current is not None and bool(inventory.current.owned), "the record seen by the agent")
    await pair.b.replica("db", "sitea", state="behind")
    await pair.a.replica("db", "siteb", state="behind")


@pytest.fixture(scope="session")
def plans() -> Mapping[str, Mapping[str, Any]]:
    """Plans as an agent describes them."""
    return {"changes": PLAN, "nothing": NOTHING, "clash": CLASH}
