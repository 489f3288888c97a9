"""An incremental plan after a one-value change, against a full plan.

The full plan is what an agent makes of a publication just after its start: it verifies, reads and checks the document, puts
the site's rules into effect, looks at the agents and compares with its CIB. The incremental one is what it makes of the next
publication, which comes as what is new in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.cib.closure.closure_update import changed_members
from qmfagent.cib.plans.plan import Plan
from qmfagent.cib.plans.planning import make_plan
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.ticket import Term
from qmfagent.cib.version import Version
from qmfagent.policy.agents import AllowList
from qmfagent.policy.secrets import Secrets
from qmfagent.replication.applying.acceptance import Acceptance
from qmfagent.replication.publishing.publication import Publication
from qmfagent.replication.publishing.signature import Verifier
from qmfagent.site_file import SiteMangler
from tests.bench.cibs import cib, empty_cib
from tests.bench.result import Result, alternating

ROUNDS = 9
_SITE = "[[override]]\nselect = \"primitive[@id='r500']/instance_attributes/nvpair[@name='state']\"\nvalue = \"/run/here\"\n"


def run() -> list[Result]:
    """The ratio at 10,000 resources."""
    with TemporaryDirectory() as folder:
        site_file = Path(folder) / "site.toml"
        site_file.write_text(_SITE)
        source = closure(Snapshot.parse(cib(10_000)), "T")
        incremental, full = alternating(ROUNDS, *_jobs(source, site_file))
    name = "incremental plan after a one-value change at 10,000 resources / full plan"
    return [Result(name, incremental, full, "ms", 0.2)]


def _jobs(source: Closure, site_file: Path) -> tuple[Callable[[], object], Callable[[], object]]:
    first = _Site(site_file)
    target = Snapshot.parse(empty_cib())
    target = target.advance(document.parse_element(first.plan(target, source).patchset))
    assert not first.plan(target, source).changes
    assert target.config_digest
    whole = [_publication(_changed(source, number)) for number in range(ROUNDS)]
    told = [
        each.since(source.digest, *changed_members(source, _changed(source, number)))
        for number, each in enumerate(whole)
    ]
    turns = iter(told), iter(whole)

    def incremental() -> object:
        return first.plan(target, next(turns[0]).closure(source), 1)

    def full() -> object:
        site = _Site(site_file)
        return site, site.plan(target, next(turns[1]).closure(), 1)

    return incremental, full


def _changed(source: Closure, number: int) -> Closure:
    line = source.lines["r600"].replace(b'value="/run/r600"', b'value="/run/changed-%d"' % number)
    assert line != source.lines["r600"]
    return source.renewed({"r600": line})


def _publication(found: Closure) -> Publication:
    return Publication("a", found.ticket, Term(0, 1), Version(0, 2, 0), found.digest, "pacemaker-3.9", found.canonical)


class _Site:
    """The parts of an agent on the way from a publication to the plan."""

    def __init__(self, site_file: Path) -> None:
        self._mangler = SiteMangler(site_file)
        self._acceptance = Acceptance(Verifier({}), AllowList.of("ocf:*:*"), Secrets())

    def plan(self, target: Snapshot, published: Closure, changes: int | None = None) -> Plan:
        mangled = self._mangler(published, target.tickets)
        problems = self._acceptance.problems(mangled.closure)
        plan = make_plan(target, mangled.closure, overrides=mangled.uses, problems=problems)
        assert not plan.problems
        assert changes is None or len(plan.changes) == changes
        assert plan.token or not plan.changes
        return plan
