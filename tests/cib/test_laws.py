"""The laws of the CIB domain, on random configurations."""

from __future__ import annotations

import re
from copy import deepcopy

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure, closure, from_document
from qmfagent.cib.ownership import owned_ids
from qmfagent.cib.plans.planning import make_plan
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError, UnknownTicket
from tests.cib.helpers import apply, assert_equal, normal_closure, outside, replicate
from tests.cib.strategies import VALIDATE_WITH, cibs, edits

law = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
long_law = settings(law, max_examples=50)


def snapshot_and_closure(cib: etree._Element, ticket: str = "T") -> tuple[Snapshot, Closure]:
    """Both, where the CIB has the ticket; constraints that Pacemaker ignores too (they name a part it can't hold) included."""
    snapshot = Snapshot.of(cib)
    try:
        return snapshot, closure(snapshot, ticket)
    except UnknownTicket:
        assume(False)
        raise


class TestClosure:
    @law
    @given(cibs())
    def test_is_valid_in_an_otherwise_empty_cib(self, schema: etree.RelaxNG, cib: etree._Element) -> None:
        _, found = snapshot_and_closure(cib)
        schema.assertValid(etree.fromstring(found.as_cib(VALIDATE_WITH)))

    @law
    @given(cibs())
    def test_of_itself_is_itself(self, cib: etree._Element) -> None:
        _, found = snapshot_and_closure(cib)
        assert closure(Snapshot.parse(found.as_cib(VALIDATE_WITH)), "T").canonical == found.canonical
        assert from_document("T", found.canonical).canonical == found.canonical
        assert from_document("T", found.canonical).independent == found.independent

    @law
    @given(cibs())
    def test_is_the_least_set_that_the_rules_ask_for(self, cib: etree._Element) -> None:
        _, found = snapshot_and_closure(cib)
        assert set(found.lines) == set(_by_definition(cib))

    @long_law
    @given(cibs())
    def test_lacks_something_when_any_member_is_taken_away(self, schema: etree.RelaxNG, cib: etree._Element) -> None:
        """Without any member, the rest refers to what is not there, or holds what nothing asks for; or it lacks what the
        rules want along although nothing refers to it: a constraint, a tag, what is made from a template of the ticket's."""
        _, found = snapshot_and_closure(cib)
        for identifier in found.lines:
            rest = etree.fromstring(found.as_cib(VALIDATE_WITH))
            member = rest.find(f"configuration/*/*[@id='{identifier}']")
            assert member is not None
            member.getparent().remove(member)
            if not schema.validate(etree.fromstring(etree.tostring(rest))):
                continue
            try:
                from_document("T", etree.tostring(rest))
            except CibError:
                continue
            resource = member.tag in document.MEMBER_TAGS["resources"]
            assert not resource or member.xpath("descendant-or-self::primitive/@template")
            assert identifier in _by_definition(cib)

    @law
    @given(cibs())
    def test_does_not_depend_on_the_order_of_the_document(self, cib: etree._Element) -> None:
        _, found = snapshot_and_closure(cib)
        turned = deepcopy(cib)
        for section in document.SECTIONS:
            element = turned.find(f"configuration/{section}")
            if element is not None:
                element[:] = reversed(list(element))
        assert closure(Snapshot.of(turned), "T").canonical == found.canonical


class TestApply:
    @law
    @given(cibs(), cibs(prefix="l-", tickets=("L",)))
    def test_reaches_the_publication_and_touches_nothing_else(
        self, source: etree._Element, target: etree._Element
    ) -> None:
        _, found = snapshot_and_closure(source)
        before = Snapshot.of(target)
        plan = make_plan(before, found)
        assume(not plan.errors)
        after = apply(before, plan)
        assert_delivered(after, found)
        assert outside(after) == outside(before)

    @law
    @given(cibs(), cibs(prefix="l-", tickets=("L",)))
    def test_of_the_same_twice_writes_nothing(self, source: etree._Element, target: etree._Element) -> None:
        _, found = snapshot_and_closure(source)
        before = Snapshot.of(target)
        assume(not make_plan(before, found).errors)
        after = apply(before, make_plan(before, found))
        assert make_plan(after, found).changes == ()
        assert not make_plan(after, found).errors

    @law
    @given(cibs(), cibs(), cibs(prefix="l-", tickets=("L",)))
    def test_from_any_publication_to_any_other(
        self, one: etree._Element, other: etree._Element, target: etree._Element
    ) -> None:
        _, first = snapshot_and_closure(one)
        _, second = snapshot_and_closure(other)
        start = Snapshot.of(target)
        assume(not make_plan(start, first).errors)
        between = apply(start, make_plan(start, first))
        plan = make_plan(between, second)
        assume(not plan.errors)
        after = apply(between, plan)
        assert_delivered(after, second)
        assert outside(after) == outside(start)
        for gone in first.lines.keys() - second.lines.keys():
            assert gone not in after.members
        assert make_plan(after, second).changes == ()

    @long_law
    @given(cibs(), cibs(prefix="l-", tickets=("L",)), st.lists(st.tuples(edits(), st.booleans()), max_size=6))
    def test_follows_any_sequence_of_edits_whatever_was_missed(self, source, target, steps) -> None:
        snapshot, found = snapshot_and_closure(source)
        here = start = Snapshot.of(target)
        assume(not make_plan(here, found).errors)
        here = apply(here, make_plan(here, found))
        for edit, delivered in steps:
            source = edit(source)
            snapshot = Snapshot.of(source)
            if delivered and _publishes(snapshot) and not make_plan(here, closure(snapshot, "T")).errors:
                here = replicate(snapshot, here)
        assume(_publishes(snapshot))
        plan = make_plan(here, closure(snapshot, "T"))
        assume(not plan.errors)
        here = apply(here, plan)
        assert_delivered(here, closure(snapshot, "T"))
        assert outside(here) == outside(start)

    @long_law
    @given(cibs(), edits())
    def test_turns_round_with_the_ticket(self, source: etree._Element, edit) -> None:
        """The first holder records, another site takes over and edits, and the first holder follows it."""
        holder, found = snapshot_and_closure(source)
        recorded = make_plan(holder, found, adopt=True)
        assert not recorded.errors
        assert {c.kind for c in recorded.changes} <= {"tag", "obj_ref", "tags"}
        holder = apply(holder, recorded)
        assert closure(holder, "T").canonical == found.canonical
        assert make_plan(holder, found).changes == ()
        other = edit(etree.fromstring(found.as_cib(VALIDATE_WITH)))
        second = Snapshot.of(other)
        assume(_publishes(second))
        plan = make_plan(holder, closure(second, "T"))
        assume(not plan.errors)
        after = apply(holder, plan)
        assert_delivered(after, closure(second, "T"))
        assert make_plan(after, closure(second, "T")).changes == ()
        assert outside(after) == outside(holder)


