"""Drills: what is refused, what is recorded, and when they run; what crm_simulate says is made up here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC

import pytest

from qmfagent.cib.simulation.blocked import Blocked, Hindrance
from qmfagent.cib.simulation.drill import Running
from qmfagent.cib.simulation.outcome import Action
from qmfagent.errors import CibError, ClusterError, Disconnected, QmfAgentError, Refused, UnknownTicket
from qmfagent.policy.schedule import Schedule
from qmfagent.replication.drill import MAX_TOLD, RECHECK, SCHEDULED, Drills, LastDrill
from qmfagent.replication.following.replica import BEHIND, BLOCKED, FROM, IN_SYNC, TO, UNREACHABLE, Replicas
from tests.replication.fakes import FakeSimulator, MemoryLedger, MemoryStore

START = 1_800_000_000.0


def cib(*names: str, tickets: str = "", tag: str = "") -> bytes:
    """A CIB with primitives that depend on T."""
    resources = "".join(f'<primitive id="{n}" class="ocf" provider="heartbeat" type="Dummy"/>' for n in names)
    constraints = "".join(f'<rsc_ticket id="t-{n}" rsc="{n}" ticket="T"/>' for n in names)
    return (
        '<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="5" num_updates="3"><configuration>'
        '<crm_config><cluster_property_set id="o"><nvpair id="o-s" name="stonith-enabled" value="false"/>'
        f"</cluster_property_set></crm_config><nodes/><resources>{resources}</resources>"
        f"<constraints>{constraints}</constraints>{f'<tags>{tag}</tags>' if tag else ''}</configuration>"
        f"<status><tickets>{tickets}</tickets></status></cib>"
    ).encode()


class Clock:
    """A clock that stands still but for who sleeps by it; it stops for good after so many seconds, with `ended` set."""

    def __init__(self, seconds: float) -> None:
        self.now = START
        self.slept: list[float] = []
        self.ended = asyncio.Event()
        self._until = START + seconds

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        if self.now > self._until:
            self.ended.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)


def drills(document: bytes, simulator: FakeSimulator, ledger: MemoryLedger, replicas: Replicas | None = None) -> Drills:
    """Drills at b, whose clock stands still."""
    return Drills("b", MemoryStore(document), simulator, replicas or Replicas(), ledger, now=lambda: START)


async def test_what_would_run_and_what_would_not() -> None:
    ledger = MemoryLedger()
    found = await drills(cib("one", "two", "three"), FakeSimulator("one", "two"), ledger).drill("T", "me")
    assert found.running == (Running("one", "Started", ("n1",)), Running("two", "Started", ("n1",)))
    unknown = Hindrance("unknown", "the scheduler does not start it, and nothing here tells why")
    assert found.blocked == (Blocked("three", "Started", (unknown,)),)
    assert found.actions == (Action("start", "one", "", "n1"), Action("start", "two", "", "n1"))
    assert not found.ok
    (event,) = ledger.named("drill_done")
    assert {**event, "trace": ""} == {
        "site": "b",
        "ticket": "T",
        "ok": False,
        "running": [{"resource": n, "role": "Started", "nodes": ["n1"]} for n in ("one", "two")],
        "blocked": [{"resource": "three", "role": "Started", "reason": "unknown", "message": unknown.message}],
        "truncated": 0,
        "failures": 1,
        "problems": [],
        "by": "me",
        "trace": "",
    }


async def test_a_drill_in_which_all_runs() -> None:
    ledger = MemoryLedger()
    tested = drills(cib("one"), FakeSimulator("one"), ledger)
    assert tested.last("T") == LastDrill()
    assert (await tested.drill("T", "me")).ok
    assert tested.last("T") == LastDrill(int(START), 0)


async def test_the_last_drill_is_known_after_a_restart() -> None:
    ledger = MemoryLedger()
    for running in ((), ("one",)):
        await drills(cib("one", "two"), FakeSimulator(*running), ledger).drill("T", "me")
    assert drills(cib("one"), FakeSimulator(), ledger).last("T") == LastDrill(0, 1, ok=False)


async def test_a_large_drill_is_told_in_part_and_answered_whole() -> None:
    ledger = MemoryLedger()
    names = [f"r{n}" for n in range(MAX_TOLD + 5)]
    found = await drills(cib(*names), FakeSimulator(), ledger).drill("T", "me")
    (event,) = ledger.named("drill_done")
    assert (len(found.blocked), len(event["blocked"]), event["truncated"]) == (MAX_TOLD + 5, MAX_TOLD, 5)
    assert event["failures"] == MAX_TOLD + 5


@pytest.mark.parametrize(
    ("state", "refused"),
    [
        ('<ticket_state id="T" granted="true"/>', True),
        ('<ticket_state id="T" granted="true" standby="true"/>', False),
        ('<ticket_state id="T" granted="false" standby="true"/>', False),
    ],
)
async def test_what_runs_already_is_not_drilled(state: str, refused: bool) -> None:
    ledger, simulator = MemoryLedger(), FakeSimulator("one")
    tested = drills(cib("one", tickets=state), simulator, ledger)
    if refused:
        with pytest.raises(Refused) as refusal:
            await tested.drill("T", "me")
        assert refusal.value.reason == "granted"
        assert (simulator.asked, ledger.all) == ([], [])
    else:
        assert (await tested.drill("T", "me")).ok


async def test_a_ticket_that_nobody_knows() -> None:
    ledger = MemoryLedger()
    with pytest.raises(UnknownTicket):
        await drills(cib("one"), FakeSimulator(), ledger).drill("U", "me")
    assert ledger.all == []


@pytest.mark.parametrize("tag", ["", '<tag id="qmfagent-owned-U"><obj_ref id="gone"/></tag>'])
async def test_nothing_replicated_here(tag: str) -> None:
    ledger, simulator, replicas = MemoryLedger(), FakeSimulator(), Replicas()
    replicas.set("U", "a", direction=FROM, state=BEHIND)
    found = await drills(cib("one", tag=tag), simulator, ledger, replicas).drill("U", "me")
    assert [(problem.code, problem.severity) for problem in found.problems] == [("not-replicated", "error")]
    assert not found.ok
    assert simulator.asked == []
    (event,) = ledger.named("drill_done")
    assert (event["ok"], event["failures"], event["problems"][0]["code"]) == (False, 0, "not-replicated")


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ({"direction": FROM, "state": IN_SYNC}, []),
        ({"direction": FROM, "state": BEHIND}, ["behind"]),
        ({"direction": FROM, "state": BLOCKED, "message": "an agent is not allowed"}, ["behind"]),
        ({"direction": FROM, "state": UNREACHABLE}, ["behind"]),
        ({"direction": FROM, "state": IN_SYNC}, ["drift"]),
        ({"direction": TO, "state": BEHIND}, []),
    ],
)
async def test_what_is_here_may_not_be_what_the_holder_publishes(values: dict[str, object], codes: list[str]) -> None:
    replicas = Replicas()
    replicas.drifted("T", 3 if "drift" in codes else 0)
    replicas.set("T", "a", **values)
    found = await drills(cib("one"), FakeSimulator("one"), MemoryLedger(), replicas).drill("T", "me")
    assert [problem.code for problem in found.problems] == codes
    assert all(problem.severity == "warning" for problem in found.problems)
    assert str(values.get("message", "")) in "".join(problem.message for problem in found.problems)
    assert found.ok


async def test_agents_that_are_not_installed() -> None:
    asked: list[set[str]] = []

    async def missing(agents: Iterable[str]) -> frozenset[str]:
        asked.append(set(agents))
        return frozenset({"ocf:heartbeat:Dummy"})

    tested = Drills("b", MemoryStore(cib("one")), FakeSimulator("one"), Replicas(), MemoryLedger(), missing)
    found = await tested.drill("T", "me")
    assert asked == [{"ocf:heartbeat:Dummy"}]
    assert (found.running, found.blocked[0].hindrances[0].reason) == ((), "agent")


@pytest.mark.parametrize("problem", [ClusterError("crm_simulate: exit 1"), CibError("nonsense")])
async def test_a_simulation_that_fails_is_no_drill(problem: QmfAgentError) -> None:
    ledger = MemoryLedger()
    tested = drills(cib("one"), FakeSimulator(problem=problem), ledger)
    with pytest.raises(type(problem)):
        await tested.drill("T", "me")
    assert (ledger.all, tested.last("T")) == ([], LastDrill())


# -- by the clock


async def by_the_clock(clock: Clock, simulator: FakeSimulator, **schedules: str) -> MemoryLedger:
    """The journal after the drills that these schedules (in UTC) have had done until the clock stopped."""
    ledger = MemoryLedger()
    tested = Drills("b", MemoryStore(cib("one")), simulator, Replicas(), ledger, now=clock, sleep=clock.sleep)
    task = asyncio.create_task(tested.run({ticket: Schedule.parse(text, UTC) for ticket, text in schedules.items()}))
    async with asyncio.timeout(10):
        await clock.ended.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return ledger


async def test_drills_by_the_clock() -> None:
    clock = Clock(3600)
    events = (await by_the_clock(clock, FakeSimulator("one"), T="*/5 * * * *", U="0 * * * *")).named("drill_done")
    assert [(event["ticket"], event["by"]) for event in events] == [("T", SCHEDULED)] * 12
    assert max(clock.slept) <= RECHECK


@pytest.mark.parametrize("problem", [ClusterError("no end"), Disconnected("gone"), Refused("granted", "it is")])
async def test_a_drill_that_fails_does_not_end_those_after_it(problem: QmfAgentError) -> None:
    simulator = FakeSimulator(problem=problem)
    ledger = await by_the_clock(Clock(1800), simulator, T="*/10 * * * *")
    assert len(simulator.asked) == 3
    assert ledger.all == []


async def test_a_clock_that_is_set_back_brings_the_time_back() -> None:
    clock = Clock(60)
    simulator = FakeSimulator("one")
    waiting = asyncio.create_task(by_the_clock(clock, simulator, T="0 4 * * *"))
    while not clock.slept:
        await asyncio.sleep(0)
    clock.now -= 24 * 3600
    await waiting
    assert len(simulator.asked) == 1


async def test_nothing_to_drill_by_the_clock() -> None:
    async with asyncio.timeout(10):
        await drills(cib("one"), FakeSimulator(), MemoryLedger()).run({})
