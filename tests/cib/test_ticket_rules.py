"""Ticket rules: what becomes of each form of them, and that Pacemaker takes them at the holder as they are meant."""

from __future__ import annotations

from pathlib import Path
from random import Random
from subprocess import run

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.cib.mangling.ticket_rules import Settled, settle_rules, state_of
from qmfagent.cib.plans.plan import Problem
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.ticket import TicketState
from qmfagent.errors import CibError, QmfAgentError
from tests.cib.helpers import cib, cib_text, dummy, ticket
from tests.cib.strategies import cibs
from tests.cib.ticket_rules import ALWAYS, NEVER, attributes, expression, random_rule, rule, with_ticket_rules

STATES = {
    "granted": TicketState("U", granted=True),
    "standby": TicketState("U", granted=True, standby=True),
    "revoked": TicketState("U"),
}


def source(*inner: str, constraints: str = "") -> Closure:
    """The closure of resources a, b, ... with these parts."""
    names = "abcdefgh"[: len(inner)]
    resources = "".join(dummy(name, each) for name, each in zip(names, inner, strict=True))
    return closure(cib(resources, "".join(ticket(f"c{n}", n) for n in names) + constraints), "T")


def settled(*inner: str, u: str = "revoked", constraints: str = "") -> Settled:
    """What is made of them where ticket U has a state, and T is not known."""
    return settle_rules(source(*inner, constraints=constraints), {"U": STATES[u]})


def left(*inner: str, u: str = "revoked", constraints: str = "") -> dict[str, list[str]]:
    """The ids in each member after that, in document order."""
    published = source(*inner, constraints=constraints)
    lines = {**published.lines, **settle_rules(published, {"U": STATES[u]}).lines}
    found = {i: [str(e.get("id")) for e in document.named(document.parse_element(line))] for i, line in lines.items()}
    return {i: ids[1:] for i, ids in found.items() if not i.startswith("c")}


def messages(found: Settled) -> list[tuple[str, str]]:
    """Severity and words of the problems."""
    return [(p.severity, p.message) for problems in found.problems.values() for p in problems]


@pytest.mark.parametrize(
    ("state", "name"),
    [
        (None, "revoked"),
        (TicketState("U"), "revoked"),
        (TicketState("U", standby=True), "revoked"),
        (TicketState("U", granted=True), "granted"),
        (TicketState("U", granted=True, standby=True), "standby"),
    ],
)
def test_the_state_of_a_ticket(state: TicketState | None, name: str) -> None:
    assert state_of(state) == name


@pytest.mark.parametrize("value", STATES)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("operation", ["eq", "ne"])
def test_a_set_is_used_or_left_out(operation: str, value: str, state: str) -> None:
    holds = (value == state) is (operation == "eq")
    found = left(attributes("s", rule("r", expression("e", operation, value, "U"))), u=state)
    assert found == {"a": ["s", "s-n"] if holds else []}


@pytest.mark.parametrize(
    ("inner", "ids"),
    [
        (rule("r", NEVER), None),
        (rule("r", NEVER + '<date_expression id="d" operation="gt" start="2001-01-01"/>'), None),
        (rule("r", ALWAYS), []),
        (rule("r", ALWAYS + '<date_expression id="d" operation="gt" start="2001-01-01"/>'), ["r", "d"]),
        (rule("r", NEVER + '<date_expression id="d" operation="gt" start="2001-01-01"/>', "or"), ["r", "d"]),
        (rule("r", ALWAYS + '<date_expression id="d" operation="gt" start="2001-01-01"/>', "or"), []),
        (rule("r", NEVER, "or"), None),
        (rule("r", rule("q", NEVER + ALWAYS, "or")), []),
        (rule("r", rule("q", NEVER + ALWAYS)), None),
        (rule("r", rule("q", ALWAYS) + '<expression id="x" attribute="#uname" operation="eq" value="n"/>'), ["r", "x"]),
        (
            rule("r", rule("q", NEVER + '<expression id="x" attribute="#uname" operation="eq" value="n"/>', "or")),
            ["r", "q", "x"],
        ),
    ],
)
def test_a_rule_is_evaluated_as_far_as_that_is_certain(inner: str, ids: list[str] | None) -> None:
    found = left(attributes("s", inner))
    assert found == {"a": [] if ids is None else ["s", *ids, "s-n"]}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: inner,
        lambda inner: inner.replace("instance_attributes", "meta_attributes"),
        lambda inner: inner.replace("instance_attributes", "utilization"),
        lambda inner: f'<operations><op id="o" name="start" interval="0s">{inner}</op></operations>',
    ],
)
def test_wherever_a_set_may_stand(wrap) -> None:
    assert "s" not in left(wrap(attributes("s", rule("r", NEVER))))["a"]
    assert "s" in left(wrap(attributes("s", rule("r", ALWAYS))))["a"]


