"""Where actions leave each resource, held against what crm_simulate works out itself by carrying them out on its copy."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from qmfagent.cib.simulation.simulation import parse_simulation
from qmfagent.cib.snapshot import Snapshot
from tests.pacemaker.clusters import STANDBY, attribute, cluster, did, dummy, group, meta, promotable, started
from tests.pacemaker.test_hindrances import CASES
from tests.pacemaker.test_simulation import CHANGES

pytestmark = [pytest.mark.pacemaker, pytest.mark.usefixtures("pacemaker_tools")]


def simulated(cib: Snapshot, mode: str) -> bytes:
    """What crm_simulate says of a CIB with ticket T granted."""
    command = ["crm_simulate", mode, "--xml-pipe", "--output-as=xml", "--ticket-grant=T"]
    return subprocess.run(command, input=etree.tostring(cib.to_element()), capture_output=True, check=True).stdout


def by_crm_simulate(cib: Snapshot) -> Mapping[str, dict[str, str]]:
    """The roles of what is active in the end, by resource and node."""
    output = etree.fromstring(simulated(cib, "--simulate"))
    after = output.find("revised_cluster_status")
    before = output.find("cluster_status")
    before.getparent().replace(before, after)
    after.tag = "cluster_status"
    for actions in output.findall("actions"):
        output.remove(actions)
    return by_us(etree.tostring(output), cib)


def by_us(output: bytes, cib: Snapshot) -> Mapping[str, dict[str, str]]:
    found = parse_simulation(output, cib).resources
    return {name: dict(resource.active) for name, resource in found.items() if resource.active}


BUNDLE = (
    '<bundle id="b"><podman image="i" replicas="2" promoted-max="1"/>'
    '<network ip-range-start="10.0.0.5" control-port="3121"/>'
    f"{dummy('inside', kind='Stateful')}</bundle>"
)
PROMOTED = did("p", ("start", 0), ("promote", 0), kind="Stateful")
UNIQUE = f'<clone id="c">{meta("c", globally_unique="true", clone_max="3", clone_node_max="2")}{dummy("u")}</clone>'
MORE = {
    "bundle": cluster(BUNDLE),
    "plain bundle": cluster(BUNDLE.replace(' promoted-max="1"', "")),
    "guest node": cluster(dummy("vm", meta("vm", remote_node="guest")) + dummy("x")),
    "unique clone": cluster(UNIQUE),
    "unique clone that loses a node": cluster(
        UNIQUE, n1=started("u:0") + started("u:2"), n2=started("u:1", node="n2"), node2=STANDBY
    ),
    "promotion moves": cluster(
        promotable("pc", "p"),
        '<rsc_location id="l" rsc="pc" role="Promoted" node="n2" score="INFINITY"/>',
        n1=PROMOTED,
        n2=started("p", "n2", "Stateful"),
        attributes=attribute("master-p", "10"),
    ),
    "promoted instance stops": cluster(
        promotable("pc", "p"),
        '<rsc_ticket id="t" rsc="pc" ticket="U"/>',
        n1=PROMOTED,
        n2=started("p", "n2", "Stateful"),
    ),
    "promoted node goes to standby": cluster(
        promotable("pc", "p"),
        n2=PROMOTED.replace('"n1"', '"n2"'),
        attributes=attribute("master-p", "10"),
        node2=STANDBY,
    ),
    "clone of a group": cluster(f'<clone id="gc">{group("g", "one", "two")}</clone>', n2=started("one", "n2")),
    "a member that fails": cluster(
        group("g", "one", "two"), n1=did("one", ("start", 0), ("monitor", 7)) + started("two")
    ),
}
CIBS = {
    **{name: case[0] for name, case in CASES.items()},
    **{f"{name}, {when}": case[i] for name, case in CHANGES.items() for i, when in enumerate(("before", "after"))},
    **MORE,
}


@pytest.mark.parametrize("name", CIBS)
def test_what_we_work_out_is_what_crm_simulate_works_out(name: str) -> None:
    cib = CIBS[name]
    assert by_us(simulated(cib, "--run"), cib) == by_crm_simulate(cib)


async def test_what_is_promoted_and_restarted_is_promoted_again() -> None:
    """The scheduler says so; crm_simulate ends before, since the promotion comes with a transition of its own."""
    cib = cluster(
        dummy("a") + promotable("pc", "p"),
        '<rsc_order id="oa" first="a" then="pc"/><rsc_location id="l" rsc="a" node="n2" score="INFINITY"/>',
        n1=started("a") + PROMOTED,
        n2=started("p", "n2", "Stateful"),
        attributes=attribute("master-p", "10"),
    )
    assert by_us(simulated(cib, "--run"), cib)["p"] == {"n1": "Promoted", "n2": "Unpromoted"}
    assert by_crm_simulate(cib)["p"] == {"n1": "Unpromoted", "n2": "Unpromoted"}


NAMES = ("a", "b", "c", "one", "two")
PLACES = st.sampled_from([("n1",), ("n2",), ()])


@given(
    places=st.fixed_dictionaries(dict.fromkeys(NAMES, PLACES)),
    promoted=st.sampled_from(["", "n1", "n2"]),
    preferred=st.lists(
        st.tuples(st.sampled_from(["a", "b", "c", "g", "pc"]), st.sampled_from(["n1", "n2"])), max_size=3
    ),
    tickets=st.sets(st.sampled_from(["a", "b", "c", "g", "pc"]), max_size=2),
    orders=st.sets(st.sampled_from([("a", "b"), ("b", "c"), ("a", "g"), ("g", "pc"), ("c", "pc")]), max_size=3),
    standby=st.booleans(),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_for_any_small_cluster(
    places: dict[str, tuple[str, ...]],
    promoted: str,
    preferred: list[tuple[str, str]],
    tickets: set[str],
    orders: set[tuple[str, str]],
    standby: bool,
) -> None:
    history = {node: "".join(started(name, node) for name in NAMES if node in places[name]) for node in ("n1", "n2")}
    for node in history:
        last = [("promote", 0)] if node == promoted else []
        history[node] += did("p", ("start", 0), *last, node=node, kind="Stateful")
    constraints = "".join(
        f'<rsc_location id="l{n}" rsc="{rsc}" node="{node}" score="INFINITY"/>'
        for n, (rsc, node) in enumerate(preferred)
    )
    constraints += "".join(f'<rsc_ticket id="t-{rsc}" rsc="{rsc}" ticket="U"/>' for rsc in sorted(tickets))
    constraints += "".join(f'<rsc_order id="o-{a}-{b}" first="{a}" then="{b}"/>' for a, b in sorted(orders))
    cib = cluster(
        dummy("a") + dummy("b") + dummy("c") + group("g", "one", "two") + promotable("pc", "p"),
        constraints,
        n1=history["n1"],
        n2=history["n2"],
        attributes=attribute("master-p", "10"),
        node2=STANDBY if standby else "",
    )
    output = simulated(cib, "--run")
    assume(b'action="restart" resource="p:0" role="Promoted"' not in output)
    assert by_us(output, cib) == by_crm_simulate(cib)
