"""What calls and objects concern, as rules of access see it."""

from __future__ import annotations

from typing import Any

import pytest

from qmfagent.agent import load_schema
from qmfagent.calls.targets import Targets
from qmfagent.policy.access import Access, Rule, Target
from qmfagent.policy.roles import Role
from qmfagent.qmf.agent import MethodCall
from qmfagent.qmf.data import Data, ObjectId
from qmfagent.qmf.message import Address

SCHEMA = load_schema()
TARGETS = Targets("paris", {"abc": "T"}.get)
PARIS = frozenset({"paris"})


def call(name: str, method: str, **arguments: Any) -> MethodCall:
    return MethodCall(ObjectId(name), name.partition(":")[0], method, arguments, "CN=x", Address("reply"), None)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (call("Ticket:T", "grant"), Target("Ticket", frozenset({"T"}), PARIS)),
        (call("Ticket:a:b", "grant"), Target("Ticket", frozenset({"a:b"}), PARIS)),
        (call("Replica:a:b:lyon", "replicate_now"), Target("Replica", frozenset({"a:b"}), PARIS | {"lyon"})),
        (call("Site:paris", "publication", ticket="T"), Target("Site", frozenset({"T"}), PARIS)),
        (call("Site:paris", "plan", ticket="T", adopt=True), Target("Site", frozenset({"T"}), PARIS)),
        (call("Site:paris", "apply", token="abc"), Target("Site", frozenset({"T"}), PARIS)),
        (call("Plan:abc", "apply"), Target("Plan", frozenset({"T"}), PARIS)),
        # what can't be told may be any
        (call("Site:paris", "apply", token="gone"), Target("Site", None, PARIS)),
        (call("Plan:gone", "apply"), Target("Plan", None, PARIS)),
        (call("Site:paris", "query", path=""), Target("Site", None, PARIS)),
        (call("Site:paris", "events", since=0, limit=1), Target("Site", None, PARIS)),
        (call("Site:paris", "plan", ticket=""), Target("Site", None, PARIS)),
    ],
)
def test_what_a_call_concerns(given: MethodCall, expected: Target) -> None:
    assert TARGETS.call(given) == expected
    assert TARGETS.ticket(given) == (min(expected.tickets) if expected.tickets else None)


@pytest.mark.parametrize(
    ("class_name", "values", "expected"),
    [
        ("Ticket", {"name": "T"}, Target("Ticket", frozenset({"T"}), PARIS)),
        ("Node", {"name": "n"}, Target("Node", frozenset(), PARIS)),
        ("Site", {"name": "paris"}, Target("Site", frozenset(), PARIS)),
        ("Resource", {"tickets": ["T", "U"]}, Target("Resource", frozenset({"T", "U"}), PARIS)),
        ("Constraint", {"ticket": "T", "tickets": []}, Target("Constraint", frozenset({"T"}), PARIS)),
        ("Constraint", {"ticket": "", "tickets": []}, Target("Constraint", frozenset(), PARIS)),
        ("Replica", {"ticket": "T", "remote": "lyon"}, Target("Replica", frozenset({"T"}), PARIS | {"lyon"})),
        ("Plan", {"ticket": "T", "token": "abc"}, Target("Plan", frozenset({"T"}), PARIS)),
    ],
)
def test_what_an_object_concerns(class_name: str, values: dict[str, Any], expected: Target) -> None:
    assert TARGETS.object(Data(ObjectId("x"), SCHEMA.object_class(class_name).id, values)) == expected


def test_who_sees_what() -> None:
    sees = TARGETS.sees(Access((Rule(("CN=all",), Role.VIEWER), Rule(("CN=db",), Role.VIEWER, tickets=("db-*",)))))
    assert sees("CN=all") is None
    limited = sees("CN=db")
    assert limited is not None
    tickets = [Data(ObjectId("x"), SCHEMA.object_class("Ticket").id, {"name": name}) for name in ("db-1", "hr-1")]
    assert list(map(limited, tickets)) == [True, False]