@pytest.mark.parametrize(
    "resource",
    [
        f"<group id='g'>{attributes('s', rule('r', NEVER))}{dummy('a')}</group>",
        f"<clone id='g'>{attributes('s', rule('r', NEVER)).replace('instance', 'meta')}{dummy('a')}</clone>",
        f"<bundle id='g'><podman image='i'/>{attributes('s', rule('r', NEVER)).replace('instance', 'meta')}</bundle>",
        f"<template id='g' class='ocf' provider='pacemaker' type='Dummy'>{attributes('s', rule('r', NEVER))}</template>"
        "<primitive id='a' template='g'/>",
    ],
)
def test_in_collections_and_templates(resource: str) -> None:
    published = closure(cib(resource, ticket("c", "g")), "T")
    assert b"<rule" not in settle_rules(published, {}).lines["g"]


def test_without_ticket_rules_nothing_is_looked_at() -> None:
    found = settled(attributes("s", rule("r", '<expression id="e" attribute="#uname" operation="eq" value="n"/>')))
    assert found == Settled()


def test_the_tickets_that_are_asked_for_are_told() -> None:
    found = settled(
        attributes("s", rule("r", expression("e", "eq", "revoked", "T") + expression("f", "ne", "granted", "U"))), ""
    )
    assert found.tickets == {"a": frozenset({"T", "U"})}


class TestShared:
    """Definitions that others borrow by id-ref."""

    def test_who_borrows_a_set_goes_with_it(self) -> None:
        borrower = '<instance_attributes id-ref="s"/>'
        assert b"id-ref" not in settled(attributes("s", rule("r", NEVER)), borrower).lines["b"]
        assert "b" not in settled(attributes("s", rule("r", ALWAYS)), borrower).lines

    @pytest.mark.parametrize(("inner", "ids"), [(NEVER, []), (ALWAYS, ["t", "t-n"])])
    def test_a_borrowed_rule_counts_where_it_is_borrowed(self, inner: str, ids: list[str]) -> None:
        found = left(attributes("s", rule("r", inner)), attributes("t", '<rule id-ref="r"/>'))
        assert found["b"] == ids

    def test_a_borrowed_rule_that_is_not_certain_stays_borrowed(self) -> None:
        part = '<expression id="x" attribute="#uname" operation="eq" value="n"/>'
        published = source(attributes("s", rule("r", part + ALWAYS)), attributes("t", '<rule id-ref="r"/>'))
        found = settle_rules(published, {})
        assert b"#ticket-" not in found.lines["a"]
        assert b'id="x"' in found.lines["a"]
        assert found.lines.keys() == {"a"}

    def test_what_is_borrowed_from_a_set_that_goes_moves_to_the_first_who_borrows_it(self) -> None:
        users = '<instance_attributes id="t"><nvpair id-ref="s-n" name="other"/></instance_attributes>'
        more = '<instance_attributes id="v"><nvpair id-ref="s-n"/></instance_attributes>'
        published = source(attributes("s", rule("r", NEVER)), users, more)
        found = settle_rules(published, {})
        assert b'<nvpair id="s-n" name="other" value="s">' in found.lines["b"]
        assert b'<nvpair id-ref="s-n" name="n">' in found.lines["c"]

    def test_a_rule_moves_as_far_evaluated_as_it_can_be(self) -> None:
        inner = rule(
            "q", '<expression id="x" attribute="#uname" operation="eq" value="n"/>' + NEVER.replace("never", "n2"), "or"
        )
        found = left(attributes("s", rule("r", NEVER + inner)), attributes("t", '<rule id-ref="q"/>'))
        assert found == {"a": [], "b": ["t", "q", "x", "t-n"]}

    def test_a_circle_is_refused(self) -> None:
        one = attributes("s", rule("r", ALWAYS + '<rule id-ref="q"/>'))
        other = attributes("t", rule("q", ALWAYS.replace("always", "a2") + '<rule id-ref="r"/>'))
        with pytest.raises(CibError, match="borrows others in a circle or without end"):
            settled(one, other)


