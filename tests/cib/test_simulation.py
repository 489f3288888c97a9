"""Simulations and drills from recorded outputs of crm_simulate 2.1.5, with nothing of Pacemaker at hand.

The CIB: two nodes, n2 in standby; `off` is disabled, `after` ordered after it, `failed` has failed on n1, `other` needs ticket
U too, `apart` may not be where `db` is, `gone` runs and is in no configuration.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qmfagent.cib.closure.closure import closure
from qmfagent.cib.simulation.drill import Running, agents_in, make_drill
from qmfagent.cib.simulation.hindrance import Hindrances
from qmfagent.cib.simulation.outcome import Action
from qmfagent.cib.simulation.preview import Preview, make_preview, told_apart
from qmfagent.cib.simulation.simulation import SimulatedNode, SimulatedResource, Simulation, parse_simulation
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError
from tests.cib.helpers import cib, dummy, ticket

RECORDED = Path(__file__).parent / "simulations"
CIB = Snapshot.parse((RECORDED / "cib.xml").read_bytes())
EMPTY = Simulation((), (), {}, frozenset(), {}, {})


def simulation(name: str) -> Simulation:
    """A recorded simulation."""
    return parse_simulation((RECORDED / f"{name}.xml").read_bytes(), CIB)


def test_a_simulation() -> None:
    found = simulation("granted")
    assert found.nodes == (SimulatedNode("n1"), SimulatedNode("n2", ("standby",)))
    assert Action("start", "db", "", "n1") in found.actions
    assert Action("promote", "p", "n1", "n1", role="Promoted") in found.actions
    assert Action("start", "after", "", "n1", "unrunnable off start", blocked=True) in found.actions
    assert found.resources["db"] == SimulatedResource({"n1": "Started"})
    assert found.resources["off"] == SimulatedResource({}, "Stopped")
    assert found.resources["b"].active == {"n1": "Started"}
    assert found.resources["inside"].active == {"b-0": "Started"}
    assert found.exhausted == {("failed", "n1"): "1000000"}
    assert found.promotion["p", "n1"] == "10"
    assert ("failed", "n1") in found.banned
    assert ("db", "n1") not in found.banned


def test_a_drill() -> None:
    drill = make_drill(CIB, closure(CIB, "T"), (simulation("present"), simulation("granted")), frozenset(), ())
    assert set(drill.running) == {
        *(Running(name, "Started", ("n1",)) for name in ("db", "g1", "g2", "b")),
        Running("inside", "Started", ("b-0",)),
        Running("p", "Promoted", ("n1",)),
    }
    assert {blocked.resource: blocked.to_map()["message"] for blocked in drill.blocked} == {
        "off": "its target-role is Stopped",
        "after": "order first-off wants off started first (off: its target-role is Stopped)",
        "failed": "it failed on n1 as often as its migration-threshold allows (1000000); n2 is in standby",
        "other": "ticket U is not granted here",
        "apart": "colocation not-db keeps it off n1, where db runs; n2 is in standby",
    }
    assert "gone" not in {action.resource for action in drill.actions}


def test_what_would_happen_anyway() -> None:
    preview = make_preview(simulation("present"), simulation("granted"), CIB)
    assert "gone" in {action.resource for action in preview.anyway}
    assert "db" in {action.resource for action in preview.actions}
    assert not {action.action for action in preview.actions if action.resource == "after"}


def test_another_reason_is_no_other_action() -> None:
    due = Action("stop", "a", "n1", "", "node availability")
    assert told_apart([due], [replace(due, reason="another")]) == ((), (replace(due, reason="another"),))
    assert told_apart([replace(due, blocked=True)], [due]) == ((due,), ())


def test_a_preview_as_plain_values() -> None:
    assert Preview((Action("start", "a", "", "n1", role="Started"),), reason="none").to_map() == {
        "actions": [{"action": "start", "resource": "a", "source": "", "target": "n1", "reason": ""}],
        "anyway": [],
        "blocked": [],
        "reason": "none",
    }


@pytest.mark.parametrize(
    "output", [b"", b"<pacemaker-result/>", b"<crm_mon><cluster_status/></crm_mon>", b"Segmentation"]
)
def test_what_is_no_simulation(output: bytes) -> None:
    with pytest.raises(CibError):
        parse_simulation(output, CIB)


def test_dependencies_that_go_round_in_a_circle_come_to_an_end() -> None:
    circle = "".join(f'<rsc_order id="o{a}{b}" first="{a}" then="{b}"/>' for a, b in ("xy", "yz", "zx"))
    snapshot = cib(dummy("x") + dummy("y") + dummy("z"), circle)
    stopped = {name: SimulatedResource({}) for name in "xyz"}
    found = Hindrances(snapshot, replace(EMPTY, nodes=(SimulatedNode("n1"),), resources=stopped)).of("x")
    assert found[-1].reason == "order"


def test_a_cluster_without_nodes() -> None:
    snapshot = cib(dummy("x"), ticket("t", "x"))
    found = Hindrances(snapshot, replace(EMPTY, resources={"x": SimulatedResource({})}), "T").of("x")
    assert ("node", "the cluster has no node") in {(hindrance.reason, hindrance.message) for hindrance in found}


def test_agents_of_primitives_and_of_their_templates() -> None:
    made = '<template id="m" class="ocf" provider="heartbeat" type="IPaddr2"/><primitive id="ip" template="m"/>'
    snapshot = cib(made + dummy("x"), ticket("t", "x") + ticket("u", "ip"))
    assert agents_in(snapshot, closure(snapshot, "T")) == {"ip": "ocf:heartbeat:IPaddr2", "x": "ocf:pacemaker:Dummy"}