class TestAdvance:
    @law
    @given(cibs(), cibs(), cibs(prefix="l-", tickets=("L",)))
    def test_is_as_good_as_parsing(self, one: etree._Element, other: etree._Element, target: etree._Element) -> None:
        """Whatever a snapshot has worked out before it was brought forward."""
        _, first = snapshot_and_closure(one)
        _, second = snapshot_and_closure(other)
        here = Snapshot.of(target)
        for found in (first, second, first):
            plan = make_plan(here, found)
            assume(not plan.errors)
            here = apply(here, plan)
            assert_equal(here, Snapshot.parse(etree.tostring(here.to_element())))


def assert_delivered(site: Snapshot, published: Closure) -> None:
    """That a site has just these members for the ticket, as they would be published again. (What is local may reach them
    too: a location with a pattern.)"""
    again = normal_closure(closure(site, "T")) if published.lines else {}
    assert {i: again[i] for i in published.lines} == normal_closure(published)
    assert owned_ids(site, "T") == published.lines.keys()


def _publishes(snapshot: Snapshot) -> bool:
    try:
        closure(snapshot, "T")
    except (UnknownTicket, CibError):
        return False
    return True


def _by_definition(cib: etree._Element, ticket: str = "T") -> set[str]:
    """The members of the closure, worked out anew with XPath from the words of the issue."""
    configuration = cib.find("configuration")
    assert configuration is not None

    def top(identifier: str) -> str:
        found = configuration.xpath("resources/*[descendant-or-self::*[@id=$i]]/@id", i=identifier)
        return str(found[0])

    def stands_for(end: str) -> set[str]:
        if configuration.xpath("tags/tag[@id=$i]", i=end):
            return {top(str(ref)) for ref in configuration.xpath("tags/tag[@id=$i]/obj_ref/@id", i=end)}
        if configuration.xpath("resources/template[@id=$i]", i=end):
            return {end} | {top(str(i)) for i in configuration.xpath("resources//primitive[@template=$i]/@id", i=end)}
        return {top(end)}

    def ends(constraint: etree._Element) -> list[str]:
        found = [str(i) for i in constraint.xpath("@rsc | @with-rsc | @first | @then | resource_set/resource_ref/@id")]
        for reference in constraint.xpath("resource_set/@id-ref"):
            found += map(str, configuration.xpath("constraints//resource_set[@id=$i]/resource_ref/@id", i=reference))
        for pattern in constraint.xpath("@rsc-pattern"):
            found += [
                str(i)
                for i in configuration.xpath("resources/*[not(self::template)]/@id")
                if _matches(str(pattern), str(i))
            ]
        return found

    constraints = list(configuration.iterfind("constraints/*"))
    inside = {m for c in constraints if c.get("ticket") == ticket for end in ends(c) for m in stands_for(end)}
    inside |= {
        str(t)
        for i in inside
        for t in configuration.xpath("resources/*[@id=$i]/descendant-or-self::primitive/@template", i=i)
    }
    members = {str(c.get("id")) for c in constraints if ends(c) and all(stands_for(e) <= inside for e in ends(c))}
    for tag in configuration.iterfind("tags/tag"):
        homes = {str(ref.get("id")) for ref in tag}
        homes = {h if h in {c.get("id") for c in constraints} else top(h) for h in homes}
        if homes <= inside | members:
            members.add(str(tag.get("id")))
    return inside | members


def _matches(pattern: str, identifier: str) -> bool:
    python = pattern.removeprefix("!").replace("[[:digit:]]", "[0-9]")
    return bool(re.search(python, identifier)) != pattern.startswith("!")
