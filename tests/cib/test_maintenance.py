"""Which resources are managed: every case as crm_mon has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmfagent.cib.maintenance import maintenance_mode, unmanaged
from qmfagent.cib.snapshot import Snapshot
from tests.cib.monitor import crm_mon

_DUMMY = 'class="ocf" provider="pacemaker" type="Dummy"'
OFF, ON = {"is-managed": "false"}, {"is-managed": "true"}
IN, OUT = {"maintenance": "true"}, {"maintenance": "false"}
NODE_RULE = '<rule id="u" score="0"><expression id="e" attribute="#uname" operation="eq" value="n1"/></rule>'


def values(name: str, pairs: dict[str, str]) -> str:
    return "".join(f'<nvpair id="{name}-{n}" name="{n}" value="{v}"/>' for n, v in pairs.items())


def meta(name: str, pairs: dict[str, str], attributes: str = "", rule: str = "") -> str:
    return f'<meta_attributes id="{name}"{attributes}>{rule}{values(name, pairs)}</meta_attributes>'


def primitive(inner: str = "", name: str = "r", kind: str = _DUMMY) -> str:
    return f'<primitive id="{name}" {kind}>{inner}</primitive>'


def group(inner: str, name: str = "g") -> str:
    return f'<group id="{name}">{inner}</group>'


def template(inner: str) -> str:
    return f'<template id="t" {_DUMMY}>{inner}</template>'


def cib(resources: str, defaults: str = "", options: str = "") -> bytes:
    """A CIB with these resources, rsc_defaults and sets of cluster options."""
    states = "".join(
        f'<node_state id="{n}" uname="n{n}" in_ccm="true" crmd="online" join="member" expected="member">'
        f'<lrm id="{n}"><lrm_resources/></lrm></node_state>'
        for n in (1, 2)
    )
    return f"""
<cib crm_feature_set="3.16.2" validate-with="pacemaker-3.9" admin_epoch="0" epoch="5" num_updates="1" have-quorum="1"
  dc-uuid="1"><configuration><crm_config><cluster_property_set id="fencing">{values("f", {"stonith-enabled": "false"})}
