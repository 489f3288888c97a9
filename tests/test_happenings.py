"""What happened between two snapshots, as events: what changed, by whom, from which version to which, and no noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from lxml import etree

from qmfagent.agent import load_schema
from qmfagent.cib.change import CibChange
from qmfagent.cib.snapshot import Snapshot
from qmfagent.objects.happenings import happenings
from qmfagent.objects.snapshot import SnapshotObjects
from qmfagent.policy.secrets import Secrets
from qmfagent.policy.told import MAX_ATTRIBUTES, MAX_CHANGES, MAX_NAME, MAX_TEXT
from qmfagent.qmf.checks import check_values
from tests.following import following
from tests.replication.conftest import SOURCE

BEFORE = Snapshot.parse(SOURCE)
TICKET = "/cib/status/tickets/ticket_state[@id='T']"


def patchset(changes: str, target: str = 'epoch="6" num_updates="0"') -> bytes:
    version = (
        f'<version><source admin_epoch="0" epoch="5" num_updates="0"/><target admin_epoch="0" {target}/></version>'
    )
    return f'<diff format="2">{version}{changes}</diff>'.encode()


def modify(path: str, attributes: Mapping[str, str], result: str) -> str:
    entries = "".join(f'<change-attr name="{n}" operation="set" value="{v}"/>' for n, v in attributes.items())
    return (
        f'<change operation="modify" path="{path}"><change-list>{entries}</change-list>'
        f"<change-result>{result}</change-result></change>"
    )


IP = "/cib/configuration/resources/primitive[@id='vip']/instance_attributes[@id='vip-ia']/nvpair[@id='vip-ip']"
NEW_IP = modify(IP, {"value": "10.1.0.99"}, '<nvpair id="vip-ip" name="ip" value="10.1.0.99"/>')


def events(diff: bytes, before: Snapshot = BEFORE, known: bool = True, **who: str) -> list[tuple[str, dict[str, Any]]]:
    """The events of a patchset, each checked against the schema; `known` says whether the store knew the patchset."""
    after = before.advance(etree.fromstring(diff))
    change = CibChange(after, patchset=diff if known else None, **who)
    old, new = (SnapshotObjects("sitea", snapshot, following) for snapshot in (before, after))
    found = [(name, dict(values)) for name, values in happenings(old, new, change, Secrets())]
    schema = load_schema()
    for name, values in found:
        check_values(schema.event_class(name), {**values, "seq": 1})
    return found


def test_a_changed_value_is_told_with_who_and_from_where_to_where() -> None:
    config, resource = events(patchset(NEW_IP), client="crm_resource", user="alice", origin="n1")
    assert config == (
        "config_changed",
        {
            "site": "sitea",
            "source_version": "0.5.0",
            "version": "0.6.0",
            "changes": [
                {
                    "operation": "modify",
                    "kind": "nvpair",
                    "id": "vip-ip",
                    "path": IP,
                    "attributes": {"value": "10.1.0.99"},
                }
            ],
            "truncated": 0,
            "origin": "n1",
            "client": "crm_resource",
            "user": "alice",
        },
    )
    assert resource == (
        "resource_changed",
        {"site": "sitea", "id": "vip", "change": "modify", "role": "", "nodes": [], "truncated": 0},
    )


def test_what_is_created_and_deleted_is_named() -> None:
    created = (
        '<change operation="create" path="/cib/configuration/resources" position="3">'
        '<primitive id="new" class="ocf" provider="pacemaker" type="Dummy"/></change>'
    )
    gone = '<change operation="delete" path="/cib/configuration/resources/primitive[@id=\'local-a\']"/>'
    found = events(patchset(gone + created.replace('position="3"', 'position="2"')))
    assert [(c["operation"], c["kind"], c["id"]) for c in found[0][1]["changes"]] == [
        ("delete", "primitive", "local-a"),
        ("create", "primitive", "new"),
    ]
    assert [(v["change"], v["id"]) for name, v in found if name == "resource_changed"] == [
        ("delete", "local-a"),
        ("create", "new"),
    ]


def test_without_a_patchset_the_snapshots_are_compared() -> None:
    found = events(patchset(NEW_IP), known=False)
    assert found[0][1]["changes"] == [{"operation": "modify", "id": "vip", "kind": "primitive", "path": ""}]
    assert found[1][1]["id"] == "vip"


def test_a_constraint_is_no_resource() -> None:
    gone = '<change operation="delete" path="/cib/configuration/constraints/rsc_colocation[@id=\'web-with-vip\']"/>'
    assert [name for name, _ in events(patchset(gone))] == ["config_changed"]


def state(**attributes: str) -> bytes:
    values = {"id": "T", "granted": "true", "last-granted": "1700000000", **attributes}
    result = "<ticket_state {}/>".format(" ".join(f'{n}="{v}"' for n, v in values.items()))
    return patchset(modify(TICKET, values, result), 'epoch="5" num_updates="1"')


def test_a_ticket_is_told_with_its_state() -> None:
    ((name, values),) = events(state(granted="false"))
    assert name == "ticket_changed"
    assert {key: values[key] for key in ("site", "ticket", "granted", "standby", "term")} == {
        "site": "sitea",
        "ticket": "T",
        "granted": False,
        "standby": False,
        "term": "0.1700000000",
    }
    assert events(state(standby="true"))[0][1]["standby"] is True


def test_what_booth_renews_all_the_time_is_no_event() -> None:
    assert events(state(expires="1700000600")) == []


@pytest.mark.parametrize(
    "change",
    [
        '<change operation="create" path="/cib/status" position="1"><node_state id="1" uname="n1"/></change>',
        '<change operation="create" path="/cib/status" position="1"><node_state id="1" uname="n1">'
        '<transient_attributes id="1"><instance_attributes id="s"><nvpair id="s-p" name="pingd" value="1"/>'
        "</instance_attributes></transient_attributes></node_state></change>",
    ],
)
def test_churn_in_the_status_is_no_event(change: str) -> None:
    assert events(patchset(change, 'epoch="5" num_updates="1"')) == []


def test_what_a_resource_does_is_told() -> None:
    member = 'in_ccm="true" crmd="online" join="member"'
    started = (
        f'<change operation="create" path="/cib/status" position="1"><node_state id="1" uname="n1" {member}><lrm id="1">'
        '<lrm_resources><lrm_resource id="vip"><lrm_rsc_op id="vip_last_0" operation="start" call-id="5" rc-code="0"'
        ' op-status="0" interval="0" transition-key="1:1:0:x"/></lrm_resource></lrm_resources></lrm></node_state></change>'
    )
    ((name, values),) = events(patchset(started, 'epoch="5" num_updates="1"'))
    assert name == "resource_changed"
    assert values == {
        "site": "sitea",
        "id": "vip",
        "change": "state",
        "role": "Started",
        "nodes": ["n1"],
        "truncated": 0,
    }


def test_an_equal_configuration_written_anew_is_no_event() -> None:
    again = modify(IP, {"value": "10.1.0.10"}, '<nvpair id="vip-ip" name="ip" value="10.1.0.10"/>')
    assert events(patchset(again)) == []


@pytest.mark.parametrize("known", [True, False])
def test_the_number_of_changes_is_bounded_and_what_is_left_out_counted(known: bool) -> None:
    surplus = 7
    created = "".join(
        f'<change operation="create" path="/cib/configuration/resources" position="{3 + n}">'
        f'<primitive id="p{n}" class="ocf" provider="pacemaker" type="Dummy"/></change>'
        for n in range(MAX_CHANGES + surplus)
    )
    (_, config), *resources = events(patchset(created), known=known)
    assert (len(config["changes"]), config["truncated"]) == (MAX_CHANGES, surplus)
    assert len(resources) == MAX_CHANGES
    assert [values["truncated"] for _, values in resources] == [0] * (MAX_CHANGES - 1) + [surplus]


def test_texts_are_bounded_and_what_was_cut_shows() -> None:
    values = {"value": "x" * 100_000, "n" * 1000: "y", **{f"a{n}": "z" for n in range(100)}}
    result = '<nvpair id="vip-ip" name="ip" value="x"/>'
    (_, config), *_ = events(patchset(modify(IP, values, result)))
    (change,) = config["changes"]
    assert len(change["attributes"]) == MAX_ATTRIBUTES
    assert len(change["attributes"]["value"]) == MAX_TEXT
    assert change["attributes"]["value"].endswith("\N{HORIZONTAL ELLIPSIS}")
    assert max(map(len, change["attributes"])) == MAX_NAME
