"""Nodes and resources as the history tells them: every case as crm_mon has it, and a CIB that a real cluster left behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from qmfagent.cib.failures import fail_counts
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.status import FAILED, STARTED, NodeState, ResourceState, node_states, resource_states, under_way
from tests.cib.monitor import crm_mon

MEMBER = 'in_ccm="true" crmd="online" join="member" expected="member"'
CRASHED = 'in_ccm="false" crmd="offline" join="down" expected="member"'
LEFT = 'in_ccm="false" crmd="offline" join="down" expected="down"'
JOINING = 'in_ccm="true" crmd="online" join="pending" expected="member"'
STOPPED_CONTROLLER = 'in_ccm="true" crmd="offline" join="down" expected="down"'

PLAIN = '<primitive id="r" class="ocf" provider="pacemaker" type="Dummy"/>'
PROMOTABLE = (
    '<clone id="c"><meta_attributes id="cm"><nvpair id="cp" name="promotable" value="true"/></meta_attributes>'
    '<primitive id="r" class="ocf" provider="pacemaker" type="Stateful"/></clone>'
)


def op(name: str, code: int, call: int, interval: int = 0, status: int = 0, expected: int = 0) -> str:
    """One operation of the history. `status`: 0 done, 1 cancelled, 2 timed out, 4 error, 7 not installed, -1 pending."""
    return (
        f'<lrm_rsc_op id="r_{name}_{interval}_{call}" operation_key="r_{name}_{interval}" operation="{name}"'
        f' crm_feature_set="3.16.2" transition-key="1:{call}:{expected}:ab" call-id="{call}" rc-code="{code}"'
        f' transition-magic="{status}:{code};1:{call}:{expected}:ab" op-status="{status}" interval="{interval}"'
        ' last-rc-change="1795507748" exec-time="1" queue-time="0" op-digest="0"/>'
    )


def cib(
    first: str, second: str = "", resources: str = PLAIN, second_node: str = MEMBER, fencing: bool = False
) -> bytes:
    """A CIB of two nodes and their histories of resource r."""

    def history(operations: str) -> str:
        kind = "Stateful" if resources is PROMOTABLE else "Dummy"
        inner = f'<lrm_resource id="r" class="ocf" provider="pacemaker" type="{kind}">{operations}</lrm_resource>'
        return f"<lrm_resources>{inner if operations else ''}</lrm_resources>"

    return f"""
<cib crm_feature_set="3.16.2" validate-with="pacemaker-3.9" admin_epoch="0" epoch="5" num_updates="1" have-quorum="1"
  dc-uuid="1"><configuration><crm_config><cluster_property_set id="o">
  <nvpair id="o-s" name="stonith-enabled" value="{str(fencing).lower()}"/></cluster_property_set></crm_config>
<nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes>
<resources>{resources}</resources><constraints/></configuration><status>
<node_state id="1" uname="n1" {MEMBER}><lrm id="1">{history(first)}</lrm></node_state>
<node_state id="2" uname="n2" {second_node}><lrm id="2">{history(second)}</lrm></node_state>
</status></cib>""".encode()


def probe(code: int, status: int = 0) -> str:
    return op("monitor", code, 1, status=status, expected=7)


START = op("start", 0, 2)
PROMOTE = op("promote", 0, 3)

HISTORIES = {
    **{f"a probe gives {code}": cib(probe(code, status)) for code, status in [
        (0, 0), (7, 0), (8, 0), (9, 0), (1, 4), (1, 0), (2, 4), (3, 4), (4, 4), (5, 4), (5, 7), (6, 4), (190, 0), (191, 0),
    ]},
    **{f"a recurring monitor gives {code} {status}": cib(probe(7) + START + op("monitor", code, 3, 10000, status))
       for code, status in [(0, 0), (7, 0), (1, 4), (8, 0), (5, 4), (5, 7), (190, 0), (191, 0), (193, -1), (1, 2)]},
    **{f"a start gives {code} {status}": cib(probe(7) + op("start", code, 2, status=status))
       for code, status in [(0, 0), (1, 4), (1, 0), (5, 7), (5, 4), (6, 4), (1, 2)]},
    **{f"a stop gives {code} {status}": cib(START + op("stop", code, 3, status=status))
       for code, status in [(0, 0), (1, 4), (1, 2)]},
    "a failed start that was cleaned up": cib(op("start", 1, 2, status=4) + op("stop", 0, 3)),
    "on its way": cib(START + op("migrate_to", 0, 3)),
    "at both places": cib(START + op("migrate_to", 0, 3), op("migrate_from", 0, 4)),
    "migrated": cib(op("migrate_to", 0, 3) + op("stop", 0, 5), op("migrate_from", 0, 4)),
    "a migration that failed": cib(START + op("migrate_to", 1, 3, status=4)),
    "told to have failed": cib(START + op("asyncmon", 1, 3, status=4)),
    "a monitor that was cancelled": cib(START + op("monitor", 0, 3, 10000, status=1)),
    "reloaded": cib(START + op("reload-agent", 0, 3)),
    "a reload that failed": cib(START + op("reload-agent", 1, 3, status=4)),
    "not installed at one node": cib(START, probe(5, 7)),
    "at two nodes": cib(START, START),
    "promoted": cib(START + PROMOTE, START, PROMOTABLE),
    "promoted, with monitors": cib(
        START + PROMOTE + op("monitor", 8, 4, 10000, expected=8), START + op("monitor", 0, 3, 11000), PROMOTABLE
    ),
    "promoted, and found as if it were not": cib(
        START + PROMOTE + op("monitor", 0, 4, 10000, expected=8), "", PROMOTABLE
    ),
    "demoted": cib(START + PROMOTE + op("demote", 0, 4), "", PROMOTABLE),
    "a promotion that failed": cib(START + op("promote", 1, 3, status=4), "", PROMOTABLE),
    "a demotion that failed": cib(START + PROMOTE + op("demote", 1, 4, status=4), "", PROMOTABLE),
    "failed while promoted": cib(START + PROMOTE + op("monitor", 9, 4, 10000, 4, 8), "", PROMOTABLE),
    "promoted by itself": cib(START + op("monitor", 8, 3, 11000), "", PROMOTABLE),
    "watched where it must not run": cib(START, probe(7) + op("monitor", 7, 3, 20000, expected=7)),
    "found where it must not run": cib(START, probe(7) + op("monitor", 0, 3, 20000, expected=7)),
    **{f"{what}, {'with' if fencing else 'without'} fencing": cib("", START, second_node=node, fencing=fencing)
       for what, node in [("crashed", CRASHED), ("left", LEFT), ("joining", JOINING), ("stopped", STOPPED_CONTROLLER)]
       for fencing in (False, True)},
}  # fmt: skip


def as_shown(monitor: etree._Element) -> ResourceState:
    """The instances of r that crm_mon shows, put together: the weightiest role, and where it is active."""
    weight = ["Stopped", "Unpromoted", "Started", "Promoted", "Failed"]
    roles, nodes = {"Stopped"}, set()
    for shown in monitor.iterfind("resources//resource"):
        if shown.get("active") == "true":
            roles.add("Failed" if shown.get("failed") == "true" else shown.get("role", ""))
            nodes |= {node.get("name", "") for node in shown.iterfind("node")}
    return ResourceState(max(roles, key=weight.index), tuple(sorted(nodes)))


@pytest.mark.pacemaker
@pytest.mark.usefixtures("pacemaker_tools")
@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES.keys())
def test_a_resource_is_where_crm_mon_sees_it(tmp_path: Path, history: bytes) -> None:
    found = resource_states(Snapshot.parse(history)).get("r", ResourceState("Stopped"))
    assert found == as_shown(crm_mon(tmp_path, history))


@pytest.mark.pacemaker
@pytest.mark.usefixtures("pacemaker_tools")
@pytest.mark.parametrize("node", [MEMBER, CRASHED, LEFT, JOINING, STOPPED_CONTROLLER])
def test_a_node_is_online_where_crm_mon_says_so(tmp_path: Path, node: str) -> None:
    data = cib("", second_node=node)
    shown = {n.get("name"): n.get("online") == "true" for n in crm_mon(tmp_path, data).iterfind("nodes/node")}
    assert {n.name: n.online for n in node_states(Snapshot.parse(data))} == shown


def with_attributes(forever: str, reboot: str) -> bytes:
    """A CIB whose second node has these sets of attributes, permanent and transient ones."""
    text = cib("").decode().replace('<node id="2" uname="n2"/>', f'<node id="2" uname="n2">{forever}</node>')
    transient = f'<transient_attributes id="2">{reboot}</transient_attributes><lrm id="2">'
    return text.replace('<lrm id="2">', transient if reboot else '<lrm id="2">').encode()


def attribute(name: str, value: str, number: int = 1) -> str:
    pair = f'<nvpair id="a{number}" name="{name}" value="{value}"/>'
    return f'<instance_attributes id="i{number}">{pair}</instance_attributes>'


ATTRIBUTES = {
    **{f"{value} {'forever' if lasts else 'until reboot'}": ((value, "") if lasts else ("", value))
       for value in ("on", "true", "yes", "y", "1", "ON", "off", "false") for lasts in (True, False)},
    "off until reboot": ("true", "false"),
    "on until reboot": ("false", "true"),
}  # fmt: skip


@pytest.mark.pacemaker
@pytest.mark.usefixtures("pacemaker_tools")
@pytest.mark.parametrize(("forever", "reboot"), ATTRIBUTES.values(), ids=ATTRIBUTES.keys())
@pytest.mark.parametrize("name", ["standby", "maintenance"])
def test_a_node_is_in_standby_or_maintenance_where_crm_mon_says_so(
    tmp_path: Path, name: str, forever: str, reboot: str
) -> None:
    data = with_attributes(attribute(name, forever) if forever else "", attribute(name, reboot, 2) if reboot else "")
    shown = {n.get("name"): n.get(name) == "true" for n in crm_mon(tmp_path, data).iterfind("nodes/node")}
    assert {n.name: getattr(n, name) for n in node_states(Snapshot.parse(data))} == shown


def test_of_several_sets_of_attributes_one_counts() -> None:
    sets = attribute("standby", "true") + attribute("standby", "false", 2)
    assert not node_states(Snapshot.parse(with_attributes(sets, "")))[1].standby


UNIQUE = (
    '<clone id="c"><meta_attributes id="cm"><nvpair id="cu" name="globally-unique" value="true"/></meta_attributes>'
    '<primitive id="r" class="ocf" provider="pacemaker" type="Dummy"/></clone>'
)


def pending(name: str, interval: int = 0) -> str:
    return op(name, 193, -1, interval, status=-1)


UNDER_WAY = {
    **{f"{name} {interval}": cib(START + pending(name, interval))
       for name in ("start", "stop", "promote", "demote", "migrate_to", "migrate_from", "monitor", "notify", "reload-agent")
       for interval in (0, 10000)},
    "nothing": cib(START),
    "the first start": cib(pending("start")),
    "a start at the second node": cib(probe(7), pending("start")),
    "different things at two nodes": cib(pending("start"), START + pending("stop")),
    "a start that is over": cib(pending("start") + op("start", 0, 3)),
    **{f"{what}, {'with' if fencing else 'without'} fencing":
       cib("", START + pending("stop"), second_node=node, fencing=fencing)
       for what, node in [("crashed", CRASHED), ("left", LEFT), ("joining", JOINING)] for fencing in (False, True)},
}  # fmt: skip


@pytest.mark.pacemaker
@pytest.mark.usefixtures("pacemaker_tools")
@pytest.mark.parametrize("history", UNDER_WAY.values(), ids=UNDER_WAY.keys())
def test_what_is_under_way_is_called_as_crm_mon_does(tmp_path: Path, history: bytes) -> None:
    words = {"Starting", "Stopping", "Migrating", "Promoting", "Demoting"}
    shown = {
        word
        for resource in crm_mon(tmp_path, history, "--pending").iterfind("resources//resource")
        if (word := resource.get("pending", "") or (role if (role := resource.get("role", "")) in words else ""))
    }
    assert {under_way(Snapshot.parse(history)).get("r", "")} - {""} == shown


def test_what_is_under_way_at_an_instance_is_so_for_the_primitive() -> None:
    data = cib(pending("start"), resources=UNIQUE).replace(b'<lrm_resource id="r"', b'<lrm_resource id="r:1"')
    assert under_way(Snapshot.parse(data)) == {"r": "Starting"}


def test_what_is_under_way_says_nothing_of_a_role_yet() -> None:
    stopping = Snapshot.parse(cib(START + pending("stop")))
    assert resource_states(stopping)["r"] == ResourceState(STARTED, ("n1",))
    assert resource_states(Snapshot.parse(cib(pending("start")))) == {}


def test_newer_membership_stamps_are_understood() -> None:
    """Since Pacemaker 2.1.7 in_ccm and crmd hold the time of joining, 0 where there was none."""
    for stamp, online in (("1700000000", True), ("0", False)):
        states = f'in_ccm="{stamp}" crmd="{stamp}" join="member" expected="member"'
        assert node_states(Snapshot.parse(cib("", second_node=states)))[1].online is online


def test_there_may_be_no_status_at_all() -> None:
    snapshot = Snapshot.parse(b'<cib><configuration><nodes><node id="1" uname="n1"/></nodes></configuration></cib>')
    assert resource_states(snapshot) == under_way(snapshot) == fail_counts(snapshot) == {}
    assert node_states(snapshot) == [NodeState("1", "n1", online=False, standby=False, maintenance=False)]


def test_a_cib_that_a_real_cluster_left_behind() -> None:
    """Pacemaker 2.1.5 with a resource of every kind: one whose agent is missing, one that can't start, one that died."""
    snapshot = Snapshot.parse((Path(__file__).parent / "status" / "live.xml").read_bytes())
    here = ("sitea-n1",)
    assert node_states(snapshot) == [NodeState("1", "sitea-n1", online=True, standby=False, maintenance=False)]
    assert fail_counts(snapshot) == {"broken": 1_000_000, "g1": 2, "hurt": 1}
    assert resource_states(snapshot) == {
        "one": ResourceState("Started", here),
        "off": ResourceState("Stopped"),
        "hurt": ResourceState(FAILED, here),
        "absent": ResourceState("Stopped"),
        "broken": ResourceState("Stopped"),
        "data": ResourceState("Promoted", here),
        "uniq": ResourceState("Started", here),
        "g1": ResourceState("Started", here),
        "g2": ResourceState("Started", here),
    }
