"""Our plans and patchsets, held against what Pacemaker's own tools make of them on CIB files."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure.closure import closure
from qmfagent.cib.mangling.mangle import mangle
from qmfagent.cib.mangling.transform import transform
from qmfagent.cib.plans.planning import make_plan
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import QmfAgentError
from qmfagent.site_file import read_site_rules
from tests.cib.helpers import apply, assert_equal, cib, dummy, pairs, replicate, ticket
from tests.cib.strategies import cibs, edits

pytestmark = [pytest.mark.pacemaker, pytest.mark.usefixtures("pacemaker_tools")]

# Each example executes several commands.
oracle = settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

TICKETS = ("ticket-db", "ticket-web", "ticket-report")
OLD_DATA = 103


class Tools:
    """Pacemaker's commands on a CIB file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "cib.xml"

    def put(self, snapshot: Snapshot) -> None:
        """Make the file hold `snapshot`."""
        self.path.write_bytes(etree.tostring(snapshot.to_element()))

    def get(self) -> Snapshot:
        """What the file holds, as cibadmin tells it."""
        return Snapshot.parse(self("cibadmin", "--query").stdout)

    def __call__(self, *command: str, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        environment = {**os.environ, "CIB_file": str(self.path)}
        return subprocess.run(command, env=environment, input=text, capture_output=True, timeout=60, check=False)

    def patch(self, patchset: bytes) -> int:
        """Exit status of cibadmin with a patchset."""
        return self("cibadmin", "--patch", "--xml-pipe", text=patchset).returncode

    def difference(self, old: etree._Element, new: etree._Element) -> bytes:
        """Pacemaker's own patchset from one CIB to another."""
        paths = []
        for name, element in (("old", old), ("new", new)):
            paths.append(self.folder / f"{name}.xml")
            paths[-1].write_bytes(etree.tostring(element))
        found = self("crm_diff", "--original", str(paths[0]), "--new", str(paths[1]))
        assert found.returncode in (0, 1), found.stderr
        return found.stdout


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    """The commands, with a file of their own."""
    return Tools(tmp_path)


def configuration(snapshot: Snapshot) -> bytes:
    return etree.tostring(snapshot.configuration, method="c14n")


@oracle
@given(cibs(), edits(), cibs(), cibs(prefix="l-", tickets=("L",)))
def test_cibadmin_makes_of_a_plan_what_we_do(tools: Tools, one, edit, other, target) -> None:
    here = Snapshot.of(target)
    tools.put(here)
    for published in (one, edit(one), other):
        try:
            plan = make_plan(here, closure(Snapshot.of(published), "T"))
        except QmfAgentError:
            continue
        assume(not plan.errors)
        if plan.changes:
            assert tools.patch(plan.patchset) == 0
            here = apply(here, plan)
            assert configuration(tools.get()) == configuration(here)
            assert tools.get().version == here.version


@oracle
@given(cibs(borrow=False), edits())
def test_we_make_of_a_patchset_of_pacemakers_what_it_describes(tools: Tools, before, edit) -> None:
    after = edit(before)
    found = tools.difference(before, after)
    assume(found)
    advanced = Snapshot.of(before)
    _ = advanced.lines, advanced.ids, advanced.config_digest, advanced.references
    advanced = advanced.advance(document.parse_element(found))
    assert configuration(advanced) == configuration(Snapshot.of(after))
    assert_equal(advanced, Snapshot.parse(etree.tostring(after)))


class TestPrecondition:
    SOURCE = cib(dummy("p", pairs("i", a="1")), ticket("t", "p"))

    def test_a_change_of_the_status_refuses_nothing(self, tools: Tools) -> None:
        tools.put(cib(dummy("z")))
        plan = make_plan(tools.get(), closure(self.SOURCE, "T"))
        assert tools("crm_ticket", "--ticket", "T", "--grant", "--force").returncode == 0
        assert tools.get().version.num_updates > plan.base_version.num_updates
        assert tools.patch(plan.patchset) == 0
        assert "p" in tools.get().members

    def test_a_change_of_the_configuration_refuses_all(self, tools: Tools) -> None:
        tools.put(cib(dummy("z")))
        plan = make_plan(tools.get(), closure(self.SOURCE, "T"))
        change = "<primitive id='z' description='changed'/>"
        assert tools("cibadmin", "--modify", "--scope", "resources", "--xml-text", change).returncode == 0
        assert tools.patch(plan.patchset) == OLD_DATA
        assert "p" not in tools.get().members

    def test_the_same_twice_is_refused_since_the_configuration_changed(self, tools: Tools) -> None:
        tools.put(cib(dummy("z")))
        plan = make_plan(tools.get(), closure(self.SOURCE, "T"))
        assert [tools.patch(plan.patchset), tools.patch(plan.patchset)] == [0, OLD_DATA]


class TestRealistic:
    """The realistic CIBs: from site A, which holds the tickets, to site B."""

    @pytest.fixture
    def source(self, data: Path) -> Snapshot:
        return Snapshot.parse((data / "source.xml").read_bytes())

    @pytest.fixture
    def deliver(self, data: Path, tools: Tools) -> Callable[[Snapshot, str], None]:
        rules = read_site_rules(data / "site-b.toml")

        def deliver(source: Snapshot, name: str) -> None:
            """Replicate a ticket to the file, with cibadmin, and have crm_verify look at it."""
            found = mangle(closure(source, name), {}, rules, transform)
            mangled = found.closure
            plan = make_plan(tools.get(), mangled, overrides=found.uses)
            assert [p for p in plan.problems if p.severity != "note" and p.code != "override-unused"] == []
            assert not plan.changes or tools.patch(plan.patchset) == 0
            verified = tools("crm_verify", "--xml-file", str(tools.path), "--verbose")
            assert (verified.returncode, verified.stderr) == (0, b"")
            assert make_plan(tools.get(), mangled).changes == ()

        return deliver

    @pytest.mark.parametrize("name", ["source.xml", "target.xml"])
    def test_both_are_what_pacemaker_likes(self, tools: Tools, data: Path, name: str) -> None:
        verified = tools("crm_verify", "--xml-file", str(data / name), "--verbose")
        assert (verified.returncode, verified.stderr) == (0, b"")

    def test_every_ticket_arrives_one_after_the_other(
        self, tools: Tools, data: Path, source: Snapshot, deliver
    ) -> None:
        before = Snapshot.parse((data / "target.xml").read_bytes())
        tools.put(before)
        for name in TICKETS:
            deliver(source, name)
        after = tools.get()
        assert {"db-clone", "db-vip", "web", "web-cache", "report-run"} <= after.members.keys()
        assert {i: after.lines[i] for i in before.lines} == before.lines
        assert {"backup", "fence-a1", "db-before-web", "customer-facing"}.isdisjoint(after.members)
        assert b"not-to-be-replicated" not in etree.tostring(after.configuration)
        assert b'value="10.2.0.20"' in after.lines["db-vip"]
        assert b'node="b2"' in after.lines["web-by-night"]
        assert b'ip-range-start="10.2.0.130"' in after.lines["web-cache"]

    def test_what_is_changed_moved_and_deleted_at_the_holder_follows(
        self, tools: Tools, data: Path, source: Snapshot, deliver
    ) -> None:
        target = Snapshot.parse((data / "target.xml").read_bytes())
        tools.put(target)
        for name in TICKETS:
            deliver(source, name)
        changed = source.to_element()
        find = changed.find
        find(".//nvpair[@id='db-vip-netmask']").set("value", "16")
        group = find(".//group[@id='web']")
        group.insert(1, group[-1])
        for member in ("web-admin-with-web", "web-order"):
            gone = find(f".//*[@id='{member}']")
            gone.getparent().remove(gone)
        for reference in changed.xpath("//resource_ref[@id='web-admin']"):
            reference.getparent().remove(reference)
        gone = find(".//primitive[@id='web-admin']")
        gone.getparent().remove(gone)
        for name in TICKETS:
            deliver(Snapshot.of(changed), name)
        after = tools.get()
        assert {"web-admin", "web-order", "web-admin-with-web"}.isdisjoint(after.members)
        assert b'name="cidr_netmask" value="16"' in after.lines["db-vip"]
        assert [e.get("id") for e in after.members["web"].iter("primitive")] == ["web-apache", "web-vip", "web-fs"]
        assert {i: after.lines[i] for i in target.lines} == target.lines

    def test_site_b_takes_over_and_site_a_follows_in_its_own_form(self, tools: Tools, source: Snapshot) -> None:
        """Without a site file; what site A borrows by id-ref stays borrowed there."""
        recorded = source
        for name in TICKETS:
            recorded = apply(recorded, make_plan(recorded, closure(recorded, name), adopt=True))
        other = cib()
        for name in TICKETS:
            other = replicate(recorded, other, name)
        text = etree.tostring(other.to_element())
        edited = Snapshot.parse(text.replace(b'name="rep_mode" value="async"', b'name="rep_mode" value="sync"'))
        tools.put(recorded)
        for name in TICKETS:
            plan = make_plan(tools.get(), closure(edited, name))
            assert [(c.operation, c.id) for c in plan.changes] == (
                [("modify", "db-rep-mode")] if name == "ticket-db" else []
            )
            assert not plan.changes or tools.patch(plan.patchset) == 0
        after = tools.get()
        assert after.lines["db-vip"] == source.lines["db-vip"]
        assert {i for i, line in after.lines.items() if line != recorded.lines.get(i)} == {"db-clone"}
        assert tools("crm_verify", "--xml-file", str(tools.path)).returncode == 0
