"""The reference graph: what an id stands for, and what a constraint refers to."""

from __future__ import annotations

import pytest

from qmfagent.cib.references import Constraint, References
from qmfagent.errors import CibError
from tests.cib.helpers import cib, dummy, ticket

TEMPLATES = (
    '<template id="t" class="ocf" provider="pacemaker" type="Dummy"/>'
    '<template id="unused" class="ocf" provider="pacemaker" type="Dummy"/>'
)


def references(resources: str = "", constraints: str = "", tags: str = "") -> References:
    """The graph of a CIB."""
    return cib(resources, constraints, tags).references


def ends(constraint: str, resources: str = "") -> tuple[str, ...]:
    """What a constraint refers to."""
    (found,) = references(resources, constraint).constraints
    return found.ends


class TestWhatAnIdStandsFor:
    GRAPH = references(
        dummy("p")
        + f'<group id="g">{dummy("q")}<primitive id="r" template="t"/></group>'
        + f'<clone id="k"><group id="kg">{dummy("s")}</group></clone>'
        + f'<bundle id="b"><podman image="i"/>{dummy("u")}</bundle>'
        + TEMPLATES,
        "",
        '<tag id="both"><obj_ref id="p"/><obj_ref id="s"/></tag><tag id="lame"><obj_ref id="p"/><obj_ref id="t"/></tag>',
    )

    @pytest.mark.parametrize(
        ("identifier", "stands_for"),
        [
            ("p", {"p"}),
            ("g", {"g"}),
            ("q", {"g"}),
            ("kg", {"k"}),
            ("s", {"k"}),
            ("u", {"b"}),
            ("t", {"t", "g"}),
            ("unused", {"unused"}),
            ("both", {"p", "k"}),
            ("lame", set()),
            ("gone", set()),
        ],
    )
    def test_top_level(self, identifier: str, stands_for: set[str]) -> None:
        assert self.GRAPH.resolve(identifier) == stands_for
        assert self.GRAPH.resolve(identifier) == stands_for, "the second time, from memory"

    @pytest.mark.parametrize(
        ("identifier", "resources"),
        [("q", ["q"]), ("t", ["r"]), ("unused", []), ("both", ["p", "s"]), ("lame", ["p"]), ("gone", [])],
    )
    def test_at_whatever_depth(self, identifier: str, resources: list[str]) -> None:
        assert self.GRAPH.named_resources(identifier) == resources


class TestWhatAConstraintRefersTo:
    @pytest.mark.parametrize(
        ("constraint", "expected"),
        [
            ('<rsc_location id="c" rsc="a" node="n1" score="1"/>', ("a",)),
            ('<rsc_colocation id="c" rsc="a" with-rsc="b" score="1"/>', ("a", "b")),
            ('<rsc_order id="c" first="a" then="b"/>', ("a", "b")),
            (ticket("c", "a"), ("a",)),
            ('<rsc_order id="c"><resource_set id="s"><resource_ref id="a"/></resource_set><resource_set id="s2">'
             '<resource_ref id="b"/><resource_ref id="d"/></resource_set></rsc_order>', ("a", "b", "d")),
            ('<rsc_order id="c"><resource_set id="s"><resource_ref id="a"/></resource_set><resource_set id-ref="s"/>'
             "</rsc_order>", ("a", "a")),
            ('<rsc_order id="c"><resource_set id-ref="gone"/></rsc_order>', ("gone",)),
            ('<rsc_location id="c" rsc="a" node="then"><rule id="r" score="1"/></rsc_location>', ("a",)),
        ],
        ids=["location", "colocation", "order", "ticket", "sets", "set by reference", "missing set", "rule"],
    )  # fmt: skip
    def test_ends(self, constraint: str, expected: tuple[str, ...]) -> None:
        assert ends(constraint) == expected

    def test_a_reference_to_what_is_no_set_leads_nowhere(self) -> None:
        assert ends('<rsc_order id="c"><resource_set id-ref="a"/></rsc_order>', dummy("a")) == ("a",)

    def test_the_ticket_is_known(self) -> None:
        graph = references(dummy("a"), ticket("c", "a", "U") + ticket("d", "a", "T") + ticket("e", "a", "T"))
        assert graph.tickets == ["T", "U"]
        assert graph.constraints[0] == Constraint("c", "rsc_ticket", ("a",), "U")

    @pytest.mark.parametrize(
        ("pattern", "matched"),
        [
            ("web", ("web-1", "my-web")),
            ("^web", ("web-1",)),
            ("!^web", ("db", "my-web")),
            ("[[:digit:]]$", ("web-1",)),
            ("^(db|my)", ("db", "my-web")),
            ("^inner$", ()),
            ("", ("web-1", "db", "my-web")),
            ("(", ()),
        ],
    )
    def test_a_pattern_names_top_level_resources_alone(self, pattern: str, matched: tuple[str, ...]) -> None:
        resources = dummy("web-1") + f'<group id="db">{dummy("inner")}</group>' + dummy("my-web") + TEMPLATES
        assert ends(f'<rsc_location id="c" rsc-pattern="{pattern}" node="n" score="1"/>', resources) == matched

    def test_a_pattern_that_cannot_be_followed_is_named_with_its_constraint(self) -> None:
        with pytest.raises(CibError, match=r"^location c: the pattern"):
            ends('<rsc_location id="c" rsc-pattern="(a)\\1" node="n" score="1"/>', dummy("a"))


def test_it_tells_whether_anything_is_borrowed() -> None:
    assert not references(dummy("a")).borrowing
    assert references(dummy("a", '<meta_attributes id-ref="x"/>')).borrowing


def test_members_without_an_id_are_passed_over() -> None:
    graph = references('<primitive type="x"/>' + dummy("a"), '<rsc_order first="a" then="a"/>', "<tag/>")
    assert (graph.resources, graph.constraints, graph.tags) == (["a"], [], {})