class TestProblems:
    """What a plan's reader is told."""

    @pytest.mark.parametrize(
        ("inner", "right"),
        [
            (expression("e", "eq", "revoked", "T"), True),
            (expression("e", "ne", "revoked", "T"), True),
            (expression("e", "eq", "standby", "T"), True),
            (expression("e", "ne", "standby", "T"), True),
            (expression("e", "eq", "granted", "T"), False),
            (expression("e", "ne", "granted", "T"), False),
            (expression("e", "eq", "granted", "U"), False),
            (expression("e", "eq", "revoked", "T") + expression("f", "eq", "granted", "U"), True),
            (expression("e", "ne", "revoked", "T") + expression("f", "eq", "granted", "U"), False),
        ],
    )
    def test_a_form_that_the_holders_pacemaker_gets_wrong(self, inner: str, right: bool) -> None:
        found = messages(settled(attributes("s", rule("r", inner))))
        assert bool(found) is not right
        if found:
            assert found[0][0] == "warning"
            assert found[0][1].startswith(
                "the rule of instance_attributes 's' in a does not do at the holder what it says"
            )

    def test_a_ticket_that_is_not_known_here(self) -> None:
        inner = expression("e", "eq", "revoked", "T") + expression("f", "eq", "revoked", "V")
        assert messages(settled(attributes("s", rule("r", inner)))) == [
            ("warning", "a rule in a asks for ticket 'V', which this site does not know: it counts as revoked")
        ]

    @pytest.mark.parametrize(
        ("inner", "words"),
        [
            (expression("e", "lt", "granted"), "asks for more than whether"),
            (expression("e", "eq", "Granted"), "asks for more than whether"),
            ('<expression id="e" attribute="#ticket-U" operation="defined"/>', "asks for more than whether"),
            (
                expression("e", "eq", "granted").replace("/>", ' type="integer"/>'),
                "something else than a literal string",
            ),
            (
                expression("e", "eq", "granted").replace("/>", ' value-source="param"/>'),
                "something else than a literal",
            ),
        ],
    )
    def test_a_form_that_is_none(self, inner: str, words: str) -> None:
        found = settled(attributes("s", rule("r", inner)))
        assert found.lines == {}
        severity, text = messages(found)[0]
        assert severity == "error"
        assert words in text

    @pytest.mark.parametrize("inner", [rule("q", ALWAYS), '<rule id-ref="r"/>'])
    def test_a_location_can_select_on_no_ticket(self, inner: str) -> None:
        location = f'<rsc_location id="l" rsc="a">{inner}</rsc_location>'
        borrowed = attributes("s", rule("r", ALWAYS.replace("always", "a2")))
        found = settled(borrowed, constraints=location)
        assert (
            Problem(
                "ticket-rule",
                "error",
                "the rule in l asks for a ticket's state outside an attribute set, where that is settled at no site",
            )
            in found.problems["l"]
        )


