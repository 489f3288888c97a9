"""What somebody may do, told in advance, is what the check says of the call itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmfagent.agent import load_schema
from qmfagent.calls.permissions import Permissions
from qmfagent.calls.targets import Targets
from qmfagent.errors import Refused
from qmfagent.policy.access import Access, Rule, Target
from qmfagent.policy.permissions import Permission, permission
from qmfagent.policy.roles import Role
from qmfagent.qmf.agent import MethodCall
from qmfagent.qmf.data import ObjectId
from qmfagent.qmf.message import Address

SCHEMA = load_schema()
METHODS = sorted((c.name, m.name) for c in SCHEMA.classes for m in c.methods)
TICKETS, REMOTES = ("db-1", "db-2", "hr-1"), ("lyon", "oslo")
TARGETS = Targets("paris", {f"plan of {ticket}": ticket for ticket in TICKETS}.get)

NAMES = st.sampled_from([*{name for pair in METHODS for name in pair}, "*", "plan*", "Re*"])
RULES = st.builds(
    Rule,
    identities=st.lists(st.sampled_from(["*", "CN=*", "CN=a", "anonymous"]), min_size=1, max_size=2).map(tuple),
    role=st.none() | st.sampled_from(Role),
    classes=st.lists(NAMES, max_size=2).map(tuple),
    methods=st.lists(NAMES, max_size=2).map(tuple),
    tickets=st.lists(st.sampled_from(["*", "db-*", "hr-?", "db-1"]), max_size=2).map(tuple),
    sites=st.lists(st.sampled_from(["*", "paris", "ly*", "oslo"]), max_size=2).map(tuple),
)
ACCESS = st.lists(RULES, max_size=5).map(lambda rules: Access(tuple(rules)))
IDENTITIES = st.sampled_from(["", "anonymous", "CN=a", "CN=b", "x"])


def told(access: Access, identity: str = "CN=a") -> list[dict[str, Any]]:
    return Permissions(access, TARGETS, SCHEMA, lambda: TICKETS, lambda: REMOTES).of(identity)["permitted"]


def call(class_name: str, method: str, identity: str, ticket: str | None, remote: str) -> MethodCall:
    """A call of a method that concerns that ticket; for None, one that does not tell."""
    name = {"Site": "paris", "Ticket": ticket, "Replica": f"{ticket}:{remote}", "Plan": f"plan of {ticket}"}[class_name]
    described = SCHEMA.object_class(class_name).method(method)
    assert described is not None
    given = {"ticket": ticket or "", "token": f"plan of {ticket}"}
    arguments = {a.name: given.get(a.name, 0) for a in described.arguments if a.dir == "I"}
    return MethodCall(ObjectId(f"{class_name}:{name}"), class_name, method, arguments, identity, Address("x"), None)


def allowed(access: Access, request: MethodCall) -> bool:
    """As Calls decides."""
    try:
        access.check(request.identity, TARGETS.call(request), request.method)
    except Refused:
        return False
    return True


@given(ACCESS, IDENTITIES, st.sampled_from(METHODS), st.sampled_from([None, *TICKETS]), st.sampled_from(REMOTES))
def test_what_is_told_is_what_a_call_is_answered_with(
    access: Access, identity: str, method: tuple[str, str], ticket: str | None, remote: str
) -> None:
    class_name = method[0]
    if ticket is None and class_name in ("Ticket", "Replica"):
        return
    remote = remote if class_name == "Replica" else ""
    request = call(*method, identity, ticket, remote)
    rows = [row for row in told(access, identity) if (row["class"], row["method"], row["remote"]) == (*method, remote)]
    concerned = TARGETS.ticket(request)
    assert any(row["any"] or concerned in row["tickets"] for row in rows) == allowed(access, request)
    assert len(rows) <= 1


@given(
    ACCESS, IDENTITIES, st.sampled_from(METHODS), st.sampled_from([frozenset({"paris"}), frozenset({"paris", "lyon"})])
)
def test_any_is_whatever_a_call_concerns(
    access: Access, identity: str, method: tuple[str, str], sites: frozenset[str]
) -> None:
    found = permission(access, identity, Target(method[0], None, sites), method[1], TICKETS)
    for tickets in (None, frozenset({"never seen"}), frozenset(TICKETS), *(frozenset({each}) for each in TICKETS)):
        if found.any:
            access.check(identity, Target(method[0], tickets, sites), method[1])
    assert bool(found) == (found.any or bool(found.tickets))


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ((), {}),
        ((Rule(("CN=b",), Role.ADMINISTRATOR),), {}),
        ((Rule(("*",), Role.OPERATOR, classes=("Ticket",), methods=("grant",)),), {"Ticket.grant": Permission(True)}),
        (
            (Rule(("*",), Role.OPERATOR, classes=("Ticket",), methods=("grant",), tickets=("db-*",)),),
            {"Ticket.grant": Permission(False, ("db-1", "db-2"))},
        ),
        (
            (
                Rule(("*",), Role.REPLICATOR, classes=("Site",), methods=("apply", "query", "plan_rollback")),
                Rule(("*",), None, tickets=("hr-*",)),
            ),
            # what can't be told to concern another ticket may concern this one
            {"Site.apply": Permission(False, ("db-1", "db-2"))},
        ),
        (
            (Rule(("*",), Role.REPLICATOR, classes=("Replica",)), Rule(("*",), None, sites=("lyon",))),
            {"Replica.replicate_now oslo": Permission(True)},
        ),
        (
            (Rule(("*",), Role.REPLICATOR, classes=("Replica",), sites=("paris", "lyon"), tickets=("hr-1",)),),
            {"Replica.replicate_now lyon": Permission(False, ("hr-1",))},
        ),
        ((Rule(("*",), Role.REPLICATOR, sites=("lyon",)),), {}),
    ],
)
def test_what_is_told_of_some_rules(rules: tuple[Rule, ...], expected: dict[str, Permission]) -> None:
    found = {
        f"{row['class']}.{row['method']} {row['remote']}".strip(): Permission(row["any"], tuple(row["tickets"]))
        for row in told(Access(rules))
    }
    assert found == expected


def test_every_method_is_told_to_the_administrator() -> None:
    rows = told(Access((Rule(("*",), Role.ADMINISTRATOR),)))
    assert {(row["class"], row["method"]) for row in rows} == set(METHODS)
    assert all(row["any"] and not row["tickets"] for row in rows)
