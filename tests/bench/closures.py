"""Closure, mangle and difference of a one-value change, against one parse of the same document by lxml.

What is timed begins with Pacemaker's patchset and ends with the plan of the other site."""

from __future__ import annotations

from collections.abc import Callable

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure.closure import closure
from qmfagent.cib.mangling.mangle import SiteRules, mangle
from qmfagent.cib.mangling.overrides import parse_site_file
from qmfagent.cib.mangling.transform import transform
from qmfagent.cib.plans.planning import make_plan
from qmfagent.cib.snapshot import Snapshot
from tests.bench.cibs import cib, empty_cib
from tests.bench.result import Result, alternating

ROUNDS = 15
_SITE = b"[[override]]\nselect = \"primitive[@id='r500']/instance_attributes/nvpair[@name='state']\"\nvalue = \"/run/here\"\n"


def run() -> list[Result]:
    """The ratio at 10,000 resources, and what ten times the resources cost against ten times the work."""
    data = cib(10_000)
    large, parse = alternating(ROUNDS, _job(data, ROUNDS), lambda: etree.fromstring(data))
    small = _job(cib(1_000), ROUNDS * 10)
    grown, linear = alternating(ROUNDS, _job(data, ROUNDS), lambda: [small() for _ in range(10)])
    return [
        Result("closure, mangle and diff of one value at 10,000 resources / lxml parse", large, parse, "ms", 3),
        Result("the same at 10,000 resources / ten times at 1,000", grown, linear, "ms", 1.2),
    ]


def _job(data: bytes, times: int) -> Callable[[], object]:
    """The steady state of two agents, so many times: the source's next snapshot, the target that has the last publication."""
    rules = SiteRules("site.toml", parse_site_file(_SITE, "site.toml"))
    source = Snapshot.parse(data)
    delivered = mangle(closure(source, "T"), {}, rules, transform).closure
    target = Snapshot.parse(empty_cib())
    target = target.advance(document.parse_element(make_plan(target, delivered).patchset))
    assert not make_plan(target, delivered).changes
    assert target.config_digest

    turn = iter([document.parse_element(_change(f"/run/changed-{number}")) for number in range(times)])

    def job() -> object:
        changed = source.advance(next(turn))
        mangled = mangle(closure(changed, "T"), {}, rules, transform)
        plan = make_plan(target, mangled.closure, overrides=mangled.uses)
        assert len(plan.changes) == 1
        assert mangled.uses[0].places
        return changed, mangled, plan

    return job


def _change(value: str) -> bytes:
    path = (
        "/cib/configuration/resources/primitive[@id='r600']/instance_attributes[@id='r600-ia']/nvpair[@id='r600-state']"
    )
    return (
        f'<diff format="2"><version><source/><target admin_epoch="0" epoch="2"/></version>'
        f'<change operation="modify" path="{path}"><change-list><change-attr name="value" operation="set" value="{value}"/>'
        f'</change-list><change-result><nvpair id="r600-state" name="state" value="{value}"/></change-result></change></diff>'
    ).encode()
