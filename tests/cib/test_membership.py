"""The walk through the reference graph: members in document order, boundaries, and what the ticket does not hold back."""

from __future__ import annotations

import pytest

from qmfagent.cib.closure.membership import Boundary, Membership, membership
from tests.cib.helpers import cib, dummy, ticket

TEMPLATE = '<template id="m" class="ocf" provider="pacemaker" type="Dummy"/>'


def of_ticket(resources: str, constraints: str, tags: str = "") -> Membership:
    """The membership of ticket T."""
    return membership(cib(resources, constraints, tags), "T")


def test_members_stand_in_the_order_of_the_document() -> None:
    found = of_ticket(
        "".join(map(dummy, "zax")), ticket("d", "a") + ticket("c", "z"), '<tag id="k"><obj_ref id="z"/></tag>'
    )
    assert found == Membership(("z", "a"), ("d", "c"), {"k": ("z",)}, (), ())


def test_the_graph_knows_the_membership_of_each_ticket_by_itself() -> None:
    snapshot = cib(dummy("a") + dummy("b"), ticket("c", "a") + ticket("d", "b", "U"))
    assert membership(snapshot, "T").resources == ("a",)
    assert membership(snapshot, "U").resources == ("b",)


def test_a_template_that_only_outsiders_use_stays_out() -> None:
    found = of_ticket(TEMPLATE + '<primitive id="x" template="m"/>' + dummy("a"), ticket("c", "a"))
    assert found.resources == ("a",)


class TestBoundary:
    def test_ends_that_are_partly_inside_are_on_both_sides(self) -> None:
        """A template of which one resource is inside and one is not."""
        resources = TEMPLATE + '<primitive id="a" template="m"/><primitive id="x" template="m"/>'
        found = of_ticket(resources, ticket("c", "a") + '<rsc_location id="l" rsc="m" node="n1" score="1"/>')
        assert found.boundaries == (Boundary("l", "location", ("m",), ("m",)),)
        assert found.constraints == ("c",)

    def test_a_tag_as_an_end(self) -> None:
        found = of_ticket(
            dummy("a") + dummy("x"),
            ticket("c", "a") + '<rsc_location id="l" rsc="k" node="n1" score="1"/>',
            '<tag id="k"><obj_ref id="a"/><obj_ref id="x"/></tag>',
        )
        assert found.boundaries == (
            Boundary("l", "location", ("k",), ("k",)),
            Boundary("k", "tag", ("a",), ("x",)),
        )

    def test_a_tag_of_a_constraint_that_is_a_boundary(self) -> None:
        found = of_ticket(
            dummy("a") + dummy("x"),
            ticket("c", "a") + '<rsc_order id="o" first="a" then="x"/>',
            '<tag id="k"><obj_ref id="a"/><obj_ref id="o"/></tag>',
        )
        assert [b.id for b in found.boundaries] == ["o", "k"]

    def test_in_words(self) -> None:
        assert str(Boundary("o", "order", ("a", "b"), ("x",))) == "order o ties a, b to x, which stays here"


class TestIndependent:
    GROUP = f'<group id="g">{dummy("a")}{dummy("b")}{dummy("d")}</group>'

    @pytest.mark.parametrize(
        ("named", "free"),
        [("a", ()), ("b", ("a",)), ("d", ("a", "b")), ("g", ())],
        ids=["first", "second", "last", "all"],
    )
    def test_a_group_is_held_from_the_named_part_on(self, named: str, free: tuple[str, ...]) -> None:
        assert of_ticket(self.GROUP, ticket("c", named)).independent == free

    def test_the_first_of_several_named_counts(self) -> None:
        assert of_ticket(self.GROUP, ticket("c", "d") + ticket("e", "b")).independent == ("a",)

    @pytest.mark.parametrize("collection", ["clone", "bundle"])
    def test_a_part_of_a_clone_or_bundle_holds_nothing(self, collection: str) -> None:
        assert of_ticket(f'<{collection} id="k">{dummy("a")}</{collection}>', ticket("c", "a")).independent == ("a",)

    def test_the_named_group_of_a_clone_holds_nothing_either(self) -> None:
        assert of_ticket(f'<clone id="k">{self.GROUP}</clone>', ticket("c", "g")).independent == ("a", "b", "d")

    def test_a_tag_and_a_template_name_parts_too(self) -> None:
        tagged = of_ticket(self.GROUP, ticket("c", "k"), '<tag id="k"><obj_ref id="d"/></tag>')
        assert tagged.independent == ("a", "b")
        made = of_ticket(
            f'{TEMPLATE}<group id="g">{dummy("a")}<primitive id="b" template="m"/></group>', ticket("c", "m")
        )
        assert made.independent == ("a",)

    def test_constraints_of_other_tickets_hold_nothing(self) -> None:
        assert of_ticket(self.GROUP, ticket("c", "b") + ticket("e", "g", "U")).independent == ("a",)