</cluster_property_set>{options}</crm_config><nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes>
<resources>{resources}</resources><constraints/><rsc_defaults>{defaults}</rsc_defaults>
</configuration><status>{states}</status></cib>""".encode()


def options(name: str, value: str, attributes: str = "") -> str:
    pairs = values(name, {"maintenance-mode": value})
    return f'<cluster_property_set id="{name}"{attributes}>{pairs}</cluster_property_set>'


PLAIN = primitive()
MADE = 'template="t"'
TWICE = '<nvpair id="n1" name="is-managed" value="{}"/><nvpair id="n2" name="is-managed" value="{}"/>'

CASES = {
    "nothing said": cib(PLAIN),
    "not managed": cib(primitive(meta("m", OFF))),
    "in maintenance": cib(primitive(meta("m", IN))),
    "managed, but in maintenance": cib(primitive(meta("m", ON | IN))),
    **{f"{name} is '{value}'": cib(primitive(meta("m", {name: value})), meta("d", OFF))
       for name in ("is-managed", "maintenance")
       for value in ("#default", "default", "Default", "maybe", "", "no", "YES", "1")},
    "by default": cib(PLAIN, meta("d", OFF)),
    "not as by default": cib(primitive(meta("m", ON)), meta("d", OFF)),
    "in maintenance by default": cib(PLAIN, meta("d", IN)),
    "not in maintenance as by default": cib(primitive(meta("m", OUT)), meta("d", IN)),
    "the cluster is in maintenance": cib(primitive(meta("m", ON | OUT)) + group(primitive(name="s")), "",
                                         options("o", "true")),
    "a group": cib(group(meta("m", OFF) + PLAIN + primitive(meta("n", ON), "s"))),
    "a part of a group": cib(group(meta("m", ON) + primitive(meta("n", OFF)) + primitive(name="s"))),
    "a group, by default": cib(group(meta("m", ON) + PLAIN) + primitive(name="s"), meta("d", OFF)),
    "a clone of a group": cib(f'<clone id="c">{meta("m", OFF)}{group(PLAIN)}</clone>'),
    "a clone of a group that says otherwise": cib(f'<clone id="c">{meta("m", IN)}{group(meta("n", OUT) + PLAIN)}</clone>'),
    "two sets": cib(primitive(meta("m", ON) + meta("n", OFF)) + primitive(meta("o", OFF) + meta("p", ON), "s")),
    "scored sets": cib(primitive(meta("m", OFF, ' score="2"') + meta("n", ON, ' score="1"'))),
    "a set scored INFINITY": cib(primitive(meta("m", OFF, ' score="INFINITY"') + meta("n", ON, ' score="70"'))),
    "twice in a set": cib(primitive(f'<meta_attributes id="m">{TWICE.format("true", "false")}</meta_attributes>')),
    "two sets by default": cib(PLAIN, meta("d", OFF) + meta("e", ON)),
    "a template": cib(template(meta("m", OFF)) + primitive(kind=MADE)),
    "not as the template": cib(template(meta("m", OFF)) + primitive(meta("n", ON), kind=MADE)),
    "a template with a higher score": cib(
        template(meta("m", OFF, ' score="3"')) + primitive(meta("n", ON), kind=MADE)
    ),
    "the template before the group": cib(template(meta("m", ON)) + group(meta("n", OFF) + primitive(kind=MADE))),
    "a set that is another's": cib(primitive(meta("m", OFF), "lender") + primitive('<meta_attributes id-ref="m"/>')),
    "a value that is another's": cib(
        primitive(meta("m", OFF), "lender")
        + primitive('<meta_attributes id="n"><nvpair id-ref="m-is-managed"/></meta_attributes>')
    ),
    "a value that is another's under its own name": cib(
        primitive(meta("m", {"x": "false"}), "lender")
        + primitive('<meta_attributes id="n"><nvpair id-ref="m-x" name="is-managed"/></meta_attributes>')
    ),
    "a rule on a node": cib(primitive(meta("m", OFF, rule=NODE_RULE))),
    "options in two sets": cib(PLAIN, "", options("o", "false") + options("p", "true")),
    "options of Pacemaker's tools": cib(PLAIN, "", options("cib-bootstrap-options", "false") + options("p", "true")),
    "options of Pacemaker's tools, before": cib(
        PLAIN, "", options("o", "true", ' score="9"') + options("cib-bootstrap-options", "false")
    ),
}  # fmt: skip


@pytest.mark.pacemaker
@pytest.mark.usefixtures("pacemaker_tools")
@pytest.mark.parametrize("data", CASES.values(), ids=CASES.keys())
def test_a_resource_is_managed_where_crm_mon_says_so(tmp_path: Path, data: bytes) -> None:
    shown = {
        each.get("id", "").partition(":")[0]: each.get("managed") == "true"
        for each in crm_mon(tmp_path, data).find("resources").iter("resource", "group", "clone")  # type: ignore[union-attr]
    }
    snapshot = Snapshot.parse(data)
    assert {identifier: identifier not in unmanaged(snapshot) for identifier in shown} == shown
    assert unmanaged(snapshot) <= shown.keys()


@pytest.mark.pacemaker
@pytest.mark.usefixtures("pacemaker_tools")
@pytest.mark.parametrize("value", ["true", "false", "on"])
def test_the_cluster_is_in_maintenance_where_crm_mon_says_so(tmp_path: Path, value: str) -> None:
    data = cib(PLAIN, "", options("o", value))
    (shown,) = crm_mon(tmp_path, data).iterfind("summary/cluster_options")
    assert maintenance_mode(Snapshot.parse(data)) == (shown.get("maintenance-mode") == "true")


def test_a_bundle_hands_on_what_it_says() -> None:
    data = cib(f'<bundle id="b">{meta("m", OFF)}<docker image="x"/>{PLAIN}</bundle>')
    assert unmanaged(Snapshot.parse(data)) == {"b", "r"}


def test_what_is_under_a_rule_is_left_out() -> None:
    always = '<rule id="u" score="0"><date_expression id="e" operation="gt" start="2000-01-01"/></rule>'
    assert unmanaged(Snapshot.parse(cib(primitive(meta("m", OFF, rule=always))))) == frozenset()


def test_what_borrows_from_nothing_says_nothing() -> None:
    data = cib(
        primitive('<meta_attributes id-ref="gone"/><meta_attributes id="m"><nvpair id-ref="gone"/></meta_attributes>')
    )
    assert unmanaged(Snapshot.parse(data)) == frozenset()
