"""What FileCib writes, held against what Pacemaker's own tools write to the same file."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qmfagent.cib import document
from qmfagent.cib.snapshot import Snapshot
from qmfagent.pacemaker.file import FileCib
from qmfagent.pacemaker.tools import TicketAction

pytestmark = [pytest.mark.pacemaker, pytest.mark.usefixtures("pacemaker_tools")]

CIB = b"""\
<cib admin_epoch="1" epoch="7" num_updates="3" validate-with="pacemaker-3.9" crm_feature_set="3.16.1">
  <configuration>
    <crm_config>
      <cluster_property_set id="options">
        <nvpair id="options-stonith" name="stonith-enabled" value="false"/>
      </cluster_property_set>
    </crm_config>
    <nodes/>
    <resources>
      <!-- kept -->
      <primitive id="a" class="ocf" provider="pacemaker" type="Dummy">
        <instance_attributes id="a-i"><nvpair id="a-1" name="state" value="x"/></instance_attributes>
      </primitive>
      <group id="g">
        <primitive id="b" class="ocf" provider="pacemaker" type="Dummy"/>
        <primitive id="c" class="ocf" provider="pacemaker" type="Dummy"/>
        <primitive id="d" class="ocf" provider="pacemaker" type="Dummy"/>
      </group>
    </resources>
    <constraints>
      <rsc_location id="l" rsc="a" node="n1" score="5"/>
    </constraints>
  </configuration>
  <status/>
</cib>
"""

RESOURCES = "/cib/configuration/resources"
CHANGES = {
    "create first": f'<change operation="create" path="{RESOURCES}" position="0">'
    '<primitive id="new" class="ocf" provider="pacemaker" type="Stateful"/></change>',
    "create last": f'<change operation="create" path="{RESOURCES}/group[@id=\'g\']" position="3">'
    '<primitive id="new" class="ocf" provider="pacemaker" type="Stateful"/></change>',
    "modify": f"<change operation=\"modify\" path=\"{RESOURCES}/primitive[@id='a']/instance_attributes[@id='a-i']"
    '/nvpair[@id=\'a-1\']"><change-list><change-attr name="value" operation="set" value="y"/></change-list>'
    '<change-result><nvpair id="a-1" name="state" value="y"/></change-result></change>',
    "delete": '<change operation="delete" path="/cib/configuration/constraints/rsc_location[@id=\'l\']"/>',
    "delete what is not there": f'<change operation="delete" path="{RESOURCES}/primitive[@id=\'z\']"/>'
    '<change operation="delete" path="/cib/configuration/constraints/rsc_location[@id=\'l\']"/>',
    "move": f'<change operation="move" path="{RESOURCES}/group[@id=\'g\']/primitive[@id=\'d\']" position="0"/>',
    "several": '<change operation="delete" path="/cib/configuration/constraints/rsc_location[@id=\'l\']"/>'
    f'<change operation="delete" path="{RESOURCES}/primitive[@id=\'a\']"/>'
    f'<change operation="move" path="{RESOURCES}/group[@id=\'g\']/primitive[@id=\'b\']" position="2"/>'
    '<change operation="create" path="/cib/configuration" position="4">'
    '<tags><tag id="t"><obj_ref id="b"/></tag></tags></change>',
}
# A tool on a file names no writer; we do.
WRITER = ("cib-last-written", "update-origin", "update-client", "update-user")


def canonical(path: Path) -> bytes:
    root = document.parse(path.read_bytes())
    for name in WRITER:
        root.attrib.pop(name, None)
    return document.canonical(root)


def tool(path: Path, *command: str, input: bytes = b"") -> int:
    environment = os.environ | {"CIB_file": str(path)}
    return subprocess.run(
        command, input=input, env=environment, capture_output=True, timeout=30, check=False
    ).returncode


async def applied(path: Path, patchset: bytes) -> None:
    store = FileCib(path)
    await store.start()
    try:
        await store.apply(patchset, (await store.snapshot()).config_digest)
    finally:
        await store.stop()


@pytest.mark.parametrize("name", CHANGES)
async def test_a_patchset(tmp_path: Path, name: str) -> None:
    ours, theirs = tmp_path / "ours.xml", tmp_path / "theirs.xml"
    version = (
        '<version><source admin_epoch="1" epoch="7" num_updates="3"/>'
        '<target admin_epoch="1" epoch="8" num_updates="0"/></version>'
    )
    patchset = f'<diff format="2">{version}{CHANGES[name]}</diff>'.encode()
    for path in (ours, theirs):
        path.write_bytes(CIB)
    assert tool(theirs, "cibadmin", "--patch", "--xml-pipe", input=patchset) == 0
    await applied(ours, patchset)
    assert canonical(ours) == canonical(theirs)
    assert canonical(ours) != document.canonical(document.parse(CIB))


async def test_what_is_written_is_valid_for_pacemaker(tmp_path: Path) -> None:
    path = tmp_path / "cib.xml"
    path.write_bytes(CIB)
    await applied(path, f'<diff format="2">{CHANGES["several"]}</diff>'.encode())
    assert tool(path, "crm_verify", "--xml-file", str(path)) == 0


ACTIONS = st.tuples(st.sampled_from(["T", "U"]), st.sampled_from(["grant", "revoke", "standby", "activate"]))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(ACTIONS, min_size=1, max_size=6))
async def test_tickets(tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, TicketAction]]) -> None:
    directory = tmp_path_factory.mktemp("tickets")
    ours, theirs = directory / "ours.xml", directory / "theirs.xml"
    for path in (ours, theirs):
        path.write_bytes(CIB)
    store = FileCib(ours)
    await store.start()
    try:
        for name, action in actions:
            await store.ticket(name, action)
            assert tool(theirs, "crm_ticket", f"--ticket={name}", f"--{action}", "--force") == 0
    finally:
        await store.stop()
    assert tickets(ours) == tickets(theirs)
    assert Snapshot.parse(ours.read_bytes()).version == Snapshot.parse(theirs.read_bytes()).version


def tickets(path: Path) -> list[dict[str, str]]:
    """The attributes of each ticket_state, with its time as "now" where there is one."""
    found = document.parse(path.read_bytes()).findall("status/tickets/ticket_state")
    return [{str(k): "now" if k == "last-granted" else str(v) for k, v in element.attrib.items()} for element in found]
