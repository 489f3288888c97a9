"""CIBs of clusters with a status, for crm_simulate: two nodes, n1 and n2, and what has been done on them.

Rules of this file: texts alone. Fencing is off where a test does not say otherwise, so that a cluster may start something.
"""

from __future__ import annotations

from qmfagent.cib.snapshot import Snapshot

DUMMY_DIGEST = "f2317cad3d54cec5d7d7aa7d0bf35cf8"
"""Of an operation without parameters; any others would have the resource restarted."""

STANDBY = '<instance_attributes id="n2-ia"><nvpair id="n2-standby" name="standby" value="on"/></instance_attributes>'


def dummy(name: str, inner: str = "", kind: str = "Dummy") -> str:
    """A primitive of ocf:pacemaker."""
    return f'<primitive id="{name}" class="ocf" provider="pacemaker" type="{kind}">{inner}</primitive>'


def meta(name: str, **values: str) -> str:
    """Meta-attributes of a resource; an underscore in a name stands for a hyphen."""
    pairs = "".join(
        f'<nvpair id="{name}-{key}" name="{key.replace("_", "-")}" value="{value}"/>' for key, value in values.items()
    )
    return f'<meta_attributes id="{name}-meta">{pairs}</meta_attributes>'


def promotable(name: str, primitive: str, **values: str) -> str:
    """A promotable clone of a Stateful primitive."""
    return f'<clone id="{name}">{meta(name, promotable="true", **values)}{dummy(primitive, kind="Stateful")}</clone>'


def group(name: str, *members: str, inner: str = "") -> str:
    """A group of Dummies."""
    return f'<group id="{name}">{inner}{"".join(map(dummy, members))}</group>'


def did(name: str, *operations: tuple[str, int], node: str = "n1", kind: str = "Dummy", interval: int = 0) -> str:
    """The history of a resource on a node: operations with the code that each ended with."""
    text = ""
    for call, (operation, code) in enumerate(operations, start=1):
        expected = 0 if operation != "monitor" or interval else code
        key = f"{call}:1:{expected}:aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
        text += (
            f'<lrm_rsc_op id="{name}_{operation}_{interval}" operation_key="{name}_{operation}_{interval}"'
            f' operation="{operation}" crm_feature_set="3.16.1" transition-key="{key}" transition-magic="0:{code};{key}"'
            f' on_node="{node}" call-id="{call}" rc-code="{code}" op-status="0" interval="{interval}"'
            f' last-rc-change="1700000000" op-digest="{DUMMY_DIGEST}"/>'
        )
    return f'<lrm_resource id="{name}" class="ocf" provider="pacemaker" type="{kind}">{text}</lrm_resource>'


def started(name: str, node: str = "n1", kind: str = "Dummy") -> str:
    """The history of a resource that runs on a node."""
    return did(name, ("start", 0), node=node, kind=kind)


def attribute(name: str, value: str) -> str:
    """A transient attribute of a node."""
    return f'<nvpair id="st-{name.replace("#", "_")}" name="{name}" value="{value}"/>'


def cluster(
    resources: str = "",
    constraints: str = "",
    *,
    tags: str = "",
    n1: str = "",
    n2: str = "",
    attributes: str = "",
    node2: str = "",
    tickets: str = "",
    online: bool = True,
    quorum: bool = True,
    **options: str,
) -> Snapshot:
    """A cluster's CIB. `n1` and `n2` are histories, `attributes` transient ones of n1, `node2` what stands in the node n2;
    `options` are cluster options, an underscore in a name standing for a hyphen."""
    properties = {"stonith_enabled": "false", "cluster_name": "lyon"} | options
    pairs = "".join(
        f'<nvpair id="o-{key}" name="{key.replace("_", "-")}" value="{value}"/>' for key, value in properties.items()
    )
    return Snapshot.parse(
        (
            '<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" admin_epoch="0" epoch="5" num_updates="3"'
            f' have-quorum="{int(quorum)}" dc-uuid="1"><configuration>'
            f'<crm_config><cluster_property_set id="o">{pairs}</cluster_property_set></crm_config>'
            f'<nodes><node id="1" uname="n1"/><node id="2" uname="n2">{node2}</node></nodes>'
            f"<resources>{resources}</resources><constraints>{constraints}</constraints>"
            f"{f'<tags>{tags}</tags>' if tags else ''}</configuration><status>"
            f"{_state('1', n1, attributes, online)}{_state('2', n2, '', online)}"
            f"<tickets>{tickets}</tickets></status></cib>"
        ).encode()
    )


def _state(identifier: str, history: str, attributes: str, online: bool) -> str:
    crmd, join = ("online", "member") if online else ("offline", "down")
    return (
        f'<node_state id="{identifier}" uname="n{identifier}" in_ccm="{str(online).lower()}" crmd="{crmd}"'
        f' join="{join}" expected="member"><transient_attributes id="{identifier}">'
        f'<instance_attributes id="st-{identifier}">{attributes}</instance_attributes></transient_attributes>'
        f'<lrm id="{identifier}"><lrm_resources>{history}</lrm_resources></lrm></node_state>'
    )
