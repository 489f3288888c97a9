"""The override diff: what a site's own rules changed of a publication, in the shape of a plan's changes."""

from __future__ import annotations

from hypothesis import given, settings
from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.cib.mangling.overrides import Override
from qmfagent.cib.plans.closure_difference import closure_changes
from qmfagent.cib.plans.difference import to_patchset
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.version import Version
from qmfagent.errors import CibError, UnknownTicket
from tests.cib.helpers import cib, dummy, normal, overridden, pairs, ticket
from tests.cib.strategies import cibs

SOURCE = closure(cib(dummy("a", pairs("i", n="1", m="1")) + dummy("b"), ticket("c", "a") + ticket("d", "b")), "T")


def diff(mangled: Closure) -> list[tuple[str, str, str]]:
    """The override diff: operation, id and path of each change."""
    return [(c.operation, c.id, c.path) for c in closure_changes(SOURCE, mangled)]


def test_without_rules_it_is_empty() -> None:
    assert diff(overridden(SOURCE)[0]) == []


def test_an_override_that_sets_what_is_there_already_changes_nothing() -> None:
    mangled, (use,) = overridden(SOURCE, Override("nvpair[@id='i-n']", "1", 1))
    assert use.places
    assert diff(mangled) == []


def test_each_place_that_an_override_changed() -> None:
    mangled, (use,) = overridden(SOURCE, Override("instance_attributes/nvpair", "2", 1))
    changes = closure_changes(SOURCE, mangled)
    assert [change.path for change in changes] == list(use.places)
    assert [(a.name, a.old, a.new) for change in changes for a in change.attributes] == [("value", "1", "2")] * 2


def test_members_that_an_xslt_step_took_away_or_put_in() -> None:
    mangled = closure(cib(dummy("n") + dummy("a"), ticket("c", "a") + ticket("e", "n")), "T")
    assert diff(mangled) == [
        ("delete", "i", "/cib/configuration/resources/primitive[@id='a']/instance_attributes[@id='i']"),
        ("delete", "b", "/cib/configuration/resources/primitive[@id='b']"),
        ("create", "n", "/cib/configuration/resources"),
        ("delete", "d", "/cib/configuration/constraints/rsc_ticket[@id='d']"),
        ("create", "e", "/cib/configuration/constraints"),
    ]


def test_a_member_that_became_something_else_is_replaced() -> None:
    mangled = closure(cib(f'<group id="a">{dummy("z")}</group>' + dummy("b"), ticket("c", "a") + ticket("d", "b")), "T")
    assert [(operation, i) for operation, i, _ in diff(mangled)] == [("delete", "a"), ("create", "a")]


@settings(max_examples=60, deadline=None)
@given(cibs(), cibs())
def test_it_leads_from_the_publication_to_the_closure_as_the_site_has_it(
    one: etree._Element, other: etree._Element
) -> None:
    try:
        published, mangled = (closure(Snapshot.of(each), "T") for each in (one, other))
    except (UnknownTicket, CibError):
        return
    patchset = to_patchset(closure_changes(published, mangled), Version(0, 0, 0))
    after = Snapshot.parse(published.canonical).advance(document.parse_element(patchset))
    assert {i: normal(line) for i, line in after.lines.items()} == {
        i: normal(line) for i, line in mangled.lines.items()
    }