@given(cibs(), st.randoms(use_true_random=False), st.sampled_from([*STATES]))
def test_whatever_is_borrowed_is_there_afterwards(
    schema: etree.RelaxNG, whole: etree._Element, rng: Random, u: str
) -> None:
    try:
        published = closure(Snapshot.of(with_ticket_rules(whole, rng)), "T")
        found = settle_rules(published, {"U": STATES[u]})
    except QmfAgentError:
        assume(False)
    after = published.renewed(found.lines)
    before = {str(i) for i in published.document.xpath("//@id-ref")}
    ids = [str(e.get("id")) for e in document.named(after.document)]
    assert len(ids) == len(set(ids))
    assert {str(i) for i in after.document.xpath("//@id-ref")} <= set(ids) & before
    if not any(p.severity == "error" for problems in found.problems.values() for p in problems):
        assert not after.document.xpath("//*[starts-with(@attribute, '#ticket-')]")
    schema.assertValid(document.parse(after.as_cib("pacemaker-3.9")))


def truth(element: etree._Element, states: dict[str, str]) -> bool:
    """What a rule comes to on node n: the whole of it, as it is meant."""
    if element.tag == "rule":
        parts = [truth(part, states) for part in element]
        return any(parts) if element.get("boolean-op") == "or" else all(parts)
    attribute = str(element.get("attribute"))
    known = states.get(attribute.removeprefix("#ticket-"), "n")
    return (element.get("value") == known) is (element.get("operation") == "eq")


@given(st.randoms(use_true_random=False), st.sampled_from([*STATES]), st.sampled_from([*STATES]))
def test_what_is_left_for_pacemaker_comes_to_the_same(rng: Random, t: str, u: str) -> None:
    published = source(attributes("s", random_rule(rng, "r")))
    before = document.parse_element(published.lines["a"]).find(".//rule")
    line = settle_rules(published, {"T": STATES[t], "U": STATES[u]}).lines.get("a", published.lines["a"])
    assert b"#ticket-" not in line
    after = document.parse_element(line)
    found = after.find(".//instance_attributes")
    holds = found is not None and (found.find("rule") is None or truth(found.find("rule"), {}))
    assert holds is truth(before, {"T": t, "U": u})


@given(st.randoms(use_true_random=False))
def test_who_is_not_warned_has_a_rule_that_does_the_same_at_the_holder(rng: Random) -> None:
    published = source(attributes("s", random_rule(rng, "r")))
    element = document.parse_element(published.lines["a"]).find(".//rule")
    if not settle_rules(published, {"U": STATES["revoked"]}).problems:
        for u in STATES:
            # A state that has none of the names is what Pacemaker sees: eq is false and ne is true.
            assert truth(element, {"T": "granted", "U": u}) is truth(element, {"T": "", "U": ""})


@pytest.mark.pacemaker
@pytest.mark.usefixtures("pacemaker_tools")
@pytest.mark.parametrize(("operation", "used"), [("eq", False), ("ne", True)])
@pytest.mark.parametrize("value", STATES)
def test_what_pacemaker_makes_of_it_at_the_holder(tmp_path: Path, operation: str, value: str, used: bool) -> None:
    inner = attributes("s", rule("r", expression("e", operation, value, "T")), name="state", value="/run/chosen")
    node = '<node_state id="1" uname="n1" in_ccm="true" crmd="online" join="member" expected="member"/>'
    data = cib_text(dummy("a", inner), status=node)
    path, graph = tmp_path / "cib.xml", tmp_path / "graph.xml"
    path.write_bytes(
        data.replace(
            b"<crm_config/><nodes/>",
            b'<crm_config><cluster_property_set id="o"><nvpair id="o-s"'
            b' name="stonith-enabled" value="false"/></cluster_property_set></crm_config>'
            b'<nodes><node id="1" uname="n1"/></nodes>',
        ).replace(b"<cib ", b'<cib have-quorum="1" dc-uuid="1" ')
    )
    assert run(["crm_verify", "--xml-file", path], check=False).returncode == 0
    run(["crm_simulate", "--xml-file", path, "--run", "--save-graph", graph], check=True, capture_output=True)
    start = document.parse_element(graph.read_bytes()).find(".//rsc_op[@operation='start']/attributes")
    assert start is not None
    assert (start.get("state") == "/run/chosen") is used
