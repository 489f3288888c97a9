"""Why resources do not run: each case is one that crm_simulate itself decides so."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qmfagent.cib.closure.closure import closure
from qmfagent.cib.simulation.drill import Drill, make_drill
from qmfagent.cib.snapshot import Snapshot
from qmfagent.pacemaker.simulation import CrmSimulate
from tests.pacemaker.clusters import (
    STANDBY,
    attribute,
    cluster,
    did,
    dummy,
    group,
    meta,
    promotable,
    started,
)

pytestmark = [pytest.mark.pacemaker, pytest.mark.usefixtures("pacemaker_tools")]

DB = dummy("db")
X = dummy("x")
HOLD_X = '<rsc_ticket id="hold-x" rsc="x" ticket="U"/>'
P = promotable("pc", "p")
MASTER = attribute("master-p", "10")


def ticketed(*resources: str) -> str:
    """Ticket constraints for T."""
    return "".join(f'<rsc_ticket id="t-{each}" rsc="{each}" ticket="T"/>' for each in resources)


async def drilled(cib: Snapshot, missing: frozenset[str] = frozenset()) -> Drill:
    """A drill of T."""
    return make_drill(cib, closure(cib, "T"), await CrmSimulate().grant(cib, "T"), missing, ())


def off(rsc: str, node: str, identifier: str = "") -> str:
    """A location that keeps a resource off a node."""
    return f'<rsc_location id="{identifier or f"no-{rsc}-{node}"}" rsc="{rsc}" node="{node}" score="-INFINITY"/>'


def sets(tag: str, attributes: str, *members: str) -> str:
    """A constraint of one set for each text, which names its resources."""
    inner = "".join(
        f'<resource_set id="s{n}">{"".join(f"""<resource_ref id="{r}"/>""" for r in each.split())}</resource_set>'
        for n, each in enumerate(members)
    )
    return f'<{tag} id="con"{attributes}>{inner}</{tag}>'


INFINITE = ' score="INFINITY"'
RULE = '<rule id="r" score="-INFINITY"><expression id="e" attribute="#uname" operation="defined"/></rule>'

CASES: Mapping[str, tuple[Snapshot, str, str]] = {
    "disabled": (cluster(dummy("db", meta("db", target_role="Stopped")), ticketed("db")), "disabled", "target-role"),
    "disabled group": (
        cluster(group("g", "db", inner=meta("g", target_role="Stopped")), ticketed("g")),
        "disabled",
        "Stopped",
    ),
    "unmanaged": (cluster(dummy("db", meta("db", is_managed="false")), ticketed("db")), "unmanaged", "not managed"),
    "resource in maintenance": (
        cluster(dummy("db", meta("db", maintenance="true")), ticketed("db")),
        "unmanaged",
        "maintenance",
    ),
    "maintenance": (cluster(DB, ticketed("db"), maintenance_mode="true"), "maintenance", "maintenance mode"),
    "stop all": (cluster(DB, ticketed("db"), stop_all_resources="true"), "disabled", "stop-all-resources"),
    "no quorum": (cluster(DB, ticketed("db"), quorum=False), "quorum", "no quorum"),
    "no fencing": (cluster(DB, ticketed("db"), stonith_enabled="true"), "fencing", "no fencing device"),
    "other ticket": (
        cluster(DB, ticketed("db") + '<rsc_ticket id="u" rsc="db" ticket="U"/>'),
        "ticket",
        "ticket U is not granted here",
    ),
    "other ticket in standby": (
        cluster(
            DB,
            ticketed("db") + '<rsc_ticket id="u" rsc="db" ticket="U"/>',
            tickets='<ticket_state id="U" granted="true" standby="true"/>',
        ),
        "ticket",
        "ticket U is in standby",
    ),
    "offline": (cluster(DB, ticketed("db"), online=False), "node", "n1 is offline"),
    "location": (
        cluster(DB, ticketed("db") + off("db", "n1"), node2=STANDBY),
        "location",
        "location no-db-n1 keeps it off n1; n2 is in standby",
    ),
    "location of a tag and a pattern": (
        cluster(
            DB,
            ticketed("db")
            + off("tagged", "n1")
            + '<rsc_location id="b" rsc-pattern="d." node="n2" score="-INFINITY"/>',
            tags='<tag id="tagged"><obj_ref id="db"/></tag>',
        ),
        "location",
        "location no-tagged-n1 keeps it off n1; location b keeps it off n2",
    ),
    "location of the group": (
        cluster(group("g", "db"), ticketed("g") + off("g", "n1") + off("g", "n2")),
        "location",
        "location no-g-n1 keeps it off n1",
    ),
    "rule": (
        cluster(DB, f'{ticketed("db")}<rsc_location id="where" rsc="db">{RULE}</rsc_location>'),
        "location",
        "a rule of location where keeps it off n1",
    ),
    "exclusive": (
        cluster(
            DB,
            ticketed("db") + '<rsc_location id="only" rsc="db" node="n2" score="10" resource-discovery="exclusive"/>',
            node2=STANDBY,
        ),
        "location",
        "location only lets it be on other nodes than n1 only; n2 is in standby",
    ),
    "opt-in": (
        cluster(DB, ticketed("db"), symmetric_cluster="false"),
        "location",
        "no location allows it on n1, and the cluster is opt-in",
    ),
    "unhealthy": (
        cluster(
            DB,
            ticketed("db"),
            attributes=attribute("#health-cpu", "red"),
            node2=STANDBY,
            node_health_strategy="only-green",
        ),
        "node",
        "n1 is in bad health (red); n2 is in standby",
    ),
    "failed": (
        cluster(
            DB,
            ticketed("db"),
            n1=did("db", ("start", 1)),
            attributes=attribute("fail-count-db#start_0", "INFINITY"),
            node2=STANDBY,
        ),
        "failcount",
        "it failed on n1 as often as its migration-threshold allows (1000000); n2 is in standby",
    ),
    "utilization": (
        cluster(
            dummy("db", '<utilization id="u"><nvpair id="u-m" name="memory" value="9000"/></utilization>'),
            ticketed("db"),
            placement_strategy="utilization",
        ),
        "utilization",
        "capacity",
    ),
    "order": (
        cluster(DB + X, ticketed("db") + HOLD_X + '<rsc_order id="con" first="x" then="db"/>'),
        "order",
        "order con wants x started first (x: ticket U is not granted here)",
    ),
    "order of sets": (
        cluster(DB + X, ticketed("db") + HOLD_X + sets("rsc_order", "", "x", "db")),
        "order",
        "order con wants x started first",
    ),
    "order in a set": (
        cluster(DB + X, ticketed("db") + HOLD_X + sets("rsc_order", "", "x db")),
        "order",
        "order con wants x started first",
    ),
    "colocation": (
        cluster(DB + X, f'{ticketed("db")}{HOLD_X}<rsc_colocation id="con" rsc="db" with-rsc="x"{INFINITE}/>'),
        "colocation",
        "colocation con wants it where x runs, which is nowhere (x: ticket U is not granted here)",
    ),
    "colocation of sets": (
        cluster(DB + X, ticketed("db") + HOLD_X + sets("rsc_colocation", INFINITE, "db", "x")),
        "colocation",
        "where x runs, which is nowhere",
    ),
    "colocation in a set": (
        cluster(DB + X, ticketed("db") + HOLD_X + sets("rsc_colocation", INFINITE, "x db")),
        "colocation",
        "where x runs, which is nowhere",
    ),
    "kept apart": (
        cluster(
            DB + X,
            ticketed("db") + '<rsc_colocation id="con" rsc="db" with-rsc="x" score="-INFINITY"/>',
            n1=started("x"),
            node2=STANDBY,
        ),
        "colocation",
        "colocation con keeps it off n1, where x runs; n2 is in standby",
    ),
    "where it may not be": (
        cluster(
            DB + X,
            f'{ticketed("db")}{off("db", "n1")}{off("x", "n2")}<rsc_colocation id="con" rsc="db" with-rsc="x"{INFINITE}/>',
            n1=started("x"),
        ),
        "location",
        "location no-db-n1 keeps it off n1; colocation con wants it where x runs (n1), which is not n2",
    ),
    "in a group": (
        cluster(group("g", "x", "db"), ticketed("g") + off("x", "n1") + off("x", "n2")),
        "group",
        "x, before it in its group, does not run (x: location no-x-n1 keeps it off n1)",
    ),
    "order with a promotion": (
        cluster(
            DB + P,
            ticketed("db") + '<rsc_order id="con" first="pc" first-action="promote" then="db" then-action="start"/>',
        ),
        "order",
        "order con wants pc promoted first (p: its agent, which gives one when it runs, has no promotion score on n1)",
    ),
    "with the promoted one": (
        cluster(
            DB + P,
            f'{ticketed("db")}<rsc_colocation id="con" rsc="db" with-rsc="pc" with-rsc-role="Promoted"{INFINITE}/>',
        ),
        "colocation",
        "wants it where the promoted pc runs, which is nowhere",
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_why_a_resource_does_not_run(case: str) -> None:
    cib, reason, message = CASES[case]
    drill = await drilled(cib)
    (blocked,) = [each for each in drill.blocked if each.resource == "db"]
    told = blocked.to_map()
    assert (told["role"], told["reason"]) == ("Started", reason)
    assert message in told["message"]
    assert "db" not in {running.resource for running in drill.running}
    assert not drill.ok


RUNS = {
    "a set the other way round": sets("rsc_order", "", "db", "x"),
    "a colocated set the other way round": sets("rsc_colocation", INFINITE, "x", "db"),
    "one colocated set the other way round": sets("rsc_colocation", INFINITE, "db x"),
    "an optional order": '<rsc_order id="con" first="x" then="db" kind="Optional"/>',
    "a preference": '<rsc_colocation id="con" rsc="db" with-rsc="x" score="100"/>',
    "an order of stops": '<rsc_order id="con" first="x" first-action="stop" then="db" then-action="stop"/>',
}


@pytest.mark.parametrize("constraint", RUNS)
async def test_what_keeps_nothing_from_running(constraint: str) -> None:
    """Each of these would be told as a reason if its direction or weight were read wrongly."""
    drill = await drilled(cluster(DB + X, ticketed("db") + HOLD_X + RUNS[constraint], node2=STANDBY))
    assert drill.ok
    assert [running.to_map() for running in drill.running] == [{"resource": "db", "role": "Started", "nodes": ["n1"]}]
    held = await drilled(cluster(DB + X, ticketed("db") + HOLD_X + RUNS[constraint] + off("db", "n1"), node2=STANDBY))
    assert {hindrance.reason for hindrance in held.blocked[0].hindrances} == {"location", "node"}


PROMOTIONS = {
    "no promotion score": ("", "", "promotion-score"),
    "a rule for the role": (
        '<rsc_location id="con" rsc="pc"><rule id="r" role="Promoted" score="-INFINITY">'
        '<expression id="e" attribute="#uname" operation="defined"/></rule></rsc_location>',
        MASTER,
        "location",
    ),
    "another ticket for the role": ('<rsc_ticket id="u" rsc="pc" rsc-role="Promoted" ticket="U"/>', MASTER, "ticket"),
}


@pytest.mark.parametrize("case", PROMOTIONS)
async def test_why_a_resource_is_not_promoted(case: str) -> None:
    constraint, attributes, reason = PROMOTIONS[case]
    bound = '<rsc_ticket id="t" rsc="pc" rsc-role="Promoted" ticket="T"/>'
    runs = started("p", kind="Stateful")
    drill = await drilled(cluster(P, bound + constraint, n1=runs, attributes=attributes, node2=STANDBY))
    assert [running.to_map() for running in drill.running] == [{"resource": "p", "role": "Unpromoted", "nodes": ["n1"]}]
    (blocked,) = drill.blocked
    assert (blocked.role, blocked.hindrances[0].reason) == ("Promoted", reason)
    if constraint:
        assert (await drilled(cluster(P, bound, n1=runs, attributes=attributes, node2=STANDBY))).ok


async def test_a_target_role_that_forbids_the_promotion() -> None:
    bound = '<rsc_ticket id="t" rsc="pc" rsc-role="Promoted" ticket="T"/>'
    clone = promotable("pc", "p", target_role="Unpromoted")
    drill = await drilled(cluster(clone, bound, n1=started("p", kind="Stateful"), attributes=MASTER))
    (blocked,) = drill.blocked
    assert (blocked.role, blocked.hindrances[0].reason) == ("Promoted", "disabled")


async def test_what_depends_on_an_agent_that_is_not_installed_does_not_run_either() -> None:
    order = '<rsc_order id="con" first="x" then="db"/><rsc_order id="con2" first="db" then="y"/>'
    cib = cluster(dummy("x", kind="Stateful") + DB + dummy("y") + dummy("z"), ticketed("x", "db", "y", "z") + order)
    drill = await drilled(cib, frozenset({"ocf:pacemaker:Stateful"}))
    assert [running.resource for running in drill.running] == ["z"]
    assert [(blocked.resource, blocked.hindrances[0].reason) for blocked in drill.blocked] == [
        ("x", "agent"),
        ("db", "order"),
        ("y", "order"),
    ]
    assert drill.blocked[0].hindrances[0].message == "its agent ocf:pacemaker:Stateful is not installed"
    assert (await drilled(cib)).ok


async def test_a_long_chain_is_explained_within_bounds() -> None:
    names = [f"r{n}" for n in range(60)]
    orders = "".join(f'<rsc_order id="o-{b}" first="{a}" then="{b}"/>' for a, b in pairwise(names))
    cib = cluster("".join(map(dummy, names)), ticketed(*names) + orders + off("r0", "n1") + off("r0", "n2"))
    drill = await drilled(cib)
    assert len(drill.blocked) == 60
    assert drill.blocked[-1].hindrances[0].message.count("(") == 3


# -- laws

NAMES = ("a", "b", "c", "d")
PAIRS = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda pair: pair[0] < pair[1])
CONSTRAINTS = st.one_of(
    PAIRS.map(lambda p: f'<rsc_order id="%d" first="{p[0]}" then="{p[1]}"/>'),
    PAIRS.map(lambda p: f'<rsc_colocation id="%d" rsc="{p[1]}" with-rsc="{p[0]}" score="INFINITY"/>'),
    PAIRS.map(lambda p: f'<rsc_colocation id="%d" rsc="{p[1]}" with-rsc="{p[0]}" score="-INFINITY"/>'),
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["n1", "n2"])).map(
        lambda p: f'<rsc_location id="%d" rsc="{p[0]}" node="{p[1]}" score="-INFINITY"/>'
    ),
    st.sampled_from(NAMES).map(lambda name: f'<rsc_ticket id="%d" rsc="{name}" ticket="U"/>'),
)


@given(
    constraints=st.lists(CONSTRAINTS, max_size=5, unique=True),
    stopped=st.sets(st.sampled_from(NAMES), max_size=1),
    standby=st.booleans(),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_drill_says_what_crm_simulate_says_after_the_grant(
    constraints: list[str], stopped: set[str], standby: bool
) -> None:
    texts = "".join(text.replace("%d", f"con{n}") for n, text in enumerate(constraints))
    resources = "".join(dummy(n, meta(n, target_role="Stopped") if n in stopped else "") for n in NAMES)

    def made(tickets: str) -> Snapshot:
        return cluster(resources, ticketed(*NAMES) + texts, tickets=tickets, node2=STANDBY if standby else "")

    drill = await drilled(made(""))
    granted, _ = await CrmSimulate().grant(made('<ticket_state id="T" granted="true"/>'), "other")
    assert {running.resource: set(running.nodes) for running in drill.running} == {
        name: set(state.active) for name, state in granted.resources.items() if state.active
    }
    assert {blocked.resource for blocked in drill.blocked} == {n for n, s in granted.resources.items() if not s.active}
    reasons = {hindrance.reason for blocked in drill.blocked for hindrance in blocked.hindrances}
    assert "unknown" not in reasons, [blocked.to_map() for blocked in drill.blocked]
